"""Pings: feeds whose hubs are still to be told that they have changed (W3C WebSub, 7).

They are written with the changed document, so none is lost when the process ends before it is sent.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """One hub to be told of the document at one path.

    `since` is when the document changed, `attempts` how often the hub was not reached.
    """

    hub: str
    path: str
    since: datetime
    attempts: int


class PingTable:
    """The pings of one database that are still to be sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, now: datetime, most: int) -> list[Ping]:
        """Return the pings that are to be sent by now, the oldest first."""
        pings = schema.pings.c
        query = (
            select(schema.pings)
            .where(pings.due <= rows.seconds(now))
            .order_by(pings.due, pings.hub, pings.path)
            .limit(most)
        )
        return [
            Ping(hub=row.hub, path=row.path, since=rows.moment(row.since), attempts=row.attempts)
            for row in self._database.rows(query)
        ]

    def next_due(self) -> datetime | None:
        """Return when the next ping is to be sent, None where there is none."""
        due = self._database.scalar(select(func.min(schema.pings.c.due)))
        return None if due is None else rows.moment(due)

    def done(self, ping: Ping) -> None:
        """Forget a ping, unless its document has changed again since it was read."""
        with self._database.transaction() as connection:
            connection.execute(schema.pings.delete().where(_is(ping)))

    def try_again(self, ping: Ping, due: datetime) -> None:
        """Have a ping sent once more, unless its document has changed again since it was read."""
        values = {"due": rows.seconds(due), "attempts": ping.attempts + 1}
        with self._database.transaction() as connection:
            connection.execute(schema.pings.update().where(_is(ping)).values(values))

    def keep_only(self, hubs: Collection[str]) -> None:
        """Forget the pings for all other hubs."""
        hub = schema.pings.c.hub
        others = select(hub).where(hub.not_in(hubs)).limit(1)
        if self._database.rows(others):
            with self._database.transaction() as connection:
                connection.execute(schema.pings.delete().where(hub.not_in(hubs)))


def write_pings(connection: Connection, path: str, hubs: Collection[str], now: datetime) -> None:
    """Have these hubs told that the document at a path has changed."""
    if hubs:
        connection.execute(schema.pings.delete().where(schema.pings.c.path == path))
        second = rows.seconds(now)
        values = [
            # A moment later every worker sends the new document.
            {"hub": hub, "path": path, "since": second, "due": second + 1, "attempts": 0}
            for hub in hubs
        ]
        connection.execute(schema.pings.insert(), values)


def _is(ping: Ping) -> ColumnElement[bool]:
    pings = schema.pings.c
    return and_(
        pings.hub == ping.hub,
        pings.path == ping.path,
        pings.since == rows.seconds(ping.since),
        pings.attempts == ping.attempts,
    )
