"""The watcher's lock: a state has one watcher at most, and other processes see whether it runs.

The lock is on a file beside the database. It ends with its process, however that ends.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy.engine import URL

from feedsvc.index.engine import file_of


def watcher_lock_of(url: str | URL) -> Path | None:
    """Return the file whose lock the watcher has, None where the database is no file."""
    file = file_of(url)
    return None if file is None else file.with_name(file.name + ".watcher")


def take(file: Path) -> int | None:
    """Take the lock, and hold it while the returned descriptor is open; None if it is not free.

    Raises OSError where the file cannot be made.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor


def keep(file: Path, descriptor: int) -> int:
    """Take the lock again if its file is gone; return the descriptor to keep open from now on.

    Raises OSError as `take` does.
    """
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(descriptor), file.stat()):
            return descriptor
    again = take(file)
    return descriptor if again is None else again


def is_taken(file: Path) -> bool:
    """Tell whether a process has the lock. Raises OSError where the file cannot be read."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
