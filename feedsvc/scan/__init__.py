r"""The articles directory: the only code that walks it and reads from it.

A scan opens no file: names come from `scandir`, times and sizes from `stat`. It passes over hidden
files and folders, and files that editors and downloads leave behind. A file that is opened later
may not be the one that the scan met, so `opening` checks it.

After a file event, `scan_places` scans a few places. A link may show the change of one place in
another one. So a scan remembers its links, and where links matter `scan_places` returns None: then
only a full scan can tell.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from feedsvc.errors import ScanError
from feedsvc.model import Links, PartialScan, Scan
from feedsvc.scan.digests import folder_digests
from feedsvc.scan.opening import holds, open_file, read
from feedsvc.scan.walk import (
    ESCAPED,
    PASSED_OVER,
    DigestingWalk,
    IncludePatterns,
    LeavingOutWalk,
    Walk,
    name_in_source,
    real_place,
)

__all__ = ["Directory", "FolderDigests", "folder_digests"]

W = TypeVar("W", bound=Walk)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderDigests:
    """A number for each folder that has articles, by its source; it changes with any of them.

    `folder_digests` makes the same numbers from known files; `unreadable` and `root` are as in
    Scan.
    """

    folders: dict[str, int]
    unreadable: tuple[tuple[str, str], ...]
    root: str


class Directory:
    r"""The articles under `root` whose source matches one of the `include` patterns.

    A source is the file's POSIX path relative to `root`, with `\xNN` for a byte that is not UTF-8.
    (Of two files with one source, the one that really has this name counts.) In a pattern `*` stays
    within a folder, `**/` is any number of folders, and the extension matches in any case. Symbolic
    links are followed `never`, `anywhere`, or if they lead `inside` the directory; each folder is
    walked once, so circles end.
    """

    def __init__(self, root: Path, include: tuple[str, ...], links: Links = "inside") -> None:
        self.root = root
        self._folder = os.fspath(root)
        self._include = IncludePatterns(include)
        self._links = links
        self._links_and_targets: list[str] | None = None  # of the last full walk
        self.last_root = ""  # the identity of the directory in that walk
        self._real: tuple[str, str] | None = None  # the identity and the real path of the directory
        self.inodes = True  # whether signatures have inodes; False if the file system changes them

    def scan(self, progress: Callable[[], None] = lambda: None) -> Scan:
        """Return the signature of every article file, by source and in its order.

        `progress` is called at each folder, and in large ones now and then. A file that is deleted
        meanwhile is left out. Raises ScanError if the directory itself cannot be listed.
        """
        walk = self._walk_all(self._new(Walk, progress))
        return Scan(
            signatures=walk.signatures(), unreadable=tuple(walk.unreadable), root=self.last_root
        )

    def digest_folders(self, progress: Callable[[], None] = lambda: None) -> FolderDigests:
        """Return a digest of each folder; this takes less memory than a scan.

        Calls `progress` and raises ScanError as `scan` does.
        """
        walk = self._walk_all(self._new(DigestingWalk, progress))
        return FolderDigests(
            folders=walk.folder_digests(), unreadable=tuple(walk.unreadable), root=self.last_root
        )

    def left_out(self) -> tuple[list[str], list[str]]:
        """Return the files that are no articles because of their names, as two sorted lists.

        Files in the first list match no pattern; files in the second are left by an editor or a
        download. Hidden files are in neither. Raises ScanError as `scan` does.
        """
        walk = self._walk_all(self._new(LeavingOutWalk))
        unmatched: list[str] = []
        left_behind: list[str] = []
        for source in sorted(walk.left_out):
            name = source.rpartition("/")[2]
            if not name.startswith("."):
                (left_behind if PASSED_OVER.search(name) else unmatched).append(source)
        return unmatched, left_behind

    def _new(self, kind: type[W], progress: Callable[[], None] = lambda: None) -> W:
        return kind(
            include=self._include,
            root=self.root,
            links=self._links,
            progress=progress,
            inodes=self.inodes,
        )

    def _walk_all(self, walk: W) -> W:
        self._real = None  # the directory may have moved
        try:
            root = _identity(self.root)
            walk.folder(os.fspath(self.root), "")
        except OSError as error:
            raise ScanError(f"{self.root}: {error.strerror}") from error
        walk.follow()
        self._links_and_targets, self.last_root = walk.links_and_targets, root
        return walk

    def scan_places(
        self, sources: Iterable[str], progress: Callable[[], None] = lambda: None
    ) -> PartialScan | None:
        """Return the files at and below these places; None if only a scan can tell.

        That is so before the first scan, if a link is met, and if the directory cannot be listed or
        is not the one that was scanned. A deleted place has no files.
        """
        places = _topmost(sources)
        if self._links_and_targets is None or "" in places:
            return None
        walk = self._new(Walk, progress)
        try:
            if _identity(self.root) != self.last_root:
                return None
            for place in places:
                walk.place(os.fspath(self.root), "", place.split("/"))
        except OSError:
            return None
        if walk.to_follow:
            return None
        return PartialScan(
            signatures=walk.signatures(), within=places, unreadable=tuple(walk.unreadable)
        )

    def source_of(self, path: str | Path) -> str | None:
        """Return the source to scan after a change of this absolute path; None if it is not ours.

        A path outside of the directory or a hidden one is not ours. "" stands for the whole
        directory, if only a scan can tell: before the first scan, for a path above the directory,
        and for a path that is a link or its target, or above or below one. The folders in the path
        may be links.
        """
        if self._links_and_targets is None:
            return ""
        real, root = real_place(path), os.path.realpath(self.root)
        if holds(real, root) or real == real_place(self.root):
            return ""
        if any(holds(real, place) or holds(place, real) for place in self._links_and_targets):
            return ""
        if not holds(root, real):
            return None
        names = os.path.relpath(real, root).split("/")
        if any(map(PASSED_OVER.search, names)):
            # A link may lead to a hidden link, which has changed.
            return "" if self._links_and_targets else None
        return "/".join(map(name_in_source, names))

    def named(self, paths: Iterable[str | Path]) -> set[str]:
        """Return the sources of those of these absolute paths that are below the directory."""
        # Events have the path that the operator gave, or the real one.
        tops = {
            os.path.join(top, "")  # noqa: PTH118 - for its slash
            for top in (os.path.abspath(self._folder), os.path.realpath(self._folder))  # noqa: PTH100
        }
        return {
            name_in_source(str(path)[len(top) :])
            for path in paths
            for top in tops
            if str(path).startswith(top)
        }

    def read(self, source: str, most: int = -1) -> bytes:
        """Return the bytes of one article, or its first `most` bytes; raises as `open` does."""
        descriptor = self.open(source)
        try:
            return read(descriptor, most)
        finally:
            os.close(descriptor)

    def open(self, source: str) -> int:
        """Open one file, an article or one beside it, and return its descriptor.

        Raises FileNotFoundError if it is no regular file, or behind a link that is not followed,
        and other OSErrors if it cannot be opened. It never waits for the writer of a pipe.
        """
        try:
            return open_file(self._folder, source, self._links, self._inside())
        except FileNotFoundError:
            name = ESCAPED.sub(lambda byte: bytes([int(byte[1], 16)]), source.encode())
            if name == source.encode():
                raise
            return open_file(self._folder, os.fsdecode(name), self._links, self._inside())

    def _inside(self) -> str:
        """Return the real path of the directory, with a slash at its end."""
        # `realpath` takes ten times as long as the `stat` that tells whether it may be reused.
        identity = _identity(self.root)
        if self._real is None or self._real[0] != identity:
            path = os.path.join(os.path.realpath(self._folder), "")  # noqa: PTH118
            self._real = identity, path
        return self._real[1]


def _topmost(sources: Iterable[str]) -> tuple[str, ...]:
    """Return the sources that do not lie below others."""
    places = frozenset(sources)
    return tuple(
        sorted(
            place
            for place in places
            if "" not in places - {place}
            and not any(place[: slash.start()] in places for slash in re.finditer("/", place))
        )
    )


def _identity(folder: Path) -> str:
    stat = os.stat(folder)  # noqa: PTH116
    return f"{stat.st_dev}:{stat.st_ino}"
