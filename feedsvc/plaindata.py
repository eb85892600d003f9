"""Values as JSON between two processes. Pure.

A child process has dealt with text from strangers, so its answers are checked: JSON, and of each
value the type. A pickle could make the receiver run code.
"""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import repeat
from types import UnionType
from typing import Any, Literal, NewType, get_args, get_origin, get_type_hints

Given = dict[str, object]


def dump(value: Any) -> bytes:
    """Write a value, or a dataclass of values, as JSON; a datetime becomes seconds since 1970."""
    return json.dumps(value, default=_plain, ensure_ascii=False).encode("utf-8", "surrogatepass")


def load(kind: Any, data: bytes, **given: object) -> Any:
    """Return the value of type `kind` that `dump` wrote; raises ValueError for anything else.

    Fields of dataclasses that are `given` have that value, whatever `data` says.

    >>> load(int | None, dump(5)), load(tuple[str, ...], dump(("a", "b")))
    (5, ('a', 'b'))
    """
    try:
        return _reader(kind)(json.loads(data.decode("utf-8", "surrogatepass")), given)
    except (OverflowError, OSError, RecursionError) as error:  # impossible dates, deep nesting
        raise ValueError(f"not what `dump` writes: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp())
    return {field.name: getattr(value, field.name) for field in fields(value)}


@lru_cache
def _reader(kind: Any) -> Callable[[Any, Given], Any]:
    """Return a function that makes a value of type `kind` of JSON, or raises ValueError."""
    kind = kind.__supertype__ if isinstance(kind, NewType) else kind
    origin, arguments = get_origin(kind), get_args(kind)
    readers = tuple(map(_reader, arguments)) if origin in {UnionType, tuple} else ()
    members = (
        {name: _reader(hint) for name, hint in get_type_hints(kind).items()}
        if is_dataclass(kind)
        else {}
    )

    def read(value: Any, given: Given) -> Any:
        if type(value) is kind:
            return value
        if origin is UnionType:  # `X | None`
            return None if value is None else readers[0](value, given)
        if members and type(value) is dict:
            fields = {
                name: given[name] if name in given else member(value.get(name), given)
                for name, member in members.items()
            }
            return kind(**fields)
        if origin is tuple and type(value) is list:
            items = repeat(readers[0], len(value)) if ... in arguments else readers
            return tuple(item(part, given) for item, part in zip(items, value, strict=True))
        if kind is datetime and type(value) is int:
            return datetime.fromtimestamp(value, tz=UTC)
        if origin is Literal and value in arguments:
            return value
        raise ValueError(f"{value!r:.50} is not {kind}")

    return read
