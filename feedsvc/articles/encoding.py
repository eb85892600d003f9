"""Bytes to text: UTF-8 first, then what a byte order mark says, then a detector. Pure."""

import codecs
from dataclasses import dataclass

from feedsvc.errors import ArticleError

_SAMPLE = 256 * 1024  # bytes that the detector looks at; enough for it to be sure
# Longest first: the mark of UTF-32 LE begins with that of UTF-16 LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What the web calls GB2312 and GBK is GB18030, and so on (WHATWG Encoding, 4.2).
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949"}
# The detector's own scale: right guesses of short texts score 0.04 and more, noise 0.025 at most.
_LEAST_SURE = 0.03
# More NULs than this is no text in any encoding without a mark but UTF-16.
_MOST_NULS = 0.05
# A file that is UTF-8 but for a few bytes is a damaged one, not one in another encoding.
_MOST_DAMAGE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text, the encoding that it was read in, and why that one.

    `doubt` is what an operator should know of it, None where there is nothing.
    """

    text: str
    encoding: str
    why: str
    doubt: str | None = None


def decode(data: bytes) -> Decoded:
    """Turn the bytes of an article into text.

    Raises ArticleError for what is no text at all, and for UTF-8 that breaks off inside its last
    character: such a file is still being written.
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
    if broken.end == len(data) and broken.reason == "unexpected end of data":
        raise ArticleError(
            "the file breaks off inside a character",
            cure="it is read again when it changes; if it does not, save it as UTF-8",
            line=data.count(b"\n", 0, broken.start) + 1,
        )
    if b"\0" in data[:_SAMPLE]:
        raise _binary(data)
    line = data.count(b"\n", 0, broken.start) + 1
    return _damaged(data, line) or _detected(data) or _any(data, line)


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
            doubt=f"byte {error.start + 1} is not {name}; what cannot be read shows as \ufffd",
        )


def _wide(data: bytes) -> Decoded:
    """Read UTF-16 without a mark, whose every other byte is NUL in Western text."""
    for encoding, high in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
        if high.count(0) > 0.9 * data.count(0) and high.count(0) > 0.3 * len(high):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                break
            name = encoding.upper()
            return Decoded(
                text=text,
                encoding=name,
                why="every other byte is NUL",
                doubt=f"the file is not UTF-8; it was read as {name}",
            )
    raise _binary(data)


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
    if lost > max(1, _MOST_DAMAGE * (whole + lost)) or whole <= lost:
        return None
    return Decoded(
        text=text,
        encoding="UTF-8",
        why=f"its bytes are valid UTF-8 but for those of {lost} characters, first on line {line}",
        doubt=f"what is not UTF-8, first on line {line}, shows as \ufffd ({lost} times)",
    )


def _detected(data: bytes) -> Decoded | None:
    import chardet  # noqa: PLC0415 - 1.6 MB of every process; hardly any file needs it

    guess = chardet.detect(data[:_SAMPLE])
    encoding, sure = guess["encoding"], guess["confidence"] or 0.0
    if encoding is None or sure < _LEAST_SURE:
        return None
    encoding = _WIDER.get(encoding.lower(), encoding)
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    return Decoded(
        text=text,
        encoding=encoding.upper(),
        why=f"it is not UTF-8, and reads like {encoding.upper()} ({sure:.0%} sure)",
        doubt=f"the file is not UTF-8; it was read as {encoding.upper()}",
    )


def _any(data: bytes, line: int) -> Decoded:
    return Decoded(
        text=data.decode("utf-8", "replace"),
        encoding="UTF-8",
        why="no encoding fits it",
        doubt=f"the file is in no known encoding, from line {line} on; what is lost is \ufffd",
    )
