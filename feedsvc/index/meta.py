"""Single values that are remembered by a key; each key is defined where it is used."""

from sqlalchemy import select

from feedsvc.index import schema
from feedsvc.index.database import Database
from feedsvc.index.lookup import replace_rows

_PATIENCE = 5.0  # seconds that a note waits for others who write


class MetaTable:
    """The remembered values of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> str | None:
        """Return one value."""
        with self._database.reading() as connection:
            return connection.execute(schema.read_meta(key)).scalar()

    def all(self) -> dict[str, str]:
        """Return all values by key."""
        with self._database.reading() as connection:
            return {row.key: row.value for row in connection.execute(select(schema.meta))}

    def note(self, key: str, value: str) -> None:
        """Remember a value that no feed depends on: nobody is told that anything has changed.

        Raises StateError when it cannot be written, also because others write for long.
        """
        with self._database.transaction(patience=_PATIENCE) as connection:
            row = {"key": key, "value": value}
            replace_rows(connection, schema.meta, schema.meta.c.key, [row])
