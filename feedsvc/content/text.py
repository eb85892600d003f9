"""Plain text of HTML, and the beginning of a text as a summary."""

import re

from feedsvc import html5, xmltext
from feedsvc.content import vocabulary
from feedsvc.html5 import Element, Text, children
from feedsvc.model import SafeHTML

_SENTENCE_END = re.compile(r"[。！？!?…]+[”’」』）)\"']*|(?<!\.)\.+[”’\"')]*(?=\s)")
_LINES = vocabulary.BLOCKS | {"br", "details", "summary"}


def plain(html: SafeHTML) -> str:
    """Return the text of cleaned HTML, for search and for readers of text: a line for each block.

    >>> plain(SafeHTML("<p>a</p><p><ruby>瑞利<rt>Ruìlì</rt></ruby> b</p>"))
    'a\\n瑞利（Ruìlì） b'
    """
    parts: list[str] = []
    stack = [children(html5.parse(html))]
    ends = [""]
    while stack:
        for node in stack[-1]:
            if isinstance(node, Text):
                parts.append(node.data)
            elif isinstance(node, Element):
                line = "\n" if node.tag in _LINES else "\t" if node.tag in {"td", "th"} else ""
                start, end = (line, line) if line or node.tag != "rt" else _around(node)
                parts.append(start)
                stack.append(children(node))
                ends.append(end)
                break
        else:
            stack.pop()
            parts.append(ends.pop())
    lines = (" ".join(line.split()) for line in "".join(parts).splitlines())
    return "\n".join(line for line in lines if line)


def _around(rt: Element) -> tuple[str, str]:
    return ("", "") if html5.has_parentheses(rt) or not rt.text.strip() else ("（", "）")


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
