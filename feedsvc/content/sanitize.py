"""The last gate: bleach with an allow-list. The only maker of SafeHTML.

bleach decides over every element, attribute and character, and writes what is left; its own parser
is not used. That one takes the square of the input for many inputs, loses text in tables, and
reads attributes without decoding them. The parser of `html5` feeds bleach in its place, as it may:
bleach's filter takes any stream of html5lib's tokens.

bleach has been marked deprecated by its authors since 2023 (mozilla/bleach#698) and still gets
security fixes; it stands behind this one function.
"""

import threading
from collections.abc import Iterator
from typing import Any

import bleach
from bleach.sanitizer import BleachSanitizerFilter

from feedsvc.content import allowed
from feedsvc.html5 import Element, Node, Text, children
from feedsvc.model import SafeHTML

_PROTOCOLS = frozenset({"http", "https", "mailto", "data"})
_local = threading.local()

Token = dict[str, Any]
"""html5lib's: `type`, and `name`, `namespace`, `data` as its type has them."""


def sanitize(tree: Element) -> SafeHTML:
    """Return the HTML of what is in `tree`, with nothing in it but what the allow-list names."""
    serializer = getattr(_local, "serializer", None)
    if serializer is None:
        # Not safe to share between threads.
        serializer = _local.serializer = bleach.Cleaner().serializer
        serializer.minimize_boolean_attributes = False
        serializer.use_best_quote_char = False  # it escapes wrongly in single quotes
    gate = _Gate(
        source=_tokens(tree),  # type: ignore[arg-type]  # any iterable will do
        allowed_tags=allowed.TAGS | allowed.MATH_TAGS,
        attributes=_allows,
        allowed_protocols=_PROTOCOLS,
        strip_disallowed_tags=True,
        strip_html_comments=True,
        css_sanitizer=_Styles(),  # type: ignore[arg-type]  # what it is asked for is all there
    )
    return SafeHTML(serializer.render(gate))


class _Gate(BleachSanitizerFilter):
    def sanitize_characters(self, token: Token) -> Token:
        # Bleach looks for the character references that its own tokenizer leaves as they are, and
        # cleans control characters away. Here the parser has decoded the ones, and the others
        # cannot be in an XML-legal text.
        return token


class _Styles:
    """Lets through what `allowed` has looked at already."""

    @staticmethod
    def sanitize_css(style: str) -> str:
        return style


def _allows(tag: str, name: str, value: str) -> bool:
    return allowed.allows(tag, name, value.replace("&gt;", ">").replace("&amp;", "&"))


def _as_reference(value: str) -> str:
    # Bleach's serializer leaves what looks like a character reference as it is, and takes a value
    # of one ">" for the end of the tag.
    return value.replace("&", "&amp;").replace(">", "&gt;")


def _tokens(root: Element) -> Iterator[Token]:
    """Yield the children of `root` as html5lib's tokens."""
    stack: list[tuple[Iterator[Node], str]] = []
    nodes = children(root)
    while True:
        for node in nodes:
            if isinstance(node, Text):
                yield {"type": "Characters", "data": node.data}
            elif isinstance(node, Element):
                tag = node.tag
                void = tag in allowed.VOID
                yield {
                    "type": "EmptyTag" if void else "StartTag",
                    "name": tag,
                    "namespace": None,
                    "data": {
                        (None, name): _as_reference(node.attr(name) or "") for name in node.attrs
                    },
                }
                if not void:
                    if tag == "pre" and _begins_with_newline(node):
                        # A parser drops the first one (HTML, 13.2.6.4.7).
                        yield {"type": "Characters", "data": "\n"}
                    stack.append((nodes, tag))
                    nodes = children(node)
                    break
        else:
            if not stack:
                return
            nodes, tag = stack.pop()
            yield {"type": "EndTag", "name": tag, "namespace": None, "data": {}}


def _begins_with_newline(node: Element) -> bool:
    first = next(children(node), None)
    return isinstance(first, Text) and first.data.startswith("\n")
