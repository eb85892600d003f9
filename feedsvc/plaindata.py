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

_hints: Callable[[Any], dict[str, Any]] = lru_cache(get_type_hints)


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
        return _checked(kind, json.loads(data.decode("utf-8", "surrogatepass")), given)
    except (OverflowError, OSError, RecursionError) as error:  # impossible dates, deep nesting
        raise ValueError(f"not what `dump` writes: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp())
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _checked(kind: Any, value: Any, given: dict[str, object]) -> Any:
    """Return a JSON value as the type `kind`. Raises ValueError where it is of another type."""
    kind = kind.__supertype__ if isinstance(kind, NewType) else kind
    if type(value) is kind:
        return value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:  # `X | None`
        return None if value is None else _checked(arguments[0], value, given)
    if is_dataclass(kind) and isinstance(value, dict):
        members = {
            name: given[name] if name in given else _checked(hint, value.get(name), given)
            for name, hint in _hints(kind).items()
        }
        return kind(**members)  # type: ignore[operator]  # `is_dataclass` may be of a value
    if origin is tuple and isinstance(value, list):
        kinds = repeat(arguments[0], len(value)) if ... in arguments else arguments
        return tuple(_checked(k, item, given) for k, item in zip(kinds, value, strict=True))
    if kind is datetime and type(value) is int:
        return datetime.fromtimestamp(value, tz=UTC)
    if origin is Literal and value in arguments:
        return value
    raise ValueError(f"{value!r:.50} is not {kind}")
