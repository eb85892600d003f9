"""Single values by key. A key that only one module uses is defined there."""

from datetime import datetime

from sqlalchemy import select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.index.lookup import replace_rows

READY = "ready"
"""The key of a value that is there when the first articles are known."""
PARTIAL = "partial"
"""The key of a value that is `yes` while the oldest articles have not been read yet."""

_PATIENCE = 5.0  # seconds that a note waits while others write


class MetaTable:
    """The remembered values of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> str | None:
        """Return one value."""
        value: str | None = self._database.scalar(schema.read_meta(key))
        return value

    def is_ready(self) -> bool:
        """Tell whether the first articles are known."""
        # Not remembered here: a damaged index may have been made anew since.
        return self.get(READY) is not None

    def is_whole(self) -> bool:
        """Tell whether all articles have been read once."""
        return self.get(PARTIAL) != "yes"

    def edition(self) -> str:
        """Return a text that differs after a refresh has changed articles or contents."""
        return str(self._database.generation(schema.EDITION))

    def changed(self) -> datetime:
        """Return the second in which a refresh last changed articles or contents."""
        return rows.moment(int(self.get(schema.CHANGED) or 0))

    def all(self) -> dict[str, str]:
        """Return all values by key."""
        return {row.key: row.value for row in self._database.rows(select(schema.meta))}

    def note(self, key: str, value: str) -> None:
        """Remember a value that no feed depends on; the generation does not move.

        Raises StateError when it cannot be written, also where others write for too long.
        """
        with self._database.transaction(patience=_PATIENCE) as connection:
            replace_rows(connection, schema.meta, "key", [{"key": key, "value": value}])
