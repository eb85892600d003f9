"""Images on disk, up to a number of bytes.

One file an image, named by the digest of its address, with the image's bytes and nothing else. It
appears by being renamed, so it is whole, in every process that shares the directory. mtime is when
it was fetched, atime when it was last used, to the hour: so a read hardly ever writes, and file
systems that note no reading serve as well.

No locks: a process looks through the directory once it has added a sixteenth of the bound, and
removes the longest unused down to three quarters. Four processes that do so at once keep to the
bound, more go over it by a sixteenth each until the next one looks. Removing what another process
has removed, or still reads, harms nobody.
"""

import contextlib
import hashlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import FileIO
from pathlib import Path

from feedsvc.web.imageproxy import sniff

logger = logging.getLogger(__name__)

# Bytes of an image that are read at once.
CHUNK = 256 * 1024

_MAX_AGE = timedelta(days=30)
_TOUCHED_EVERY = 3600.0  # seconds
_ABANDONED_AFTER = 3600.0  # seconds in which no download is still under way
_BLOCK = 4096  # a file of one byte takes as much
_OURS = re.compile(r"[0-9a-f]{64}(\.\w+\.part)?")


def name_of(address: str) -> str:
    """Return the name under which the image at `address` is kept."""
    return hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()


class Cache:
    """The images in `directory`, which need not exist, nor be writable."""

    def __init__(
        self,
        directory: Path,
        most_bytes: int,
        *,
        max_age: timedelta = _MAX_AGE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._most = most_bytes
        self._max_age = max_age.total_seconds()
        self._clock = clock
        self._added = most_bytes  # unknown until the first look
        self._complained = False

    def open(self, name: str) -> "Kept | None":
        """Return the image kept under `name`, None where there is none; close it by `release`."""
        path = self._directory / name
        try:
            file = path.open("rb", buffering=0)
        except OSError:
            return None
        status = os.fstat(file.fileno())
        media_type = sniff.media_type(os.pread(file.fileno(), sniff.NEEDED, 0))
        now = self._clock()
        if media_type is None or now - status.st_mtime > self._max_age:
            file.close()
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        if now - status.st_atime > _TOUCHED_EVERY:
            with contextlib.suppress(OSError):
                os.utime(path, ns=(int(now * 1e9), status.st_mtime_ns))
        return Kept(file, media_type, status.st_size)

    def draft(self, name: str) -> "Draft":
        """Return a new file to write an image to; one that cannot be kept, if need be.

        Raises OSError where no file can be written at all.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, path = tempfile.mkstemp(
                prefix=f"{name}.", suffix=".part", dir=self._directory
            )
        except OSError as error:
            self._complain(error)
            return Draft(tempfile.TemporaryFile(buffering=0), None)
        return Draft(FileIO(descriptor, "w+b"), Path(path))

    def keep(self, draft: "Draft", name: str) -> None:
        """Let `draft` be the image under `name` from now on."""
        if draft.path is None:
            return
        try:
            # A rename may reach the disk before the bytes do.
            os.fsync(draft.file.fileno())
            size = os.fstat(draft.file.fileno()).st_size
            draft.path.replace(self._directory / name)
        except OSError as error:
            self._complain(error)
            draft.discard()
            return
        self._added += _taken(size)
        if self._added > self._most // 16:
            self._added = 0
            self._evict()

    def _evict(self) -> None:
        """Remove the longest unused until a quarter of the bound is free."""
        now, total, kept = self._clock(), 0, []
        for entry in self._entries():
            try:
                status = entry.stat(follow_symlinks=False)
                if entry.name.endswith(".part"):
                    if now - status.st_mtime > _ABANDONED_AFTER:
                        Path(entry.path).unlink()
                    continue
            except OSError:  # gone by now
                continue
            total += _taken(status.st_size)
            kept.append((status.st_atime_ns, entry.path, _taken(status.st_size)))
        for _, path, size in sorted(kept):
            if total <= self._most * 3 // 4:
                break
            with contextlib.suppress(OSError):
                Path(path).unlink(missing_ok=True)
                total -= size

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        """Yield the files that a cache made; what else is there is none of its business."""
        try:
            with os.scandir(self._directory) as found:
                yield from (entry for entry in found if _OURS.fullmatch(entry.name))
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            logger.warning("images cannot be kept in %s: %s", self._directory, error.strerror)


class Kept:
    """An image of the cache, open: it can be read even when it is removed meanwhile."""

    def __init__(self, file: FileIO, media_type: str, length: int) -> None:
        self._file = file
        self._head = (media_type, length)

    def head(self) -> tuple[str, int]:
        """Return the media type and the length."""
        return self._head

    def read(self, offset: int) -> bytes:
        """Return the next bytes from `offset` on, none at the end."""
        return os.pread(self._file.fileno(), CHUNK, offset)

    def release(self) -> None:
        """Close the file."""
        self._file.close()


class Draft:
    """A file that is being written; `path` is None where it can never be kept."""

    def __init__(self, file: FileIO, path: Path | None) -> None:
        self.file = file
        self.path = path

    def discard(self) -> None:
        """Remove the file's name; who has it open can go on reading."""
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()


def _taken(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
