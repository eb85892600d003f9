"""The bodies of answers: those given most in memory, the others in a file without a name.

What stands in the file is a copy away, mostly out of the system's own cache of files, which gives
its memory to others when they need it. A body that is neither here nor there has to be made again.
"""

import hashlib
import os
import tempfile
import threading
from collections import deque


class _File:
    """A file without a name, gone when nobody refers to it any more."""

    def __init__(self) -> None:
        self.descriptor, path = tempfile.mkstemp(prefix="feedsvc-")
        os.unlink(path)  # noqa: PTH108 - as short
        self.end = 0

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


class Body:
    """The bytes of one or more answers: in memory (`held`), or where in which file (`filed`)."""

    __slots__ = ("digest", "filed", "held", "length", "sharers", "used")

    def __init__(self, digest: bytes, length: int) -> None:
        self.digest = digest
        self.length = length
        self.held: bytes | None = None
        self.filed: tuple[_File, int] | None = None
        self.sharers = 0
        self.used = False  # since it was last thought of


class Bodies:
    """Bodies up to so many bytes in memory, and so many more in the file; for many threads.

    From memory go those that were not used since all others were looked at ("second chance"): near
    enough to the least recently used, and reading what is in memory writes no more than a flag.
    """

    def __init__(self, most_held: int, most_filed: int) -> None:
        self._most_held = most_held
        self._most_filed = most_filed
        self._lock = threading.Lock()
        self._known: dict[bytes, Body] = {}
        self._queue: deque[Body] = deque()
        self._file: _File | None = None
        self.held_bytes = 0

    def share(self, content: bytes) -> Body:
        """Return the body with these bytes, for one more answer."""
        digest = hashlib.sha256(content).digest()
        with self._lock:
            body = self._known.get(digest)
            if body is None:
                body = self._known[digest] = Body(digest, len(content))
            body.sharers += 1
            if body.held is None and body.filed is None:
                self._hold(body, content)
            return body

    def release(self, body: Body) -> None:
        """Let go of a body for one answer."""
        with self._lock:
            body.sharers -= 1
            if body.sharers:
                return
            del self._known[body.digest]
            if body.held is not None:
                self.held_bytes -= body.length
            body.held = body.filed = None
            if len(self._queue) > 2 * len(self._known) + 100:
                self._queue = deque(one for one in self._queue if one.held is not None)

    def read(self, body: Body) -> bytes | None:
        """Return the bytes of a body, None where they have to be made again."""
        held = body.held
        if held is not None:
            body.used = True
            return held
        return self._fetched(body)

    def _fetched(self, body: Body) -> bytes | None:
        filed = body.filed  # as long as we have it, the file stays open
        if filed is None:
            return body.held
        try:
            content = os.pread(filed[0].descriptor, body.length, filed[1])
        except OSError:
            return None
        if len(content) != body.length:
            return None
        if not body.used:
            body.used = True
            return content
        # Used twice: it is one of those that are asked for often. Who answers waits for nobody, and
        # can see to that next time.
        if self._lock.acquire(blocking=False):
            try:
                if body.held is None and body.sharers:
                    self._hold(body, content)
            finally:
                self._lock.release()
        return content

    def _hold(self, body: Body, content: bytes) -> None:
        body.held = content
        self._queue.append(body)
        self.held_bytes += body.length
        while self.held_bytes > self._most_held:
            oldest = self._queue.popleft()
            if oldest.held is None:
                continue  # it was let go of
            if oldest.used:
                oldest.used = False
                self._queue.append(oldest)
                continue
            if oldest.filed is None:
                oldest.filed = self._written(oldest.held)
            oldest.held = None
            self.held_bytes -= oldest.length

    def _written(self, content: bytes) -> tuple[_File, int] | None:
        """Write to the file, a new one when it is full; None where that cannot be done."""
        if len(content) > self._most_filed:
            return None
        try:
            if self._file is None or self._file.end + len(content) > self._most_filed:
                # Not emptied and used again: somebody may be reading from it.
                self._file = _File()
                for body in self._known.values():
                    body.filed = None
            file = self._file
            if os.pwrite(file.descriptor, content, file.end) != len(content):
                return None
        except OSError:
            return None
        place = file, file.end
        file.end += len(content)
        return place
