"""Connections: what SQLite needs to be told, and what its errors mean."""

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
# KiB of pages in memory. With SQLite's own 2 MB, the pages of indexes are written and read again
# and again within one long transaction: twice the reading, a quarter more writing.
_PAGES, _PAGES_TO_WRITE = 2000, 32_000
_LONGEST_LOG = 64 * 1024 * 1024  # bytes
_STEPS = 1_000_000  # of SQLite's virtual machine: some 20 ms
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
    # PEP 249: these are of the values, and of what the tables demand of them.
    of_values = IntegrityError, DataError, InterfaceError, NotSupportedError, ProgrammingError
    return isinstance(error, DBAPIError) and not isinstance(error, of_values)


def words(url: URL, error: Exception) -> str:
    """Return what an error means for the operator; never a password."""
    cause = str(getattr(error, "orig", None) or error)
    cure = (
        "the next refresh sets it aside and makes it anew"
        if is_damage(error)
        else "check that its folder exists, can be written to and has room"
    )
    return (
        f"the state at {url.render_as_string(hide_password=True)} cannot be used: {cause}; {cure}"
    )


def make(url: URL) -> Engine:
    """Return the engine of a database; for SQLite, the folder is made as well."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    file = file_of(url)
    if file is not None:
        with suppress(OSError):  # opening the file says it better
            file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            file.touch()
        # A connection does not make a new file: one that is gone is not to come back empty.
        url = url.set(
            database=f"file:{quote(str(file.absolute()))}",
            query={"mode": "rw", **url.query, "uri": "true"},
        )
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        # sqlite3 would open transactions by itself, and never for reading or for DDL.
        connection.isolation_level = None
        try:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            # What a long transaction made of the log is given back.
            connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_LOG}")
        except BaseException:
            connection.close()  # nobody else has it yet
            raise

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        options = connection.get_execution_options()
        patience = options.get("feedsvc_patience", BUSY_SECONDS)
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(patience * 1000)}")
        # A transaction that begins by reading and goes on to write fails at once when another one
        # wrote in between; one that begins as a writer waits for its turn.
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


def call_while_busy(engine: Engine, call: Callable[[], None]) -> None:
    """Have `call` called, every so often, while SQLite is busy with one long statement.

    So a statement over a million rows is not taken for one that hangs.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        # What `call` returns, None, has SQLite go on.
        connection.set_progress_handler(call, _STEPS)


def _write_ahead(connection: Any) -> None:
    """Switch to a write-ahead log: readers go on while others write, and it is written once.

    Of several processes that switch a new database at once, SQLite refuses some without the waiting
    that it does elsewhere (tried: one time in twenty).
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
def with_room(connection: Connection) -> Iterator[None]:
    """Give a connection, before it begins a long transaction, memory until the block ends."""
    if connection.dialect.name != "sqlite":
        yield
        return
    database = connection.connection.driver_connection
    assert database is not None
    database.execute(f"PRAGMA cache_size = -{_PAGES_TO_WRITE}")
    try:
        yield
    finally:
        with suppress(sqlite3.Error):  # what went wrong before says it better
            database.execute(f"PRAGMA cache_size = -{_PAGES}")
            database.execute("PRAGMA shrink_memory")
