"""Front matter that YAML refuses, read field by field as its author meant it.

Crawlers indent with tabs and do not quote titles with colons or quotes in them. A field is a line
that begins with a name and a colon, with the indented lines below it. YAML reads each field alone;
a field that it still refuses is taken as plain text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from feedsvc import xmltext
from feedsvc.articles.tables import Value

_FIELD = re.compile(
    r"^\ufeff?([^\s:：#'\"\[\]{}&*!|>%@`,-][^:：\n]{0,60}?)[ \t]*(?::(?:[ \t]+|$)|：[ \t]*)"
)
_ITEM = re.compile(r"^\s*-[ \t]+(.*)$")
# Two quoted parts within a pair of quotes, by the quote.
_TWO_PARTS = {quote: re.compile(rf"{quote}\s[^{quote}]*\s{quote}") for quote in "'\""}


@dataclass(slots=True, kw_only=True)
class Group:
    """The lines of one field, its name, and the number of its first line."""

    name: str
    line: int
    lines: list[str] = field(default_factory=list)

    def as_text(self) -> Value:
        """Return the value as it is written: a text, or a list of texts."""
        first = _FIELD.sub("", self.lines[0], count=1).strip()
        rest = [line for line in self.lines[1:] if not _is_blank(line)]
        items = [item[1] for line in rest if (item := _ITEM.match(line))]
        if not first and items and len(items) == len(rest):
            return [unquoted(item) for item in items]
        text = " ".join([first, *(line.strip() for line in rest)]).strip()
        # A list that is not closed; a title that begins with a bracket closes it.
        return text[1:] if text.startswith("[") and "]" not in text else unquoted(text)


def groups(matter: str, first_line: int) -> Iterator[Group]:
    """Yield the fields of `matter`, without illegal characters and with spaces for tabs.

    A line that belongs to no field is yielded with an empty name.
    """
    current: Group | None = None
    # Not `splitlines`, which also splits where no editor does (U+2028, form feed).
    for number, written in enumerate(xmltext.legal(matter).split("\n"), start=first_line):
        line = written.rstrip("\r")
        if current is None and line.strip()[:1] not in {"", "#", "-"}:
            line = line.lstrip()
        if _is_blank(line) or (current and line[0] in " \t-" and not line.startswith("---")):
            if current:
                current.lines.append(_spaces(line))
            continue
        if current:
            yield current
            current = None
        if name := _FIELD.match(line):
            current = Group(name=name[1], line=number, lines=[line])
        else:
            yield Group(name="", line=number, lines=[line])
    if current:
        yield current


def _is_blank(line: str) -> bool:
    return line.strip()[:1] in {"", "#"}


def unquoted(text: str) -> str:
    """Remove the quotes around a text.

    >>> unquoted("'It's'"), unquoted('"a" and "b"'), unquoted("'it''s'")
    ("It's", '"a" and "b"', "it's")
    """
    quote = text[:1]
    if len(text) >= 2 and quote in {"'", '"'} and text.endswith(quote):
        inner = text[1:-1]
        # Of two quoted parts, the first and the last quote are no pair.
        if _TWO_PARTS[quote].search(inner):
            return text
        if quote == "'":
            return inner.replace("''", "'")
        if '"' not in inner.replace('\\"', ""):
            return inner.replace('\\"', '"').replace("\\\\", "\\")
        return inner
    return text


def _spaces(line: str) -> str:
    start = len(line) - len(line.lstrip(" \t"))
    return line[:start].replace("\t", "  ") + line[start:]
