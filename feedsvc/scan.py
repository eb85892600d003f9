"""The articles directory: the only code that walks it and reads from it.

A scan opens no file: names come from `scandir`, times and sizes from `stat`. Hidden files and
folders, and whatever an editor or a download leaves beside the real file, are passed over.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from wcmatch import glob

from feedsvc.errors import ScanError
from feedsvc.model import Signature

_PASSED_OVER = re.compile(r"^[.#]|~$|\.(?:swp|swx|part|tmp|crdownload)$", re.IGNORECASE)


class Directory:
    """The articles under `root` whose source matches one of the `include` patterns.

    A source is the file's POSIX path relative to `root`. In a pattern `*` stays within a folder and
    `**/` is any number of folders, none included.
    """

    def __init__(self, root: Path, include: tuple[str, ...]) -> None:
        self.root = root
        wanted, _ = glob.translate(list(include), flags=glob.GLOBSTAR | glob.FORCEUNIX)
        self._matches = re.compile("|".join(wanted) if wanted else r"(?!)").match

    def signatures(self) -> dict[str, Signature]:
        """Return the signature of every article file, by source.

        A file that vanishes while it is looked at is left out. Raises ScanError when the
        directory itself cannot be listed.
        """
        found: dict[str, Signature] = {}
        for entry, source in self._walk(self.root, ""):
            if self._matches(source):
                try:
                    stat = entry.stat()
                except OSError:
                    continue
                found[source] = Signature(mtime_ns=stat.st_mtime_ns, size=stat.st_size)
        return found

    def read(self, source: str) -> bytes:
        """Return the bytes of one article; raises OSError."""
        return (self.root / source).read_bytes()

    def _walk(self, folder: Path | str, prefix: str) -> Iterator[tuple[os.DirEntry[str], str]]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            # A folder that cannot be listed must not look like a folder that was emptied.
            raise ScanError(f"{folder}: {error.strerror}") from error
        for entry in entries:
            if _PASSED_OVER.search(entry.name):
                continue
            source = prefix + entry.name
            # Links are not followed: they may lead out of the directory, or round in a circle.
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(entry.path, source + "/")
            elif entry.is_file(follow_symlinks=False) and _is_text(entry.name):
                yield entry, source


def _is_text(name: str) -> bool:
    # A name that is not UTF-8 arrives with lone surrogates, which no index and no feed can hold.
    return not any("\ud800" <= char <= "\udfff" for char in name)
