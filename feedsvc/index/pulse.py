"""A number that moves whenever feeds have changed, readable without asking the database.

It stands in a file beside the database that every process maps into its memory, so that asking
costs no more than reading eight bytes. A database elsewhere has no such file: there the number
moves every second, and who asks looks into the database as often.
"""

import mmap
import os
import time
from pathlib import Path

_BYTES = 8


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
            return int(time.monotonic()).to_bytes(_BYTES, "little")
        return self._map[:_BYTES]

    def beat(self) -> None:
        """Move the number."""
        if self._map is not None:
            number = int.from_bytes(self._map[:_BYTES], "little")
            self._map[:_BYTES] = ((number + 1) % 2 ** (8 * _BYTES)).to_bytes(_BYTES, "little")

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
