"""Turns: one thread of one process at a time does a piece of work; others wait for what it makes.

Between processes, turns are taken on a file beside the database, and end with the process that has
one. Where there is no such file, or the system has no locks of this kind (they are of an open file,
so that threads of several processes that wait for each other are not taken for a deadlock), each
process has turns of its own.
"""

import fcntl
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal
from zlib import crc32

Kind = Literal["document", "content"]

_FIRST: dict[Kind, int] = {"document": 0, "content": 64}
_OF_A_KIND = 64  # names that share a turn wait for each other in vain, but are few
_WAIT = getattr(fcntl, "F_OFD_SETLKW", None)  # Linux; fcntl(2), "Open file description locks"
_FLOCK = struct.Struct("hhqqi4x")  # struct flock where addresses have 64 bits


class Turns:
    """The turns of one state."""

    def __init__(self, file: Path | None) -> None:
        self._locks = [threading.Lock() for _ in range(len(_FIRST) * _OF_A_KIND)]
        self._descriptor: int | None = None
        if file is not None and _WAIT is not None and struct.calcsize("P") == 8:
            with suppress(OSError):  # a state that cannot be written
                self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def turn(self, kind: Kind, name: str) -> Iterator[None]:
        """Wait until nobody else has this turn, and have it until the block ends.

        Who has the turn of a document may take one of content, never the other way round.
        """
        number = _FIRST[kind] + crc32(name.encode()) % _OF_A_KIND
        with self._locks[number]:
            self._lock(_WAIT, fcntl.F_WRLCK, number)
            try:
                yield
            finally:
                self._lock(_WAIT, fcntl.F_UNLCK, number)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _lock(self, command: int | None, kind: int, number: int) -> None:
        if self._descriptor is not None and command is not None:
            with suppress(OSError):  # a file system without locks: work may be done twice
                fcntl.fcntl(self._descriptor, command, _FLOCK.pack(kind, os.SEEK_SET, number, 1, 0))
