"""Reading and writing rows by many values at once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, TableClause, select

from feedsvc.index import rows, schema
from feedsvc.model import Identity

_CHUNK = 500  # parameters in one statement; databases stop somewhere above a thousand


def execute_for(
    connection: Connection, statement: Any, column: Any, values: Iterable[str]
) -> list[Any]:
    """Execute a statement where `column` has any of the `values`; return the rows that it selects.

    It is executed for a part of the values at a time.
    """
    values = sorted(values)
    selected: list[Any] = []
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        result = connection.execute(statement.where(column.in_(chunk)))
        if result.returns_rows:
            selected += result
    return selected


def identities(connection: Connection, wanted: Mapping[str, Iterable[str]]) -> list[Identity]:
    """Return the ledger's rows that have any of the `wanted` values, by column."""
    ledger, articles = schema.ledger, schema.articles
    query = select(ledger, articles.c.source.is_not(None).label("present")).outerjoin(
        articles, schema.IS_CANONICAL
    )
    by_id = {
        row.id: rows.identity(row)
        for column, values in wanted.items()
        for row in execute_for(connection, query, ledger.c[column], values)
    }
    return list(by_id.values())


def replace_rows(
    connection: Connection, table: TableClause, key: str, values: Sequence[dict[str, Any]]
) -> None:
    """Write rows in the place of those that have the same value in the column `key`."""
    delete_rows(connection, table, key, (row[key] for row in values))
    insert_rows(connection, table, values)


def insert_rows(
    connection: Connection, table: TableClause, values: Sequence[dict[str, Any]]
) -> None:
    """Write new rows."""
    if values:
        connection.execute(table.insert(), values)


def delete_rows(
    connection: Connection, table: TableClause, key: str, values: Iterable[str]
) -> None:
    """Delete the rows that have any of the `values` in the column `key`."""
    execute_for(connection, table.delete(), table.c[key], values)
