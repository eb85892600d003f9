"""The database under the index: opened, mended, written and read; and its ledger, kept twice.

A SQLite file that turns out to be damaged is set aside, never deleted, and made anew; the ledger
comes back from its journal, all the rest from the articles.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, func, literal, select
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from feedsvc.errors import StateDamagedError, StateError
from feedsvc.index import rows, schema
from feedsvc.index.engine import call_while_busy, file_of, is_damage, make, with_room, words
from feedsvc.index.journal import Journal
from feedsvc.index.lookup import identities
from feedsvc.index.ownermark import OwnerMark
from feedsvc.index.pulse import Pulse
from feedsvc.index.turns import Kind, Turns
from feedsvc.index.watchlock import is_taken, watcher_lock_of
from feedsvc.index.writer import Writer
from feedsvc.model import Identity

logger = logging.getLogger(__name__)

# Files beside a SQLite file: one while its owner has it open, one when somebody met damage in it.
_OPEN, _SUSPECT = ".open", ".suspect"
_PULSE, _TURNS = ".pulse", ".turns"


class Database:
    """One database; safe to share between threads, not across a fork."""

    def __init__(self, url: URL, engine: Engine) -> None:
        self._url = url
        self._engine = engine
        self._file = file_of(url)
        self._journal = Journal(journal_of(self._file)) if self._file else None
        self._inode = _inode(self._file)
        self._mark = OwnerMark(self._beside(_OPEN)) if self._file else None
        self._pulse: Pulse | None = None
        self._turns = Turns(self._beside(_TURNS) if self._file else None)
        self._alive: float | None = None  # when the pass under way here last got on; monotonic
        self._clock: Callable[[], datetime]
        call_while_busy(engine, self.note_alive)

    @classmethod
    def open(cls, url: str, *, owner: bool = False) -> Self:
        """Open the index at a database URL, made or brought up to date as needed.

        The `owner` is the process that refreshes: it looks for damage if the last owner did not
        close, and keeps the journal. Raises StateError, which names the database but never its
        password.
        """
        try:
            parsed = make_url(url)
            engine = make(parsed)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise StateError("state.url is no database address that can be used here") from error
        index = cls(parsed, engine)
        try:
            index._prepare(owner=owner)
        except BaseException:
            index._engine.dispose()
            raise
        return index

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        if self._pulse is not None:
            self._pulse.close()
        self._turns.close()
        if self._mark is not None:
            self._mark.release()

    def pulse(self) -> bytes:
        """Return a number that is another one after feeds have changed; costs no look at a disk."""
        return self._beating().read()

    def beat(self) -> None:
        """Tell every process that feeds have changed."""
        self._beating().beat()

    def progress(self) -> tuple[int, int]:
        """Return how many articles the pass under way has read, and of how many; 0, 0 if none."""
        return self._beating().progress()

    def note_progress(self, done: int, total: int) -> None:
        """Say, to every process, how far a pass is."""
        self._beating().note_progress(done, total)

    def backlog(self) -> int:
        """Return how many documents who refreshes is about to make anew."""
        return self._beating().backlog()

    def note_backlog(self, number: int) -> None:
        """Say, to every process, how many documents are to be made anew."""
        self._beating().note_backlog(number)

    @contextmanager
    def pass_under_way(self, clock: Callable[[], datetime]) -> Iterator[None]:
        """Return a context for one pass of this process, in which `note_alive` counts."""
        self._clock = clock
        self._alive = time.monotonic()
        try:
            yield
        finally:
            self._alive = None
            self.note_progress(0, 0)

    def note_alive(self) -> None:
        """Say, to every process, that the pass under way here gets on; else do nothing."""
        if self._alive is not None:
            self._alive = time.monotonic()
            self._beating().note_alive(self._clock().timestamp())

    def alive(self) -> float:
        """Return when a pass, of any process, last got on; in seconds since 1970, 0 if unknown."""
        return self._beating().alive()

    def quiet_seconds(self) -> float | None:
        """Return for how long the pass under way here has not got on; None if there is none."""
        alive = self._alive
        return None if alive is None else time.monotonic() - alive

    def is_watched(self) -> bool | None:
        """Tell whether a watcher is running; None where that cannot be seen from here."""
        file = watcher_lock_of(self._url)
        try:
            return None if file is None else is_taken(file)
        except OSError:
            return None

    def turn(self, kind: Kind, name: str) -> AbstractContextManager[None]:
        """Return a context in which nobody else, in any process, has this turn; see `turns`."""
        return self._turns.turn(kind, name)

    def _beating(self) -> Pulse:
        if self._pulse is None:
            self._pulse = Pulse(self._beside(_PULSE) if self._file else None)
        return self._pulse

    def repair(self) -> None:
        """Set a damaged database aside and make a new one, with the ledger. Raises StateError."""
        assert self._file is not None
        self._engine.dispose()
        if _inode(self._file) == self._inode:  # else another process has done it meanwhile
            number = 1
            while (aside := self._beside(f".damaged-{number}")).exists():
                number += 1
            for suffix in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    self._beside(suffix).rename(aside.with_name(aside.name + suffix))
            logger.warning(
                "the state at %s was damaged; it was set aside as %s and is made anew from the"
                " articles, with the ids of its ledger's journal",
                self._file,
                aside.name,
            )
        self._engine = make(self._url)
        call_while_busy(self._engine, self.note_alive)
        self._migrate()
        self._restore()
        self._beside(_SUSPECT).unlink(missing_ok=True)

    def mend(self) -> None:
        """Make the database anew if a reader, here or elsewhere, met damage since the last time."""
        if self._file is not None and self._suspect():
            try:
                self._check()
                self._beside(_SUSPECT).unlink(missing_ok=True)
            except StateDamagedError:
                self.repair()

    def _prepare(self, *, owner: bool) -> None:
        crashed = owner and self._mark is not None and self._mark.take()
        try:
            self._migrate()
            if owner and self._file and (crashed or self._suspect()):
                self._check()
            if owner:
                self._restore()
        except StateDamagedError:
            if owner:
                self.repair()
            # Else the owner does, at its next pass; until then whoever asks is told.

    def _beside(self, suffix: str) -> Path:
        assert self._file is not None
        return self._file.with_name(self._file.name + suffix)

    def _suspect(self) -> bool:
        return self._beside(_SUSPECT).exists()

    def _migrate(self) -> None:
        try:
            with self._engine.connect() as connection:
                schema.migrate(connection)
        except (DBAPIError, OSError) as error:
            raise self._failure(error) from error
        self._inode = _inode(self._file)

    def _check(self) -> None:
        """Raise StateDamagedError if the database is damaged; reads all of it."""
        with self._reading() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise StateDamagedError(f"the state at {self._file} is damaged: {found}")

    def _restore(self) -> None:
        """Bring ledger and journal together: whichever has more mends the other."""
        if self._journal is None:
            return
        with self._reading() as connection:
            known = connection.execute(select(func.count()).select_from(schema.ledger)).scalar_one()
        lines = self._journal.lines()
        try:
            if not known and lines:
                self.import_ledger(self._journal.read().values())
            elif lines < known or lines > 2 * known + 1000:
                self._journal.rewrite(self.ledger())
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StateError:
        if self._file is not None and is_damage(error):
            with suppress(OSError):
                self._beside(_SUSPECT).touch()
            return StateDamagedError(words(self._url, error))
        return StateError(words(self._url, error))

    def _look_again(self) -> None:
        """Let go of a database that another process has set aside."""
        if self._file is not None and (inode := _inode(self._file)) != self._inode:
            self._engine.dispose()
            self._inode = inode

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Open the one transaction of a refresh; it is rolled back if the block raises.

        Only one process is in such a block at a time; others wait.
        """
        self._look_again()
        try:
            with (
                self._engine.connect().execution_options(feedsvc_writes=True) as connection,
                with_room(connection),
                connection.begin(),
            ):
                writer = Writer(connection)
                yield writer
                if self._journal is not None:
                    self._journal.append(writer.identified.values())
            self.beat()
        except (DBAPIError, OSError) as error:
            raise self._failure(error) from error

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._look_again()
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise self._failure(error) from error

    def ledger(self) -> Iterator[Identity]:
        """Yield every identity, by id."""
        query = select(schema.ledger, literal(False).label("present")).order_by(schema.ledger.c.id)
        with self._reading() as connection:
            for row in connection.execute(query):
                yield rows.identity(row)

    def identities(self, wanted: Mapping[str, Iterable[str]]) -> list[Identity]:
        """Return the ledger's rows that have any of the `wanted` values, by column."""
        with self._reading() as connection:
            return identities(connection, wanted)

    def import_ledger(self, found: Iterable[Identity]) -> int:
        """Take over these identities, and return how many; where both know a file, these count.

        The files concerned are read again by the next refresh, so that they take the ids.
        """
        known = {identity.id: identity for identity in found}
        with self.writing() as writer:
            writer.take_over(known.values())
        return len(known)


def journal_of(file: Path) -> Path:
    """Return where the ledger of the database `file` is kept as text."""
    return file.with_suffix(".ledger.jsonl")


def _inode(file: Path | None) -> int | None:
    try:
        return None if file is None else os.stat(file).st_ino  # noqa: PTH116 - asked often
    except OSError:
        return None
