"""HTML to plain text: the summary of an article."""

import re

from selectolax.lexbor import LexborHTMLParser

from feedsvc import xmltext
from feedsvc.model import SafeHTML

SUMMARY_LENGTH = 200
# Words on both sides of these are words apart; on both sides of any other tag they may be one.
_APART = re.compile(
    r"<(?=/?(?:address|article|aside|blockquote|br|caption|center|dd|details|div|dl|dt|figcaption"
    r"|figure|footer|h[1-6]|header|hr|li|main|nav|ol|p|pre|section|summary|table|td|th|tr|ul)\b)"
)
_SENTENCE_END = re.compile(r"[。！？!?…]+[”’」』）)\"']*|\.(?=\s)")


def summary(html: SafeHTML, length: int = SUMMARY_LENGTH) -> str:
    """Return the beginning of `html` as one line of text of at most `length` characters.

    It ends at the end of a sentence where one falls into the second half, else with an ellipsis.
    """
    # Cleaning leaves at most a few characters of markup for each of text; this bounds the work.
    spaced = _APART.sub(" <", html[: length * 100])
    body = LexborHTMLParser(f"<!doctype html><body>{spaced}").body
    text = xmltext.line(body.text() if body else "")
    if len(text) <= length:
        return text
    ends = [found.end() for found in _SENTENCE_END.finditer(text, 0, length)]
    if ends and ends[-1] >= length // 2:
        return text[: ends[-1]]
    return text[: length - 1].rstrip() + "…"
