"""What a person asks for: words, "phrases", -not, category:, author:, after:, before:.

Everything that is none of these is words, so each text is a query. What was ignored is named.
"""

import re
from dataclasses import dataclass
from datetime import date

from feedsvc import xmltext
from feedsvc.fulltext.words import words

LONGEST = 200
"""The characters of a query that are read."""
MOST_TERMS = 12
"""The words, phrases and filters of a query that are read."""

_QUOTES = '"“”„«»「」『』'
_TERM = re.compile(
    rf"(?P<minus>[-−]?)(?:(?P<name>category|author|after|before)[:：])?"
    rf"(?:[{_QUOTES}](?P<phrase>[^{_QUOTES}]*)[{_QUOTES}]?|(?P<word>[^\s{_QUOTES}]+))?",
    re.IGNORECASE,
)
_FILTER = re.compile(r"-?(?:category|author|after|before):")
_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What an article must have, and must not have, to be found.

    `parts` are what was understood, in the order in which it was typed; `ignored` is what means
    nothing. `after` is the first day, `before` the day after the last.
    """

    parts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    not_words: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    not_categories: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    not_authors: tuple[str, ...] = ()
    after: date | None = None
    before: date | None = None
    ignored: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parts)

    @property
    def text(self) -> str:
        """The query as a person may type it."""
        return " ".join(self.parts)

    def without(self, part: str) -> str:
        """Return the text of the query without one of its parts."""
        return " ".join(kept for kept in self.parts if kept != part)

    @property
    def filters(self) -> tuple[str, ...]:
        """The parts that are no words."""
        return tuple(part for part in self.parts if _FILTER.match(part))

    @property
    def canonical(self) -> str:
        """A text that is equal for all queries with the same meaning.

        >>> parse("Tea -cup after:2024").canonical == parse("after:2024-01 -CUP tea").canonical
        True
        """
        kinds = (
            ("", self.words),
            ("-", self.not_words),
            ("author:", self.authors),
            ("-author:", self.not_authors),
        )
        parts = {f"{kind}{' '.join(words(text))}" for kind, texts in kinds for text in texts}
        parts |= {f"category:{slug}" for slug in self.categories}
        parts |= {f"-category:{slug}" for slug in self.not_categories}
        if self.after:
            parts.add(f"after:{self.after}")
        if self.before:
            parts.add(f"before:{self.before}")
        return "\n".join(sorted(parts))


def parse(text: str) -> Query:
    """Return the query that a person typed.

    >>> query = parse('tea "green cup" -coffee category:news after:2024 before:2024-05-01')
    >>> query.words, query.not_words, query.categories
    (('tea', 'green cup'), ('coffee',), ('news',))
    >>> str(query.after), str(query.before)
    ('2024-01-01', '2024-05-01')
    >>> parse('after:soon -"').ignored
    ('after:soon', '-"')
    """
    line = xmltext.line(text, LONGEST)
    kept: dict[str, list[str]] = {}
    days: dict[str, date] = {}
    understood: list[str] = []
    ignored: list[str] = []
    for term in _TERM.finditer(line):
        typed = term[0].strip()
        if not typed:
            continue
        value = (term["phrase"] if term["phrase"] is not None else term["word"] or "").strip()
        name, excluded = (term["name"] or "words").lower(), bool(term["minus"])
        if len(understood) == MOST_TERMS or not words(value):
            ignored.append(typed)
        elif name in {"after", "before"}:
            day = None if excluded else _day(value)
            if day is None:
                ignored.append(typed)
                continue
            # Of several days the narrowest counts, as of several words each.
            narrowest = max if name == "after" else min
            days[name] = narrowest(days.get(name, day), day)
            understood.append(f"{name}:{value}")
        else:
            field = {"category": "categories", "author": "authors"}.get(name, name)
            kept.setdefault(f"not_{field}" if excluded else field, []).append(value)
            quoted = f'"{value}"' if " " in value or _looks_special(value) else value
            prefix = "" if name == "words" else f"{name}:"
            understood.append(f"{'-' * excluded}{prefix}{quoted}")
    return Query(
        parts=tuple(dict.fromkeys(understood)),
        after=days.get("after"),
        before=days.get("before"),
        ignored=tuple(ignored),
        **{field: tuple(dict.fromkeys(values)) for field, values in kept.items()},
    )


def _day(text: str) -> date | None:
    """Return the first day of a year, a month or a day; None where there is no such day."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return None


def _looks_special(value: str) -> bool:
    """Tell whether a phrase would mean something else without its quotation marks."""
    term = _TERM.match(value)
    return term is None or bool(term["minus"] or term["name"]) or term["word"] != value
