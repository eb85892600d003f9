"""The manifest: what an export has written, kept in the target itself. Pure.

It names every file before the file is written (`pending`), so an export that was interrupted is
completed by the next one: what is pending is written again, or deleted.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from feedsvc import codings
from feedsvc.errors import ExportError

NAME = ".feedsvc-export"
"""The name of the manifest in a target. No address has a name with a point at its beginning."""

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is written for one address.

    `digest` is of its bytes and headers, "" where it is not known what is there. `sizes` are the
    bytes of its forms, by what their names end with: "" and the suffixes of codings. `stamp` is the
    version of what the address depends on, None to look each time. `media` are the paths of the
    media files that a page names.
    """

    digest: str
    sizes: dict[str, int] = field(default_factory=dict)
    stamp: str | None = None
    media: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Manifest:
    """What a target has, by path; `settings` is a digest of all that stamps do not have in them."""

    entries: dict[str, Entry] = field(default_factory=dict)
    settings: str = ""

    def doubt(self, paths: Iterable[str]) -> None:
        """Note that it is not known what is at these paths."""
        for path in paths:
            self.entries[path] = Entry(digest="")


def dump(manifest: Manifest, pending: Iterable[str]) -> bytes:
    """Return the manifest as it is kept, with the paths that are about to be written or deleted."""
    value = {
        "feedsvc": _FORMAT,
        "settings": manifest.settings,
        "pending": list(pending),
        "entries": {
            path: [entry.digest, entry.sizes, entry.stamp, entry.media]
            for path, entry in manifest.entries.items()
        },
    }
    return codings.pack(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def parse(data: bytes) -> Manifest:
    """Return the manifest that `dump` wrote; what was pending is in doubt. Raises ExportError."""
    try:
        value: Any = json.loads(codings.unpack(data))
        if value["feedsvc"] != _FORMAT:
            raise ExportError("the target was written by a newer feedsvc; export with that one")
        entries = {
            path: Entry(digest=digest, sizes=dict(sizes), stamp=stamp, media=tuple(media))
            for path, (digest, sizes, stamp, media) in value["entries"].items()
        }
        manifest = Manifest(entries=entries, settings=value["settings"])
        manifest.doubt(value["pending"])
    except (codings.CodingError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExportError(
            f"{NAME} in the target is damaged; delete it and what was exported, then export again"
        ) from error
    return manifest
