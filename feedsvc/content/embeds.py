"""What is shown from elsewhere: players of known hosts stay, boxed in; the rest are links."""

import re

from feedsvc.content import addresses, allowed
from feedsvc.content.policy import Policy
from feedsvc.html5 import Element

_VIDEO_ID = re.compile(r"[\w-]{5,20}")
_OLD_YOUTUBE = re.compile(r"(?<=^https://)((?:www\.)?youtube(?:-nocookie)?\.com)/v/")
_HTTP = re.compile(r"^http:")
_NUMBER = re.compile(r"\s*(\d{1,5})\s*(?:px\s*)?")


def address(node: Element, policy: Policy) -> str | None:
    """Return the address that a frame or an embedded object shows, None where it names none."""
    if node.tag == "amp-youtube":
        id = _VIDEO_ID.fullmatch(node.attr("data-videoid") or "")
        return f"https://www.youtube.com/embed/{id[0]}" if id else None
    for name in ("src", "data-src", "data-lazy-src", "data"):
        found = addresses.resolve(node.attr(name) or "", policy.link_base)
        if found is not None:
            return found
    return None


def frame(node: Element, address: str, policy: Policy) -> dict[str, str] | None:
    """Return the attributes of the frame that may show `address`, None where none may."""
    if policy.cleaning.embeds != "keep":
        return None
    secure = _OLD_YOUTUBE.sub(r"\1/embed/", _HTTP.sub("https:", address))
    if not allowed.embeddable(secure):
        return None
    found = {"src": secure}
    for name in ("width", "height"):
        if size := _NUMBER.fullmatch(node.attr(name) or ""):
            found[name] = size[1]
    if title := node.attr("title"):
        found["title"] = title[: allowed.LONGEST]
    # Players refuse to play for a page that hides where it is; the origin is enough for them.
    return {
        **found,
        "allowfullscreen": "",
        "sandbox": allowed.SANDBOX,
        "loading": "lazy",
        "referrerpolicy": "strict-origin-when-cross-origin",
    }
