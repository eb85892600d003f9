"""Bytes to text: by a byte order mark, else as UTF-8, else by a detector. Pure."""

import codecs
import re
from collections import defaultdict
from dataclasses import dataclass

from feedsvc.errors import ArticleError

_SAMPLE = 256 * 1024  # bytes for the detector, enough to make it sure
# Longest first: the mark of UTF-32 LE begins with that of UTF-16 LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Text labelled GB2312 or GBK on the web is GB18030, and so on (WHATWG Encoding, 4.2).
_WESTERN = "windows-1252"
_WIDER = {
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949",
    "ascii": _WESTERN, "iso-8859-1": _WESTERN, "iso8859-1": _WESTERN, "iso8859-15": _WESTERN,
    "iso-8859-9": "windows-1254",
}  # fmt: skip
_COMMON = ("gb18030", "big5", _WESTERN)
_WIDE_LETTERS = {"gb18030", "big5", "cp932", "euc-jp", "cp949"}
_OTHER_LATIN = ("windows-1250", "iso-8859-2", "windows-1254")
# The detector's own scale: right guesses of short texts score 0.04 and more, noise 0.025 at most.
_LEAST_SURE = 0.03
# Wrong guesses of short texts score 0.16 at most, but for French and Italian taken for Macedonian.
_SURE = 0.2
_SURE_OF_LATIN = 0.1
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
# Without a mark, a file with a larger share of NUL bytes is UTF-16 or no text.
_MOST_NULS = 0.05
# With at most this share of broken characters, a file is damaged UTF-8, whatever the detector says.
_MOST_DAMAGE = 0.02
_SHOWN_AS = "bytes that cannot be read are shown as \ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text, its encoding, and the reason for that choice.

    `doubt` tells the operator what may be wrong with it.
    """

    text: str
    encoding: str
    why: str
    doubt: str | None = None


def decode(data: bytes) -> Decoded:
    """Turn the bytes of an article into text.

    Raises ArticleError for bytes that are no text, and for UTF-8 that ends inside a character: such
    a file is still being written.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _marked(data, encoding)
    if data.count(0) > _MOST_NULS * len(data):
        return _wide(data)
    try:
        return Decoded(text=data.decode("utf-8"), encoding="UTF-8", why="its bytes are valid UTF-8")
    except UnicodeDecodeError as error:
        broken = error
    line = data.count(b"\n", 0, broken.start) + 1
    if broken.end == len(data) and broken.reason == "unexpected end of data":
        raise ArticleError(
            "the file breaks off inside a character",
            cure="it is read again when it changes; if it does not, save it as UTF-8",
            line=line,
        )
    if b"\0" in data[:_SAMPLE]:
        raise _binary(data)
    if damaged := _damaged(data, line):
        return damaged
    encoding, sure = _guess(data, lone_letters=True)
    if sure >= _LEAST_SURE:
        why = f"it is not UTF-8, and reads like {encoding.upper()} ({sure:.0%} sure)"
        return _not_utf8(data, encoding, why)
    return Decoded(
        text=data.decode("utf-8", "replace"),
        encoding="UTF-8",
        why="no encoding fits it",
        doubt=f"the file is in no known encoding; from line {line} on, {_SHOWN_AS}",
    )


def _marked(data: bytes, encoding: str) -> Decoded:
    name = encoding.removesuffix("-sig").upper()
    why = "a byte order mark says so"
    try:
        return Decoded(text=data.decode(encoding), encoding=name, why=why)
    except UnicodeDecodeError as error:
        return Decoded(
            text=data.decode(encoding, "replace"),
            encoding=name,
            why=why,
            doubt=f"byte {error.start + 1} is not {name}; {_SHOWN_AS}",
        )


def _wide(data: bytes) -> Decoded:
    """Read UTF-16 without a mark: in Western text, every other byte of it is NUL."""
    for encoding, high in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
        if high.count(0) > 0.9 * data.count(0) and high.count(0) > 0.3 * len(high):
            try:
                return _not_utf8(data, encoding, "every other byte is NUL")
            except UnicodeDecodeError:
                break
    raise _binary(data)


def _not_utf8(data: bytes, encoding: str, why: str) -> Decoded:
    name = encoding.upper()
    doubt = f"the file is not UTF-8; it was read as {name}"
    return Decoded(text=data.decode(encoding), encoding=name, why=why, doubt=doubt)


def _binary(data: bytes) -> ArticleError:
    return ArticleError(
        "the file is not text: it holds NUL bytes",
        cure="take it out of the articles directory, or save it as UTF-8",
        line=data.count(b"\n", 0, data.index(b"\0")) + 1,
    )


def _damaged(data: bytes, line: int) -> Decoded | None:
    text = data.decode("utf-8", "replace")
    lost = text.count("\ufffd")
    whole = sum(char > "\x7f" for char in text) - lost
    # Hardly any character of another encoding is valid UTF-8 by accident.
    if whole < lost or whole == 0:
        return None
    if lost > max(1, _MOST_DAMAGE * (whole + lost)) or whole == lost:
        encoding, sure = _guess(data, lone_letters=False)
        if sure >= _SURE or (whole == lost and encoding in _COMMON and sure >= _LEAST_SURE):
            return None
    return Decoded(
        text=text,
        encoding="UTF-8",
        why=f"its bytes are valid UTF-8 but for those of {lost} characters, first on line {line}",
        doubt=f"bytes that are not UTF-8 are shown as \ufffd ({lost} times, first on line {line})",
    )


def _guess(data: bytes, *, lone_letters: bool) -> tuple[str, float]:
    """Return the probable encoding of bytes, and how sure the detector is of it on its own scale.

    The detector knows a hundred encodings and takes a short French text for Macedonian. So a common
    encoding wins, unless the detector is sure of another. With `lone_letters`, text whose letters
    beyond ASCII mostly stand alone is Latin, whatever the detector says.
    """
    import chardet  # noqa: PLC0415 - takes 1.6 MB in every process; hardly any file needs it

    sample = data[:_SAMPLE]
    sure_of: defaultdict[str, float] = defaultdict(float)
    for guess in chardet.detect_all(sample):
        name = (guess["encoding"] or "").lower()
        name = _WIDER.get(name, name)
        if name not in sure_of and _can_be(data, name):
            sure_of[name] = guess["confidence"] or 0.0
    best = max(sure_of, key=sure_of.__getitem__, default="")  # the first of equals
    if sure_of[best] >= (_LEAST_SURE if best in _COMMON else _SURE) and best in _WIDE_LETTERS:
        return best, sure_of[best]
    if lone_letters and _has_lone_letters(sample) and _can_be(data, _WESTERN):
        other = max(_OTHER_LATIN, key=sure_of.__getitem__)
        if sure_of[other] >= max(_SURE_OF_LATIN, 2 * sure_of[_WESTERN]):
            return other, sure_of[other]
        return _WESTERN, max(sure_of[_WESTERN], _LEAST_SURE)
    if sure_of[best] < _SURE:
        common = max(_COMMON, key=sure_of.__getitem__)
        if sure_of[common] >= _LEAST_SURE:
            best = common
    return best, sure_of[best]


def _can_be(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def _has_lone_letters(sample: bytes) -> bool:
    """Tell whether most bytes beyond ASCII have ASCII on both sides, as in Latin script."""
    runs = _BEYOND_ASCII.findall(sample)
    return 2 * sum(len(run) == 1 for run in runs) >= sum(map(len, runs))
