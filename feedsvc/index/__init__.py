"""The index: all that feedsvc knows, in one database; SQLite by default, by SQLAlchemy Core.

An `Index` has a class for each kind of rows, which reads them. `Index.writing()` opens the one
transaction of a refresh, with a `Writer`. Not inside: decisions about what to write.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from feedsvc.errors import StateDamagedError, StateError
from feedsvc.index import journal, schema, watchlock
from feedsvc.index.arrivals import ArrivalTable
from feedsvc.index.articles import ArticleTable
from feedsvc.index.contents import Content, ContentTable
from feedsvc.index.database import Database, Generation, mistake_in
from feedsvc.index.documents import NEVER, DocumentTable
from feedsvc.index.engine import article_sources, file_of, is_of_state, journal_of
from feedsvc.index.feeds import LIST, LIST_OF_ALL, FeedState, FeedTable, FeedWriter
from feedsvc.index.journal import Journal
from feedsvc.index.ledger import LedgerTable
from feedsvc.index.meta import PARTIAL, READY, MetaTable
from feedsvc.index.overview import OverviewTable
from feedsvc.index.pings import Ping, PingTable
from feedsvc.index.problems import ProblemTable
from feedsvc.index.requests import Counts, RequestTable
from feedsvc.index.search import KEY as SEARCH, Period, SearchTable
from feedsvc.index.writer import Writer
from feedsvc.model import Identity

__all__ = [
    "LIST",
    "LIST_OF_ALL",
    "NEVER",
    "PARTIAL",
    "READY",
    "SEARCH",
    "Content",
    "Counts",
    "FeedState",
    "FeedWriter",
    "Generation",
    "Index",
    "Period",
    "Ping",
    "Writer",
    "article_sources",
    "file_of",
    "is_of_state",
    "journal",
    "journal_of",
    "mistake_in",
    "watchlock",
]

logger = logging.getLogger(__name__)


class Index:
    """Everything known about the articles."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.meta = MetaTable(database)
        self.articles = ArticleTable(database)
        self.arrivals = ArrivalTable(database)
        self.problems = ProblemTable(database)
        self.feeds = FeedTable(database)
        self.overview = OverviewTable(database)
        self.contents = ContentTable(database)
        self.documents = DocumentTable(database)
        self.pings = PingTable(database)
        self.requests = RequestTable(database)
        self.search = SearchTable(database)
        file = database.file
        self.ledger = LedgerTable(database, Journal(journal_of(file)) if file else None)

    @classmethod
    def open(cls, url: str, *, owner: bool = False) -> Self:
        """Open the index at a database URL; make its tables or bring them up to date.

        The `owner` is the process that refreshes. It keeps the journal, and looks for damage if the
        last owner did not close the index. Raises StateError, which names the database but never
        its password.
        """
        index = cls(Database(url))
        try:
            index._prepare(owner=owner)
        except BaseException:
            index.close()
            raise
        return index

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Open the one transaction of a refresh, which is rolled back if the block raises.

        Only one process is in such a block at a time; others wait.
        """
        with self.database.transaction() as connection:
            writer = Writer(connection)
            yield writer
            if writer.has_changed or writer.feeds.has_changed:
                schema.move_edition(connection)
            if self.ledger.journal is not None:
                self.ledger.journal.append(writer.identified.values())

    def forget_log(self) -> None:
        """Empty the database's log where it has text of withdrawn articles.

        While somebody reads, or the full-text index is made anew, it is left to the next pass.
        """
        to_do = self.meta.get(schema.LOG) is not None
        if to_do and self.search.is_anew() and self.database.empty_log():
            with self.writing() as writer:
                writer.forget_meta(schema.LOG)

    def import_ledger(self, identities: Iterable[Identity]) -> int:
        """Write these identities over those of the same files; return how many they are.

        The next refresh reads these files again, and so gives them the ids.
        """
        by_id = {identity.id: identity for identity in identities}
        with self.writing() as writer:
            writer.take_over(by_id.values())
        return len(by_id)

    def mend(self) -> None:
        """Make the database anew where it is gone or damaged. Raises StateError."""
        try:
            if self.database.is_lost():
                self._recover()
            elif self.database.is_suspect():
                self.database.check()
        except StateDamagedError:
            self.repair()

    def repair(self) -> None:
        """Set a damaged database aside and make a new one with its ids. Raises StateError."""
        if self.database.is_ours():  # else another process has made a new one meanwhile
            logger.warning(
                "the state at %s was damaged; it was set aside as %s and is made anew from the"
                " articles, with the ids of its ledger's journal",
                self.database.file,
                self.database.set_aside(),
            )
        self.database.make_anew()
        self._restore()

    def _recover(self) -> None:
        """Make the database anew after somebody deleted, emptied, or replaced it.

        If the journal is gone too, the ids come from the old file, which connections have open.
        """
        known: list[Identity] = []
        with suppress(StateError):
            known = list(self.ledger.all())
        aside = self.database.set_aside()
        logger.warning(
            "the state at %s has gone%s; it is made anew from the articles, with the ids of its"
            " ledger",
            self.database.file,
            f" (another file in its place was set aside as {aside})" if aside else "",
        )
        self.database.make_anew()
        self._restore()
        if self.ledger.journal is not None and self.ledger.journal.lines() < len(known):
            self.import_ledger(known)
            self._restore()

    def _prepare(self, *, owner: bool) -> None:
        crashed = owner and self.database.own()
        try:
            self.database.migrate()
            if owner and self.database.file and (crashed or self.database.is_suspect()):
                self.database.check()
            if owner:
                self._restore()
        except StateDamagedError:
            if self.database.file is None:
                raise
            if owner:
                self.repair()
            # Else the owner repairs it at its next pass; until then each request fails.

    def _restore(self) -> None:
        """Take the ids of the journal over where the ledger is empty, and complete the journal."""
        try:
            missing = self.ledger.missing()
        except OSError as error:
            raise StateError(f"the ledger's journal cannot be used: {error}") from error
        if missing:
            self.import_ledger(missing)
