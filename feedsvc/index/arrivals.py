"""When articles came, by feed and by folder."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.silence import Arrival

_AFTER_SLASH = chr(ord("/") + 1)


class ArrivalTable:
    """The arrivals of one database; articles that are held back count when they were seen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, slugs: Collection[str], moment: datetime) -> list[Arrival]:
        """Return the articles of these feeds that are dated after a moment."""
        member, ledger = schema.memberships.c, schema.ledger.c
        query = (
            select(member.slug, member.source, member.published, ledger.first_seen)
            .join(schema.ledger, ledger.id == member.id)
            .where(member.slug.in_(slugs), member.published >= rows.seconds(moment))
        )
        return [Arrival(*row) for row in self._database.rows(query)]

    def last_in_feed(self, slug: str) -> float | None:
        """Return when the last article of a feed was first seen, None without an article."""
        member, ledger = schema.memberships.c, schema.ledger.c
        query = (
            select(func.max(ledger.first_seen))
            .select_from(schema.memberships)
            .join(schema.ledger, ledger.id == member.id)
            .where(member.slug == slug)
        )
        return self._last(query)

    def last_in_folder(self, folder: str) -> float | None:
        """Return when the last article in or below a folder was first seen, or None."""
        articles, ledger = schema.articles.c, schema.ledger.c
        query = (
            select(func.max(ledger.first_seen))
            .select_from(schema.articles)
            .join(schema.ledger, ledger.id == articles.id)
        )
        if folder and self._database.dialect == "sqlite":  # which compares text by its bytes
            query = query.where(
                articles.source > f"{folder}/", articles.source < f"{folder}{_AFTER_SLASH}"
            )
        elif folder:
            query = query.where(articles.source.startswith(f"{folder}/", autoescape=True))
        return self._last(query)

    def _last(self, query: object) -> float | None:
        last = self._database.scalar(query)  # type: ignore[arg-type]  # built above
        return None if last is None else float(last)
