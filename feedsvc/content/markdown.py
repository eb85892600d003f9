"""Article bodies to HTML trees: CommonMark with raw HTML in it, plain text, or HTML."""

import html
import re

import pyromark

from feedsvc import html5
from feedsvc.model import Markup

# CommonMark 0.31 plus the two extensions that articles use everywhere. Linear in time.
_OPTIONS = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH
# Each level of quotation is an element: a line of a million `>` becomes thirty times as long.
_QUOTES = re.compile(r"(?:>[ \t]*){60,}")
_MOST_GROWTH = 8
# A row that lacks cells gets as many as the row of hyphens has (GFM, 4.10).
_HYPHENS = re.compile(r"(?=.*-)(?=.*\|)[ \t>*+:|0-9.)-]+")
_LINE = re.compile(r"\r\n?|\n")
_MOST_CELLS_GIVEN = 10_000

_BLANK_LINES = re.compile(r"\n\s*\n")
_COMMENTS = re.compile(r"(?:\s|<!--.*?-->)*", re.DOTALL)
_BLOCK = re.compile(
    r"<(?:address|article|aside|blockquote|center|dd|details|div|dl|dt|fieldset|figcaption|figure"
    r"|footer|form|h[1-6]|header|hr|iframe|img|li|main|nav|ol|p|pre|section|span|strong|style|table"
    r"|tbody|td|th|tr|ul|video)(?:[\s/>])",
    re.IGNORECASE,
)
_ENDS_AS_HTML = re.compile(r"(?:</[a-z][a-z0-9]*\s*|<(?:img|hr|br)\b[^<>]*|--)>\s*$", re.IGNORECASE)


def parse(body: str, markup: Markup) -> html5.Element:
    """Return the tree of `body`, not yet safe.

    Crawlers store HTML in `.md` files. In CommonMark a blank line ends an HTML block (0.31, 4.6),
    and indented lines after it become a visible code block. So a Markdown body that begins with a
    tag, ends with one, and has no text outside of its elements is parsed as HTML.

    >>> parse("<div>\\n\\n    <p>kept</p>\\n</div>", "markdown").inner_html
    '<div>\\n\\n    <p>kept</p>\\n</div>'
    >>> parse("<div>a</div>\\n\\n**b**\\n\\n<p>c</p>", "markdown").inner_html
    '<div>a</div>\\n<p><strong>b</strong></p>\\n<p>c</p>'
    """
    if markup == "markdown" and may_be_html(body):
        tree = html5.parse(body)
        if not any(
            isinstance(node, html5.Text) and node.data.strip() for node in html5.children(tree)
        ):
            return tree
    return html5.parse(to_html(body, markup))


def may_be_html(body: str) -> bool:
    """Tell whether a Markdown body begins and ends like HTML."""
    start = _COMMENTS.match(body)
    return (
        _BLOCK.match(body, start.end() if start else 0) is not None
        and _ENDS_AS_HTML.search(body.rstrip()[-200:]) is not None
    )


def to_html(body: str, markup: Markup) -> str:
    """Return `body` as HTML; a Markdown body always goes through Markdown."""
    if markup == "html":
        return body
    if markup == "text":
        paragraphs = _BLANK_LINES.split(body.replace("\r\n", "\n").strip())
        return "".join(
            f"<p>{html.escape(part).replace(chr(10), '<br>')}</p>" for part in paragraphs if part
        )
    options = _OPTIONS
    if cells_given(body) > _MOST_CELLS_GIVEN:
        options = pyromark.Options.ENABLE_STRIKETHROUGH
    converted = pyromark.html(body, options=options)
    if len(converted) > _MOST_GROWTH * len(body) + 10_000:
        converted = pyromark.html(_QUOTES.sub(">" * 60, body), options=options)
    return converted


def cells_given(body: str) -> int:
    """Return the most cells that pyromark may add to rows that are too short.

    >>> cells_given("|a|b|\\n|-|-|\\n|c|\\n\\n|d")
    1
    """
    given = widest = 0
    for line in _LINE.split(body) if "|" in body else ():
        if _HYPHENS.fullmatch(line):
            widest = max(widest, line.count("|"))
        elif widest and not line.strip(" \t"):
            widest = 0
        elif widest:
            given += max(0, widest - line.count("|"))
    return given
