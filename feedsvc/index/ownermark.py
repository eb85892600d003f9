"""A file beside the database that tells whether its last owner closed it.

The processes that refresh one state hold a shared lock on it (flock), so it tells a crash from an
owner that is at work: a file that is there and that nobody holds was left by a crash.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class OwnerMark:
    """The part that one process has in the mark of a state."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Become an owner; return whether the last one ended without closing the state.

        Where no such file can be written, nothing is known and nothing is marked.
        """
        crashed = False
        with suppress(OSError):
            while self._descriptor is None:
                there = self._path.exists()
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                crashed = there and _lock(descriptor, fcntl.LOCK_EX)
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                if _is_at(descriptor, self._path):
                    self._descriptor = descriptor
                else:
                    os.close(descriptor)  # another owner closed the state and removed it meanwhile
        return crashed

    def is_there(self) -> bool:
        """Tell whether the mark of this process can be seen by others."""
        return self._descriptor is None or _is_at(self._descriptor, self._path)

    def release(self) -> None:
        """Cease to be an owner; the last one removes the mark."""
        if self._descriptor is None:
            return
        if _lock(self._descriptor, fcntl.LOCK_EX):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None


def _lock(descriptor: int, kind: int) -> bool:
    """Tell whether the lock could be had at once."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
