"""An article's sound and video, and whether its media depend on the article's folder."""

import re
from collections.abc import Collection

from feedsvc import html5, mediatypes
from feedsvc.content.images import ADDRESS_NAMES, SET_NAMES
from feedsvc.model import Enclosure, Markup, SafeHTML

_MOST_PLAYED = 50
_PLAYERS = re.compile("<(?:audio|video)[ >]")
_SOURCES = "audio[src], video[src], audio > source[src], video > source[src]"

# Addresses that do not depend on a folder: with a host, from the root, or `data:`.
_ELSEWHERE = r"(?:(?:https?:)?/|data:)"
_ADDRESS = re.compile(_ELSEWHERE, re.IGNORECASE)
_NAMES = frozenset({"src", "poster", *ADDRESS_NAMES})
_NAME_BACKWARDS = re.compile(r"\s*+([\w-]{1,40})")
# These are for text in lower case: with IGNORECASE they are many times slower.
_RELATIVE_VALUE = re.compile(rf"=\s*+[\"']?+\s*+(?!{_ELSEWHERE}|[\"'>])")
_SET = re.compile(r"set\s*+(=)\s*+[\"']?+([^\"'>]*+)")
_CANDIDATE = re.compile(rf"{_ELSEWHERE}.*|\d+(?:\.\d+)?[wx]?,?|,")
_RELATIVE_IN_MARKDOWN = re.compile(rf"\](?:\(|:)\s*+<?+(?!{_ELSEWHERE}|[#)>]|mailto:)")


def playable(html: SafeHTML) -> tuple[Enclosure, ...]:
    """Return the sound and video of an article in its order, without their lengths.

    If neither the element nor its address names a type, the usual one is used, because podcast
    clients ignore an enclosure without a type.
    """
    if not _PLAYERS.search(html):
        return ()
    played: dict[str, Enclosure] = {}
    for element in html5.parse(html).select(_SOURCES):
        address = element.attr("src") or ""
        media_type = (element.attr("type") or "").partition(";")[0].strip().lower()
        if not media_type.startswith(("audio/", "video/")):
            usual = "video/mp4" if _is_video(element) else "audio/mpeg"
            media_type = mediatypes.of(address) or usual
        if address and len(played) < _MOST_PLAYED:
            played.setdefault(address, Enclosure(href=address, type=media_type))
    return tuple(played.values())


def _is_video(element: html5.Element) -> bool:
    player = element.parent if element.tag == "source" else element
    return isinstance(player, html5.Element) and player.tag == "video"


def depends_on_folder(body: str, markup: Markup) -> bool:
    """Tell whether media of a raw body may have addresses relative to its folder; if unsure, True.

    The body is not parsed, because this is asked of every article, shown or not.
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
    """Tell whether the word before an equals sign may be one of these names."""
    start = max(0, equals - 60)
    before = body[start:equals]
    name = _NAME_BACKWARDS.match(before[::-1])
    if name is None:
        return start > 0 and before.isspace()
    return name[1][::-1] in names


def _is_elsewhere(candidates: str) -> bool:
    return all(_CANDIDATE.fullmatch(word) for word in candidates.split())


def is_relative(address: str) -> bool:
    """Tell whether an address is relative to the folder of the article that names it."""
    return not _ADDRESS.match(address.strip())
