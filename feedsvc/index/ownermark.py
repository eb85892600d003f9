"""A file beside the database that tells whether its last owner closed the database.

Every owner (a process that refreshes) holds a shared lock on the file (flock), and the last one to
close removes it. So a file on which nobody holds a lock is left from a crash.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class OwnerMark:
    """The mark of one process that owns a state."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Become an owner; return whether the last owner ended without closing the state.

        Where no file can be written, return False and do nothing.
        """
        crashed = False
        with suppress(OSError):
            while self._descriptor is None:
                exists = self._path.exists()
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                crashed = exists and _lock(descriptor, fcntl.LOCK_EX)
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                if _is_at(descriptor, self._path):
                    self._descriptor = descriptor
                else:
                    os.close(descriptor)  # another owner has removed the file meanwhile
        return crashed

    def is_there(self) -> bool:
        """Tell whether other processes can see the mark of this one, if it has one."""
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
    """Take a lock if it is free now; tell whether it was."""
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
