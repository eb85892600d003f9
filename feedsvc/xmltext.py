"""Text that every format can carry.

One illegal character must not make a whole feed unreadable, so every string from an article, a file
name or the configuration passes through this module once.
"""

import html
import re
import unicodedata
from html.entities import html5

# XML 1.0 (fifth edition) 2.2: Char ::= #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD]
#                                     | [#x10000-#x10FFFF]
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Legal in XML, but never wanted in a line of text: DEL, the C1 controls, and the bidirectional
# overrides and isolates, which can change the order of the text beside a title.
_UNSEEN = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
# Characters that end a line, move a terminal's cursor, or change the order of the text beside them;
# and lone surrogates, which cannot be encoded.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_SPACE = re.compile(r"\s+")
# Complete ones only: `AT&T` and `?a=1&copy=2` are plain text.
_REFERENCE = re.compile(
    "&(?:#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6})|(?P<name>[A-Za-z][A-Za-z0-9]{1,30}));"
)


def legal(text: str) -> str:
    """Drop the characters that XML 1.0 cannot carry; tab, LF and CR stay.

    >>> legal("a\\x00b\\ufffe\\td")
    'ab\\td'
    """
    return _ILLEGAL.sub("", text)


def line(text: str, longest: int | None = None) -> str:
    """Make `text` one legal line in NFC, with single spaces and none at its ends.

    With `longest`, at most so many characters come out, and only four times as many are read,
    because normalising a long run of combining marks is slow. Invisible text becomes "".

    >>> line(" two\\n  words\\x07 "), line("\\u200b"), line("abc", 2)
    ('two words', '', 'ab')
    """
    if longest is not None:
        text = text[: 4 * longest]
    text = _SPACE.sub(" ", _UNSEEN.sub("", legal(text))).strip()
    text = unicodedata.normalize("NFC", text)[:longest].strip()
    return "" if all(unicodedata.category(char) in {"Cf", "Zs"} for char in text) else text


def shown(text: str) -> str:
    r"""Escape the characters that break a line or hide in it, for a terminal or a log.

    A file's name may hold a newline; the rest of it must not look like another line of the log.

    >>> print(shown("a\nb\x1b[1m.md"))
    a\nb\x1b[1m.md
    """
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def plain(text: str) -> str:
    """Decode, once, the character references in one line of text that was escaped as HTML.

    Crawlers store titles so. A decoded `&` does not begin another reference. Text that would become
    "" stays as it is.

    >>> plain("AT&amp;T"), plain("&amp;lt;"), plain("AT&T &copy=1 &nosuch;"), plain("&#8203;")
    ('AT&T', '&lt;', 'AT&T &copy=1 &nosuch;', '&#8203;')
    """
    decoded = _REFERENCE.sub(_decoded, text)
    return text if decoded == text else line(decoded) or text


def _decoded(reference: re.Match[str]) -> str:
    name = reference["name"]
    return html.unescape(reference[0]) if name is None else html5.get(f"{name};", reference[0])
