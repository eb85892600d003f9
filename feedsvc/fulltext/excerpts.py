"""Where the words of a query are in a text."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from feedsvc.fulltext.words import CHARACTERS, folded, words

_BEFORE, _LENGTH = 24, 110  # characters of an excerpt before the first hit, and in all
_LETTER = rf"[^\W_{CHARACTERS}]"
_BETWEEN = r"[\W_]{0,9}"
_TITLE = 4.0  # how much more a hit in the title counts
# The constants of Okapi BM25, and the length of a usual article.
_K, _B, _USUAL = 1.2, 0.75, 3000


class Piece(NamedTuple):
    """A piece of a text, and whether it is what was searched for."""

    text: str
    hit: bool


def marked(text: str, phrases: Sequence[str]) -> tuple[Piece, ...]:
    """Return a text in pieces, of which some are hits.

    >>> [piece.text for piece in marked("Un café noir", ["Cafe"]) if piece.hit]
    ['café']
    """
    pattern = _pattern(tuple(phrases))
    if pattern is None or not text:
        return (Piece(text, hit=False),) if text else ()
    pieces: list[Piece] = []
    position = 0
    for hit in pattern.finditer(folded(text)):
        if hit.start() > position:
            pieces.append(Piece(text[position : hit.start()], hit=False))
        pieces.append(Piece(text[hit.start() : hit.end()], hit=True))
        position = hit.end()
    if position < len(text):
        pieces.append(Piece(text[position:], hit=False))
    return tuple(pieces)


def excerpt(text: str, phrases: Sequence[str]) -> tuple[Piece, ...]:
    """Return the part of a text around the first hit, in pieces; without a hit, its beginning.

    >>> "".join(piece.text for piece in excerpt("Word " * 20 + "end", ["end"]))
    '…Word Word Word Word Word Word Word end'
    """
    pattern = _pattern(tuple(phrases))
    first = pattern.search(folded(text)) if pattern else None
    start = max(0, first.start() - _BEFORE) if first else 0
    if start and (space := text.find(" ", start, start + 12)) >= 0:
        start = space + 1  # a word in letters is not cut in two
    end = start + _LENGTH
    if first and first.end() > end:
        end = first.end()
    if end < len(text) and (space := text.rfind(" ", end - 12, end)) > start:
        end = space
    part = text[start:end].strip()
    cut = f"{'…' if start else ''}{part}{'…' if end < len(text) else ''}"
    return marked(cut, phrases)


def score(title: str, body: str, phrases: Sequence[str]) -> float:
    """Return how much a text is about these phrases, all of which are in it.

    It is the sum of Okapi BM25 over the phrases, each of the same weight; a hit in the title counts
    more. `body` may have markup.

    >>> score("Tea", "A cup.", ["tea"]) > score("Cup", "Of tea.", ["tea"]) > 0
    True
    """
    title, body = folded(title), body.lower()
    length = _K * (1 - _B + _B * len(body) / _USUAL)
    total = 0.0
    for phrase in phrases:
        lowered = phrase.lower()
        hits = body.count(lowered) + _TITLE * title.count(folded(phrase))
        total += hits * (_K + 1) / (hits + length)
    return total


@lru_cache(maxsize=256)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return a pattern for any of these phrases in folded text, None where they have no words."""
    alternatives = []
    for phrase in phrases:
        parts = [re.escape(word) for word in words(phrase)]
        if parts:
            whole = _BETWEEN.join(parts)
            # A word in letters is found as a whole word, like in the index.
            alternatives.append(
                rf"(?<!{_LETTER}){whole}(?!{_LETTER})" if _is_letter(whole) else whole
            )
    longest_first = sorted(set(alternatives), key=lambda text: (-len(text), text))
    return re.compile("|".join(longest_first)) if longest_first else None


def _is_letter(pattern: str) -> bool:
    return re.search(_LETTER, pattern) is not None
