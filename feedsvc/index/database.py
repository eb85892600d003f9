"""The database under the index: its file, its connections and transactions."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Executable, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from feedsvc.errors import StateDamagedError, StateError
from feedsvc.index import schema
from feedsvc.index.engine import (
    BUSY_SECONDS,
    file_of,
    is_damage,
    is_foreign,
    is_state,
    make_engine,
    message,
    more_memory,
    set_aside,
)
from feedsvc.index.ownermark import OwnerMark
from feedsvc.index.progress import PassProgress
from feedsvc.index.watchlock import is_taken, watcher_lock_of

# Files beside a SQLite file: `.open` while an owner has it open, `.suspect` after a process has met
# damage in it.
_OPEN, _SUSPECT, _PROGRESS = ".open", ".suspect", ".progress"
_FOREIGN = "{file} is no database of feedsvc, and is left as it is; name another file in state.url"
_NO_ADDRESS = "state.url is no database address that can be used here"
_PATIENCE = 0.05  # seconds: enough for short transactions to end, not for those of a refresh

Generation = tuple[int | None, str | None]
"""The inode of the database's file, and a number that moves with every change."""


def mistake_in(url: str) -> str | None:
    """Return why a state cannot be at a database URL, None where it can. Nothing is changed."""
    try:
        file = file_of(url)
        if file is not None:
            return _FOREIGN.format(file=file) if is_foreign(file) else None
        Database(url).close()
    except (ArgumentError, ValueError):  # a port that is no number
        return _NO_ADDRESS
    except StateError as error:
        return str(error)
    return None


class Database:
    """One database; safe to share between threads, not across a fork.

    `file` is None where the database is no SQLite file. `progress` tells how far the pass under way
    is.
    """

    def __init__(self, url: str) -> None:
        """Connect to nothing yet. Raises StateError for an address that cannot be used."""
        try:
            self._url: URL = make_url(url)
            self.file = file_of(self._url)
            if self.file is not None and is_foreign(self.file):
                raise StateError(_FOREIGN.format(file=self.file))
            self.progress = PassProgress(self._beside(_PROGRESS) if self.file else None)
            self._engine: Engine = make_engine(self._url, self.progress.note_alive)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise StateError(_NO_ADDRESS) from error
        self.dialect = self._engine.dialect.name
        self._inode = _inode(self.file)
        self._mark = OwnerMark(self._beside(_OPEN)) if self.file else None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        if self._mark is not None:
            self._mark.release()

    def own(self) -> bool:
        """Become an owner; return whether the last owner ended without closing the database."""
        return self._mark is not None and self._mark.take()

    def migrate(self) -> None:
        """Make the tables, or bring them up to date. Raises StateError."""
        try:
            with self._engine.connect() as connection:
                schema.migrate(connection)
        except (DBAPIError, OSError) as error:
            raise self._failure(error) from error
        self._inode = _inode(self.file)

    def generation(self, counter: str = schema.GENERATION) -> Generation:
        """Return a value that differs after feeds or documents have changed.

        Another file counts from the beginning, so the file is a part of it.
        """
        number = self.scalar(schema.read_meta(counter))
        return self._inode, number  # in this order: to read may lead to another file

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that only reads. Raises StateError."""
        self._follow_replacement()
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise self._failure(error) from error

    def rows(self, query: Executable) -> list[Any]:
        """Return the rows that a query selects. Raises StateError."""
        with self.reading() as connection:
            return list(connection.execute(query))

    def scalar(self, query: Executable) -> Any:
        """Return the first column of the first row, None where there is none. Raises StateError."""
        with self.reading() as connection:
            return connection.execute(query).scalar()

    @contextmanager
    def transaction(self, *, patience: float = BUSY_SECONDS) -> Iterator[Connection]:
        """Open a transaction that writes; it is rolled back if the block raises.

        Only one is open at a time; others wait for up to `patience` seconds. Raises StateError.
        """
        self._follow_replacement()
        try:
            with (
                self._engine.connect().execution_options(
                    feedsvc_writes=True, feedsvc_patience=patience
                ) as connection,
                more_memory(connection) if patience == BUSY_SECONDS else nullcontext(),
                connection.begin(),
            ):
                yield connection
        except (DBAPIError, OSError) as error:
            raise self._failure(error) from error

    def save(self, write: Callable[[Connection], object], *, patience: float = _PATIENCE) -> None:
        """Call `write` in a transaction; do nothing where others write for `patience` seconds.

        It is for data that only saves work: readers must not wait for a refresh.
        """
        with suppress(StateError), self.transaction(patience=patience) as connection:
            write(connection)

    def empty_log(self) -> bool:
        """Write everything in the log into the database, and empty it; False where others read it.

        A database that is no SQLite file keeps its own log.
        """
        if self.file is None:
            return True
        with closing(self._engine.raw_connection()) as connection:
            database = connection.driver_connection
            assert database is not None
            database.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")
            try:
                busy, _, _ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError:
                return False
        return not busy

    def is_lost(self) -> bool:
        """Tell whether the file was deleted, emptied, or replaced by something else.

        Raises StateDamagedError where it is damaged.
        """
        try:
            return self.file is not None and not is_state(self.file)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise StateDamagedError(message(self._url, error)) from error
            return False  # it is busy, or the next statement says what is wrong

    def is_suspect(self) -> bool:
        """Tell whether a process has met damage since the last `check`."""
        return self.file is not None and self._beside(_SUSPECT).exists()

    def check(self) -> None:
        """Read the whole SQLite file. Raises StateDamagedError if it is damaged."""
        result = self.scalar(text("PRAGMA quick_check(1)"))
        if result != "ok":
            raise StateDamagedError(f"the state at {self.file} is damaged: {result}")
        self._beside(_SUSPECT).unlink(missing_ok=True)

    def set_aside(self) -> str | None:
        """Rename the damaged file and return its new name; None where it is gone or empty."""
        assert self.file is not None
        self._engine.dispose()
        with suppress(FileNotFoundError):
            if self.file.stat().st_size:
                return set_aside(self.file, "damaged").name
            self.file.unlink()  # not used again: others may have it open, with locks
        return None

    def is_ours(self) -> bool:
        """Tell whether the file is still the one that this process opened."""
        return _inode(self.file) == self._inode

    def make_anew(self) -> None:
        """Make an empty database where the file is gone. Raises StateError."""
        assert self.file is not None
        self._engine.dispose()
        if not self.file.exists():
            for suffix in ("-wal", "-shm"):  # of the file that is gone
                self._beside(suffix).unlink(missing_ok=True)
        self._engine = make_engine(self._url, self.progress.note_alive)
        self.migrate()
        self._beside(_SUSPECT).unlink(missing_ok=True)
        if self._mark is not None and not self._mark.is_there():
            self._mark.release()
            self._mark.take()

    def is_watched(self) -> bool | None:
        """Tell whether a watcher is running; None where that cannot be seen."""
        file = watcher_lock_of(self._url)
        try:
            return None if file is None else is_taken(file)
        except OSError:
            return None

    def _beside(self, suffix: str) -> Path:
        assert self.file is not None
        return self.file.with_name(self.file.name + suffix)

    def _follow_replacement(self) -> None:
        """Connect to the file that another process has put in the place of ours.

        Where there is none, the connections to the old file are used further.
        """
        if self.file is None or (inode := _inode(self.file)) == self._inode:
            return
        with suppress(sqlite3.Error):
            if is_state(self.file):
                self._engine.dispose()
                self._inode = inode

    def _failure(self, error: Exception) -> StateError:
        if self.file is not None and is_damage(error):
            with suppress(OSError):
                self._beside(_SUSPECT).touch()
            return StateDamagedError(message(self._url, error))
        return StateError(message(self._url, error))


def _inode(file: Path | None) -> int | None:
    try:
        return None if file is None else os.stat(file).st_ino  # noqa: PTH116 - asked often
    except OSError:
        return None
