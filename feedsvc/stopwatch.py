"""Measures how often something is done, and how long it takes altogether."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from feedsvc.model import Effort


class Stopwatch:
    """Adds up. Threads that measure at the same moment may lose a measurement, and nothing else."""

    def __init__(self) -> None:
        self._total = Effort()
        self._taken = Effort()

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure this block, also one that raises."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._total += Effort(number=1, seconds=time.perf_counter() - started)

    def take(self) -> Effort:
        """Return what was measured since the last call."""
        total = self._total
        taken, self._taken = total - self._taken, total
        return taken
