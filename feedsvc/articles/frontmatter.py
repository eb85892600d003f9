"""Front matter: the fields between two `---` lines (YAML) or two `+++` lines (TOML).

Every YAML scalar is kept as the text that was written, because YAML's own guesses hurt here: a
title `yes` would be True, `404` a number, `2022-02-30` an exception. Only an empty value, `~` and
an unquoted `null` mean "nothing".
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import yaml

from feedsvc.errors import ArticleError

Value = str | datetime | None | list["Value"] | dict[str, "Value"]

MAX_BYTES = 64 * 1024
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 7 times faster where it is built
_MAX_DEPTH = 20
# Blank lines may stand before the opening fence: crawlers write them.
_OPENING = re.compile(r"\s*^(---|\+\+\+)[ \t]*(?:\r\n?|\n)", re.MULTILINE)
_NOTHING = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One front matter value and the line of the file on which it stands."""

    value: Value
    line: int


def split(text: str) -> tuple[Mapping[str, Field], str]:
    """Part `text` into its front matter, by lower-case key, and its body.

    Text without front matter is all body. Raises ArticleError when the front matter does not end,
    is not a mapping or is no YAML or TOML, with the line at which it shows.
    """
    opening = _OPENING.match(text)
    if opening is None:
        return {}, text
    fence = opening[1]
    closing = re.compile(rf"^{re.escape(fence)}[ \t]*(?:\r\n?|\n|\Z)", re.MULTILINE).search(
        text, opening.end()
    )
    first_line = text.count("\n", 0, opening.end()) + 1
    if closing is None:
        raise ArticleError(
            f"the front matter opened by {fence} does not end",
            cure=f"put a line {fence} after the last field",
            line=first_line - 1,
        )
    matter = text[opening.end() : closing.start()]
    if len(matter.encode("utf-8", "replace")) > MAX_BYTES:
        raise ArticleError(
            f"the front matter is longer than {MAX_BYTES // 1024} KiB",
            cure=f"end it with a line {fence} and put the text after it",
            line=first_line,
        )
    read = _yaml if fence == "---" else _toml
    return read(matter, first_line), text[closing.end() :]


def _yaml(matter: str, first_line: int) -> dict[str, Field]:
    events = yaml.parse(matter, Loader=_LOADER)
    try:
        next(event for event in events if isinstance(event, yaml.DocumentStartEvent))
        return _fields(events, next(events), first_line)
    except StopIteration:
        return {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ArticleError(
            f"the front matter is not YAML: {error.problem or error.context}",
            cure="put values that hold a colon, a quote or a # in quotes",
            line=first_line + (mark.line if mark else 0),
        ) from error
    except yaml.YAMLError as error:
        raise ArticleError(
            "the front matter holds a character that YAML forbids",
            cure="remove control characters from it",
            line=first_line,
        ) from error


def _fields(events: Iterator[Any], start: Any, first_line: int) -> dict[str, Field]:
    if isinstance(start, yaml.ScalarEvent) and start.value == "":
        return {}
    if not isinstance(start, yaml.MappingStartEvent):
        raise ArticleError(
            "the front matter is not a list of fields",
            cure="write it as `name: value` lines",
            line=first_line,
        )
    fields: dict[str, Field] = {}
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        key = _value(events, event, first_line, depth=2)
        value = _value(events, next(events), first_line, depth=_MAX_DEPTH)
        fields[str(key).strip().lower()] = Field(
            value=value, line=first_line + event.start_mark.line
        )
    return fields


def _value(events: Iterator[Any], event: Any, first_line: int, *, depth: int) -> Value:
    # From events, not from PyYAML's tree: its C composer recurses without a limit, and an article
    # with 20,000 opening brackets ends the whole process. A few aliases can stand for gigabytes.
    if depth == 0 or isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise ArticleError(
            "the front matter nests too deeply"
            if depth == 0
            else "the front matter uses a YAML anchor or alias",
            cure="write plain values"
            if depth == 0
            else "write the value out, or put a value that begins with & or * in quotes",
            line=first_line + event.start_mark.line,
        )
    if isinstance(event, yaml.ScalarEvent):
        return None if event.style in (None, "") and event.value in _NOTHING else str(event.value)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Value] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_value(events, event, first_line, depth=depth - 1))
        return items
    mapping: dict[str, Value] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _value(events, event, first_line, depth=depth - 1)
        mapping[str(key)] = _value(events, next(events), first_line, depth=depth - 1)
    return mapping


def _toml(matter: str, first_line: int) -> dict[str, Field]:
    try:
        table = tomllib.loads(matter.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"at line (\d+)", str(error))
        raise ArticleError(
            f"the front matter is not TOML: {error}",
            cure='write it as `name = "value"` lines',
            line=first_line + int(found[1]) - 1 if found else first_line,
        ) from error
    lines = matter.splitlines()
    fields: dict[str, Field] = {}
    for key, value in table.items():
        at = next(
            (
                n
                for n, text in enumerate(lines)
                if re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", text)
            ),
            0,
        )
        fields[key.strip().lower()] = Field(value=_plain(value), line=first_line + at)
    return fields


def _plain(value: object) -> Value:
    """Bring what TOML read into the shape that YAML has here."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | datetime():
            return value
        case date():
            return value.isoformat()
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case _:
            return str(value)
