"""Filters of a feed, by the parameters that RSSHub has for them. Pure.

`filter_title`, `filter_author` and `filter_category` keep the articles that match, `filterout_…`
drop them; each is a pattern of RE2. `filter_time` keeps those of the last so many seconds. `limit`
is how many a feed shows of those that are left. `filter_case_sensitive=false` ignores case.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from feedsvc import patterns, xmltext
from feedsvc.errors import ParameterError

FIELDS = ("title", "author", "category")
PATTERNS = tuple(f"{kind}_{field}" for kind in ("filter", "filterout") for field in FIELDS)
NUMBERS = ("filter_time", "limit")
CASE = "filter_case_sensitive"
NAMES = (*PATTERNS, *NUMBERS, CASE)
"""The names of all parameters."""

LONGEST = 500
"""The characters of a pattern."""

_LONGEST_NUMBER = 9  # digits
# A pattern without any of these means itself. An & may be a character reference in the article.
_SPECIAL = re.compile(r"[\\^$.\[\]()*+?{}&\"]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which articles of a feed are shown; falsy where there are no filters.

    `patterns` are by the names of their parameters. None means: no such filter.
    """

    patterns: Mapping[str, str]
    seconds: int | None = None
    limit: int | None = None
    is_case_sensitive: bool = True

    def __bool__(self) -> bool:
        return bool(self.parameters)

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters that say the same, in one order."""
        numbers = dict(zip(NUMBERS, (self.seconds, self.limit), strict=True))
        parameters = {name: self.patterns[name] for name in PATTERNS if name in self.patterns}
        parameters |= {name: str(n) for name, n in numbers.items() if n is not None}
        if self.patterns and not self.is_case_sensitive:
            parameters[CASE] = "false"
        return parameters

    @property
    def query(self) -> str:
        """The end of an address with these filters."""
        return f"?{urlencode(self.parameters)}" if self else ""

    @property
    def words(self) -> str:
        """The filters in a line, for the title of a feed."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters.items())

    def judge(self) -> "Judge":
        """Return what tells whether an article passes."""
        return Judge(self)

    def literals(self) -> list[tuple[str, ...]]:
        """Return texts of which each article that passes has one; one tuple for each filter.

        A database finds them faster than a pattern. Patterns that are no plain texts are left out.

        >>> parse({"filter_title": "tea|咖啡", "filter_author": "^A"}).literals()
        [('tea', '咖啡')]
        """
        if not self.is_case_sensitive:
            return []
        kept = (self.patterns.get(f"filter_{field}") for field in FIELDS)
        texts = [tuple(text.split("|")) for text in kept if text and not _SPECIAL.search(text)]
        return [parts for parts in texts if all(parts)]


class Judge:
    """Tells which articles pass filters; the patterns are compiled once."""

    def __init__(self, filters: Filters) -> None:
        self._rules = [
            (
                FIELDS.index(name.rpartition("_")[2]),
                name.startswith("filter_"),
                _compiled(name, pattern, is_case_sensitive=filters.is_case_sensitive).search,
            )
            for name, pattern in filters.patterns.items()
        ]

    def passes(self, title: str, authors: Sequence[str], terms: Sequence[str]) -> bool:
        """Tell whether an article is kept by each filter and dropped by none.

        Readers see the texts without character references, and so do the filters.
        """
        fields = ((title,), authors, terms)
        for field, keeps, search in self._rules:
            if any(search(xmltext.plain(text)) for text in fields[field]) != keeps:
                return False
        return True


def parse(parameters: Mapping[str, str]) -> Filters:
    """Return the filters among the parameters of an address; others are ignored.

    Raises ParameterError for a filter that cannot be used.

    >>> parse({"limit": "5", "filter_title": "tea", "utm_source": "x"}).query
    '?filter_title=tea&limit=5'
    """
    for name in parameters:
        if name.startswith("filter") and name not in NAMES:
            raise ParameterError(name, f"there is no such filter; there are {', '.join(NAMES)}")
    given = {name: parameters[name] for name in PATTERNS if parameters.get(name)}
    filters = Filters(
        patterns={name: _line(name, pattern) for name, pattern in given.items()},
        seconds=_number("filter_time", parameters),
        limit=_number("limit", parameters),
        is_case_sensitive=parameters.get(CASE, "").lower() not in {"false", "0"},
    )
    filters.judge()  # compiles each pattern
    return filters


def _line(name: str, pattern: str) -> str:
    if len(pattern) > LONGEST:
        raise ParameterError(name, f"the pattern is longer than {LONGEST} characters")
    return xmltext.line(pattern)


def _compiled(name: str, pattern: str, *, is_case_sensitive: bool) -> patterns.Pattern:
    try:
        return patterns.of_stranger(pattern, is_case_sensitive=is_case_sensitive)
    except ValueError as error:
        raise ParameterError(name, f"the pattern cannot be used: {error}") from error


def _number(name: str, parameters: Mapping[str, str]) -> int | None:
    text = parameters.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and int(text)):
        raise ParameterError(name, "write a whole number that is larger than 0")
    return int(text)
