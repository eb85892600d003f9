"""What a page about all feeds shows: how many articles each feed has, and when they came."""

from collections import Counter
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import distinct, func, literal, select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.index.lookup import execute_for
from feedsvc.model import Article

_QUARTER = 900  # seconds
_WEEK = int(timedelta(days=7).total_seconds())


class OverviewTable:
    """Counts over the feeds of one database; articles that are held back do not count."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> dict[str, int]:
        """Return how many articles each feed has, by slug, the largest feeds first."""
        member = schema.memberships.c
        everything = select(member.slug, func.count().label("number")).group_by(member.slug)
        with self._database.reading() as connection:
            counts = Counter({row.slug: row.number for row in connection.execute(everything)})
            # They are few, and looked up one by one: to join every article with the ledger takes
            # many times as long.
            hidden = set(connection.execute(_copies()).scalars())
            hidden.update(connection.execute(_held()).scalars())
            for row in execute_for(connection, select(member.slug), member.source, hidden):
                counts[row.slug] -= 1
        return {slug: number for slug, number in counts.most_common() if number > 0}

    def terms(self) -> dict[str, str]:
        """Return the term of each feed of a term, by slug, also of those without articles now."""
        feeds = schema.feeds.c
        query = select(feeds.slug, feeds.term).where(feeds.term.is_not(None))
        return {row.slug: row.term for row in self._database.rows(query)}

    def weeks(self, slugs: Collection[str], end: datetime, number: int) -> dict[str, list[int]]:
        """Return how many articles came in each of so many weeks before `end`, the oldest first."""
        member = schema.memberships.c
        last = rows.seconds(end)
        first = last - number * _WEEK
        week = ((member.published - literal(first)) // _WEEK).label("week")
        query = (
            select(member.slug, week, func.count(distinct(member.id)).label("number"))
            .where(member.slug.in_(slugs), member.published >= first, member.published < last)
            .group_by(member.slug, week)
        )
        counts = {slug: [0] * number for slug in slugs}
        for row in self._database.rows(query):
            counts[row.slug][int(row.week)] = row.number
        return counts

    def days(self, slug: str, since: datetime, zone: ZoneInfo) -> dict[date, int]:
        """Return how many articles of a feed are dated on each day of a zone."""
        member = schema.memberships.c
        # All zones of today differ from UTC by whole quarters of an hour.
        quarter = (member.published // _QUARTER).label("quarter")
        query = (
            select(quarter, func.count(distinct(member.id)).label("number"))
            .where(member.slug == slug, member.published >= rows.seconds(since))
            .group_by(quarter)
        )
        counts: Counter[date] = Counter()
        for row in self._database.rows(query):
            moment = rows.moment(int(row.quarter) * _QUARTER)
            counts[moment.astimezone(zone).date()] += row.number
        return dict(counts)

    def terms_of_articles(self, slug: str, limit: int) -> list[tuple[str, ...]]:
        """Return the terms of each of the newest articles of one feed, as the articles name them.

        Articles without a term are left out.
        """
        query = schema.newest_in_feed(select(schema.articles.c.facts), slug, limit)
        articles: list[Article] = [
            rows.article("", row.facts, "") for row in self._database.rows(query)
        ]
        return [article.terms for article in articles if article.terms]


def _copies() -> Any:
    """Return the query for the sources of articles whose id has another, canonical source."""
    articles, ledger = schema.articles.c, schema.ledger.c
    ids = select(articles.id).group_by(articles.id).having(func.count() > 1).subquery()
    return (
        select(articles.source)
        .join(ids, ids.c.id == articles.id)
        .join(schema.ledger, ledger.id == articles.id)
        .where(ledger.source != articles.source)
    )


def _held() -> Any:
    """Return the query for the sources of articles that no feed shows yet."""
    articles = schema.articles.c
    # SQLite uses the index of this column for a comparison, not for IS NOT NULL.
    return select(articles.source).where(articles.held_until >= 0)
