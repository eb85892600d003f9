"""How long the media files are that lie beside the articles."""

import stat
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from feedsvc import mediatypes
from feedsvc.model import Enclosure


class MediaLengths:
    """Knows the lengths of what `/media/` serves.

    A length is read when a feed is built. A media file that is replaced later, alone, changes no
    feed: the old length stays until the feed shows something else. It is a hint (RFC 4287 4.2.7.6),
    and readers go by what they get from the address.
    """

    def __init__(self, base_url: str, root: Path) -> None:
        self._beginning = f"{base_url}/media/"
        self._root = root

    def add(self, enclosure: Enclosure) -> Enclosure:
        """Return the enclosure with its length, where its file is ours."""
        if not enclosure.href.startswith(self._beginning):
            return enclosure
        path, _, _ = enclosure.href.removeprefix(self._beginning).partition("#")[0].partition("?")
        return replace(enclosure, length=self._length(unquote(path)))

    def _length(self, source: str) -> int | None:
        """Return the length of a file that `/media/` serves, None where it serves none."""
        parts = source.split("/")
        if any(part.startswith(".") or not part for part in parts):
            return None
        if Path(parts[-1]).suffix.lower() not in mediatypes.TYPES:
            return None
        try:
            file = self._root.joinpath(source).resolve(strict=True)
            if not file.is_relative_to(self._root.resolve()):
                return None
            found = file.stat()
        except (OSError, ValueError, RuntimeError):  # a NUL in the name; a circle of links
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None
