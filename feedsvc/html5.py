"""HTML to a tree: the one place that knows the parser.

turbohtml follows the WHATWG parsing rules in time linear in the input, which the others tried do
not: lexbor (selectolax 1.0) takes the square of the depth and of the attributes of an element, and
10,000 nested templates end the process; html5lib takes the square of nearly everything. The one
input found that costs turbohtml more than its size is an `<html>` tag repeated with ever other
attributes, so such tags are renamed first.
"""

import re
from collections.abc import Iterator
from typing import cast

import turbohtml
from turbohtml import Comment, Element, Namespace, Node, Text

__all__ = ["Comment", "Element", "Namespace", "Node", "Text", "mistake_in", "parse", "text"]

# Both give their attributes to one element, however often they come (HTML, 13.2.6.4.7).
_MERGED = re.compile(r"<(?=(?:html|body)[\s/>])", re.IGNORECASE)
_MOST_MERGED = 20


def parse(html: str) -> Element:
    """Return an element whose children are what `html` says inside a `<div>`.

    As where scripts run: what is in a `<noscript>` is text, so that no tag which it leaves open
    takes in what follows.
    """
    if len(_MERGED.findall(html)) > _MOST_MERGED:
        html = _MERGED.sub("<x-", html)
    return turbohtml.parse_fragment(html, "div", positions=False, scripting=True)


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
