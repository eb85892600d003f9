"""Lengths of the media files beside the articles."""

import stat
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from feedsvc import mediatypes
from feedsvc.model import Enclosure


class MediaLengths:
    """Reads the lengths of files that `/media/` serves.

    A length is read when a feed is built. A media file that is replaced alone changes no feed: the
    old length stays until the feed changes. It is a hint (RFC 4287 4.2.7.6), and readers use the
    length of what they download.
    """

    def __init__(self, base_url: str, root: Path) -> None:
        self._beginning = f"{base_url}/media/"
        self._root = root

    def add(self, enclosure: Enclosure) -> Enclosure:
        """Return the enclosure, with its length where `/media/` serves it."""
        if not enclosure.href.startswith(self._beginning):
            return enclosure
        path, _, _ = enclosure.href.removeprefix(self._beginning).partition("#")[0].partition("?")
        return replace(enclosure, length=self._length(unquote(path)))

    def _length(self, source: str) -> int | None:
        parts = source.split("/")
        if any(part.startswith(".") or not part for part in parts):
            return None
        if Path(parts[-1]).suffix.lower() not in mediatypes.TYPES:
            return None
        try:
            file = self._root.joinpath(source).resolve(strict=True)
            if not file.is_relative_to(self._root.resolve()):
                return None
            status = file.stat()
        except (OSError, ValueError, RuntimeError):  # a NUL in the name; a circle of links
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None
