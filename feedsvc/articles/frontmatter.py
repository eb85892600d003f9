"""Front matter: the fields at the head of a file.

YAML stands between two `---` lines, TOML between two `+++` lines, JSON between two `;;;` lines or
as an object. Every YAML scalar is kept as its text, because YAML's types are wrong for articles: a
title `yes` would be True, `404` a number, `2022-02-30` an exception. Only an empty value, `~` and
an unquoted `null` mean None.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from feedsvc.articles import recovery, tables
from feedsvc.articles.tables import MAX_DEPTH, Field, Value
from feedsvc.errors import ArticleError

MAX_BYTES = 64 * 1024
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 7 times faster, if built
# Crawlers write blank lines before the opening fence.
_OPENING = re.compile(r"\s*^(---|\+\+\+|;;;)[ \t]*(?:\r\n?|\n)", re.MULTILINE)
# `...` ends a YAML document (YAML 1.2.2, 9.1.4), and some close front matter with it.
_CLOSING = {
    fence: re.compile(rf"^(?:{pattern})[ \t]*(?:\r\n?|\n|\Z)", re.MULTILINE)
    for fence, pattern in (("---", r"---|\.\.\."), ("+++", r"\+\+\+"), (";;;", ";;;"))
}
_OBJECT = re.compile(r'\s*\{\s*"')
_STANDARD_TAG = "tag:yaml.org,2002:"
_NOTHING = {"", "~", "null", "Null", "NULL"}


class Doubt(NamedTuple):
    """A part of the front matter that was left out, or read in another way than it is written."""

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
    """Split `text` into its front matter and its body.

    Front matter that YAML refuses is read field by field. Raises ArticleError, with the line, when
    the front matter does not end, is no list of fields, is longer than 64 KiB, or has aliases or
    deep nesting.
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
        fields = tables.json_object("{" + matter + "}", first_line)
        return Matter(fields=fields, body=body, kind="JSON")
    doubts: list[Doubt] = []
    try:
        fields = _yaml(matter, first_line, doubts)
    except yaml.YAMLError as error:
        return _recovered(matter, first_line, body, error)
    return Matter(fields=fields, body=body, kind="YAML", doubts=tuple(doubts))


def _check_size(matter: str, line: int) -> None:
    if len(matter.encode("utf-8", "replace")) > MAX_BYTES:
        raise ArticleError(
            f"the front matter is longer than {MAX_BYTES // 1024} KiB",
            cure="end it after the last field and put the text behind it",
            line=line,
        )


def _yaml(matter: str, first_line: int, doubts: list[Doubt]) -> dict[str, Field]:
    events: Iterator[Any] = yaml.parse(matter, Loader=_LOADER)
    if not any(isinstance(event, yaml.DocumentStartEvent) for event in events):
        return {}
    start = next(events)
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
        raise _NoMappingError  # the text after the mapping would be lost
    return fields


class _NoMappingError(yaml.YAMLError):
    """The front matter is YAML, but not one mapping."""


def _put(fields: dict[str, Field], name: str, field: Field, doubts: list[Doubt]) -> None:
    if name in fields:
        reason = f"stands here again after line {fields[name].line}; the last one counts"
        doubts.append(Doubt(field.line, name, reason, cure="remove all but one"))
    fields[name] = field


def _value(events: Iterator[Any], event: Any, first_line: int, *, depth: int) -> Value:
    # From events, not from PyYAML's tree: its C composer recurses without a limit, and an article
    # with 20,000 opening brackets ends the process. A few aliases can expand to gigabytes.
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
        raise _NoMappingError  # probably a text that begins with an exclamation mark
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
            for key, field in _yaml("\n".join(group.lines) + "\n", group.line, doubts).items():
                _put(fields, key, field, doubts)
        except yaml.YAMLError:
            _put(fields, name, Field(value=group.as_text(), line=group.line), doubts)
            reason = "is not YAML; it was taken as it stands"
            cure = "put a value that holds a colon, a quote or a # in quotes"
            doubts.append(Doubt(group.line, name, reason, cure))
    if strays:
        reason = "this line is no field; it was passed over"
        if len(strays) > 1:
            reason = f"this line and {len(strays) - 1} more are no fields; they were passed over"
        cure = "write `name: value`, or end the front matter before it"
        doubts.append(Doubt(strays[0], None, reason, cure))
    if not fields:
        mark = getattr(error, "problem_mark", None)
        reason = f"is not YAML: {getattr(error, 'problem', None) or 'unreadable'}"
        if isinstance(error, _NoMappingError):
            reason = "is not a list of fields"
        raise ArticleError(
            f"the front matter {reason}",
            cure="write it as `name: value` lines",
            line=first_line + (mark.line if mark else 0),
        ) from error
    if not doubts:
        reason = "the front matter holds tabs or characters that YAML forbids; they were left out"
        doubts.append(Doubt(first_line, None, reason, cure="indent with spaces"))
    return Matter(fields=fields, body=body, kind="YAML, field by field", doubts=tuple(doubts))


def _object(text: str) -> Matter:
    """Read a JSON object at the start of the file; without a complete one, all is body."""
    start = len(text) - len(text.lstrip())
    try:
        table, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return Matter(fields={}, body=text, kind="none")
    first_line = text.count("\n", 0, start) + 1
    _check_size(text[start:end], first_line)
    fields = tables.located(table, text[start:end], first_line)
    return Matter(fields=fields, body=text[end:], kind="JSON")
