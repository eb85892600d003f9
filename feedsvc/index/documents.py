"""Documents as they are sent, kept so that every process and the next start find them made."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from feedsvc.codings import CodingError, uncoded
from feedsvc.errors import StateDamagedError
from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.index.lookup import chunks
from feedsvc.model import Document

NEVER = rows.moment(0)
"""When a document was asked for that nobody has asked for yet."""

_IDENTITY = "identity"


class DocumentTable:
    """The documents of one database, each of the settings (`view`) of the process that made it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, path: str, view: str) -> tuple[Document, datetime] | None:
        """Return the document at `path`, of whatever version, and when it was asked for.

        Return None where there is none, or where it cannot be read: it can be made again.
        """
        table = schema.documents.c
        query = select(schema.documents).where(table.path == path, table.view == view)
        try:
            with self._database.reading() as connection:
                row = connection.execute(query).first()
            return None if row is None else (_document(row), rows.moment(row.asked))
        except (StateDamagedError, CodingError):
            return None

    def keep(self, path: str, slug: str, document: Document, *, view: str, asked: datetime) -> None:
        """Put a document in the place of the one at `path`.

        Keeping it only saves work: while a refresh writes to the database, nothing is kept.
        """
        # The body itself is not among them if it can be had from its codings: it is half of all.
        parts = dict(document.encoded) or {_IDENTITY: document.body}
        table = schema.documents

        def write(connection: Connection) -> None:
            if connection.execute(table.delete().where(table.c.path == path)).rowcount:
                schema.move_generation(connection)
            connection.execute(
                table.insert().values(
                    path=path,
                    slug=slug,
                    fingerprint=document.version,
                    view=view,
                    asked=rows.seconds(asked),
                    media_type=document.media_type,
                    etag=document.etag,
                    changed=rows.seconds(document.last_modified),
                    lengths=json.dumps({name: len(part) for name, part in parts.items()}),
                    coded=b"".join(parts.values()),
                )
            )

        self._database.save(write)

    def note_asked(self, path: str, asked: datetime) -> None:
        """Remember when somebody asked for the document at `path`."""
        table = schema.documents
        update = table.update().where(table.c.path == path).values(asked=rows.seconds(asked))

        def write(connection: Connection) -> None:
            connection.execute(update)

        self._database.save(write, patience=0)

    def versions(self, paths: Sequence[str], view: str) -> dict[str, str]:
        """Return the versions of those of these documents that are kept."""
        table = schema.documents.c
        query = select(table.path, table.fingerprint).where(table.view == view)
        with self._database.reading() as connection:
            return {
                row.path: row.fingerprint
                for chunk in chunks(paths)
                for row in connection.execute(query.where(table.path.in_(chunk)))
            }

    def outdated(self, view: str) -> list[tuple[str, datetime]]:
        """Return the paths of documents whose feeds show something else now, and when asked for.

        Those that were asked for last come first.
        """
        documents, feeds = schema.documents.c, schema.feeds.c
        query = (
            select(documents.path, documents.asked)
            .join(schema.feeds, feeds.slug == documents.slug)
            .where(or_(documents.fingerprint != feeds.fingerprint, documents.view != view))
            .order_by(documents.asked.desc(), documents.path)
        )
        with self._database.reading() as connection:
            return [(row.path, rows.moment(row.asked)) for row in connection.execute(query)]

    def forget(self, asked_before: datetime) -> None:
        """Drop the documents that nobody has asked for since then."""
        table = schema.documents
        asked = table.c.asked
        old = and_(asked < rows.seconds(asked_before), asked != rows.seconds(NEVER))
        with self._database.reading() as connection:
            if connection.execute(select(table.c.path).where(old).limit(1)).first() is None:
                return  # a pass that changes nothing writes nothing

        def write(connection: Connection) -> None:
            connection.execute(table.delete().where(old))
            schema.move_generation(connection)

        self._database.save(write, patience=0)

    def drop(self, path: str) -> None:
        """Drop one document."""
        table = schema.documents

        def write(connection: Connection) -> None:
            if connection.execute(table.delete().where(table.c.path == path)).rowcount:
                schema.move_generation(connection)

        self._database.save(write)


def _document(row: Any) -> Document:
    parts: dict[str, bytes] = {}
    at = 0
    for name, length in json.loads(row.lengths).items():
        parts[name] = bytes(row.coded[at : at + length])
        at += length
    body = parts.pop(_IDENTITY, None)
    return Document(
        body=uncoded(parts) if body is None else body,
        media_type=row.media_type,
        etag=row.etag,
        last_modified=rows.moment(row.changed),
        version=row.fingerprint,
        encoded=tuple(parts.items()),
    )
