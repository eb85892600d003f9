"""The image that an article means: behind lazy-loading, among candidates, or none worth showing."""

import re
from dataclasses import dataclass

from feedsvc.content import addresses
from feedsvc.content.allowed import LONGEST, REFERRER_POLICIES
from feedsvc.content.policy import Policy
from feedsvc.html5 import Element

# Where scripts that load images late find the real address: instead of whatever `src` says, or
# (larger copies that some publishing systems name) only where `src` says nothing.
_INSTEAD = (
    "data-src", "data-original", "data-orig", "data-url", "data-lazy-src", "data-lazy",
    "data-actualsrc", "data-original-src", "data-lazyload", "data-echo", "data-croporisrc",
)  # fmt: skip
_ELSE = ("data-orig-file", "data-large-file", "data-medium-file", "data-full-url")
_SETS = ("data-srcset", "data-lazy-srcset", "data-original-set", "srcset")
ADDRESS_NAMES, SET_NAMES = (*_INSTEAD, *_ELSE), _SETS
"""The attributes, beside `src`, in which an image may have its address, or a set of them."""

_NO_ADDRESS = re.compile(r"[\s{}]")
_SPACER = re.compile(
    r"(?:^|/)(?:(?:blank|spacer|placeholder|transparent|lazy(?:load(?:ing)?)?|pixel|1x1|1px)"
    r"(?:[-_.](?:\d+(?:x\d+)?|ima?ge?|pixel|lazy|placeholder))*\.(?:gif|png|svg|webp|jpe?g)"
    r"|(?:loading|grey|gray|clear|empty|trans|dot|space)(?:[-_.](?:\d+|ima?ge?|pixel|lazy))*"
    r"\.(?:gif|png|svg))(?:[?#]|$)",
    re.IGNORECASE,
)
_TINY_DATA = 200  # characters: an inline image this short has next to no picture in it
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
_MOST_SOURCES = 20  # nodes before the image of a picture that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why an image does not stay; `meant` to be seen, it leaves its words."""

    reason: str
    meant: bool = False


def attributes(node: Element, policy: Policy) -> dict[str, str] | Refused:
    """Return the attributes of an image that stays, or why it does not."""
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
    found = {"src": src}
    if candidates:
        found["srcset"] = addresses.srcset(candidates)
        if sizes := node.attr("sizes"):
            found["sizes"] = sizes
    found["alt"] = (node.attr("alt") or "")[:LONGEST]
    for name in ("width", "height"):
        if size := _PIXELS.fullmatch(node.attr(name) or ""):
            found[name] = size[1]
    found["loading"] = "lazy"
    named = (node.attr("referrerpolicy") or "").lower()
    found["referrerpolicy"] = (
        named if named in REFERRER_POLICIES else policy.cleaning.referrerpolicy
    )
    return found


def source_attributes(node: Element, policy: Policy) -> dict[str, str] | None:
    """Return the attributes of a `<source>` of a picture, None where it names nothing usable."""
    candidates = _candidates(node, policy)
    if not candidates:
        return None
    kept = {name: value for name in ("media", "type", "sizes") if (value := node.attr(name))}
    return {"srcset": addresses.srcset(candidates), **kept}


def _candidates(node: Element, policy: Policy) -> list[tuple[str, str]]:
    """Return the candidates of the first set in which an element names any."""
    for name in _SETS if policy.cleaning.lazy_images else ("srcset",):
        if found := addresses.candidates(node.attr(name) or "", policy):
            return found
    return []


def _source(node: Element, policy: Policy, *, lazy: bool) -> str | None:
    if lazy and (value := _lazily(node, _INSTEAD, policy)):
        return value
    own = node.attr("src") or ""
    found = addresses.image(own, policy)
    if policy.cleaning.lazy_images and _is_spacer(own, found):
        found = None
    if lazy and found is None:
        return _lazily(node, _ELSE, policy)
    return found


def _is_spacer(own: str, found: str | None) -> bool:
    if found is not None and found.startswith(_DATA):
        return len(found) < _TINY_DATA
    return _SPACER.search(own) is not None


def _lazily(node: Element, names: tuple[str, ...], policy: Policy) -> str | None:
    for name in names:
        value = (node.attr(name) or "").strip()
        if _looks_like_address(value) and not value.startswith(_DATA):
            found = addresses.image(value, policy)
            if found and not _SPACER.search(value):
                return found
    return None


def _looks_like_address(value: str) -> bool:
    if _NO_ADDRESS.search(value):
        return value.startswith(("http://", "https://", "//"))
    return "/" in value or "." in value


def _from_picture(node: Element, policy: Policy) -> str | None:
    parent = node.parent
    if not isinstance(parent, Element) or parent.tag != "picture":
        return None
    before = node.previous_sibling
    for _ in range(_MOST_SOURCES):
        if (
            isinstance(before, Element)
            and before.tag == "source"
            and (found := _candidates(before, policy))
        ):
            return _widest(found)
        before = before and before.previous_sibling
    return None


def _widest(candidates: list[tuple[str, str]]) -> str:
    return max(candidates, key=_width)[0]


def _width(candidate: tuple[str, str]) -> float:
    try:
        return float(candidate[1][:-1] or 1)
    except ValueError:
        return 1.0


def tracks(node: Element, src: str) -> bool:
    """Tell whether an element is there to count readers, not to be seen."""
    width, height = (node.attr(name) for name in ("width", "height"))
    if _is_dot(width) and _is_dot(height):
        return True
    if _HIDDEN.search(node.attr("style") or ""):
        return True
    return _TRACKERS.match(src) is not None


def _is_dot(size: str | None) -> bool:
    return size is not None and _DOT.fullmatch(size) is not None
