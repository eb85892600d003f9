"""The articles directory: the only code that walks it and reads from it.

A scan opens no file: names come from `scandir`, times and sizes from `stat`. Hidden files and
folders, and whatever an editor or a download leaves beside the real file, are passed over.
"""

import os
import re
from pathlib import Path
from typing import Literal

from wcmatch import glob

from feedsvc.errors import ScanError
from feedsvc.model import Scan, Signature

Links = Literal["inside", "anywhere", "never"]

_PASSED_OVER = re.compile(r"^[.#]|~$|\.(?:swp|swx|part|partial|tmp|crdownload)$", re.IGNORECASE)
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


class Directory:
    r"""The articles under `root` whose source matches one of the `include` patterns.

    A source is the file's POSIX path relative to `root`; bytes that are not UTF-8 stand in it as
    `\xNN`. In a pattern `*` stays within a folder and `**/` is any number of folders, none
    included. Symbolic links are followed where they lead `inside` the directory, `anywhere`, or
    `never`; each folder is walked once, so circles end.
    """

    def __init__(self, root: Path, include: tuple[str, ...], links: Links = "inside") -> None:
        self.root = root
        self._links = links
        wanted, _ = glob.translate(list(include), flags=glob.GLOBSTAR | glob.FORCEUNIX)
        self._pattern = re.compile("|".join(wanted) if wanted else r"(?!)")

    def scan(self) -> Scan:
        """Return the signature of every article file, by source.

        A file that vanishes while it is looked at is left out. Raises ScanError when the directory
        itself cannot be listed.
        """
        walk = _Walk(self.root, self._links, self._pattern)
        try:
            stat = os.stat(self.root)  # noqa: PTH116 - one call for all that is needed
            walk.folder(self.root, "")
        except OSError as error:
            raise ScanError(f"{self.root}: {error.strerror}") from error
        walk.links()
        return Scan(
            signatures=dict(sorted(walk.signatures.items())),
            unreadable=tuple(walk.unreadable),
            root=f"{stat.st_dev}:{stat.st_ino}",
        )

    def read(self, source: str) -> bytes:
        """Return the bytes of one article; raises OSError."""
        try:
            return (self.root / source).read_bytes()
        except FileNotFoundError:
            name = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), source.encode())
            if name == source.encode():
                raise
            return self.root.joinpath(os.fsdecode(name)).read_bytes()


class _Walk:
    """One walk: what it has found, which folders it has been in, which links are left to follow."""

    def __init__(self, root: Path, links: Links, pattern: re.Pattern[str]) -> None:
        self._links = links
        self._matches = pattern.match
        self._inside = os.path.realpath(root) + os.sep
        self.signatures: dict[str, Signature] = {}
        self.unreadable: list[tuple[str, str]] = []
        self._been: set[tuple[int, int]] = set()
        self._to_follow: list[tuple[os.DirEntry[str], str]] = []

    def folder(self, path: Path | str, prefix: str) -> None:
        """Walk one folder; raises OSError when it cannot be listed."""
        stat = os.stat(path)  # noqa: PTH116 - as above
        if (stat.st_dev, stat.st_ino) in self._been:
            return
        self._been.add((stat.st_dev, stat.st_ino))
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if _PASSED_OVER.search(name):
                    continue
                if not name.isascii():
                    name = os.fsencode(name).decode("utf-8", "backslashreplace")
                source = prefix + name
                if entry.is_symlink():
                    # Later: what they lead to may be met on its own, under its own name.
                    self._to_follow.append((entry, source))
                else:
                    self._entry(entry, source)

    def links(self) -> None:
        """Follow the links met on the way, and those met behind them."""
        while self._to_follow:
            followed = sorted(self._to_follow, key=lambda one: one[1])
            self._to_follow = []
            for entry, source in followed:
                if self._links == "anywhere" or (
                    self._links == "inside"
                    and os.path.realpath(entry.path).startswith(self._inside)
                ):
                    self._entry(entry, source)

    def _entry(self, entry: os.DirEntry[str], source: str) -> None:
        try:
            if entry.is_dir():
                self.folder(entry.path, source + "/")
            elif self._matches(source) and entry.is_file():
                stat = entry.stat()
                self.signatures[source] = Signature(mtime_ns=stat.st_mtime_ns, size=stat.st_size)
        except FileNotFoundError:
            return  # it went while it was looked at
        except OSError as error:
            # A folder that cannot be listed must not look like a folder that was emptied.
            self.unreadable.append((source + "/", error.strerror or str(error)))
