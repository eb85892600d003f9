"""Reading and writing rows by many values at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Table, and_, case, func, select

from feedsvc.index import rows, schema
from feedsvc.model import Identity

T = TypeVar("T")
_CHUNK = 500  # parameters in one statement; databases stop somewhere above a thousand


def identities(connection: Connection, wanted: Mapping[str, Iterable[str]]) -> list[Identity]:
    """Return the ledger's rows that have any of the `wanted` values, by column."""
    ledger, articles = schema.ledger, schema.articles
    query = select(ledger, articles.c.source.is_not(None).label("present")).outerjoin(
        articles, and_(articles.c.id == ledger.c.id, articles.c.source == ledger.c.source)
    )
    found: dict[str, Identity] = {}
    for column, values in wanted.items():
        for chunk in chunks(sorted(values)):
            for row in connection.execute(query.where(ledger.c[column].in_(chunk))):
                found[row.id] = rows.identity(row)
    return list(found.values())


def copies(connection: Connection, ids: Iterable[str]) -> list[str]:
    """Return the sources that have these ids and are not canonical."""
    ledger, articles = schema.ledger.c, schema.articles.c
    found: list[str] = []
    for chunk in chunks(sorted(ids)):
        query = (
            select(articles.source)
            .join_from(schema.articles, schema.ledger, ledger.id == articles.id)
            .where(articles.id.in_(chunk), articles.source != ledger.source)
            .order_by(articles.source)
        )
        found += connection.execute(query).scalars()
    return found


def named(connection: Connection, sources: Sequence[str]) -> set[str]:
    """Return which of these sources the ledger names."""
    column = schema.ledger.c.source
    found: set[str] = set()
    for chunk in chunks(sources):
        query = select(column).where(column.in_(chunk))
        found.update(connection.execute(query).scalars())
    return found


def without_canonical_source(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return which of these ids have copies alone: their first source, by id."""
    ledger, articles = schema.ledger.c, schema.articles.c
    found: dict[str, str] = {}
    for chunk in chunks(sorted(ids)):
        query = (
            select(ledger.id, func.min(articles.source))
            .join_from(schema.ledger, schema.articles, articles.id == ledger.id)
            .where(ledger.id.in_(chunk))
            .group_by(ledger.id, ledger.source)
            .having(func.max(case((articles.source == ledger.source, 1), else_=0)) == 0)
        )
        found.update((id, source) for id, source in connection.execute(query))
    return found


def replace_rows(
    connection: Connection, table: Table, key: Column[Any], values: Sequence[dict[str, Any]]
) -> None:
    """Write these rows in the place of those that have the same keys."""
    delete_rows(connection, table, key, [row[key.name] for row in values])
    insert_rows(connection, table, values)


def insert_rows(connection: Connection, table: Table, values: Sequence[dict[str, Any]]) -> None:
    """Write these rows, none of which is there."""
    if values:
        connection.execute(table.insert(), values)


def delete_rows(
    connection: Connection, table: Table, key: Column[Any], values: Iterable[str]
) -> None:
    """Delete the rows that have any of these keys."""
    for chunk in chunks(list(values)):
        connection.execute(table.delete().where(key.in_(chunk)))


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield `values` in parts that one statement can hold."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
