"""The words of a text, for an index whose words are what spaces and punctuation separate."""

import re
import unicodedata

CHARACTERS = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303c\u3041-\u3096\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
"""Ranges of the characters that count as a word each: Han, kana, bopomofo, Hangul."""

_WIDE = "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"  # full-width letters and digits
_NARROWED = {code: code - 0xFEE0 for code in range(0xFF10, 0xFF5B)}
_RUN = re.compile(f"[{CHARACTERS}]+|[{_WIDE}]+")
_WIDE_RUN = re.compile(f"[{_WIDE}]+")
_ACCENTED = re.compile("[\u00c0-\u2e7f\U00010000-\U0001ffff]")
_WORD = re.compile(rf"[{CHARACTERS}]|[^\W_{CHARACTERS}]+")


def separated(text: str) -> str:
    """Return `text` with spaces around each character that counts as a word.

    Full-width letters and digits become usual ones: an input method for Chinese may write either.

    >>> separated("用AI写作"), separated("ＡＩ")
    (' 用 AI 写 作 ', 'AI')
    """
    return text if text.isascii() else _RUN.sub(_with_spaces, text)


def _with_spaces(run: re.Match[str]) -> str:
    """Return ` a b ` for `ab`; an article has thousands of characters, so this has to be fast."""
    if "\uff10" <= run[0][0] <= "\uff5a":
        return _narrowed(run)
    characters = run[0].encode("utf-16-le")  # two bytes for each, four for the rarest
    if len(characters) != 2 * len(run[0]):
        return f" {' '.join(run[0])} "
    spaced = bytearray(b" \0") * (len(characters) + 1)
    spaced[2::4], spaced[3::4] = characters[::2], characters[1::2]
    return spaced.decode("utf-16-le")


def _narrowed(run: re.Match[str]) -> str:
    return run[0].translate(_NARROWED)


def words(text: str) -> list[str]:
    """Return the words of a text, folded.

    >>> words("Café-AI写作")
    ['cafe', 'ai', '写', '作']
    """
    return _WORD.findall(folded(text))


def folded(text: str) -> str:
    """Return a text of the same length in small, narrow letters without accents, for comparing.

    >>> folded("Straße CAFÉ 写作 ＡＩ")
    'straße cafe 写作 ai'
    """
    text = _WIDE_RUN.sub(_narrowed, text)
    # `lower` keeps the length of everything but a few of these letters.
    return "".join(map(_folded_character, text)) if _ACCENTED.search(text) else text.lower()


def _folded_character(character: str) -> str:
    if character < "\u00c0":
        return character.lower()
    if character >= "\u2e80":
        return character
    base = unicodedata.normalize("NFD", character)[0].lower()
    return base if len(base) == 1 else character
