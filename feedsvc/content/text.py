"""The beginning of a text, as a summary."""

import re

from feedsvc import xmltext

_SENTENCE_END = re.compile(r"[。！？!?…]+[”’」』）)\"']*|(?<!\.)\.+[”’\"')]*(?=\s)")


def cut(text: str, length: int) -> str:
    """Return the beginning of `text` as one line of at most `length` characters.

    It ends after the last sentence that ends in its second half, else with an ellipsis.

    >>> cut("One. Two three four", 8), cut("One two three", 8)
    ('One.', 'One two…')
    """
    # No more characters are normalised than can be shown: normalising is slow.
    text = xmltext.line(" ".join(text.split()), length + 2)
    if len(text) <= length:
        return text
    ends = [sentence.end() for sentence in _SENTENCE_END.finditer(text, 0, length)]
    if ends and ends[-1] >= length // 2:
        return text[: ends[-1]]
    start, space, rest = text[:length].rpartition(" ")
    # A word in letters is not cut in two; Chinese has no spaces between words.
    if space and rest.isascii() and len(start) >= length // 2:
        return f"{start}…"
    return text[: length - 1].rstrip() + "…"
