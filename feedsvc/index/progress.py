"""How far the pass under way is, in a file beside the database that every process can read.

A pass writes to the database in one transaction for each stage, and until it is committed no other
process sees anything of it.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

_PAUSE = 0.5  # seconds between two times that other processes are told


@dataclass(frozen=True, slots=True, kw_only=True)
class PassStatus:
    """How many files a pass has read, and of how many; when it last got on (seconds since 1970).

    All are 0 where no pass is under way, or where nobody can tell.
    """

    alive: float = 0.0
    done: int = 0
    total: int = 0


class PassProgress:
    """What this process says of its pass, and what any process said last.

    Where the database is no file, nobody but this process is told.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._current = PassStatus()
        self._alive: float | None = None  # when the pass under way here last got on; monotonic
        self._told: float | None = None  # when other processes were told; monotonic
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
            if self._told is not None:
                self._told = None
                self._tell()

    def note_alive(self) -> None:
        """Say that the pass under way here gets on; where there is none, do nothing."""
        if self._alive is not None:
            self._alive = time.monotonic()
            if self._told is None or self._alive - self._told > _PAUSE:
                self._told = self._alive
                self._current = replace(self._current, alive=self._clock().timestamp())
                self._tell()

    def note(self, done: int, total: int) -> None:
        """Say how many files the pass under way here has read, and of how many."""
        self._current = replace(self._current, done=done, total=total)
        self._tell()

    def quiet_seconds(self) -> float | None:
        """Return for how long the pass under way here has not got on; None if there is none."""
        alive = self._alive
        return None if alive is None else time.monotonic() - alive

    def read(self) -> PassStatus:
        """Return what was said last, by any process."""
        if self._file is None:
            return PassStatus()
        try:
            alive, done, total = self._file.read_text().split()
            return PassStatus(alive=float(alive), done=int(done), total=int(total))
        except (OSError, ValueError):
            return PassStatus()

    def _tell(self) -> None:
        if self._file is not None:
            new = self._file.with_name(f"{self._file.name}.{os.getpid()}")
            with suppress(OSError):
                new.write_text(f"{self._current.alive} {self._current.done} {self._current.total}")
                new.replace(self._file)
