"""The summary that feedsvc makes: one line from the beginning of a text. Pure.

Paragraphs stay apart. What stands before the text itself and only repeats what every reader shows
beside the summary is left out: the title, the original title, bylines.
"""

import re
import unicodedata
from html import unescape

from feedsvc import chinese, patterns
from feedsvc.content import text
from feedsvc.content.policy import Policy

APART = " · "
"""Stands between two paragraphs of which the first does not end with punctuation."""

LOOKED_AT = 4000
"""How many characters more than a summary is long may be looked at and skipped."""

_PARAGRAPHS = re.compile(r"\n\s*\n")
_MOST_SKIPPED = 10  # lines and labels
_LONGEST_NAME = 300  # characters of a title or author that are looked for
_AFTER_LABEL = " :：.。,，;；|｜—–-"


def of(words: str, length: int, policy: Policy) -> str:
    """Return the summary of escaped text, in which an empty line stands between paragraphs."""
    paragraphs = [
        [line for line in map(" ".join, map(str.split, paragraph.split("\n"))) if line]
        for paragraph in _PARAGRAPHS.split(unescape(words))
    ]
    paragraphs = [paragraph for paragraph in paragraphs if paragraph]
    kept = _without_skipped(paragraphs, policy)
    return text.cut(_joined(kept or paragraphs), length)


def _joined(paragraphs: list[list[str]]) -> str:
    parts: list[str] = []
    for lines in paragraphs:
        if parts:
            ended = unicodedata.category(parts[-1][-1])[0] == "P"
            parts.append(" " if ended else APART)
        parts.append(" ".join(lines))
    return "".join(parts)


def _without_skipped(paragraphs: list[list[str]], policy: Policy) -> list[list[str]]:
    """Return the paragraphs from where the text itself begins."""
    rest = [list(lines) for lines in paragraphs]
    for _ in range(_MOST_SKIPPED):
        if not rest:
            break
        line = rest[0][0]
        shorter = _shortened(line, policy)
        if shorter == line:
            break
        rest[0][:1] = [shorter] if shorter else []
        if not rest[0]:
            del rest[0]
    return rest


def _shortened(line: str, policy: Policy) -> str:
    """Return a line without the beginning that a pattern of `summary_skip` matches."""
    for pattern in policy.cleaning.summary_skip:
        filled = _filled(pattern, line, policy)
        match = patterns.compiled(rf"\A(?:{filled})").search(line) if filled else None
        if match is not None and match.group():
            return line[len(match.group()) :].lstrip(_AFTER_LABEL)
    return line


def _filled(pattern: str, line: str, policy: Policy) -> str | None:
    """Return a pattern with the article's title and authors in it, None if it cannot match."""
    for name, values in (("{title}", (policy.title,)), ("{author}", policy.authors)):
        if name in pattern:
            there = [value for value in _converted(values, policy) if _is_within(value, line)]
            if not there:
                return None  # and no pattern is compiled, which takes longer than all the rest
            words = "|".join(r"\s*".join(map(re.escape, "".join(v.split()))) for v in there)
            pattern = pattern.replace(name, f"(?i:{words})")
    return pattern


def _converted(values: tuple[str, ...], policy: Policy) -> list[str]:
    """Return names in the kind of Chinese that the text is in."""
    convert = policy.cleaning.convert
    return [chinese.convert(value, convert) if convert else value for value in values]


def _is_within(value: str, line: str) -> bool:
    bare = _bare(value)
    return bare != "" and len(bare) <= _LONGEST_NAME and bare in _bare(line)


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()
