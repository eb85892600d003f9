"""The last gate: bleach, by a list of its own. The only maker of SafeHTML.

A mistake in `tidy` or `allowed` must not reach a reader. So bleach checks every element, attribute
and character again, by a shorter and simpler list in this module that is kept by hand and shares
nothing with `allowed`.

bleach's own parser is not used: for many inputs it takes time in the square of their length, it
loses text in tables, and it does not decode attributes. The tree of `html5` is given to bleach's
filter as a stream of html5lib's tokens, which the filter accepts from any source.

bleach has been marked deprecated by its authors since 2023 (mozilla/bleach#698) and still gets
security fixes; it stands behind this one function.
"""

import re
import threading
from collections.abc import Iterator
from typing import Any

import bleach
from bleach.css_sanitizer import CSSSanitizer
from bleach.sanitizer import BleachSanitizerFilter

from feedsvc.html5 import Element, Node, Text, children
from feedsvc.model import SafeHTML

_TAGS = frozenset(
    """a abbr acronym address article aside audio b bdi bdo blockquote br caption center cite code
    col colgroup data dd del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6
    header hgroup hr i iframe img ins kbd li main mark nav ol p picture pre q rp rt ruby s samp
    section small source span strike strong sub summary sup table tbody td tfoot th thead time tr
    track tt u ul var video wbr
    math merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace
    msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover""".split()
)
_VOID = frozenset({"br", "col", "hr", "img", "source", "track", "wbr"})
# Attributes allowed on every element: none acts, none holds an address.
_NAMES = frozenset(
    """abbr accent accentunder align allowfullscreen alt class colspan columnspan controls datetime
    depth dir display fence form headers height hreflang id kind label lang largeop linethickness
    loading loop lspace mathvariant maxsize media minsize movablelimits muted open preload
    referrerpolicy rel reversed rowspan rspace sandbox scope scriptlevel separator sizes span
    srclang start stretchy style symmetric title type valign value voffset width""".split()
)
_ADDRESSES = {
    "href": frozenset({"a"}),
    "cite": frozenset({"blockquote", "del", "ins", "q"}),
    "poster": frozenset({"video"}),
    "src": frozenset({"audio", "iframe", "img", "source", "track", "video"}),
    "srcset": frozenset({"img", "source"}),
}
_PROTOCOLS = frozenset({"http", "https", "mailto", "data"})
# bleach takes "javascript:1" for a host with a port, and does not check srcset.
_WEB = re.compile(r"https?://[^\s<>\"`\\]+", re.ASCII)
_MAIL = re.compile(r"mailto:[^\s<>\"`\\]+", re.ASCII)
_IMAGE = re.compile(r"data:image/(?:avif|gif|jpe?g|png|webp);base64,[A-Za-z0-9+/=]+")
_CANDIDATE = re.compile(r"https?://[^\s<>\"`\\]+(?: [0-9.]+[wxh])?", re.ASCII)
_FRAME = re.compile(
    r"https://(?:[a-z0-9-]+\.)*(?:bandcamp\.com|bilibili\.com|dailymotion\.com|soundcloud\.com"
    r"|spotify\.com|vimeo\.com|youtube\.com|youtube-nocookie\.com)/[^\s<>\"`\\]*",
    re.ASCII,
)
_STYLES = (
    "font-style", "font-weight", "list-style-type", "text-align", "text-decoration",
    "vertical-align", "white-space",
)  # fmt: skip
# Words and numbers only: no function, no escape, no at-rule.
_STYLE = re.compile(rf"(?:(?:{'|'.join(_STYLES)}) *:[a-z0-9 -]+(?:; *|$))+")
_PIECE = 8192  # characters; for some texts bleach takes time in the square of the length
_local = threading.local()

Token = dict[str, Any]
"""A token of html5lib: `type`, and for some types `name`, `namespace`, `data`."""


def sanitize(tree: Element) -> SafeHTML:
    """Return the HTML inside `tree`, reduced to what the lists of this module allow."""
    serializer = getattr(_local, "serializer", None)
    if serializer is None:
        # A serializer is not safe to share between threads.
        serializer = _local.serializer = bleach.Cleaner().serializer
        serializer.minimize_boolean_attributes = False
        serializer.use_best_quote_char = False  # it escapes wrongly in single quotes
    gate = BleachSanitizerFilter(
        source=_tokens(tree),  # type: ignore[arg-type]  # any iterable will do
        allowed_tags=_TAGS,
        attributes=_allows,
        allowed_protocols=_PROTOCOLS,
        strip_disallowed_tags=True,
        strip_html_comments=True,
        css_sanitizer=_Styles(allowed_css_properties=_STYLES, allowed_svg_properties=()),
    )
    return SafeHTML(serializer.render(gate))


class _Styles(CSSSanitizer):
    def sanitize_css(self, style: str) -> str:
        """Return the allowed declarations without a ";" at the end, as `tidy` writes them."""
        return super().sanitize_css(style).rstrip(";")


def _allows(tag: str, name: str, value: str) -> bool:
    value = value.replace("&gt;", ">").replace("&amp;", "&")
    if name in _ADDRESSES:
        return tag in _ADDRESSES[name] and _is_safe(tag, name, value)
    if name == "style":
        return _STYLE.fullmatch(value) is not None
    if name == "sandbox":  # a player needs no right to navigate the page around it
        return tag == "iframe" and "top-navigation" not in value
    return name in _NAMES


def _is_safe(tag: str, name: str, value: str) -> bool:
    """Tell whether an address leads to the web or to mail, or holds an image."""
    if name == "srcset":
        return all(_CANDIDATE.fullmatch(candidate) for candidate in value.split(", "))
    if tag == "iframe":
        return _FRAME.fullmatch(value) is not None
    if tag == "a" and _MAIL.fullmatch(value):
        return True
    if tag == "img" and _IMAGE.fullmatch(value):
        return True
    return _WEB.fullmatch(value) is not None


def _as_reference(value: str) -> str:
    # Bleach's serializer does not escape text that looks like a character reference, and takes a
    # value of a single ">" for the end of the tag.
    return value.replace("&", "&amp;").replace(">", "&gt;")


def _tokens(root: Element) -> Iterator[Token]:
    """Yield the children of `root` as html5lib's tokens."""
    stack: list[tuple[Iterator[Node], str]] = []
    nodes = children(root)
    while True:
        for node in nodes:
            if isinstance(node, Text):
                # Bleach's filter expects undecoded character references, so "&" is written as one.
                text = node.data
                for start in range(0, len(text), _PIECE):
                    piece = text[start : start + _PIECE].replace("&", "&amp;")
                    yield {"type": "Characters", "data": piece}
            elif isinstance(node, Element):
                tag = node.tag
                void = tag in _VOID
                kind = "EmptyTag" if void else "StartTag"
                data = {(None, name): _as_reference(node.attr(name) or "") for name in node.attrs}
                yield {"type": kind, "name": tag, "namespace": None, "data": data}
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
