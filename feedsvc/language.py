"""Guesses the language of titles; "" where it is not sure. Pure."""

import re
from collections.abc import Iterable

ENOUGH = 20
"""A guess from so many titles is kept."""

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_WORD = re.compile(r"[^\W\d_]+")
# Frequent characters that exist in only one of the two scripts.
_SIMPLIFIED = re.compile("[国这说们个时来为对会经过发后东车长门马见学实现话问间开关业电产动务]")
_TRADITIONAL = re.compile("[國這說們個時來為對會經過發後東車長門馬見學實現話問間開關業電產動務]")
_SURE = 20  # such characters
_ENGLISH = frozenset(
    "the of and to in for with on is are how why what when your from at by it this".split()
)
# Words of other languages in the Latin script, which English does not have.
_OTHER = frozenset(
    "der die das und den von ist mit la le les des une et du el los las que del y il gli di che een"
    " het van og det som na w nie se com um uma para por não ja ve bir và của".split()
)


def guess(titles: Iterable[str]) -> str:
    """Return the language tag (RFC 5646) of most of these titles, "" where it is not sure.

    Chinese, Japanese and Korean are told by their scripts, English by its most frequent words.
    Chinese is Hans or Hant only if next to no character belongs to the other.

    >>> guess(["财经新闻", "今日头条 App"]), guess(["東京の天気"]), guess(["Le chat", "Vim 9"])
    ('zh', 'ja', '')
    """
    titles = list(titles)
    text = "\n".join(titles)
    letters = sum(1 for char in text if char.isalpha())
    if not letters:
        return ""
    han, kana, hangul, latin = (
        len(script.findall(text)) for script in (_HAN, _KANA, _HANGUL, _LATIN)
    )
    # A Han character counts as a word, so some Latin names among Han characters change nothing.
    if han + kana + hangul > latin / 4 and han + kana + hangul > (letters - latin) / 2:
        if kana * 10 > han + kana:
            return "ja"
        if hangul > han:
            return "ko"
        return _chinese(text) if han > hangul * 10 else ""
    return "en" if latin > letters * 0.95 and _is_english(titles) else ""


def _chinese(text: str) -> str:
    simplified, traditional = (len(script.findall(text)) for script in (_SIMPLIFIED, _TRADITIONAL))
    if simplified >= _SURE and traditional * 50 <= simplified:
        return "zh-Hans"
    if traditional >= _SURE and simplified * 50 <= traditional:
        return "zh-Hant"
    return "zh"


def _is_english(titles: Iterable[str]) -> bool:
    """Tell whether a third of the titles have English words, and next to none have others."""
    word_sets = [{word.lower() for word in _WORD.findall(title)} for title in titles]
    english = sum(1 for words in word_sets if words & _ENGLISH)
    other = sum(1 for words in word_sets if words & _OTHER)
    return english * 3 >= len(word_sets) and other * 10 <= english
