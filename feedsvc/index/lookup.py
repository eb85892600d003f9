"""Looking things up by many values at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection, and_, select

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


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield `values` in parts that one statement can hold."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
