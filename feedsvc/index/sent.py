"""Documents as they are sent, kept so that every process and the next start find them made."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from feedsvc.codings import uncoded
from feedsvc.index import rows, schema
from feedsvc.index.lookup import chunks
from feedsvc.model import Document

_IDENTITY = "identity"


def read(connection: Connection, path: str, view: str) -> tuple[Document, datetime] | None:
    """Return the document kept at `path`, of whatever version, and when it was asked for.

    Raises CodingError where it is damaged.
    """
    table = schema.documents.c
    query = select(schema.documents).where(table.path == path, table.view == view)
    row = connection.execute(query).first()
    return None if row is None else (_document(row), rows.moment(row.asked))


def write(
    connection: Connection, path: str, slug: str, document: Document, *, view: str, asked: datetime
) -> None:
    """Put a document in the place of the one kept at `path`."""
    # The body itself is not among them if it can be had from its codings: it is half of all.
    parts = dict(document.encoded) or {_IDENTITY: document.body}
    table = schema.documents
    connection.execute(table.delete().where(table.c.path == path))
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


def touch(connection: Connection, path: str, asked: datetime) -> None:
    """Note that somebody asked for the document at `path`."""
    table = schema.documents
    connection.execute(table.update().where(table.c.path == path).values(asked=rows.seconds(asked)))


def versions(
    connection: Connection, paths: Sequence[str], view: str, asked_since: datetime
) -> dict[str, str]:
    """Return the versions of those of these documents that are kept and were asked for since."""
    table = schema.documents.c
    query = select(table.path, table.fingerprint).where(
        table.view == view, table.asked >= rows.seconds(asked_since)
    )
    return {
        row.path: row.fingerprint
        for chunk in chunks(paths)
        for row in connection.execute(query.where(table.path.in_(chunk)))
    }


def outdated(
    connection: Connection, view: str, asked_since: datetime
) -> list[tuple[str, datetime]]:
    """Return the paths asked for since then whose feeds show something else now, and when."""
    documents, feeds = schema.documents.c, schema.feeds.c
    query = (
        select(documents.path, documents.asked)
        .join(schema.feeds, feeds.slug == documents.slug)
        .where(documents.asked >= rows.seconds(asked_since))
        .where(or_(documents.fingerprint != feeds.fingerprint, documents.view != view))
        .order_by(documents.path)
    )
    return [(row.path, rows.moment(row.asked)) for row in connection.execute(query)]


def forget(connection: Connection, asked_before: datetime) -> None:
    """Drop the documents that nobody has asked for since then."""
    table = schema.documents
    connection.execute(table.delete().where(table.c.asked < rows.seconds(asked_before)))


def drop(connection: Connection, path: str) -> None:
    """Drop one document."""
    table = schema.documents
    connection.execute(table.delete().where(table.c.path == path))


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
