"""Documents as they are sent, kept for all processes and for the next start."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from feedsvc.codings import CodingError, uncoded
from feedsvc.errors import StateDamagedError
from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.index.lookup import execute_for
from feedsvc.index.pings import write_pings
from feedsvc.model import Document

NEVER = rows.moment(0)
"""The time of the last request for a document that nobody has asked for yet."""

_IDENTITY = "identity"


class DocumentTable:
    """The documents of one database; `view` is a digest of the settings that they were made with.

    They only save work: while a refresh writes to the database, nothing is kept or dropped.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, path: str, view: str) -> tuple[Document, datetime] | None:
        """Return the document at `path`, of any version, and the time of the last request for it.

        Return None where there is none, or where it cannot be read: it can be made again.
        """
        table = schema.documents.c
        query = select(schema.documents).where(table.path == path, table.view == view)
        try:
            for row in self._database.rows(query):
                return _document(row), rows.moment(row.asked)
        except (StateDamagedError, CodingError):
            pass
        return None

    def keep(
        self,
        path: str,
        slug: str,
        document: Document,
        *,
        view: str,
        asked: datetime,
        hubs: Collection[str] = (),
        now: datetime = NEVER,
    ) -> None:
        """Replace the document at `path`; have `hubs` told if its bytes are others than before."""
        # The body itself is half of all bytes, so it is left out where a coding holds it too.
        parts = dict(document.encoded) or {_IDENTITY: document.body}
        values = {
            "path": path,
            "slug": slug,
            "fingerprint": document.version,
            "view": view,
            "asked": rows.seconds(asked),
            "media_type": document.media_type,
            "etag": document.etag,
            "changed": rows.seconds(document.last_modified),
            "lengths": json.dumps({name: len(part) for name, part in parts.items()}),
            "coded": b"".join(parts.values()),
        }

        def write(connection: Connection) -> None:
            at_path = schema.documents.c.path == path
            before = connection.execute(select(schema.documents.c.etag).where(at_path)).scalar()
            if before is not None and before != document.etag:
                write_pings(connection, path, hubs, now)
            _delete(connection, at_path)
            connection.execute(schema.documents.insert(), values)

        self._database.save(write)

    def note_asked(self, path: str, asked: datetime) -> None:
        """Remember when somebody asked for the document at `path`."""
        update = schema.documents.update().where(schema.documents.c.path == path)
        values = {"asked": rows.seconds(asked)}
        self._database.save(
            lambda connection: connection.execute(update.values(values)), patience=0
        )

    def versions(self, paths: Iterable[str], view: str) -> dict[str, str]:
        """Return the versions of those of these documents that are kept."""
        table = schema.documents.c
        query = select(table.path, table.fingerprint).where(table.view == view)
        with self._database.reading() as connection:
            selected = execute_for(connection, query, table.path, paths)
        return {row.path: row.fingerprint for row in selected}

    def sizes(self, paths: Iterable[str], view: str) -> dict[str, int]:
        """Return how many bytes the smallest coding of each of these documents has."""
        table = schema.documents.c
        query = select(table.path, table.lengths).where(table.view == view)
        with self._database.reading() as connection:
            selected = execute_for(connection, query, table.path, paths)
        return {row.path: min(json.loads(row.lengths).values()) for row in selected}

    def outdated(self, view: str) -> list[tuple[str, datetime]]:
        """Return the paths of documents whose feeds have changed, and the last requests for them.

        The document that was asked for last comes first.
        """
        documents, feeds = schema.documents.c, schema.feeds.c
        query = (
            select(documents.path, documents.asked)
            .join(schema.feeds, feeds.slug == documents.slug)
            .where(or_(documents.fingerprint != feeds.fingerprint, documents.view != view))
            .order_by(documents.asked.desc(), documents.path)
        )
        return [(row.path, rows.moment(row.asked)) for row in self._database.rows(query)]

    def forget(self, asked_before: datetime) -> None:
        """Drop the documents that were last asked for before then."""
        table = schema.documents.c
        old = and_(table.asked < rows.seconds(asked_before), table.asked != rows.seconds(NEVER))
        # A pass that changes nothing writes nothing.
        if self._database.rows(select(table.path).where(old).limit(1)):
            self._database.save(lambda connection: _delete(connection, old), patience=0)

    def drop(self, path: str) -> None:
        """Drop one document."""
        self._database.save(lambda connection: _delete(connection, schema.documents.c.path == path))


def _delete(connection: Connection, condition: ColumnElement[bool]) -> None:
    if connection.execute(schema.documents.delete().where(condition)).rowcount:
        schema.move_generation(connection)


def _document(row: Any) -> Document:
    parts: dict[str, bytes] = {}
    start = 0
    for name, length in json.loads(row.lengths).items():
        parts[name] = bytes(row.coded[start : start + length])
        start += length
    body = parts.pop(_IDENTITY, None)
    return Document(
        body=uncoded(parts) if body is None else body,
        media_type=row.media_type,
        etag=row.etag,
        last_modified=rows.moment(row.changed),
        version=row.fingerprint,
        encoded=tuple(parts.items()),
    )
