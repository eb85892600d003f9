r"""The articles directory: the only code that walks it and reads from it.

A scan opens no file: names come from `scandir`, times and sizes from `stat`. Hidden files and
folders, and whatever an editor or a download leaves beside the real file, are passed over. What is
opened later may be another file than the scan met, so it is checked then (`opening`).

`scan_places` sees what a scan would see of a few places, for passes that a file event causes. It
cannot know where links lead: a change in one place shows in another when a link leads there. So a
scan remembers its links, and where they matter, `scan_places` says that only a scan can tell.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from feedsvc.errors import ScanError
from feedsvc.model import PartialScan, Scan
from feedsvc.scan.digests import folder_digests
from feedsvc.scan.opening import Links, open_file, read
from feedsvc.scan.walk import (
    ESCAPED,
    PASSED_OVER,
    DigestingWalk,
    LeavingOutWalk,
    Walk,
    Wanted,
    real as real_path,
    said,
)

__all__ = ["Directory", "FolderDigests", "Links", "folder_digests"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderDigests:
    """A number for each folder that has articles, by its source: another one when any has changed.

    `folder_digests` makes the same numbers of what is known; `unreadable` and `root` are as in
    Scan.
    """

    folders: dict[str, int]
    unreadable: tuple[tuple[str, str], ...]
    root: str


class Directory:
    r"""The articles under `root` whose source matches one of the `include` patterns.

    A source is the file's POSIX path relative to `root`; bytes that are not UTF-8 stand in it as
    `\xNN` (of two files with one source, the one that is really called so counts). In a pattern `*`
    stays within a folder and `**/` is any number of folders, none included; the extension counts
    without regard to case. Symbolic links are
    followed where they lead `inside` the directory, `anywhere`, or `never`; each folder is walked
    once, so circles end.
    """

    def __init__(self, root: Path, include: tuple[str, ...], links: Links = "inside") -> None:
        self.root = root
        self._folder = os.fspath(root)
        self._wanted = Wanted(include)
        self._links = links
        self._leads: list[str] | None = None  # where links led in the last walk over everything
        self.last_root = ""  # whose walk that was
        self._real: tuple[str, str] | None = None  # which directory it is, and its real path
        # Whether the inode belongs to a signature; not where the file system changes them.
        self.inodes = True

    def scan(self, progress: Callable[[], None] = lambda: None) -> Scan:
        """Return the signature of every article file, by source and in its order.

        `progress` is called at each folder, and in large ones now and then. A file that vanishes
        while it is looked at is left out. Raises ScanError when the directory itself cannot be
        listed.
        """
        walk = Walk(self._wanted, self.root, self._links, progress, inodes=self.inodes)
        self._walk_all(walk)
        return Scan(
            signatures=walk.signatures(), unreadable=tuple(walk.unreadable), root=self.last_root
        )

    def digest_folders(self, progress: Callable[[], None] = lambda: None) -> FolderDigests:
        """Return what tells whether anything has changed, without holding what there is.

        Calls `progress` and raises ScanError as `scan` does.
        """
        walk = DigestingWalk(self._wanted, self.root, self._links, progress, inodes=self.inodes)
        self._walk_all(walk)
        return FolderDigests(
            folders=walk.folder_digests(), unreadable=tuple(walk.unreadable), root=self.last_root
        )

    def left_out(self) -> tuple[list[str], list[str]]:
        """Return the files that are no articles because of their names, as two sorted lists.

        Those of the first match none of the patterns; those of the second, an editor or a download
        has left. Hidden ones are in neither. Raises ScanError as `scan` does.
        """
        walk = LeavingOutWalk(self._wanted, self.root, self._links)
        self._walk_all(walk)
        unmatched: list[str] = []
        left_behind: list[str] = []
        for source in sorted(walk.left_out):
            name = source.rpartition("/")[2]
            if not name.startswith("."):
                (left_behind if PASSED_OVER.search(name) else unmatched).append(source)
        return unmatched, left_behind

    def _walk_all(self, walk: Walk) -> None:
        self._real = None  # it may be the same directory at another place
        try:
            root = _identity(self.root)
            walk.folder(os.fspath(self.root), "")
        except OSError as error:
            raise ScanError(f"{self.root}: {error.strerror}") from error
        walk.follow()
        self._leads, self.last_root = walk.leads, root

    def scan_places(
        self, sources: Iterable[str], progress: Callable[[], None] = lambda: None
    ) -> PartialScan | None:
        """Return what a scan would find at and below these places; None if only a scan can tell.

        That is so before the first scan, where a link is met, and when the directory cannot be
        listed or is not the one that was scanned. A place that is gone contributes nothing.
        """
        places = _topmost(sources)
        if self._leads is None or "" in places:
            return None
        walk = Walk(self._wanted, self.root, self._links, progress, inodes=self.inodes)
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
        """Return the place to look at because this absolute path changed; None if it is not ours.

        Not ours is what lies outside or is hidden. "" stands for the whole directory, where only a
        scan can tell: the path is above it, no scan was made yet, or a link has to do with it (the
        path is a link, or where a link leads, or above or below one of these). The folders in a
        path may be links, as those are that lead to the directory.
        """
        if self._leads is None:
            return ""
        real, root, leads = real_path(path), os.path.realpath(self.root), self._leads
        if _holds(real, root) or real == real_path(self.root):
            return ""
        if any(_holds(real, lead) or _holds(lead, real) for lead in leads):
            return ""
        if not _holds(root, real):
            return None
        names = os.path.relpath(real, root).split("/")
        if any(map(PASSED_OVER.search, names)):
            # Where there are links, one may lead to another that is hidden, and that one changed.
            return "" if leads else None
        return "/".join(map(said, names))

    def named(self, paths: Iterable[str | Path]) -> set[str]:
        """Return the sources of what lies below the directory by these absolute paths."""
        # Events name it by the path that was given, or by the real one.
        tops = {
            os.path.join(top, "")  # noqa: PTH118 - for its slash
            for top in (os.path.abspath(self._folder), os.path.realpath(self._folder))  # noqa: PTH100
        }
        return {
            said(str(path)[len(top) :])
            for path in paths
            for top in tops
            if str(path).startswith(top)
        }

    def read(self, source: str, most: int = -1) -> bytes:
        """Return the bytes of one article, or so many of the first; raises as `open` does."""
        descriptor = self.open(source)
        try:
            return read(descriptor, most)
        finally:
            os.close(descriptor)

    def open(self, source: str) -> int:
        """Open one file, an article or one beside it, and return its descriptor.

        Raises FileNotFoundError where there is no regular file that links may lead to, and other
        OSErrors where it cannot be opened. It never waits for the writer of a pipe.
        """
        try:
            return open_file(self._folder, source, self._links, self._inside())
        except FileNotFoundError:
            name = ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), source.encode())
            if name == source.encode():
                raise
            return open_file(self._folder, os.fsdecode(name), self._links, self._inside())

    def _inside(self) -> str:
        """Return the real path of the directory, with a slash at its end."""
        # To follow its links takes ten times as long as to ask whether it is the same as before.
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


def _holds(upper: str, lower: str) -> bool:
    return lower == upper or lower.startswith(os.path.join(upper, ""))  # noqa: PTH118
