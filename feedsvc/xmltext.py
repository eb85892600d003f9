"""Text that every format can carry.

One article with one illegal character must not make a whole feed unreadable, so every string
that comes from an article, a file name or the configuration passes through here once, at the door.
"""

import re
import unicodedata

# XML 1.0 (fifth edition) 2.2: Char ::= #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD]
#                                     | [#x10000-#x10FFFF]
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Legal in XML and never wanted in a line of text: DEL and the C1 controls; the bidirectional
# overrides and isolates can make a title run over what stands beside it.
_UNSEEN = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
_SPACE = re.compile(r"\s+")


def legal(text: str) -> str:
    """Drop the characters that XML 1.0 cannot carry; tab, LF and CR stay.

    >>> legal("a\\x00b\\ufffe\\td")
    'ab\\td'
    """
    return _ILLEGAL.sub("", text)


def line(text: str, longest: int | None = None) -> str:
    """Make `text` one legal line in NFC, with single spaces and none at its ends.

    With `longest`, no more than so many characters come out, and no more than four times as many
    are looked at: normalising a long run of combining marks is slow. What nobody would see is none.

    >>> line(" two\\n  words\\x07 "), line("\\u200b"), line("abc", 2)
    ('two words', '', 'ab')
    """
    if longest is not None:
        text = text[: 4 * longest]
    text = _SPACE.sub(" ", _UNSEEN.sub("", legal(text))).strip()
    text = unicodedata.normalize("NFC", text)[:longest].strip()
    return "" if all(unicodedata.category(char) in {"Cf", "Zs"} for char in text) else text
