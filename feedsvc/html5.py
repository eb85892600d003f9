"""HTML to a tree. The owner of the parser, turbohtml.

turbohtml follows the WHATWG parsing rules in time linear in the input. The other parsers do not:
lexbor (selectolax 1.0) takes time quadratic in the depth and in the attributes of an element, and
10,000 nested templates end its process; html5lib takes quadratic time for nearly everything.

Two kinds of input cost turbohtml more than their size. `<html>` and `<body>` tags that come again
with other attributes are renamed before parsing. Formatting elements that are never closed are the
other kind: a parser opens all of them again in each block (HTML, 13.2.4.3), turbohtml up to a depth
of some 500. If that makes a tree far larger than its source, the formatting tags are renamed. End
tags do not prove that an element is closed; so if a tree might be very large, longer and longer
beginnings of the source are parsed first.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import cast

import turbohtml
from turbohtml import Comment, Element, Namespace, Node, Text

__all__ = ["Comment", "Element", "Namespace", "Node", "Text", "mistake_in", "parse", "text"]

# However often they come, all their attributes go to one element (HTML, 13.2.6.4.7).
_MERGED = re.compile(r"<(?=(?:html|body)[\s/>])", re.IGNORECASE)
_MOST_MERGED = 20
# Formatting elements (HTML, 13.2.4.3) without `a`, of which only one is open at a time. First those
# that cleaning drops anyway, then the others: they lose their look, but never their text.
_REOPENED = tuple(
    re.compile(rf"<(/?)(?=(?:{names})[\s/>])", re.IGNORECASE)
    for names in ("big|font|nobr", "b|code|em|i|s|small|strike|strong|tt|u")
)
# One tag makes at most three elements (`<td>` brings a body and a row) and two texts.
_NODES_OF_A_TAG = 5
_MOST_REOPENED = 3_000  # nodes; ten elements in each of 300 blocks
_MOST_FORESEEN = 200_000  # nodes; they would take 20 megabytes
_FIRST = 8_000  # characters of the first beginning


def parse(html: str) -> Element:
    """Return an element whose children are the nodes of `html`, as inside a `<div>`.

    Scripting counts as enabled: the content of a `<noscript>` is text, so a tag that is left open
    in it does not swallow the rest.
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
    """Tell whether reopened formatting elements might take too much time and memory."""
    formatting = sum(len(tags.findall(html)) for tags in _REOPENED)
    return formatting * html.count("<") > _MOST_FORESEEN


def _has_grown(tree: Element, html: str) -> bool:
    """Tell whether a tree has many more nodes than the tags of `html` can make."""
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
    """Return the text of some HTML (textContent in the DOM)."""
    return parse(html).text


def words(node: Element) -> str:
    """Return the text of a node as `text` does, with readings of ruby in parentheses.

    >>> words(parse("<ruby>漢<rt>kan</rt></ruby><ruby>字<rp>(</rp><rt>ji</rt><rp>)</rp></ruby>"))
    '漢（kan）字(ji)'
    """
    parts: list[str] = []
    stack = [(children(node), "")]
    while stack:
        nodes, end = stack[-1]
        for child in nodes:
            if isinstance(child, Text):
                parts.append(child.data)
            elif isinstance(child, Element):
                bare = child.tag == "rt" and child.text.strip() and not has_parentheses(child)
                parts.append("（" if bare else "")
                stack.append((children(child), "）" if bare else ""))
                break
        else:
            stack.pop()
            parts.append(end)
    return "".join(parts)


def has_parentheses(rt: Element) -> bool:
    """Tell whether a reading of ruby has parentheses of its author around it.

    Browsers that show ruby hide `<rp>` (HTML, 4.5.13); plain text shows it.
    """
    before = rt.previous_sibling
    return isinstance(before, Element) and before.tag == "rp"


def children(node: Element) -> Iterator[Node]:
    """Yield the children of a node, in order."""
    return iter(cast("Iterator[Node]", node))
