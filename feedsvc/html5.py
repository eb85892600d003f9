"""HTML to a tree: the one place that knows the parser.

turbohtml follows the WHATWG parsing rules in time linear in the input, which the others tried do
not: lexbor (selectolax 1.0) takes the square of the depth and of the attributes of an element, and
10,000 nested templates end the process; html5lib takes the square of nearly everything. Two inputs
were found that cost turbohtml more than their size. An `<html>` tag repeated with ever other
attributes is renamed first. Formatting elements that are never closed are opened again in each
block (HTML, 13.2.4.3), as many as are open, which turbohtml ends at a depth of some 500. Where that
makes a tree far larger than its source, formatting tags are renamed too. What their ends say is no
proof that they are closed, so where it could be very large, ever longer beginnings are parsed.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import cast

import turbohtml
from turbohtml import Comment, Element, Namespace, Node, Text

__all__ = ["Comment", "Element", "Namespace", "Node", "Text", "mistake_in", "parse", "text"]

# Both give their attributes to one element, however often they come (HTML, 13.2.6.4.7).
_MERGED = re.compile(r"<(?=(?:html|body)[\s/>])", re.IGNORECASE)
_MOST_MERGED = 20
# Formatting elements (HTML, 13.2.4.3) but `a`, of which one alone is open at a time. First those
# that no reader is shown, then the others, whose look is lost: their text never is.
_REOPENED = tuple(
    re.compile(rf"<(/?)(?=(?:{names})[\s/>])", re.IGNORECASE)
    for names in ("big|font|nobr", "b|code|em|i|s|small|strike|strong|tt|u")
)
# One tag makes three elements at most (`<td>` brings a body and a row) and a text beside each end.
_NODES_OF_A_TAG = 5
_MOST_REOPENED = 3_000  # nodes; in each of 300 blocks, ten elements that somebody forgot to close
_MOST_FORESEEN = 200_000  # nodes; they would take 20 megabytes
_FIRST = 8_000  # characters of the first beginning


def parse(html: str) -> Element:
    """Return an element whose children are what `html` says inside a `<div>`.

    As where scripts run: what is in a `<noscript>` is text, so that no tag which it leaves open
    takes in what follows.
    """
    if len(_MERGED.findall(html)) > _MOST_MERGED:
        html = _MERGED.sub("<x-", html)
    left = [tags for tags in _REOPENED if tags.search(html)]
    size = _FIRST if _may_grow(html) else len(html)
    while left and size < len(html):
        if _has_grown(_tree(html[:size]), html[:size]):
            html = left.pop(0).sub(r"<\1x-", html)
        else:
            size += size // 4
    tree = _tree(html)
    while left and _has_grown(tree, html):
        html = left.pop(0).sub(r"<\1x-", html)
        tree = _tree(html)
    return tree


def _tree(html: str) -> Element:
    return turbohtml.parse_fragment(html, "div", positions=False, scripting=True)


def _may_grow(html: str) -> bool:
    """Tell whether opening formatting elements again might take too much time and memory."""
    formatting = sum(len(tags.findall(html)) for tags in _REOPENED)
    return formatting * html.count("<") > _MOST_FORESEEN


def _has_grown(tree: Element, html: str) -> bool:
    """Tell whether there are many more nodes than the tags of `html` could make by themselves."""
    most = _NODES_OF_A_TAG * html.count("<") + _MOST_REOPENED
    return next(islice(tree.descendants, most, None), None) is not None


def mistake_in(selector: str) -> str | None:
    """Return what is wrong with a CSS selector, None where nothing is."""
    try:
        parse("").select(selector)
    except ValueError as error:
        return str(error).rpartition('": ')[2]
    return None


def text(html: str) -> str:
    """Return the text of some HTML, as the DOM has it."""
    return parse(html).text


def children(node: Element) -> Iterator[Node]:
    """Yield the children of a node, in order."""
    return iter(cast("Iterator[Node]", node))
