"""Giving memory back to the system: the one place that knows the C library's allocator.

Left alone, glibc keeps what large documents took once, in an arena for each thread. Telling it to
keep nothing costs a sixth of the time of rendering (measured); so it is asked to let go now and
then instead.
"""

import ctypes
import sys
import threading
import time

_ARENA_MAX = -8  # of mallopt(3)
_PAUSE = 0.5  # seconds, of which letting go takes about one thousandth

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_glibc = _libc if _libc is not None and hasattr(_libc, "malloc_trim") else None


class _Giving:
    """When memory was given back last, and whether it is about to be; for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0.0
        self._due = False

    def soon(self) -> None:
        """Give back at once, or when the pause after the last time is over."""
        with self._lock:
            if self._due:
                return
            left = self._last + _PAUSE - time.monotonic()
            if left > 0:
                self._due = True
                later = threading.Timer(left, self._now)
                later.daemon = True
                later.start()
                return
        self._now()

    def _now(self) -> None:
        with self._lock:
            self._last = time.monotonic()
            self._due = False
        assert _glibc is not None
        _glibc.malloc_trim(0)


_giving = _Giving()


def keep_together() -> None:
    """Have all threads take memory from one place; for a process that has just begun."""
    if _glibc is not None:
        _glibc.mallopt(_ARENA_MAX, 1)


def give_back() -> None:
    """Give what is free back to the system, now or half a second after the last time."""
    if _glibc is not None:
        _giving.soon()
