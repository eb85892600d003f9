"""Copies of a state in SQLite: made while it is in use, and put back in its place."""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from feedsvc.errors import StateDamagedError, StateError
from feedsvc.index import Index, journal_of
from feedsvc.index.database import Database
from feedsvc.index.engine import BUSY_SECONDS, file_of, is_state, set_aside
from feedsvc.index.journal import Journal
from feedsvc.index.watchlock import is_taken, watcher_lock_of
from feedsvc.model import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored; `aside` is the new name of the state that was there before."""

    articles: int
    ids: int
    aside: str | None


def backup(url: str, target: Path) -> None:
    """Write a copy of the state to a file; others may read and write the state meanwhile.

    The copy is the state at one moment. It replaces the file only when it is complete. Raises
    StateError.
    """
    source = _file(url)
    new = target.with_name(target.name + ".new")
    try:
        if not is_state(source):
            raise StateError(f"there is no state at {source}; start feedsvc once, or name the file")
        new.unlink(missing_ok=True)
        with closing(_open(source)) as database:
            database.execute("VACUUM INTO ?", (str(new),))
        _sync(new)
        new.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise StateError(f"the state at {source} cannot be copied to {target}: {error}") from error
    finally:
        new.unlink(missing_ok=True)


def restore(url: str, copy: Path) -> Restored:
    """Put a copy in the place of the state. What is there is set aside, not deleted.

    Raises StateError: also where a watcher works on the state, and where the file is no state or
    is one of a newer feedsvc.
    """
    target = _file(url)
    lock = watcher_lock_of(url)
    if lock is not None and is_taken(lock):
        raise StateError(f"a watcher works on the state at {target}; stop feedsvc first")
    new = target.with_name(target.name + ".new")
    try:
        if not is_state(copy):
            raise StateError(f"{copy} is no copy of a state; name a file of `feedsvc backup`")
        target.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with closing(_open(copy)) as source, closing(sqlite3.connect(new)) as database:
            source.backup(database)
        with closing(Database(f"sqlite:///{new}")) as restored:
            restored.migrate()
            restored.check()
        _sync(new)
        withdrawn = [row for row in Journal(journal_of(target)).read().values() if row.withdrawn]
        aside = _set_aside(target)
        new.replace(target)
    except StateDamagedError as error:
        raise StateError(f"{copy} is damaged; the state stays as it is") from error
    except (sqlite3.Error, OSError) as error:
        raise StateError(f"{copy} cannot be put in the place of {target}: {error}") from error
    finally:
        new.unlink(missing_ok=True)
    with closing(Index.open(url, owner=True)) as index:  # which writes the ledger's journal anew
        _withdraw_again(index, withdrawn)
        return Restored(
            articles=index.articles.count(), ids=sum(1 for _ in index.ledger.all()), aside=aside
        )


def _withdraw_again(index: Index, identities: Iterable[Identity]) -> None:
    """Withdraw what was withdrawn before the restore: the copy may still have it."""
    by_id = {identity.id: identity for identity in identities}
    known = index.ledger.identities({"id": by_id})
    with index.writing() as writer:
        for row in known:
            withdrawn = by_id[row.id].withdrawn
            if withdrawn is not None and row.withdrawn is None:
                pending = replace(withdrawn, stage="pending")
                writer.write_withdrawal(replace(row, withdrawn=pending))


def _set_aside(state: Path) -> str | None:
    """Rename a state and the journal of its ledger; return the state's new name, if it is there."""
    journal, aside = journal_of(state), None
    if state.exists():
        aside = set_aside(state, "before")
    if journal.exists():
        journal.rename(journal.with_name(journal.name + (aside.suffix if aside else ".before")))
    return aside.name if aside else None


def _file(url: str) -> Path:
    file = file_of(url)
    if file is None:
        raise StateError("the state is no file; use the database's own programs to copy it")
    return file


def _open(file: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)


def _sync(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
