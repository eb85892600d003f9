"""Images: the real address behind lazy loading and among candidates, or why an image is removed."""

import re
from dataclasses import dataclass
from itertools import islice

from feedsvc.content import addresses
from feedsvc.content.allowed import LONGEST, REFERRER_POLICIES
from feedsvc.content.policy import Policy
from feedsvc.html5 import Element

# Attributes from which lazy-loading scripts take the real address. The first ones replace `src`;
# the others name larger copies, and count only if `src` has no usable address.
_REAL_ADDRESSES = (
    "data-src", "data-original", "data-orig", "data-url", "data-lazy-src", "data-lazy",
    "data-actualsrc", "data-original-src", "data-lazyload", "data-echo", "data-croporisrc",
)  # fmt: skip
_LARGER_COPIES = ("data-orig-file", "data-large-file", "data-medium-file", "data-full-url")
ADDRESS_NAMES = (*_REAL_ADDRESSES, *_LARGER_COPIES)
"""The attributes besides `src` that may hold an image's address."""
SET_NAMES = ("data-srcset", "data-lazy-srcset", "data-original-set", "srcset")
"""The attributes that may hold a set of addresses."""

_NO_ADDRESS = re.compile(r"[\s{}]")
_SPACER = re.compile(
    r"(?:^|/)(?:(?:blank|spacer|placeholder|transparent|lazy(?:load(?:ing)?)?|pixel|1x1|1px)"
    r"(?:[-_.](?:\d+(?:x\d+)?|ima?ge?|pixel|lazy|placeholder))*\.(?:gif|png|svg|webp|jpe?g)"
    r"|(?:loading|grey|gray|clear|empty|trans|dot|space)(?:[-_.](?:\d+|ima?ge?|pixel|lazy))*"
    r"\.(?:gif|png|svg))(?:[?#]|$)",
    re.IGNORECASE,
)
_TINY_DATA = 200  # characters: a shorter inline image is only a placeholder
_TRACKERS = re.compile(
    r"https?://(?:[\w-]+\.)*(?:pixel\.wp\.com|stats\.wp\.com|stats\.wordpress\.com"
    r"|google-analytics\.com|googletagmanager\.com|doubleclick\.net|googlesyndication\.com"
    r"|scorecardresearch\.com|quantserve\.com|feedsportal\.com|statcounter\.com"
    r"|hm\.baidu\.com|cnzz\.com|51\.la|mmstat\.com|px\.ads\.linkedin\.com|bat\.bing\.com"
    r"|analytics\.twitter\.com|chartbeat\.net|imrworldwide\.com|2o7\.net|omtrdc\.net"
    r"|pixel\.facebook\.com|mc\.yandex\.ru)(?:[:/?]|$)"
    r"|https?://www\.facebook\.com/tr[/?]|https?://(?:[\w-]+\.)*feedburner\.com/~",
    re.IGNORECASE,
)
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:^|;)\s*(?:width|height)\s*:\s*[01](?:px)?\s*(?:;|$)",
    re.IGNORECASE,
)
_PIXELS = re.compile(r"\s*(\d{1,5})(?:\.\d{1,9})?\s*(?:px\s*)?")
_DOT = re.compile(r"\s*[01](?:\.0*)?(?:px)?\s*")
_DATA = "data:"
_MOST_SOURCES = 20  # nodes before the image of a picture that are searched for sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why an image is removed; one `meant` to be seen leaves its `alt` text."""

    reason: str
    meant: bool = False


def attributes(node: Element, policy: Policy) -> dict[str, str] | Refused:
    """Return the attributes of an image, or why it is removed."""
    lazy = policy.cleaning.lazy_images and any(name[:5] == "data-" for name in node.attrs)
    candidates = _candidates(node, policy)
    src = _source(node, policy, lazy=lazy)
    if src is None and candidates:
        src = _widest(candidates)
    if src is None:
        src = _from_picture(node, policy)
    if src is None:
        return Refused(reason="image without an address that can be shown", meant=True)
    if policy.cleaning.trackers == "remove" and tracks(node, src):
        return Refused(reason="tracking pixel")
    kept = {"src": src}
    if candidates:
        kept["srcset"] = addresses.srcset(candidates)
        if sizes := node.attr("sizes"):
            kept["sizes"] = sizes
    kept["alt"] = (node.attr("alt") or "")[:LONGEST]
    for name in ("width", "height"):
        if size := _PIXELS.fullmatch(node.attr(name) or ""):
            kept[name] = size[1]
    kept["loading"] = "lazy"
    referrer = (node.attr("referrerpolicy") or "").lower()
    known = referrer in REFERRER_POLICIES
    kept["referrerpolicy"] = referrer if known else policy.cleaning.referrerpolicy
    return kept


def source_attributes(node: Element, policy: Policy) -> dict[str, str] | None:
    """Return the attributes of a `<source>` of a picture, None if it names no usable image."""
    candidates = _candidates(node, policy)
    if not candidates:
        return None
    kept = {name: value for name in ("media", "type", "sizes") if (value := node.attr(name))}
    return {"srcset": addresses.srcset(candidates), **kept}


def _candidates(node: Element, policy: Policy) -> list[tuple[str, str]]:
    """Return the candidates of the first attribute of an element that has any."""
    for name in SET_NAMES if policy.cleaning.lazy_images else ("srcset",):
        if candidates := addresses.candidates(node.attr(name) or "", policy):
            return candidates
    return []


def _source(node: Element, policy: Policy, *, lazy: bool) -> str | None:
    if lazy and (value := _lazy_address(node, _REAL_ADDRESSES, policy)):
        return value
    src = node.attr("src") or ""
    address = addresses.image(src, policy)
    if policy.cleaning.lazy_images and _is_spacer(src, address):
        address = None
    if lazy and address is None:
        return _lazy_address(node, _LARGER_COPIES, policy)
    return address


def _is_spacer(src: str, address: str | None) -> bool:
    if address is not None and address.startswith(_DATA):
        return len(address) < _TINY_DATA
    return _SPACER.search(src) is not None


def _lazy_address(node: Element, names: tuple[str, ...], policy: Policy) -> str | None:
    for name in names:
        value = (node.attr(name) or "").strip()
        if _looks_like_address(value) and not value.startswith(_DATA):
            address = addresses.image(value, policy)
            if address and not _SPACER.search(value):
                return address
    return None


def _looks_like_address(value: str) -> bool:
    if _NO_ADDRESS.search(value):
        return value.startswith(("http://", "https://", "//"))
    return "/" in value or "." in value


def _from_picture(node: Element, policy: Policy) -> str | None:
    parent = node.parent
    if not isinstance(parent, Element) or parent.tag != "picture":
        return None
    for before in islice(node.previous_siblings, _MOST_SOURCES):
        if isinstance(before, Element) and before.tag == "source":
            candidates = _candidates(before, policy)
            if candidates:
                return _widest(candidates)
    return None


def _widest(candidates: list[tuple[str, str]]) -> str:
    return max(candidates, key=lambda candidate: float(candidate[1][:-1] or 1))[0]


def tracks(node: Element, src: str) -> bool:
    """Tell whether an element is a tracking pixel: a dot, hidden, or from a tracker's host."""
    return (
        all(_DOT.fullmatch(node.attr(name) or "") for name in ("width", "height"))
        or _HIDDEN.search(node.attr("style") or "") is not None
        or _TRACKERS.match(src) is not None
    )
