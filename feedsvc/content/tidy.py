"""Repair on a parsed tree: what must go goes with its text, addresses become absolute.

The parser is a linear-time HTML5 one, so what leaves here is balanced whatever came in.
"""

import re
from dataclasses import dataclass
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from feedsvc import weburl

# bleach drops these tags but leaves their text in the article, so they go before it looks.
_GONE = [
    "script", "style", "template", "noscript", "head", "title", "link", "meta", "base", "object",
    "embed", "applet", "param", "iframe", "frame", "frameset", "noframes", "noembed", "svg", "math",
    "input", "button", "select", "textarea", "option", "optgroup", "datalist", "dialog", "canvas",
    "xmp", "plaintext", "listing",
]  # fmt: skip
_ADDRESSES = {
    "a": ("href",),
    "img": ("src", "longdesc"),
    "audio": ("src",),
    "video": ("src", "poster"),
    "source": ("src",),
    "track": ("src",),
    "blockquote": ("cite",),
    "q": ("cite",),
    "del": ("cite",),
    "ins": ("cite",),
}
# A picture inside the text: raster only (SVG can hold script), and small.
_DATA_IMAGE = re.compile(
    r"data:image/(?:png|jpeg|gif|webp|avif);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE
)
# Readers cope with more, but the sanitiser takes the square of depth and of attributes.
_DEEPEST = 100
_MOST_ATTRIBUTES = 50
_DATA_LONGEST = 64 * 1024
# Referrer Policy, 3.
REFERRER_POLICIES = frozenset(
    """no-referrer no-referrer-when-downgrade origin origin-when-cross-origin same-origin
    strict-origin strict-origin-when-cross-origin unsafe-url""".split()
)
_SRCSET = re.compile(r"\s*([^\s,]\S*[^\s,]|[^\s,])(?:\s+([\d.]+[wxh]))?\s*(?:,|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What cleaning depends on besides the body itself.

    `link_base` is what relative links are relative to, `media_base` the same for images and other
    media. `referrerpolicy` goes to images that have none.
    """

    link_base: str
    media_base: str
    referrerpolicy: str = "no-referrer"


def tidy(html: str, policy: Policy) -> str:
    """Return `html` repaired: still to be sanitised."""
    body = LexborHTMLParser(f"<!doctype html><body>{html}").body
    if body is None:
        return ""
    body.strip_tags(_GONE, recursive=True)
    for node in reversed(_too_deep(body)):
        node.unwrap()
    for node in list(body.traverse(include_text=False)):
        if node.is_comment_node:
            node.decompose()
        elif node.is_element_node:
            _repair(node, policy)
    return body.inner_html or ""


def _too_deep(body: LexborNode) -> list[LexborNode]:
    """Return the elements below the deepest level that is kept, each after what it stands in."""
    found: list[LexborNode] = []
    node, depth = body.first_child, 1
    while node is not None:
        if depth > _DEEPEST and node.is_element_node:
            found.append(node)
        below = node.first_child
        if below is not None:
            node, depth = below, depth + 1
            continue
        while node.next is None:
            above = node.parent
            if above is None or depth == 1:
                return found
            node, depth = above, depth - 1
        node = node.next
    return found


def _repair(node: LexborNode, policy: Policy) -> None:
    tag = node.tag or ""
    attributes = node.attributes
    if len(attributes) > _MOST_ATTRIBUTES:
        node.unwrap()
        return
    for name in _ADDRESSES.get(tag, ()):
        if name in attributes:
            base = (
                policy.link_base
                if tag in {"a", "blockquote", "q", "del", "ins"}
                else policy.media_base
            )
            _put(node, name, resolve(attributes[name] or "", base, image=tag == "img"))
    if tag in {"img", "source"} and "srcset" in attributes:
        _put(node, "srcset", _srcset(attributes["srcset"] or "", policy.media_base))
    if tag == "img":
        if (attributes.get("referrerpolicy") or "").lower() not in REFERRER_POLICIES:
            node.attrs["referrerpolicy"] = policy.referrerpolicy
        if attributes.get("alt") is None:
            node.attrs["alt"] = ""


def _put(node: LexborNode, name: str, value: str | None) -> None:
    if value:
        node.attrs[name] = value
    else:
        del node.attrs[name]


def resolve(address: str, base: str, *, image: bool = False) -> str | None:
    """Return `address` made absolute against `base`, or None where it may not stay.

    >>> resolve("img/a.png", "https://example.org/posts/")
    'https://example.org/posts/img/a.png'
    """
    address = address.strip()
    if not address:
        return None
    if address[:5].lower() == "data:":
        kept = image and len(address) <= _DATA_LONGEST and _DATA_IMAGE.fullmatch(address)
        return address if kept else None
    if re.match(r"mailto:[^\s<>]+$", address, re.IGNORECASE):
        return None if image else address
    try:
        return weburl.absolute(urljoin(base, address))
    except ValueError:
        return None


def _srcset(value: str, base: str) -> str | None:
    """Return the candidates that may stay (HTML, 4.8.4.2.1), each made absolute."""
    kept = []
    for found in _SRCSET.finditer(value):
        if address := resolve(found[1], base):
            # A comma or a parenthesis inside an address would read as the next candidate.
            address = address.replace(",", "%2C")
            kept.append(f"{address} {found[2]}" if found[2] else address)
    return ", ".join(kept) or None
