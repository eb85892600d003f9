"""Elements that need code of their own: links, images, players, frames, formulas.

Each function writes one element. It returns the frame that closes it, or None if the walk must not
go inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from feedsvc import weburl
from feedsvc.content import addresses, allowed, embeds, images, vocabulary, writer
from feedsvc.content.writer import END, MEDIA, START, UNWRAPPED, UNWRAPPED_BLOCK, Frame
from feedsvc.html5 import Element, Node, Text, children, parse

if TYPE_CHECKING:
    from feedsvc.content.tidy import Tidier

_LOOKED_AT = 20  # nodes inside an element that are searched for images, sources or text


def _link(tidier: Tidier, node: Element) -> Frame:
    href = node.attr("href")
    attributes: dict[str, str] = {}
    if href is not None:
        address = addresses.link(href, tidier.policy, tidier.anchors)
        if address is not None and allowed.allows("a", "href", address):
            attributes["href"] = address
            language = node.attr("hreflang")
            if language and allowed.allows("a", "hreflang", language):
                attributes["hreflang"] = language
            attributes["rel"] = "noopener noreferrer"
        elif href.strip():
            tidier.removed["link that leads to no web page; its text stays"] += 1
    tidier.add_everywhere(node, "a", attributes)
    if "href" not in attributes and "id" not in attributes:
        return UNWRAPPED
    return tidier.start(node, "a", attributes)


def _image(tidier: Tidier, node: Element) -> None:
    if tidier.full():
        return
    image = images.attributes(node, tidier.policy)
    if isinstance(image, images.Refused):
        tidier.removed[image.reason] += 1
        after = _first_visible(node.next_siblings)
        has_noscript = isinstance(after, Element) and after.tag == "noscript"
        if image.meant and not has_noscript:
            tidier.text((node.attr("alt") or "").strip()[: allowed.LONGEST])
        return
    shown = host_and_path(image["src"])
    if _repeats_noscript(tidier, node, shown) or _repeats_formula(tidier, node):
        return
    image["alt"] = tidier.words(image["alt"])
    tidier.add_everywhere(node, "img", image)
    attributes = allowed.filtered("img", image)
    if "src" in attributes:
        tidier.last_image = node
        tidier.shown.add(shown)
        tidier.out.add(writer.tag("img", attributes), MEDIA)


def _amp_image(tidier: Tidier, node: Element) -> Frame:
    # A placeholder or fallback only replaces another image until, or unless, that one loads.
    if node.attr("placeholder") is None and node.attr("fallback") is None:
        _image(tidier, node)
    return UNWRAPPED


def _noscript(tidier: Tidier, node: Element) -> None:
    """Write the images that a page without script would show, unless they have been written."""
    before = _first_visible(node.previous_siblings)
    if before is None or before != tidier.last_image:
        for image in parse(node.text).select("img"):
            attributes = images.attributes(image, tidier.policy)
            if isinstance(attributes, images.Refused):
                continue
            shown = host_and_path(attributes["src"])
            if shown not in tidier.shown:
                _image(tidier, image)
                tidier.from_noscript = node, shown
    tidier.removed["noscript: only its images stay"] += 1


def _repeats_noscript(tidier: Tidier, node: Element, shown: str) -> bool:
    """Tell whether an image is the one in the noscript element before it."""
    if tidier.from_noscript is None or tidier.from_noscript[1] != shown:
        return False
    return _first_visible(node.previous_siblings) == tidier.from_noscript[0]


def _repeats_formula(tidier: Tidier, node: Element) -> bool:
    """Tell whether an image is Wikipedia's picture of the formula before it."""
    return tidier.has_formula and "mwe-math-fallback-image" in (node.attr("class") or "")


def _first_visible(siblings: Iterator[Node]) -> Node | None:
    return next((n for n in siblings if not isinstance(n, Text) or not n.data.isspace()), None)


def _picture(tidier: Tidier, node: Element) -> Frame:
    has_image = any(
        isinstance(inner, Element) and inner.tag in {"img", "amp-img", "noscript"}
        for inner in islice(node.descendants, _LOOKED_AT)
    )
    if not has_image or "picture" in tidier.open:
        return UNWRAPPED
    return tidier.start(node, "picture", tidier.attributes(node, "picture"))


def _source(tidier: Tidier, node: Element) -> None:
    parent = tidier.open[-1] if tidier.open else ""
    source: dict[str, str] | None = None
    if parent == "picture":
        source = images.source_attributes(node, tidier.policy)
    elif parent in {"audio", "video"}:
        source = _media_source(tidier, node)
    if source and not tidier.full():
        tidier.out.add(writer.tag("source", allowed.filtered("source", source)), MEDIA)


def _media_source(tidier: Tidier, node: Element) -> dict[str, str] | None:
    address = addresses.resolve(node.attr("src") or "", tidier.policy.media_base)
    type = node.attr("type")
    return {"src": address, **({"type": type} if type else {})} if address else None


def _track(tidier: Tidier, node: Element) -> None:
    address = addresses.resolve(node.attr("src") or "", tidier.policy.media_base)
    parent = tidier.open[-1] if tidier.open else ""
    if address is not None and parent in {"audio", "video"} and not tidier.full():
        attributes = {"src": address}
        for name in ("kind", "srclang", "label"):
            if (value := node.attr(name)) and allowed.allows("track", name, value.lower()):
                attributes[name] = value if name == "label" else value.lower()
        tidier.out.add(writer.tag("track", attributes), MEDIA)


def _player(tidier: Tidier, node: Element) -> Frame:
    tag = vocabulary.ALIASES.get(node.tag, node.tag)
    attributes = _media_source(tidier, node) or {}
    attributes.pop("type", None)
    if not attributes and not any(
        isinstance(child, Element) and child.tag == "source" and _media_source(tidier, child)
        for child in islice(children(node), _LOOKED_AT)
    ):
        tidier.removed[f"{tag} without an address that can be played; its text stays"] += 1
        return UNWRAPPED_BLOCK
    if tag == "video":
        look = {name: (node.attr(name) or "").strip() for name in ("poster", "width", "height")}
        look["poster"] = addresses.image(look["poster"], tidier.policy) or ""
        attributes |= allowed.filtered("video", look)
    attributes["controls"] = ""
    for name in ("loop", "muted"):
        if node.attr(name) is not None:
            attributes[name] = ""
    attributes["preload"] = "none"
    tidier.add_everywhere(node, tag, attributes)
    return tidier.start(node, tag, attributes)


def _embed(tidier: Tidier, node: Element) -> Frame | None:
    # To the parser the content of a frame is text; no browser shows it.
    inside = None if node.tag == "iframe" else UNWRAPPED_BLOCK
    address = embeds.address(node, tidier.policy)
    if tidier.full():
        return inside
    attributes = embeds.frame(node, address, tidier.policy) if address else None
    if attributes is not None:
        tidier.out.add(writer.tag("iframe", attributes), MEDIA)
        tidier.out.add("</iframe>", MEDIA)
        return None if node.tag == "object" else inside
    if node.tag == "object" and _has_fallback(node):
        return inside
    if address is None or images.tracks(node, address):
        tidier.removed[f"{node.tag} that shows nothing"] += 1
        return inside
    address = addresses.link(address, tidier.policy, tidier.anchors) or address
    tidier.removed[f"{node.tag}: a link stands for it"] += 1
    words = (node.attr("title") or "").strip() or address.partition("//")[2]
    tidier.space()
    in_link = "a" in tidier.open  # HTML has no links in links
    if not in_link:
        tidier.out.add(writer.tag("a", {"href": address, "rel": "noopener noreferrer"}), START)
    tidier.text(words[: allowed.LONGEST])
    if not in_link:
        tidier.out.add("</a>", END)
    tidier.space()
    return inside


def _has_fallback(node: Element) -> bool:
    return any(
        inner.tag in {"img", "video", "audio", "object", "embed", "iframe"}
        if isinstance(inner, Element)
        else isinstance(inner, Text) and not inner.data.isspace()
        for inner in islice(node.descendants, _LOOKED_AT)
    )


def _dialog(tidier: Tidier, node: Element) -> Frame | None:
    if node.attr("open") is None:
        tidier.removed["dialog: it is never shown"] += 1
        return None
    return tidier.unwrap(node, "dialog")


def _svg(tidier: Tidier, node: Element) -> None:
    words = node.attr("aria-label") or next(
        (child.text for child in children(node)
         if isinstance(child, Element) and child.tag == "title"), "")  # fmt: skip
    tidier.removed["svg: it can run; its title stays"] += 1
    tidier.text(" ".join(words.split()))


def _break(tidier: Tidier, node: Element) -> None:  # noqa: ARG001 - the signature of all
    if tidier.full():
        tidier.space()
    elif tidier.pre:
        tidier.out.add("<br>", MEDIA)
    else:
        tidier.out.line_break()


def _open_formula(tidier: Tidier, node: Element) -> Frame:
    if not tidier.cleaning.math:
        return UNWRAPPED
    tidier.has_formula = True
    return open_math(tidier, node, "math") or UNWRAPPED


def open_math(tidier: Tidier, node: Element, tag: str) -> Frame | None:
    if tag in vocabulary.GONE:
        tidier.removed[f"{tag}: {vocabulary.GONE[tag]}"] += 1
        return None
    # Inside a token element a parser reads HTML again, so only text is written there.
    if tag not in allowed.MATH_TAGS or tidier.math_token or (tag == "math" and tidier.math):
        return UNWRAPPED
    frame = tidier.start(node, tag, tidier.attributes(node, tag))
    if frame[0]:
        tidier.math += 1
        tidier.math_token += tag in allowed.MATH_TOKENS
    return frame


def host_and_path(address: str) -> str:
    """Return the part of an image's address that identifies the image: host and path."""
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
