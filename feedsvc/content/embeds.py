"""Frames and embedded objects: players of known hosts stay, sandboxed; others become links."""

import re

from feedsvc.content import addresses, allowed
from feedsvc.content.policy import Policy
from feedsvc.html5 import Element

_VIDEO_ID = re.compile(r"[\w-]{5,20}")
_OLD_YOUTUBE = re.compile(r"(?<=^https://)((?:www\.)?youtube(?:-nocookie)?\.com)/v/")
_HTTP = re.compile(r"^http:")
_NUMBER = re.compile(r"\s*(\d{1,5})\s*(?:px\s*)?")


def address(node: Element, policy: Policy) -> str | None:
    """Return the address that a frame or an embedded object shows, None if it names none."""
    if node.tag == "amp-youtube":
        id = _VIDEO_ID.fullmatch(node.attr("data-videoid") or "")
        return f"https://www.youtube.com/embed/{id[0]}" if id else None
    for name in ("src", "data-src", "data-lazy-src", "data"):
        address = addresses.resolve(node.attr(name) or "", policy.link_base)
        if address is not None:
            return address
    return None


def frame(node: Element, address: str, policy: Policy) -> dict[str, str] | None:
    """Return the attributes of a frame that shows `address`, None if no frame may."""
    if policy.cleaning.embeds != "keep":
        return None
    secure = _OLD_YOUTUBE.sub(r"\1/embed/", _HTTP.sub("https:", address))
    if not allowed.embeddable(secure):
        return None
    attributes = {"src": secure}
    for name in ("width", "height"):
        if size := _NUMBER.fullmatch(node.attr(name) or ""):
            attributes[name] = size[1]
    if title := node.attr("title"):
        attributes["title"] = title[: allowed.LONGEST]
    # Players refuse to play without a referrer; the origin is enough for them.
    return {
        **attributes,
        "allowfullscreen": "",
        "sandbox": allowed.SANDBOX,
        "loading": "lazy",
        "referrerpolicy": "strict-origin-when-cross-origin",
    }
