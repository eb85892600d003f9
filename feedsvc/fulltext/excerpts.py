"""Where the words of a query are in a text."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from feedsvc.fulltext.words import CHARACTERS, folded, words

_BEFORE, _LENGTH = 24, 110  # characters of an excerpt before the first hit, and in all
_LETTER = rf"[^\W_{CHARACTERS}]"
_BETWEEN = r"[\W_]{0,9}"
_ACCENTS = "[\u0300-\u036f]{0,4}"  # those that are characters of their own; the index drops them
_JOINER = "\u200d"  # between emoji that are shown as one
_LONGEST_CHARACTER = 30  # code points; what seems longer is cut
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
        if hit.start() < position:
            continue
        if hit.start() > position:
            pieces.append(Piece(text[position : hit.start()], hit=False))
        position = _end_of_character(text, hit.end())
        pieces.append(Piece(text[hit.start() : position], hit=True))
    if position < len(text):
        pieces.append(Piece(text[position:], hit=False))
    return tuple(pieces)


def excerpt(text: str, phrases: Sequence[str]) -> tuple[Piece, ...]:
    """Return the part of a text around the first hit, in pieces; without a hit, its beginning.

    >>> "".join(piece.text for piece in excerpt("Word " * 20 + "end", ["end"]))
    '…Word Word Word Word end'
    """
    pattern = _pattern(tuple(phrases))
    first = pattern.search(folded(text)) if pattern else None
    start = max(0, first.start() - _BEFORE) if first else 0
    if first and start:
        start = min(_end_of_character(text, start), first.start())
    if start and (space := text.find(" ", start, start + 12)) >= 0:
        start = space + 1  # a word in letters is not cut in two
    end = start + _LENGTH
    if first and first.end() > end:
        end = first.end()
    if end < len(text) and (space := text.rfind(" ", end - 12, end)) > start:
        end = space
    end = _end_of_character(text, end)
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
        parts = [
            "".join(f"{re.escape(letter)}{_ACCENTS}" for letter in word) for word in words(phrase)
        ]
        if parts:
            whole = _BETWEEN.join(parts)
            # A word in letters is found as a whole word, like in the index.
            alternatives.append(
                rf"(?<!{_LETTER}){whole}(?!{_LETTER})" if _has_letter(phrase) else whole
            )
    longest_first = sorted(set(alternatives), key=lambda text: (-len(text), text))
    return re.compile("|".join(longest_first)) if longest_first else None


def _has_letter(phrase: str) -> bool:
    return re.search(_LETTER, phrase) is not None


def _end_of_character(text: str, position: int) -> int:
    """Return the first place from `position` on where a text may be cut.

    A letter keeps its accents and vowel signs, and a family of emoji stays together.
    """
    for place in range(position, min(position + _LONGEST_CHARACTER, len(text))):
        if (
            text[place] != _JOINER
            and text[place - 1 : place] != _JOINER
            and not unicodedata.category(text[place]).startswith("M")
            and not "\U0001f3fb" <= text[place] <= "\U0001f3ff"  # colours of skin
        ):
            return place
    return min(position + _LONGEST_CHARACTER, len(text))
