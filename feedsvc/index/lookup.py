"""Looking things up by many values at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, and_, case, func, literal, or_, select

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


def identities_after(connection: Connection, moment: datetime) -> list[Identity]:
    """Return the ledger's rows that name a time after `moment`."""
    ledger, second = schema.ledger.c, rows.seconds(moment)
    query = select(schema.ledger, literal(True).label("present")).where(
        or_(ledger.first_seen > second, ledger.updated > second)
    )
    return [rows.identity(row) for row in connection.execute(query)]


def sources_after(connection: Connection, moment: datetime) -> list[str]:
    """Return the sources of the articles that show a time after `moment`."""
    articles, second = schema.articles.c, rows.seconds(moment)
    query = select(articles.source).where(
        or_(articles.published > second, articles.updated > second)
    )
    return list(connection.execute(query.order_by(articles.source)).scalars())


def copies(connection: Connection, ids: Iterable[str]) -> list[str]:
    """Return the sources that have these ids and do not speak for them."""
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


def without_speaker(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return which of these ids have articles and none that speaks: id to first source."""
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


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield `values` in parts that one statement can hold."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
