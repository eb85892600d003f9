"""The ledger: every id ever given, with what is needed to give it again.

It is the one thing that cannot be rebuilt from the files, so it is kept a second time, as text in a
journal beside the database.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import func, literal, or_, select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.index.journal import Journal
from feedsvc.index.lookup import execute_for, identities
from feedsvc.model import Identity


class LedgerTable:
    """The ledger of one database; `journal` is None where the database is no file."""

    def __init__(self, database: Database, journal: Journal | None) -> None:
        self._database = database
        self.journal = journal

    def all(self) -> Iterator[Identity]:
        """Yield every identity, by id."""
        query = select(schema.ledger, literal(False).label("present")).order_by(schema.ledger.c.id)
        with self._database.reading() as connection:
            for row in connection.execute(query):
                yield rows.identity(row)

    def identities(self, wanted: Mapping[str, Iterable[str]]) -> list[Identity]:
        """Return the rows that have any of the `wanted` values, by column."""
        with self._database.reading() as connection:
            return identities(connection, wanted)

    def named(self, sources: Sequence[str]) -> set[str]:
        """Return which of these sources the ledger names."""
        source = schema.ledger.c.source
        with self._database.reading() as connection:
            return {row.source for row in execute_for(connection, select(source), source, sources)}

    def id_of(self, key: str) -> str | None:
        """Return the id of the article that has or had this key, None where none ever had."""
        query = select(schema.ledger.c.id).where(schema.ledger.c.key == key)
        found = self._database.scalar(query)
        return None if found is None else str(found)

    def withdrawals(self) -> tuple[Identity, ...]:
        """Return every entry that was withdrawn, the last one first."""
        query = select(schema.ledger, literal(False).label("present")).where(
            schema.ledger.c.withdrawn.is_not(None)
        )
        identities = map(rows.identity, self._database.rows(query))
        return tuple(sorted(identities, key=_last_withdrawn_first))

    def told_in(self, slug: str) -> tuple[Identity, ...]:
        """Return the withdrawn entries that a feed tells of, the last one first."""
        return tuple(
            identity
            for identity in self.withdrawals()
            if identity.withdrawn
            and identity.withdrawn.stage == "told"
            and slug in identity.withdrawn.feeds
        )

    def of_key(self, key: str) -> Identity | None:
        """Return the entry that has, or ever had, this key."""
        query = select(schema.ledger, literal(False).label("present")).where(
            schema.ledger.c.key == key
        )
        found = self._database.rows(query)
        return rows.identity(found[0]) if found else None

    def named_by(self, name: str) -> tuple[Identity, ...]:
        """Return the entries with this id, key, file, or address of a page of ours."""
        ledger = schema.ledger.c
        key = name.rpartition("/")[2].removesuffix(".md")
        query = select(schema.ledger, literal(False).label("present")).where(
            or_(ledger.id == name, ledger.source == name, ledger.key == key)
        )
        return tuple(map(rows.identity, self._database.rows(query)))

    def missing(self) -> list[Identity]:
        """Return the journal's identities if the ledger is empty; else complete the journal.

        A journal with far too many lines is written again. Raises OSError.
        """
        if self.journal is None:
            return []
        known = self._database.scalar(select(func.count()).select_from(schema.ledger))
        lines = self.journal.lines()
        if not known and lines:
            return list(self.journal.read().values())
        if lines < known or lines > 2 * known + 1000:
            self.journal.rewrite(self.all())
        return []


def _last_withdrawn_first(identity: Identity) -> tuple[float, str]:
    moment = identity.withdrawn.at.timestamp() if identity.withdrawn else 0.0
    return -moment, identity.id
