"""What an article's media are: those that play, and whether any depends on the article's folder."""

import re
from collections.abc import Collection

from feedsvc import html5, mediatypes
from feedsvc.content.images import ADDRESS_NAMES, SET_NAMES
from feedsvc.model import Enclosure, Markup, SafeHTML

_MOST_PLAYED = 50
_PLAYERS = re.compile("<(?:audio|video)[ >]")
_SOURCES = "audio[src], video[src], audio > source[src], video > source[src]"

# What does not depend on a folder: addresses with a host, paths from the root, data.
_ELSEWHERE = r"(?:(?:https?:)?/|data:)"
_ADDRESS = re.compile(_ELSEWHERE, re.IGNORECASE)
_NAMES = frozenset({"src", "poster", *ADDRESS_NAMES})
_NAME = re.compile(r"([\w-]{1,40})\s*+\Z")
# For text in lower case: patterns without regard to case are many times slower.
_RELATIVE_VALUE = re.compile(rf"=\s*+[\"']?+\s*+(?!{_ELSEWHERE}|[\"'>])")
_SET = re.compile(r"set\s*+(=)\s*+[\"']?+([^\"'>]*+)")
_CANDIDATE = re.compile(rf"{_ELSEWHERE}.*|\d+(?:\.\d+)?[wx]?,?|,")
_RELATIVE_IN_MARKDOWN = re.compile(rf"\](?:\(|:)\s*+<?+(?!{_ELSEWHERE}|[#)>]|mailto:)")


def playable(html: SafeHTML) -> tuple[Enclosure, ...]:
    """Return the sound and video of an article, in its order, without their lengths.

    Where neither the element nor its address names a type, it is the usual one: without any, no
    podcast client would offer it.
    """
    if not _PLAYERS.search(html):
        return ()
    played: dict[str, Enclosure] = {}
    for element in html5.parse(html).select(_SOURCES):
        address = element.attr("src") or ""
        named = (element.attr("type") or "").partition(";")[0].strip().lower()
        if not named.startswith(("audio/", "video/")):
            usual = "video/mp4" if _is_video(element) else "audio/mpeg"
            named = mediatypes.of(address) or usual
        if address and len(played) < _MOST_PLAYED:
            played.setdefault(address, Enclosure(href=address, type=named))
    return tuple(played.values())


def _is_video(element: html5.Element) -> bool:
    within = element.parent if element.tag == "source" else element
    return isinstance(within, html5.Element) and within.tag == "video"


def depends_on_folder(body: str, markup: Markup) -> bool:
    """Tell whether any media of a raw body may have an address that is relative to its folder.

    In doubt it does. No tree is made, because every article is asked, shown or not; the patterns
    are linear.
    """
    if markup == "text":
        return False
    body = body.lower()
    if any(_is_one_of(_NAMES, body, value.start()) for value in _RELATIVE_VALUE.finditer(body)):
        return True
    if any(
        _is_one_of(SET_NAMES, body, value.start(1)) and not _is_elsewhere(value[2])
        for value in _SET.finditer(body)
    ):
        return True
    return markup == "markdown" and "![" in body and bool(_RELATIVE_IN_MARKDOWN.search(body))


def _is_one_of(names: Collection[str], body: str, equals: int) -> bool:
    """Tell whether what stands before an equals sign may be one of these names."""
    start = max(0, equals - 60)
    before = body[start:equals]
    name = _NAME.search(before)
    if name is None:
        return start > 0 and before.isspace()
    return name[1] in names


def _is_elsewhere(candidates: str) -> bool:
    return all(_CANDIDATE.fullmatch(word) for word in candidates.split())


def is_relative(address: str) -> bool:
    """Tell whether an address is relative to the folder of what names it."""
    return not _ADDRESS.match(address.strip())
