"""The progress of the pass under way, in a file beside the database that every process can read.

It cannot be in the database: a stage of a pass is one transaction, and no other process sees
anything of that before it is committed.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

_PAUSE = 0.5  # seconds between two writes of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class PassStatus:
    """How many files of a pass are `done`, of how many in `total`; when it last made progress.

    `alive` is in seconds since 1970. All are 0 where no pass is under way or nothing is known.
    """

    alive: float = 0.0
    done: int = 0
    total: int = 0


class PassProgress:
    """Writes the progress of this process's pass, and reads the progress that was written last.

    Where the database is no file, nothing is written.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._current = PassStatus()
        # Monotonic times.
        self._alive: float | None = None  # when this process's pass last made progress
        self._written: float | None = None
        self._clock: Callable[[], datetime]

    @contextmanager
    def under_way(self, clock: Callable[[], datetime]) -> Iterator[None]:
        """Return a context for one pass of this process, in which `note_alive` counts."""
        self._clock = clock
        self._alive = time.monotonic()
        try:
            yield
        finally:
            self._alive = None
            self._current = PassStatus(alive=self._current.alive)
            if self._written is not None:
                self._written = None
                self._write()

    def note_alive(self) -> None:
        """Note that this process's pass makes progress; do nothing where no pass is under way."""
        if self._alive is not None:
            self._alive = time.monotonic()
            if self._written is None or self._alive - self._written > _PAUSE:
                self._written = self._alive
                self._current = replace(self._current, alive=self._clock().timestamp())
                self._write()

    def note(self, done: int, total: int) -> None:
        """Write how many files this process's pass has read, and of how many."""
        self._current = replace(self._current, done=done, total=total)
        self._write()

    def quiet_seconds(self) -> float | None:
        """Return how long ago this process's pass last made progress, None without a pass."""
        alive = self._alive
        return None if alive is None else time.monotonic() - alive

    def read(self) -> PassStatus:
        """Return the status that any process wrote last."""
        if self._file is not None:
            with suppress(OSError, ValueError):
                alive, done, total = self._file.read_text().split()
                return PassStatus(alive=float(alive), done=int(done), total=int(total))
        return PassStatus()

    def _write(self) -> None:
        if self._file is not None:
            new = self._file.with_name(f"{self._file.name}.{os.getpid()}")
            with suppress(OSError):
                new.write_text(f"{self._current.alive} {self._current.done} {self._current.total}")
                new.replace(self._file)
