"""One image on its way: a file that grows, and requests that read it behind the writer.

The thread that fetches waits for no reader, and no reader for another: the file is the buffer, so
memory holds one piece of an image however large it is and however slowly it is taken.
"""

import os
import threading
from io import FileIO

from feedsvc.web.imageproxy import failure
from feedsvc.web.imageproxy.cache import CHUNK
from feedsvc.web.imageproxy.failure import ImageError


class Flight:
    """What one thread writes and any number of requests read; none of them waits past `limit`.

    Whoever holds it calls `release` once; the file is closed when nobody holds it any more.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._holders = 1  # the writer
        self._file: FileIO | None = None
        self._media_type = ""
        self._length: int | None = None
        self._written = 0
        self._ended = False
        self._error: ImageError | None = None

    def begin(self, file: FileIO, media_type: str, length: int | None) -> None:
        """Say what is coming, and where to."""
        with self._changed:
            self._file, self._media_type, self._length = file, media_type, length
            self._changed.notify_all()

    def write(self, chunk: bytes) -> None:
        """Add the next bytes."""
        assert self._file is not None
        rest = memoryview(chunk)
        while rest:  # a file without a buffer may take less than it is given
            rest = rest[self._file.write(rest) :]
        with self._changed:
            self._written += len(chunk)
            self._changed.notify_all()

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
        """Return the media type and the length, once both are known. Raises ImageError.

        Where the host does not say the length, it is known at the end. It is never left open: a
        body that breaks off can only be told from a whole one by its length, because servers end
        a chunked body properly whatever happened (granian does), and HTTP/1.0, which nginx speaks
        to what is behind it, has no other mark.
        """
        with self._changed:
            ready = self._changed.wait_for(
                lambda: self._ended or self._length is not None, self._limit
            )
            if self._error is not None or not ready:
                raise self._failure()
            length = self._written if self._length is None else self._length
            return self._media_type, length

    def read(self, offset: int) -> bytes:
        """Return the next bytes from `offset` on as soon as there are some, none at the end.

        Raises ImageError when there will not be more though there should.
        """
        with self._changed:
            ready = self._changed.wait_for(
                lambda: self._written > offset or self._ended, self._limit
            )
            if self._error is not None or not ready:
                raise self._failure()
            assert self._file is not None
            file, there = self._file.fileno(), self._written - offset
        return os.pread(file, min(there, CHUNK), offset)

    def _failure(self) -> ImageError:
        return self._error.again() if self._error else failure.too_slow("still under way")
