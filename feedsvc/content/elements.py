"""Elements with ways of their own: links, images, players, formulas, and what stands for the rest.

Each function writes one element, and returns what the walk is to do at its end, None where it is
not to go inside.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from feedsvc import weburl
from feedsvc.content import addresses, allowed, embeds, images, vocabulary, writer
from feedsvc.content.writer import END, MEDIA, START, UNWRAPPED, UNWRAPPED_BLOCK, Frame
from feedsvc.html5 import Element, Node, Text, children, parse

if TYPE_CHECKING:
    from feedsvc.content.tidy import Tidier

_LOOKED_AT = 20  # nodes inside of an element, before it is decided what becomes of it


def _link(tidier: Tidier, node: Element) -> Frame:
    href = node.attr("href")
    found: dict[str, str] = {}
    if href is not None:
        address = addresses.link(href, tidier.policy, tidier.anchors)
        if address is not None and allowed.allows("a", "href", address):
            found["href"] = address
            if language := node.attr("hreflang"):
                found |= {"hreflang": language} if allowed.allows("a", "hreflang", language) else {}
            found["rel"] = "noopener noreferrer"
        elif href.strip():
            tidier.removed["link to nowhere on the web; its text stays"] += 1
    tidier.add_everywhere(node, "a", found)
    if "href" not in found and "id" not in found:
        return UNWRAPPED
    return tidier.start(node, "a", found)


def _image(tidier: Tidier, node: Element) -> None:
    if tidier.full():
        return
    found = images.attributes(node, tidier.policy)
    if isinstance(found, images.Refused):
        tidier.removed[found.reason] += 1
        if found.meant and not _stands_beside_noscript(node):
            tidier.text((node.attr("alt") or "").strip()[: allowed.LONGEST])
        return
    if _repeats_noscript(tidier, node, place(found["src"])) or _repeats_formula(tidier, node):
        return
    found["alt"] = tidier.words(found["alt"])
    tidier.add_everywhere(node, "img", found)
    kept = {name: value for name, value in found.items() if allowed.allows("img", name, value)}
    if "src" in kept:
        tidier.last_image = node
        tidier.shown.add(place(kept["src"]))
        tidier.out.add(writer.tag("img", kept), MEDIA)


def _amp_image(tidier: Tidier, node: Element) -> Frame:
    # One of those stands for another while that loads, or where it does not.
    if node.attr("placeholder") is None and node.attr("fallback") is None:
        _image(tidier, node)
    return UNWRAPPED


def _noscript(tidier: Tidier, node: Element) -> None:
    """Write the images that a page without script would show, where none stands for them."""
    before = _beside(node)
    if before is None or before != tidier.last_image:
        for image in parse(node.text).select("img"):
            found = images.attributes(image, tidier.policy)
            if isinstance(found, dict) and place(found["src"]) not in tidier.shown:
                _image(tidier, image)
                tidier.from_noscript = node, place(found["src"])
    tidier.removed["noscript: only its images stay"] += 1


def _repeats_noscript(tidier: Tidier, node: Element, shown: str) -> bool:
    """Tell whether an image is the one in the noscript that stands before it."""
    if tidier.from_noscript is None or tidier.from_noscript[1] != shown:
        return False
    return _beside(node) == tidier.from_noscript[0]


def _repeats_formula(tidier: Tidier, node: Element) -> bool:
    """Tell whether an image is what Wikipedia shows instead of the formula before it."""
    return tidier.formulas and "mwe-math-fallback-image" in (node.attr("class") or "")


def _beside(node: Element) -> Node | None:
    """Return what stands before a node, but for white space."""
    before = node.previous_sibling
    while isinstance(before, Text) and before.data.isspace():
        before = before.previous_sibling
    return before


def _stands_beside_noscript(node: Element) -> bool:
    after = node.next_sibling
    while isinstance(after, Text) and after.data.isspace():
        after = after.next_sibling
    return isinstance(after, Element) and after.tag == "noscript"


def _picture(tidier: Tidier, node: Element) -> Frame:
    shows = any(
        isinstance(one, Element) and one.tag in {"img", "amp-img", "noscript"}
        for one in islice(node.descendants, _LOOKED_AT)
    )
    if not shows or "picture" in tidier.open:
        return UNWRAPPED
    found: dict[str, str] = {}
    tidier.add_everywhere(node, "picture", found)
    return tidier.start(node, "picture", found)


def _source(tidier: Tidier, node: Element) -> None:
    within = tidier.open[-1] if tidier.open else ""
    found: dict[str, str] | None = None
    if within == "picture":
        found = images.source_attributes(node, tidier.policy)
    elif within in {"audio", "video"}:
        found = _media_source(tidier, node)
    if found and not tidier.full():
        kept = {n: v for n, v in found.items() if allowed.allows("source", n, v)}
        tidier.out.add(writer.tag("source", kept), MEDIA)


def _media_source(tidier: Tidier, node: Element) -> dict[str, str] | None:
    address = addresses.resolve(node.attr("src") or "", tidier.policy.media_base)
    if address is None:
        return None
    return {"src": address, **({"type": kind} if (kind := node.attr("type")) else {})}


def _track(tidier: Tidier, node: Element) -> None:
    address = addresses.resolve(node.attr("src") or "", tidier.policy.media_base)
    within = tidier.open[-1] if tidier.open else ""
    if address is not None and within in {"audio", "video"} and not tidier.full():
        found = {"src": address}
        for name in ("kind", "srclang", "label"):
            if (value := node.attr(name)) and allowed.allows("track", name, value.lower()):
                found[name] = value if name == "label" else value.lower()
        tidier.out.add(writer.tag("track", found), MEDIA)


def _player(tidier: Tidier, node: Element) -> Frame:
    tag = vocabulary.ALIASES.get(node.tag, node.tag)
    found = _media_source(tidier, node) or {}
    found.pop("type", None)
    sources = (
        one
        for one in islice(children(node), _LOOKED_AT)
        if isinstance(one, Element) and one.tag == "source"
    )
    if not found and not any(_media_source(tidier, one) for one in sources):
        tidier.removed[f"{tag} without an address that can be played; its text stays"] += 1
        return UNWRAPPED_BLOCK
    if tag == "video":
        poster = addresses.image(node.attr("poster") or "", tidier.policy)
        if poster and allowed.allows("video", "poster", poster):
            found["poster"] = poster
        for name in ("width", "height"):
            value = (node.attr(name) or "").strip()
            if allowed.allows("video", name, value):
                found[name] = value
    found["controls"] = ""
    for name in ("loop", "muted"):
        if node.attr(name) is not None:
            found[name] = ""
    found["preload"] = "none"
    tidier.add_everywhere(node, tag, found)
    return tidier.start(node, tag, found)


def _embed(tidier: Tidier, node: Element) -> Frame | None:
    # What is in a frame is text to the parser, and never shown.
    within = None if node.tag == "iframe" else UNWRAPPED_BLOCK
    address = embeds.address(node, tidier.policy)
    if tidier.full():
        return within
    found = embeds.frame(node, address, tidier.policy) if address else None
    if found is not None:
        tidier.out.add(writer.tag("iframe", found), MEDIA)
        tidier.out.add("</iframe>", MEDIA)
        return None if node.tag == "object" else within
    if node.tag == "object" and _has_fallback(node):
        return within
    if address is None or images.tracks(node, address):
        tidier.removed[f"{node.tag} that shows nothing"] += 1
        return within
    address = addresses.link(address, tidier.policy, tidier.anchors) or address
    tidier.removed[f"{node.tag}: a link stands for it"] += 1
    words = (node.attr("title") or "").strip() or address.partition("//")[2]
    tidier.apart()
    linked = "a" in tidier.open  # and a link in a link is none
    if not linked:
        tidier.out.add(writer.tag("a", {"href": address, "rel": "noopener noreferrer"}), START)
    tidier.text(words[: allowed.LONGEST])
    if not linked:
        tidier.out.add("</a>", END)
    tidier.apart()
    return within


def _has_fallback(node: Element) -> bool:
    return any(
        one.tag in {"img", "video", "audio", "object", "embed", "iframe"}
        if isinstance(one, Element)
        else isinstance(one, Text) and not one.data.isspace()
        for one in islice(node.descendants, _LOOKED_AT)
    )


def _dialog(tidier: Tidier, node: Element) -> Frame | None:
    if node.attr("open") is None:
        tidier.removed["dialog: it is never shown"] += 1
        return None
    return tidier.unwrap(node, "dialog")


def _svg(tidier: Tidier, node: Element) -> None:
    title = next((one for one in children(node) if isinstance(one, Element)
                  and one.tag == "title"), None)  # fmt: skip
    words = node.attr("aria-label") or (title.text if title is not None else "")
    tidier.removed["svg: it can run; its title stays"] += 1
    tidier.text(" ".join(words.split()))


def _break(tidier: Tidier, node: Element) -> None:  # noqa: ARG001 - as all of them
    if tidier.full():
        tidier.apart()
    elif tidier.pre:
        tidier.out.add("<br>", MEDIA)
    else:
        tidier.out.line_break()


def _open_formula(tidier: Tidier, node: Element) -> Frame:
    if not tidier.cleaning.math:
        return UNWRAPPED
    tidier.formulas = True
    return open_math(tidier, node, "math") or UNWRAPPED


def open_math(tidier: Tidier, node: Element, tag: str) -> Frame | None:
    if tag in vocabulary.GONE:
        tidier.removed[f"{tag}: {vocabulary.GONE[tag]}"] += 1
        return None
    # Inside a token, HTML would begin again: only text may stand there.
    if tag not in allowed.MATH_TAGS or tidier.math_token or (tag == "math" and tidier.math):
        return UNWRAPPED
    frame = tidier.start(node, tag, tidier.attributes(node, tag))
    if frame[0]:
        tidier.math += 1
        tidier.math_token += tag in allowed.MATH_TOKENS
    return frame


def place(address: str) -> str:
    """Return what two addresses of the same image have in common."""
    if address.startswith("data:"):
        return address
    parts = weburl.split(address)
    return f"{parts.netloc}{parts.path}" if parts and parts.netloc else address


SPECIAL: dict[str, Callable[[Tidier, Element], Frame | None]] = {
    "a": _link,
    "amp-anim": _image,
    "amp-iframe": _embed,
    "amp-img": _amp_image,
    "amp-youtube": _embed,
    "audio": _player,
    "br": _break,
    "dialog": _dialog,
    "embed": _embed,
    "iframe": _embed,
    "img": _image,
    "math": _open_formula,
    "noscript": _noscript,
    "object": _embed,
    "picture": _picture,
    "source": _source,
    "svg": _svg,
    "track": _track,
    "video": _player,
}
