r"""The articles directory: the only code that walks it and reads from it.

A scan opens no file: names come from `scandir`, times and sizes from `stat`. Hidden files and
folders, and whatever an editor or a download leaves beside the real file, are passed over.

A look sees what a scan would see of a few places, for passes that a file event causes. What it
cannot know is where links lead: a change in one place shows in another when a link leads there. So
a scan remembers its links, and where they matter, a look says that only a scan can tell.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from feedsvc.errors import ScanError
from feedsvc.model import Look, Scan
from feedsvc.scan.tally import tallies
from feedsvc.scan.walk import (
    ESCAPED,
    PASSED_OVER,
    Links,
    TallyingWalk,
    Walk,
    Wanted,
    real as real_path,
    said,
)

__all__ = ["Directory", "Links", "Tally", "tallies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A number for each folder that has articles, by its source: another one when any has changed.

    `tallies` makes the same numbers of what is known. `unreadable` and `root` are as in Scan.
    """

    folders: dict[str, int]
    unreadable: tuple[tuple[str, str], ...]
    root: str


class Directory:
    r"""The articles under `root` whose source matches one of the `include` patterns.

    A source is the file's POSIX path relative to `root`; bytes that are not UTF-8 stand in it as
    `\xNN` (of two files with one source, the one that is really called so counts). In a pattern `*`
    stays within a folder and `**/` is any number of folders, none included. Symbolic links are
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

    def scan(self, progress: Callable[[], None] = lambda: None) -> Scan:
        """Return the signature of every article file, by source and in its order.

        `progress` is called at each folder, and in large ones now and then. A file that vanishes
        while it is looked at is left out. Raises ScanError when the directory itself cannot be
        listed.
        """
        walk = Walk(self._wanted, self.root, self._links, progress)
        self._walk_all(walk)
        return Scan(
            signatures=walk.signatures(), unreadable=tuple(walk.unreadable), root=self.last_root
        )

    def tally(self, progress: Callable[[], None] = lambda: None) -> Tally:
        """Return what tells whether anything has changed, without holding what there is.

        Calls `progress` and raises ScanError as `scan` does.
        """
        walk = TallyingWalk(self._wanted, self.root, self._links, progress)
        self._walk_all(walk)
        return Tally(folders=walk.tallies(), unreadable=tuple(walk.unreadable), root=self.last_root)

    def _walk_all(self, walk: Walk) -> None:
        try:
            root = _identity(self.root)
            walk.folder(os.fspath(self.root), "")
        except OSError as error:
            raise ScanError(f"{self.root}: {error.strerror}") from error
        walk.follow()
        self._leads, self.last_root = walk.leads, root

    def look(
        self, sources: Iterable[str], progress: Callable[[], None] = lambda: None
    ) -> Look | None:
        """Return what a scan would find at and below these places; None if only a scan can tell.

        That is so before the first scan, where a link is met, and when the directory cannot be
        listed or is not the one that was scanned. A place that is gone contributes nothing.
        """
        places = _topmost(sources)
        if self._leads is None or "" in places:
            return None
        walk = Walk(self._wanted, self.root, self._links, progress)
        try:
            if _identity(self.root) != self.last_root:
                return None
            for place in places:
                walk.place(os.fspath(self.root), "", place.split("/"))
        except OSError:
            return None
        if walk.to_follow:
            return None
        return Look(signatures=walk.signatures(), within=places, unreadable=tuple(walk.unreadable))

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

    def read(self, source: str, most: int = -1) -> bytes:
        """Return the bytes of one article, or so many of the first; raises OSError."""
        try:
            return self._read(source, most)
        except FileNotFoundError:
            name = ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), source.encode())
            if name == source.encode():
                raise
            return self._read(os.fsdecode(name), most)

    def _read(self, name: str, most: int) -> bytes:
        path = os.path.join(self._folder, name)  # noqa: PTH118 - quicker, and there are many
        if most < 0:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123
                return file.read()
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, most)
        finally:
            os.close(descriptor)


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
