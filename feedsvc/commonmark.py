"""Markdown to HTML, as writers for GitHub and Obsidian expect it. Pure. The owner of pyromark.

CommonMark 0.31 with tables, strikethrough and footnotes. What pyromark does not know is written
into the source before it is converted: bare links, `==marks==`, tasks and `[[wikilinks]]`. Where
they stand is read from pyromark's own events, so nothing in code or in links is touched.

Everything takes time linear in the size.
"""

import html
import re
from typing import Any

import pyromark

from feedsvc import html5, xmltext

_OPTIONS = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_FOOTNOTES
)
# Each level of quotation is an element: a line of a million `>` becomes thirty times as long.
_QUOTES = re.compile(r"(?:>[ \t]*){60,}")
_MOST_GROWTH = 8
# A row that lacks cells gets as many as the row of hyphens has (GFM, 4.10).
_HYPHENS = re.compile(r"(?=.*-)(?=.*\|)[ \t>*+:|0-9.)-]+")
_LINE = re.compile(r"\r\n?|\n")
_MOST_CELLS_GIVEN = 10_000

_EXTENDED = re.compile(r"==|https?://|www\.|\[[ xX]\]|\[\[[^\[\]\n]{1,1000}\]\]", re.IGNORECASE)
_PARTS_TEXT = "\n!&*<[\\]_`|~"
_MOST_EVENTS = 50_000
_LONGEST_LINK = 2000
# Letters for private use mark the places of links until the HTML is written.
_LINK, _WORDS, _END = "\ue0f0", "\ue0f1", "\ue0f2"
_RESERVED = re.compile("[\ue0f0-\ue0f2]")
_PLACE = re.compile("\ue0f0([0-9]{1,9})\ue0f1")
# A bare link ends before white space and `<` (GFM, 6.9), and before what ends it in Chinese.
_TOKEN = re.compile(
    r"\\[!-/:-@\[-`{-~]"
    r"|(?P<mark>(?<!=)==(?!=))"
    r"|(?P<image>!?)\[\[(?P<target>[^\[\]|\n]{1,500})(?:\|(?P<label>[^\[\]\n]{1,500}))?\]\]"
    r"|(?P<link>(?<![A-Za-z0-9])https?://|(?<![A-Za-z0-9_./@:-])www\.(?=[A-Za-z0-9]))"
    r"(?P<host>[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,20}(?::[0-9]{1,5})?)"
    r"(?P<path>[/?#](?:\\[!-/:-@\[-`{-~]|[^\s<>\"`|\\\u3000-\u303f\uff01-\uff0f\uff1a-\uff20“”‘’…])*)?",
    re.IGNORECASE,
)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_ENDS_LINK = "?!.,:;*_~'\""
_PICTURE = re.compile(r"\.(?:avif|bmp|gif|jpe?g|png|svg|webp)$", re.IGNORECASE)
_CLOSED_TAG = re.compile(
    r"<(/?)(?:a|code|kbd|pre|samp|script|style|textarea|title|tt)(?=[\s/>])", re.IGNORECASE
)
_INLINE = frozenset({"Emphasis", "Strong", "Strikethrough", "Link", "Image"})
_COMMENT = re.compile(rb"\s*<!--(?:(?!-->).)*-->\s*", re.DOTALL)
_REFERENCE = re.compile(r"[ ]?\[\^[^\[\]\s]{1,100}\]")  # to a footnote
_LONGEST_TITLE = 300

Edit = tuple[int, int, str]
"""The bytes of the source from the first to the second number are replaced by the text."""


def to_html(markdown: str) -> str:
    """Return Markdown as HTML, not yet safe.

    >>> to_html("==a== www.example.org, [^1]")
    '<p><mark>a</mark> <a href="http://www.example.org">www.example.org</a>, [^1]</p>\\n'
    """
    options = _OPTIONS
    if cells_given(markdown) > _MOST_CELLS_GIVEN:
        options &= ~pyromark.Options.ENABLE_TABLES
    converted = _to_html(markdown, options)
    if len(converted) > _MOST_GROWTH * len(markdown) + 10_000:
        converted = _to_html(_QUOTES.sub(">" * 60, markdown), options)
    return converted


def _to_html(markdown: str, options: pyromark.Options) -> str:
    if not _EXTENDED.search(markdown) or _RESERVED.search(markdown):
        return pyromark.html(markdown, options=options)
    markdown, addresses = _extended(markdown, options)
    converted = pyromark.html(markdown, options=options)
    if not addresses:
        return converted
    opened = _PLACE.sub(lambda n: f'<a href="{html.escape(addresses[int(n[1])])}">', converted)
    return opened.replace(_END, "</a>")


def first_heading(markdown: str) -> tuple[str, str, str] | None:
    """Return the text of a level 1 heading that begins a text, its source, and what follows.

    >>> first_heading("\\n# The *title*\\n\\nText")
    ('The title', '\\n# The *title*\\n', '\\nText')
    >>> first_heading("Text\\n\\n# A part"), first_heading("## A part")
    (None, None)
    """
    data = markdown.encode()
    for event, span in pyromark.events_with_range(markdown, options=_OPTIONS):
        match event:
            case {"Start": {"Heading": {"level": "H1"}}}:
                source, rest = data[: span["end"]].decode(), data[span["end"] :].decode()
                break
            case {"Start": "HtmlBlock"} if _COMMENT.fullmatch(data[span["start"] : span["end"]]):
                pass
            case {"Html": _} | {"End": "HtmlBlock"}:
                pass
            case _:
                return None
    else:
        return None
    words = _REFERENCE.sub("", html5.words(html5.parse(_to_html(source, _OPTIONS))))
    words = xmltext.line(words)
    return (words, source, rest) if 0 < len(words) <= _LONGEST_TITLE else None


def cells_given(markdown: str) -> int:
    """Return the most cells that pyromark may add to rows that are too short.

    >>> cells_given("|a|b|\\n|-|-|\\n|c|\\n\\n|d")
    1
    """
    given = widest = 0
    for line in _LINE.split(markdown) if "|" in markdown else ():
        if _HYPHENS.fullmatch(line):
            widest = max(widest, line.count("|"))
        elif widest and not line.strip(" \t"):
            widest = 0
        elif widest:
            given += max(0, widest - line.count("|"))
    return given


def events(markdown: str) -> int:
    """Return the most events that are read from this text before it is converted."""
    if not _EXTENDED.search(markdown):
        return 0
    return min(2 * sum(map(markdown.count, _PARTS_TEXT)), _MOST_EVENTS)


def _extended(markdown: str, options: pyromark.Options) -> tuple[str, list[str]]:
    """Write marks, tasks and wikilinks into Markdown in a form that pyromark knows.

    The places of bare links are marked; their addresses are returned.
    """
    source = markdown.encode()
    finder = _Finder(source)
    events = pyromark.events_with_range(
        markdown, options=options | pyromark.Options.ENABLE_TASKLISTS
    )
    for number, (event, span) in enumerate(events):
        if number > _MOST_EVENTS:
            return markdown, []
        finder.take(event, span["start"], span["end"])
    finder.end_run()
    parts: list[bytes] = []
    position = 0
    for start, end, replacement in sorted(finder.edits):
        parts += source[position:start], replacement.encode()
        position = end
    return b"".join((*parts, source[position:])).decode(), finder.addresses


class _Finder:
    """Finds the edits in the events of one text."""

    def __init__(self, source: bytes) -> None:
        self.edits: list[Edit] = []
        self.addresses: list[str] = []
        self._source = source
        self._run = (0, 0)  # the bytes of text without other events in between
        self._marks: list[int | None] = [None]  # the open mark in each open element
        self._closed = 0  # elements of Markdown that are open and whose text stays as it is
        self._closed_tags = 0  # the same, of HTML

    def take(self, event: Any, start: int, end: int) -> None:
        match event:
            case {"Text": _}:
                self._text(start, end)
                return
        self.end_run()
        match event:
            case {"Start": element}:
                name = element if isinstance(element, str) else next(iter(element))
                if name not in _INLINE:
                    self._marks[-1] = None  # no mark reaches from one block into another
                self._marks.append(None)
                self._closed += name in {"CodeBlock", "Link", "Image"}
            case {"End": element}:
                name = element if isinstance(element, str) else next(iter(element))
                if len(self._marks) > 1:
                    self._marks.pop()
                self._closed -= name in {"CodeBlock", "Link", "Image"}
            case {"TaskListMarker": bool(done)}:
                self.edits.append((start, end, "☑" if done else "☐"))
            case {"Html": str(source)} | {"InlineHtml": str(source)}:
                for tag in _CLOSED_TAG.finditer(source):
                    self._closed_tags = max(0, self._closed_tags + (-1 if tag[1] else 1))

    def _text(self, start: int, end: int) -> None:
        """Add text to the run, if only a backslash stands between them."""
        begin = start - 1 if self._source[start - 1 : start] == b"\\" else start
        if begin <= self._run[1] <= start and self._run[0] < self._run[1]:
            self._run = (self._run[0], end)
        else:
            self.end_run()
            self._run = (begin, end)

    def end_run(self) -> None:
        """Find the edits in the text that has come in."""
        start, end = self._run
        self._run = (0, 0)
        if end <= start or self._closed or self._closed_tags:
            return
        text = self._source[start:end].decode()
        read, offset, position = 0, start, 0  # `read` and `offset` are the same place
        while token := _TOKEN.search(text, position):
            offset += len(text[read : token.start()].encode())
            read, position = token.start(), token.end()
            if token["mark"]:
                self._mark(text, read, offset)
            elif token["target"]:
                self.edits.append((offset, offset + len(token[0].encode()), _wikilink(token)))
            elif token["link"]:
                # In `==https://h.example==` the link ends where the mark does.
                within = token[0] if self._marks[-1] is None else token[0].partition("==")[0]
                if words := _words_of_link(within):
                    self._link(words, token["link"], offset)
                    position = read + len(words)  # what follows may close a mark

    def _link(self, words: str, start: str, offset: int) -> None:
        """Note the place of a bare link, in letters: `*` and `_` go by what stands beside them."""
        address = html.unescape(_ESCAPED.sub(r"\1", words))
        self.addresses.append(f"http://{address}" if start.lower() == "www." else address)
        end = offset + len(words.encode())
        number = len(self.addresses) - 1
        self.edits += [(offset, offset, f"{_LINK}{number}{_WORDS}"), (end, end, _END)]

    def _mark(self, text: str, index: int, offset: int) -> None:
        before, after = text[index - 1 : index], text[index + 2 : index + 3]
        opened = self._marks[-1]
        if opened is not None and (before.strip() or (not before and index == 0)):
            self.edits += [(opened, opened + 2, "<mark>"), (offset, offset + 2, "</mark>")]
            self._marks[-1] = None
        # `a==b` is a comparison; Chinese has no spaces around a mark.
        elif after.strip() and not (before.isascii() and before.isalnum()):
            self._marks[-1] = offset


def _wikilink(token: re.Match[str]) -> str:
    """Return what stands for `[[target|label]]`, whose address nobody here knows."""
    target = token["target"].strip()
    if token["image"] and _PICTURE.search(target) and not set("<>") & set(target):
        return f"![{target}](<{target}>)"
    return f"<span>{(token['label'] or target).strip()}</span>"


def _words_of_link(words: str) -> str:
    """Return a bare link without the punctuation of the sentence around it (GFM, 6.9)."""
    opened, closed = words.count("("), words.count(")")
    end = len(words)
    while end:
        if words[end - 1] == ")" and closed > opened:
            closed -= 1
            end -= 1
        elif words[end - 1] in _ENDS_LINK:
            end -= 1
        elif words[end - 2 : end] == "==":
            end -= 2
        else:
            break
        end -= words[end - 1 : end] == "\\"
    return words[:end] if end <= _LONGEST_LINK else ""
