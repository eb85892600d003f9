"""Connections to databases: the settings that SQLite needs, and the meaning of its errors."""

import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
)

from feedsvc.errors import StateError

BUSY_SECONDS = 30
_RETRY_SECONDS = 0.01
# KiB of pages in memory. With SQLite's own 2 MB, a long transaction writes and reads the pages of
# indexes again and again: it reads twice as much, and writes a quarter more.
_PAGES, _PAGES_TO_WRITE = 2000, 32_000
_LONGEST_LOG = 64 * 1024 * 1024  # bytes
_STEPS = 1_000_000  # of SQLite's virtual machine, which take some 20 ms
_HEADER = b"SQLite format 3\0"  # https://sqlite.org/fileformat.html, 1.3.1
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def file_of(url: str | URL) -> Path | None:
    """Return the file that a database URL names, None where the database is no file."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return None
    return Path(str(parsed.database))


def is_damage(error: BaseException) -> bool:
    """Tell whether a database error means that the file itself is damaged, or is no database."""
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE


def is_of_state(error: BaseException) -> bool:
    """Tell whether an error comes from the database and not from what is written to it."""
    if isinstance(error, StateError):
        return True
    # PEP 249: these errors come from the values, or because the tables do not allow them.
    of_values = IntegrityError, DataError, InterfaceError, NotSupportedError, ProgrammingError
    return isinstance(error, DBAPIError) and not isinstance(error, of_values)


def message(url: URL, error: Exception) -> str:
    """Return what an error means for the operator, without the password in `url`."""
    cause = str(getattr(error, "orig", None) or error)
    cure = (
        "the next refresh sets it aside and makes it anew"
        if is_damage(error)
        else "check that its folder exists, can be written to and has room"
    )
    return (
        f"the state at {url.render_as_string(hide_password=True)} cannot be used: {cause}; {cure}"
    )


def make_engine(url: URL, alive: Callable[[], None]) -> Engine:
    """Return the engine of a database; for SQLite, make its folder and file too.

    While SQLite is busy with one long statement, it calls `alive` now and then: a statement over a
    million rows must not seem to hang.
    """
    if url.get_backend_name() != "sqlite":
        return create_engine(url, hide_parameters=True)
    file = file_of(url)
    if file is not None:
        with suppress(OSError):  # the error of opening the file says more
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        # `mode=rw`: a connection must not make an empty file in the place of one that is gone.
        url = url.set(
            database=f"file:{quote(str(file.absolute()))}",
            query={"mode": "rw", **url.query, "uri": "true"},
        )
    # Values are of articles, which may be private: errors, which are logged, do not repeat them.
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        # sqlite3 would open transactions by itself, and never for reading or for DDL.
        connection.isolation_level = None
        try:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            # What is deleted is overwritten, so that no text of a withdrawn article is left in free
            # pages. Debian's SQLite does so by default.
            connection.execute("PRAGMA secure_delete = ON")
            # After a long transaction, SQLite cuts the log to this size.
            connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_LOG}")
            connection.set_progress_handler(alive, _STEPS)  # it returns None: SQLite goes on
        except BaseException:
            connection.close()  # SQLAlchemy does not know it yet
            raise

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        options = connection.get_execution_options()
        patience = options.get("feedsvc_patience", BUSY_SECONDS)
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(patience * 1000)}")
        # A transaction that begins by reading and then writes fails at once if another one wrote in
        # between; one that begins with BEGIN IMMEDIATE waits for its turn.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("feedsvc_writes") else "BEGIN")

    return engine


def is_state(file: Path) -> bool:
    """Tell whether a file is a database with our tables.

    Raises sqlite3.Error where it is damaged, or cannot be read at this moment.
    """
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return False
    except OSError:
        return False
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as database:
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"
        return database.execute(query).fetchone() is not None


def set_aside(file: Path, word: str) -> Path:
    """Rename a database, with its log, to a free name that ends in `word` and a number.

    Return the new path. Raises OSError.
    """
    number = 1
    while (aside := file.with_name(f"{file.name}.{word}-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            file.with_name(file.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def journal_of(file: Path) -> Path:
    """Return where the ledger of the database `file` is kept as text."""
    return file.with_suffix(".ledger.jsonl")


def is_foreign(file: Path) -> bool:
    """Tell whether a file is that of another program, which must not be touched.

    A file that is no database any more is ours, and damaged, if the journal of a ledger is beside
    it.
    """
    try:
        if not file.is_file() or not file.stat().st_size or journal_of(file).exists():
            return False
        with file.open("rb") as opened:
            if opened.read(len(_HEADER)) != _HEADER:
                return True
        address = f"file:{quote(str(file.absolute()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except (OSError, sqlite3.Error):
        return False  # opening it says more
    return bool(tables) and "meta" not in tables


def article_sources(url: str) -> frozenset[str]:
    """Return the files whose articles a state has; none where there is no state that can be read.

    It is for a look at the state of a running service: nothing is written.
    """
    try:
        file = file_of(url)
        if file is None or not is_state(file):
            return frozenset()
        address = f"file:{quote(str(file.absolute()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as database:
            rows = database.execute("SELECT source FROM articles WHERE held_until IS NULL")
            return frozenset(source for (source,) in rows)
    except (ArgumentError, OSError, sqlite3.Error):
        return frozenset()


def _write_ahead(connection: Any) -> None:
    """Switch to a write-ahead log, with which readers need not wait for a writer.

    When several processes switch a new database at once, SQLite refuses some of them without
    waiting (tried: one time in twenty).
    """
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


@contextmanager
def more_memory(connection: Connection) -> Iterator[None]:
    """Give a connection more memory for a long transaction, which begins within the block."""
    if connection.dialect.name != "sqlite":
        yield
        return
    database = connection.connection.driver_connection
    assert database is not None
    database.execute(f"PRAGMA cache_size = -{_PAGES_TO_WRITE}")
    try:
        yield
    finally:
        with suppress(sqlite3.Error):  # the error before this one says more
            database.execute(f"PRAGMA cache_size = -{_PAGES}")
            database.execute("PRAGMA shrink_memory")
