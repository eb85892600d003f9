"""A number that moves whenever feeds have changed, readable without asking the database.

It stands in a file beside the database that every process maps into its memory, so that asking
costs no more than reading eight bytes. A database elsewhere has no such file: there the number
moves every second, and who asks looks into the database as often.
"""

import mmap
import os
import struct
import time
from pathlib import Path

_NUMBER = struct.Struct("=Q")
_PROGRESS = struct.Struct("=QQ")  # after the number: how much of a pass is done, and of how much
_BACKLOG = struct.Struct("=Q")  # after that: how many documents are to be made anew
_ALIVE = struct.Struct("=d")  # after that: when a pass last got on, in seconds since 1970
_ALIVE_AT = _NUMBER.size + _PROGRESS.size + _BACKLOG.size
_BYTES = _ALIVE_AT + _ALIVE.size


class Pulse:
    """The number of one state; any process may read it, only who refreshes beats."""

    def __init__(self, file: Path | None) -> None:
        self._map: mmap.mmap | None = None
        if file is not None:
            try:
                self._map = _mapped(file)
            except OSError:
                self._map = None  # a state that cannot be written: as for a database elsewhere

    def read(self) -> bytes:
        """Return the number as it is now; all that counts is whether it is another one."""
        if self._map is None:
            return _NUMBER.pack(int(time.monotonic()))
        return self._map[: _NUMBER.size]

    def beat(self) -> None:
        """Move the number."""
        if self._map is not None:
            (number,) = _NUMBER.unpack(self.read())
            self._map[: _NUMBER.size] = _NUMBER.pack((number + 1) % 2**64)

    def progress(self) -> tuple[int, int]:
        """Return how many articles the pass under way has read, and of how many; 0, 0 if none."""
        if self._map is None:
            return 0, 0
        done, total = _PROGRESS.unpack_from(self._map, _NUMBER.size)
        return done, total

    def note_progress(self, done: int, total: int) -> None:
        """Say how far a pass is."""
        if self._map is not None:
            _PROGRESS.pack_into(self._map, _NUMBER.size, done, total)

    def backlog(self) -> int:
        """Return how many documents who refreshes is about to make anew."""
        if self._map is None:
            return 0
        (number,) = _BACKLOG.unpack_from(self._map, _NUMBER.size + _PROGRESS.size)
        return int(number)

    def note_backlog(self, number: int) -> None:
        """Say how many documents are to be made anew."""
        if self._map is not None:
            _BACKLOG.pack_into(self._map, _NUMBER.size + _PROGRESS.size, number)

    def alive(self) -> float:
        """Return when a pass last got on, in seconds since 1970; 0 where nobody can tell."""
        if self._map is None:
            return 0.0
        (seconds,) = _ALIVE.unpack_from(self._map, _ALIVE_AT)
        return float(seconds)

    def note_alive(self, seconds: float) -> None:
        """Say that a pass got on at this time."""
        if self._map is not None:
            _ALIVE.pack_into(self._map, _ALIVE_AT, seconds)

    def close(self) -> None:
        """Let go of the file."""
        if self._map is not None:
            self._map.close()
            self._map = None


def _mapped(file: Path) -> mmap.mmap:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_size < _BYTES:
            os.ftruncate(descriptor, _BYTES)
        return mmap.mmap(descriptor, _BYTES)
    finally:
        os.close(descriptor)
