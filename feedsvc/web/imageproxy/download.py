"""One image on its way: a file that grows, and requests that wait until it is whole.

The thread that fetches waits for no reader, and no reader for another: the file is the buffer, so
memory holds one piece of an image however large it is and however many readers want it.
"""

import os
import threading
from io import FileIO

from feedsvc.web.imageproxy import failure
from feedsvc.web.imageproxy.cache import CHUNK
from feedsvc.web.imageproxy.failure import ImageError


class Download:
    """What one thread writes and any number of requests read; none of them waits past `limit`.

    Whoever holds it calls `release` once; the file is closed when nobody holds it any more.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._holders = 1  # the writer
        self._file: FileIO | None = None
        self._media_type = ""
        self._written = 0
        self._ended = False
        self._error: ImageError | None = None

    def begin(self, file: FileIO, media_type: str) -> None:
        """Say what is coming, and where to."""
        self._file, self._media_type = file, media_type

    def write(self, chunk: bytes) -> None:
        """Add the next bytes."""
        assert self._file is not None
        rest = memoryview(chunk)
        while rest:  # a file without a buffer may take less than it is given
            rest = rest[self._file.write(rest) :]
        self._written += len(chunk)

    def end(self, error: ImageError | None) -> None:
        """Say that this was all of it, or that there will not be more because of `error`."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def hold(self) -> None:
        """Keep the file open for one more reader."""
        with self._changed:
            self._holders += 1

    def release(self) -> None:
        """Need the file no longer."""
        with self._changed:
            self._holders -= 1
            if self._holders == 0 and self._file is not None:
                self._file.close()

    def head(self) -> tuple[str, int]:
        """Return the media type and the length, once the image is whole. Raises ImageError.

        A reader gets all of an image or an error with words, never a part: once the status is sent,
        nothing but a broken connection could tell a part from the whole.
        """
        with self._changed:
            ready = self._changed.wait_for(lambda: self._ended, self._limit)
            if self._error is not None or not ready:
                raise self._failure()
            return self._media_type, self._written

    def read(self, offset: int) -> bytes:
        """Return the next bytes from `offset` on, none at the end; `head` comes first."""
        assert self._file is not None
        return os.pread(self._file.fileno(), CHUNK, offset)

    def _failure(self) -> ImageError:
        return self._error.again() if self._error else failure.too_slow("still under way")
