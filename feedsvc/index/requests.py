"""How many requests each day had, how many subscribers services named, and how many clients.

They are counts, not records of requests: the tables hold no address, no User-Agent and no time but
the day. No page or feed depends on them, so the generation does not move.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from feedsvc.distinct import Distinct
from feedsvc.index import schema
from feedsvc.index.database import Database
from feedsvc.index.lookup import execute_for, insert_rows

OTHER = ""
"""The path under which requests are counted that were for no feed."""

KEPT_DAYS = 90
MOST_PATHS = 1000
"""How many feeds are counted by name on one day; requests for more of them count as OTHER."""

PATIENCE = 0.05
"""The seconds that counts wait while others write."""

_MOST_SUBSCRIBERS = 10_000_000  # of one feed at one service; anybody can send any number


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counts of a part of one day.

    `requests` is by path and class of status (`2xx`, `304`, `3xx`, `4xx`, `5xx`), `subscribers` by
    path and name of the service: the largest number. `clients` are the registers of a `Distinct`
    that counted with `key`, None where the key is not known.
    """

    day: date
    requests: dict[tuple[str, str], int] = field(default_factory=dict)
    subscribers: dict[tuple[str, str], int] = field(default_factory=dict)
    key: bytes | None = None
    clients: bytes = b""


class RequestTable:
    """The counts of one database; they are read for the days `since` a day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def key(self, day: date) -> bytes:
        """Return the secret key of one day, with which all processes count clients.

        It is made anew for each day, and deleted after it. Raises StateError where it cannot be
        made at once.
        """
        clients = schema.clients
        query = select(clients.c.key).where(clients.c.day == day.isoformat())
        known = self._database.scalar(query)
        if known is None:
            with self._database.transaction(patience=0) as connection:
                known = connection.execute(query).scalar()  # another process may have made it
                if known is None:
                    known = secrets.token_hex(32)
                    _forget_clients(connection, day)
                    row = {"day": day.isoformat(), "key": known, "registers": b"", "number": 0}
                    connection.execute(clients.insert(), row)
        return bytes.fromhex(known)

    def add(self, counts: Counts, *, patience: float = PATIENCE) -> None:
        """Add these counts to those of their day, and delete what is too old.

        Raises StateError where that cannot be done within `patience` seconds.
        """
        with self._database.transaction(patience=patience) as connection:
            _add_requests(connection, counts)
            _add_subscribers(connection, counts)
            _add_clients(connection, counts)
            before = (counts.day - timedelta(days=KEPT_DAYS)).isoformat()
            for table in (schema.requests, schema.subscribers, schema.clients):
                connection.execute(table.delete().where(table.c.day < before))

    def by_day(self, since: date) -> dict[date, dict[str, int]]:
        """Return the number of requests of each day by class of status."""
        table = schema.requests.c
        query = select(table.day, table.status, func.sum(table.number).label("number"))
        days: dict[date, dict[str, int]] = {}
        for row in self._rows(query.group_by(table.day, table.status), table.day, since):
            days.setdefault(date.fromisoformat(row.day), {})[row.status] = int(row.number)
        return days

    def by_path(self, since: date) -> dict[str, dict[str, int]]:
        """Return the number of requests for each feed by class of status."""
        table = schema.requests.c
        query = select(table.path, table.status, func.sum(table.number).label("number"))
        query = query.where(table.path != OTHER).group_by(table.path, table.status)
        paths: dict[str, dict[str, int]] = {}
        for row in self._rows(query, table.day, since):
            paths.setdefault(row.path, {})[row.status] = int(row.number)
        return paths

    def subscribers(self, since: date) -> dict[str, dict[str, int]]:
        """Return the largest number of subscribers that each service named, by path and service."""
        table = schema.subscribers.c
        query = select(table.path, table.service, func.max(table.number).label("number"))
        paths: dict[str, dict[str, int]] = {}
        for row in self._rows(query.group_by(table.path, table.service), table.day, since):
            paths.setdefault(row.path, {})[row.service] = row.number
        return paths

    def clients(self, since: date) -> dict[date, int]:
        """Return about how many clients asked for feeds on each day."""
        table = schema.clients.c
        rows = self._rows(select(table.day, table.number), table.day, since)
        return {date.fromisoformat(row.day): row.number for row in rows}

    def _rows(self, query: Any, day: Any, since: date) -> list[Any]:
        return self._database.rows(query.where(day >= since.isoformat()).order_by(day))


def _add_requests(connection: Connection, counts: Counts) -> None:
    table, day = schema.requests, counts.day.isoformat()
    known = _known(connection, table, day, {OTHER, *(path for path, _ in counts.requests)})
    sums = {(row.path, row.status): row.number for row in known}
    named = _Named(connection, table, day, {row.path for row in known} | {OTHER})
    changed: set[str] = set()
    for (path, status), number in counts.requests.items():
        name = path if named.take(path) else OTHER
        changed.add(name)
        sums[name, status] = sums.get((name, status), 0) + number
    _replace(connection, table, day, changed, sums)


def _add_subscribers(connection: Connection, counts: Counts) -> None:
    table, day = schema.subscribers, counts.day.isoformat()
    known = _known(connection, table, day, {path for path, _ in counts.subscribers})
    largest = {(row.path, row.service): row.number for row in known}
    named = _Named(connection, table, day, {row.path for row in known})
    changed: set[str] = set()
    for (path, service), number in counts.subscribers.items():
        before = largest.get((path, service), 0)
        if number > before and named.take(path):
            changed.add(path)
            largest[path, service] = max(before, min(number, _MOST_SUBSCRIBERS))
    _replace(connection, table, day, changed, largest)


class _Named:
    """The paths that one day has in a table, of which there are MOST_PATHS at most."""

    def __init__(self, connection: Connection, table: Any, day: str, known: set[str]) -> None:
        self._known = known
        query = select(func.count(table.c.path.distinct())).where(table.c.day == day)
        self._left = (
            MOST_PATHS - connection.execute(query.where(table.c.path != OTHER)).scalar_one()
        )

    def take(self, path: str) -> bool:
        """Tell whether a path may be written, and count it if it is new."""
        if path not in self._known:
            if self._left <= 0:
                return False
            self._left -= 1
            self._known.add(path)
        return True


def _known(connection: Connection, table: Any, day: str, paths: set[str]) -> list[Any]:
    """Return the rows of these paths on one day."""
    return execute_for(connection, select(table).where(table.c.day == day), table.c.path, paths)


def _replace(
    connection: Connection,
    table: Any,
    day: str,
    paths: set[str],
    numbers: Mapping[tuple[str, str], int],
) -> None:
    """Write the numbers of these paths in the place of those of the same day."""
    column = "status" if table is schema.requests else "service"
    execute_for(connection, table.delete().where(table.c.day == day), table.c.path, paths)
    values = [
        {"day": day, "path": path, column: name, "number": number}
        for (path, name), number in numbers.items()
        if path in paths
    ]
    insert_rows(connection, table, values)


def _add_clients(connection: Connection, counts: Counts) -> None:
    table = schema.clients
    _forget_clients(connection, counts.day)
    of_day = table.c.day == counts.day.isoformat()
    known = connection.execute(select(table).where(of_day)).first()
    if known is None or counts.key is None or known.key != counts.key.hex():
        return
    clients = Distinct(bytes(known.registers))
    clients.merge(counts.clients)
    values = {"registers": clients.registers, "number": clients.count()}
    connection.execute(table.update().where(of_day).values(values))


def _forget_clients(connection: Connection, day: date) -> None:
    """Keep of all days but this one only the number of clients."""
    table = schema.clients
    others = (table.c.day != day.isoformat()) & (table.c.key != "")
    connection.execute(table.update().where(others).values(key="", registers=b""))
