"""Images on disk, up to a number of bytes.

Each image is one file, named by the digest of its address. A file gets that name when it is whole,
so every process that shares the directory sees whole images only. The file's mtime is when it was
fetched. Its atime is when it was last used, set once an hour at most, also on file systems that do
not note reads.

No locks: a process lists the directory once it has added a sixteenth of the bound, and removes the
longest unused images until a quarter of the bound is free. With four processes the bound holds;
each further process may exceed it by a sixteenth. A file may be removed while another process reads
it.
"""

import contextlib
import hashlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from feedsvc.web.imageproxy import failure, sniff

logger = logging.getLogger(__name__)

_CHUNK = 256 * 1024  # bytes that are read at once
_MAX_AGE = 30 * 86400.0  # seconds
_TOUCHED_EVERY = 3600.0  # seconds
_ABANDONED_AFTER = 3600.0  # seconds; no download takes so long
_BLOCK = 4096  # bytes on disk of the smallest file
_OURS = re.compile(r"[0-9a-f]{64}(\.\w+\.part)?")


def name_of(address: str) -> str:
    """Return the name under which the image at `address` is kept."""
    return hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()


class Image:
    """An open image on disk: yields its bytes; close it.

    It can be read even when its file is removed meanwhile.
    """

    def __init__(self, file: FileIO, media_type: str, length: int) -> None:
        self._file = file
        self.media_type = media_type
        self.length = length

    def __iter__(self) -> Iterator[bytes]:
        offset = 0
        while chunk := os.pread(self._file.fileno(), _CHUNK, offset):
            offset += len(chunk)
            yield chunk
        if offset < self.length:  # break the connection: it must not look like a whole image
            raise failure.unreachable("is shorter than it said")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Draft:
    """A new file that an image is written to; `path` is None where the image cannot be kept."""

    file: FileIO
    path: Path | None

    def discard(self) -> None:
        """Remove the file's name; it can still be read where it is open."""
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()


class Cache:
    """The images in `directory`, which may be missing or not writable."""

    def __init__(
        self,
        directory: Path,
        most_bytes: int,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._most = most_bytes
        self._clock = clock
        self._added = most_bytes  # since the directory was listed; lists it at the first image
        self._complained = False

    def open(self, name: str) -> Image | None:
        """Return the image kept under `name`, None where there is none."""
        path = self._directory / name
        try:
            file = path.open("rb", buffering=0)
        except OSError:
            return None
        status = os.fstat(file.fileno())
        media_type = sniff.media_type(os.pread(file.fileno(), sniff.NEEDED, 0))
        now = self._clock()
        if media_type is None or now - status.st_mtime > _MAX_AGE:
            file.close()
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        if now - status.st_atime > _TOUCHED_EVERY:
            with contextlib.suppress(OSError):
                os.utime(path, ns=(int(now * 1e9), status.st_mtime_ns))
        return Image(file, media_type, status.st_size)

    def draft(self, name: str) -> Draft:
        """Return a new file in the directory, or a temporary one where that is not writable.

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

    def keep(self, draft: Draft, name: str) -> None:
        """Make `draft` the image under `name`."""
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
        self._added += _on_disk(size)
        if self._added > self._most // 16:
            self._added = 0
            self._evict()

    def _evict(self) -> None:
        """Remove the longest unused until a quarter of the bound is free."""
        now, total, images = self._clock(), 0, []
        for entry in self._entries():
            try:
                status = entry.stat(follow_symlinks=False)
                if entry.name.endswith(".part"):
                    if now - status.st_mtime > _ABANDONED_AFTER:
                        Path(entry.path).unlink()
                    continue
            except OSError:  # another process has removed it
                continue
            total += _on_disk(status.st_size)
            images.append((status.st_atime_ns, entry.path, _on_disk(status.st_size)))
        for _, path, size in sorted(images):
            if total <= self._most * 3 // 4:
                break
            with contextlib.suppress(OSError):
                Path(path).unlink(missing_ok=True)
                total -= size

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        """Yield the files that a cache made, and no others."""
        try:
            with os.scandir(self._directory) as entries:
                yield from (entry for entry in entries if _OURS.fullmatch(entry.name))
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            logger.warning("images cannot be kept in %s: %s", self._directory, error.strerror)


def _on_disk(size: int) -> int:
    """Return how many bytes a file of `size` takes on disk, in whole blocks."""
    return -(-size // _BLOCK) * _BLOCK
