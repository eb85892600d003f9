"""Article bodies to HTML trees: CommonMark with raw HTML in it, plain text, or HTML."""

import html
import re

from feedsvc import commonmark, html5
from feedsvc.model import Markup

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
    tree = html5.parse(to_html(body, markup))
    if markup == "markdown":
        _collect_footnotes(tree)
    return tree


def _collect_footnotes(tree: html5.Element) -> None:
    """Make a list of the footnotes at the end, from which a link leads back to each.

    pyromark leaves them where the author wrote them. The classes and ids are pyromark's.
    """
    definitions = tree.select("div.footnote-definition")
    if not definitions:
        return
    section = html5.parse(f"<ol>{'<li></li>' * len(definitions)}</ol>").select("ol")[0]
    ids: dict[str, str] = {}
    items: dict[str, html5.Element] = {}
    numbered = zip(definitions, section.select("li"), strict=True)
    for number, (definition, item) in enumerate(numbered, start=1):
        name = definition.attr("id") or ""
        ids.setdefault(name, f"fn-{number}")
        items.setdefault(name, item)
        item.attrs["id"] = f"fn-{number}"
        for child in list(html5.children(definition)):
            if isinstance(child, html5.Element) and child.has_class("footnote-definition-label"):
                child.decompose()
            else:
                item.append(child)
        definition.decompose()
    tree.append(section)
    for link in tree.select("sup.footnote-reference > a"):
        name = (link.attr("href") or "").removeprefix("#")
        if name not in ids:
            continue
        link.attrs["href"] = f"#{ids[name]}"
        if (noted := items.pop(name, None)) is not None:  # the way back leads to the first one
            link.attrs["id"] = f"fnref-{ids[name].removeprefix('fn-')}"
            back = html5.parse(f' <sup><a href="#{link.attrs["id"]}">↩</a></sup>')
            last = [node for node in html5.children(noted) if isinstance(node, html5.Element)][-1:]
            place = last[0] if last and last[0].tag == "p" else noted
            for node in list(html5.children(back)):
                place.append(node)


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
    return commonmark.to_html(body)
