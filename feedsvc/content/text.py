"""The beginning of a text, as a summary."""

import re

from feedsvc import xmltext

_SENTENCE_END = re.compile(r"[。！？!?…]+[”’」』）)\"']*|(?<!\.)\.+[”’\"')]*(?=\s)")


def cut(text: str, length: int) -> str:
    """Return the beginning of `text` as one line of at most `length` characters.

    It ends at the end of a sentence where one falls into the second half, else with an ellipsis.

    >>> cut("One. Two three four", 8), cut("One two three", 8)
    ('One.', 'One two…')
    """
    # Beyond what may be shown, not a character is looked at: normalising is slow.
    text = xmltext.line(" ".join(text.split()), length + 2)
    if len(text) <= length:
        return text
    ends = [found.end() for found in _SENTENCE_END.finditer(text, 0, length)]
    if ends and ends[-1] >= length // 2:
        return text[: ends[-1]]
    start, space, rest = text[:length].rpartition(" ")
    # A word of letters is not cut in two; Chinese has no spaces between its own.
    if space and rest.isascii() and len(start) >= length // 2:
        return f"{start}…"
    return text[: length - 1].rstrip() + "…"
