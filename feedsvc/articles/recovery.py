"""Front matter that YAML refuses, read field by field as its author meant it.

Crawlers write titles with colons and quotes in them without quoting them, and indent with tabs. A
field is a line that begins with a name and a colon, and what is indented below it. Each field is
given to YAML alone; what YAML still refuses is taken as the text that stands there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from feedsvc import xmltext

_FIELD = re.compile(
    r"^\ufeff?([^\s:：#'\"\[\]{}&*!|>%@`,-][^:：\n]{0,60}?)[ \t]*(?::(?:[ \t]+|$)|：[ \t]*)"
)
_ITEM = re.compile(r"^\s*-[ \t]+(.*)$")


# Two quoted parts within a pair of quotes, by the quote.
_TWO_PARTS = {quote: re.compile(rf"{quote}\s[^{quote}]*\s{quote}") for quote in "'\""}


@dataclass(slots=True, kw_only=True)
class Group:
    """The lines of one field, its name, and the number of the first."""

    name: str
    line: int
    lines: list[str] = field(default_factory=list)

    def as_text(self) -> str | list[str]:
        """Return what stands there without asking YAML: a text, or a list of texts."""
        first = _FIELD.sub("", self.lines[0], count=1).strip()
        rest = [one for one in self.lines[1:] if one.strip() and not one.lstrip().startswith("#")]
        items = [found[1] for line in rest if (found := _ITEM.match(line))]
        if not first and items and len(items) == len(rest):
            return [unquoted(item) for item in items]
        text = " ".join([first, *(line.strip() for line in rest)]).strip()
        # A list that was never closed; a title may well begin with a bracket, and closes it.
        return text[1:] if text.startswith("[") and "]" not in text else unquoted(text)


def groups(matter: str, first_line: int) -> Iterator[Group]:
    """Yield the fields of `matter`, illegal characters dropped and tabs made spaces.

    Lines that belong to no field are yielded with an empty name.
    """
    current: Group | None = None
    # Not `splitlines`, which also splits where no editor does (U+2028, form feed).
    for number, written in enumerate(xmltext.legal(matter).split("\n"), start=first_line):
        line = written.rstrip("\r")
        if current is None and line.strip()[:1] not in {"", "#", "-"}:
            line = line.lstrip()
        blank = not line.strip() or line.lstrip().startswith("#")
        indented = blank or (line[:1] in {" ", "\t", "-"} and not line.startswith("---"))
        if current is None and indented and not blank:
            indented = False
        found = None if indented else _FIELD.match(line)
        if found:
            if current:
                yield current
            current = Group(name=found[1], line=number, lines=[line])
        elif indented:
            if current:
                current.lines.append(_spaces(line))
        else:
            if current:
                yield current
            current = None
            yield Group(name="", line=number, lines=[line])
    if current:
        yield current


def unquoted(text: str) -> str:
    """Take off the quotes around a text, whatever stands between them.

    >>> unquoted("'It's'"), unquoted('"a" and "b"'), unquoted("'it''s'")
    ("It's", '"a" and "b"', "it's")
    """
    quote = text[:1]
    if len(text) >= 2 and quote in {"'", '"'} and text.endswith(quote):
        inner = text[1:-1]
        # Two quoted parts, or quotes within quotes: only the latter lose the outer pair.
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
