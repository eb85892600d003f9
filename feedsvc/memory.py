"""Giving memory back to the system: the one place that knows the C library's allocator.

Left alone, glibc keeps what large documents took once, in an arena for each thread. Telling it to
keep nothing costs a sixth of the time of rendering (measured); so it is asked to let go now and
then instead.
"""

import ctypes
import sys
import time

_ARENA_MAX = -8  # of mallopt(3)
_PAUSE = 0.5  # seconds, of which letting go takes about one thousandth

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_glibc = _libc if _libc is not None and hasattr(_libc, "malloc_trim") else None
_last = 0.0


def keep_together() -> None:
    """Have all threads take memory from one place; for a process that has just begun."""
    if _glibc is not None:
        _glibc.mallopt(_ARENA_MAX, 1)


def give_back() -> None:
    """Give what is free back to the system, unless that was done just now."""
    global _last  # noqa: PLW0603 - the allocator is one for the whole process
    now = time.monotonic()
    if _glibc is not None and now - _last >= _PAUSE:
        _last = now
        _glibc.malloc_trim(0)
