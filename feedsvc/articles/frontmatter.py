"""Front matter: the fields at the head of a file.

Between two `---` lines YAML, between two `+++` lines TOML, between two `;;;` lines or as an object
of its own JSON. Every YAML scalar is kept as the text that was written, because YAML's own guesses
hurt here: a title `yes` would be True, `404` a number, `2022-02-30` an exception. Only an empty
value, `~` and an unquoted `null` mean "nothing".
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from feedsvc.articles import recovery, tables
from feedsvc.articles.tables import MAX_DEPTH, Field, Value
from feedsvc.errors import ArticleError

MAX_BYTES = 64 * 1024
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 7 times faster where it is built
# Blank lines may stand before the opening fence: crawlers write them.
_OPENING = re.compile(r"\s*^(---|\+\+\+|;;;)[ \t]*(?:\r\n?|\n)", re.MULTILINE)
# `...` ends a YAML document (YAML 1.2.2, 9.1.4), and some close front matter with it.
_CLOSING = {
    fence: re.compile(rf"^(?:{pattern})[ \t]*(?:\r\n?|\n|\Z)", re.MULTILINE)
    for fence, pattern in (("---", r"---|\.\.\."), ("+++", r"\+\+\+"), (";;;", ";;;"))
}
_OBJECT = re.compile(r'\s*\{\s*"')
_STANDARD_TAG = "tag:yaml.org,2002:"
_NOTHING = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What had to be passed over or taken differently from what is written."""

    line: int
    field: str | None
    reason: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """A file's front matter, by lower-case name, and its body. `kind` says how it was written."""

    fields: Mapping[str, Field]
    body: str
    kind: str
    doubts: tuple[Doubt, ...] = ()


def split(text: str) -> Matter:
    """Part `text` into its front matter and its body.

    Text without front matter is all body. What YAML refuses is recovered field by field. Raises
    ArticleError, with the line, when the front matter does not end, is no list of fields, is longer
    than 64 KiB, or uses aliases or deep nesting.
    """
    opening = _OPENING.match(text)
    if opening is None:
        return _object(text) if _OBJECT.match(text) else Matter(fields={}, body=text, kind="none")
    fence = opening[1]
    closing = _CLOSING[fence].search(text, opening.end())
    first_line = text.count("\n", 0, opening.end()) + 1
    if closing is None:
        raise ArticleError(
            f"the front matter opened by {fence} does not end",
            cure=f"put a line {fence} after the last field",
            line=first_line - 1,
        )
    matter = text[opening.end() : closing.start()]
    _check_size(matter, first_line)
    body = text[closing.end() :]
    if fence == "+++":
        return Matter(fields=tables.toml(matter, first_line), body=body, kind="TOML")
    if fence == ";;;":
        return Matter(
            fields=tables.json_object("{" + matter + "}", first_line), body=body, kind="JSON"
        )
    try:
        doubts: list[Doubt] = []
        fields = _yaml(matter, first_line, doubts)
        return Matter(fields=fields, body=body, kind="YAML", doubts=tuple(doubts))
    except yaml.YAMLError as error:
        return _recovered(matter, first_line, body, error)


def _check_size(matter: str, line: int) -> None:
    if len(matter) > MAX_BYTES or len(matter.encode("utf-8", "replace")) > MAX_BYTES:
        raise ArticleError(
            f"the front matter is longer than {MAX_BYTES // 1024} KiB",
            cure="end it after the last field and put the text behind it",
            line=line,
        )


def _yaml(matter: str, first_line: int, doubts: list[Doubt]) -> dict[str, Field]:
    events = yaml.parse(matter, Loader=_LOADER)
    try:
        next(event for event in events if isinstance(event, yaml.DocumentStartEvent))
    except StopIteration:
        return {}
    return _fields(events, next(events), first_line, doubts)


def _fields(
    events: Iterator[Any], start: Any, first_line: int, doubts: list[Doubt]
) -> dict[str, Field]:
    if isinstance(start, yaml.ScalarEvent) and start.value == "":
        return {}
    if not isinstance(start, yaml.MappingStartEvent):
        raise _NoMappingError
    fields: dict[str, Field] = {}
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        line = first_line + event.start_mark.line
        name = str(_value(events, event, first_line, depth=2)).strip().lower()
        value = _value(events, next(events), first_line, depth=MAX_DEPTH)
        _put(fields, name, Field(value=value, line=line), doubts)
    if any(not isinstance(event, yaml.DocumentEndEvent | yaml.StreamEndEvent) for event in events):
        raise _NoMappingError  # something follows that would be lost
    return fields


class _NoMappingError(yaml.YAMLError):
    """The front matter is YAML, but not one mapping."""


def _no_fields(line: int) -> ArticleError:
    return ArticleError(
        "the front matter is not a list of fields",
        cure="write it as `name: value` lines",
        line=line,
    )


def _put(fields: dict[str, Field], name: str, field: Field, doubts: list[Doubt]) -> None:
    if name in fields:
        doubts.append(
            Doubt(
                line=field.line,
                field=name,
                reason=f"stands here again after line {fields[name].line}; the last one counts",
                cure="remove all but one",
            )
        )
    fields[name] = field


def _value(events: Iterator[Any], event: Any, first_line: int, *, depth: int) -> Value:
    # From events, not from PyYAML's tree: its C composer recurses without a limit, and an article
    # with 20,000 opening brackets ends the whole process. A few aliases can stand for gigabytes.
    line = first_line + event.start_mark.line
    if depth == 0:
        raise tables.too_deep(line)
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise ArticleError(
            "the front matter uses a YAML anchor or alias",
            cure="write the value out, or put a value that begins with & or * in quotes",
            line=line,
        )
    if event.tag is not None and not event.tag.startswith(_STANDARD_TAG):
        raise _NoMappingError  # a text that begins with an exclamation mark, rather than a tag
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
        value = _value(events, next(events), first_line, depth=depth - 1)
        if isinstance(key, str):  # `{{ tags }}` of a template is a mapping with a mapping as key
            mapping[key] = value
    return mapping


def _recovered(matter: str, first_line: int, body: str, error: yaml.YAMLError) -> Matter:
    """Read front matter that YAML refuses as a whole, one field at a time."""
    fields: dict[str, Field] = {}
    doubts: list[Doubt] = []
    strays: list[int] = []
    for group in recovery.groups(matter, first_line):
        name = group.name.strip().lower()
        if not name:
            strays.append(group.line)
            continue
        try:
            for key, one in _yaml("\n".join(group.lines) + "\n", group.line, doubts).items():
                _put(fields, key, one, doubts)
        except yaml.YAMLError:
            text = group.as_text()
            value: Value = list(text) if isinstance(text, list) else text
            _put(fields, name, Field(value=value, line=group.line), doubts)
            doubts.append(
                Doubt(
                    line=group.line,
                    field=name,
                    reason="is not YAML; it was taken as it stands",
                    cure="put a value that holds a colon, a quote or a # in quotes",
                )
            )
    if strays:
        reason = "this line is no field; it was passed over"
        if len(strays) > 1:
            reason = f"this line and {len(strays) - 1} more are no fields; they were passed over"
        cure = "write `name: value`, or end the front matter before it"
        doubts.append(Doubt(line=strays[0], field=None, reason=reason, cure=cure))
    if not fields and isinstance(error, _NoMappingError):
        raise _no_fields(first_line)
    if not fields:
        mark = getattr(error, "problem_mark", None)
        raise ArticleError(
            f"the front matter is not YAML: {getattr(error, 'problem', None) or 'unreadable'}",
            cure="write it as `name: value` lines",
            line=first_line + (mark.line if mark else 0),
        ) from error
    if not doubts:
        reason = "the front matter holds tabs or characters that YAML forbids; they were left out"
        doubts.append(Doubt(line=first_line, field=None, reason=reason, cure="indent with spaces"))
    return Matter(fields=fields, body=body, kind="YAML, field by field", doubts=tuple(doubts))


def _object(text: str) -> Matter:
    """Read a JSON object at the very start of the file; anything else is body."""
    start = len(text) - len(text.lstrip())
    try:
        table, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return Matter(fields={}, body=text, kind="none")
    first_line = text.count("\n", 0, start) + 1
    _check_size(text[start:end], first_line)
    fields = tables.located(table, text[start:end], first_line)
    return Matter(fields=fields, body=text[end:], kind="JSON")
