"""The files that were read and the last good version of each article."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, literal, or_, select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.model import Published, Signature

_MOST_RANGES = 1000  # queries of one place each; beyond, one query for everything is faster
_AFTER_SLASH = chr(ord("/") + 1)


class ArticleTable:
    """The articles of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def signatures(self, within: Sequence[str] | None = None) -> dict[str, Signature]:
        """Return the signature of every file when it was last read, by source.

        With places `within`, return the files at and below them, and perhaps others.
        """
        files = schema.files.c
        query = select(files.source, files.mtime_ns, files.size, files.ctime_ns, files.inode)
        # The files below a folder are one range only where text is compared by its bytes.
        if within is None or self._database.dialect != "sqlite" or len(within) > _MOST_RANGES:
            queries = [query]
        else:
            queries = [
                query.where(
                    or_(
                        files.source == place,
                        and_(files.source > f"{place}/", files.source < f"{place}{_AFTER_SLASH}"),
                    )
                )
                for place in within
            ]
        with self._database.reading() as connection:
            return {
                source: Signature(*signature)
                for query in queries
                for source, *signature in connection.execute(query)
            }

    def count(self) -> int:
        """Return how many articles are published."""
        # Each id has one canonical file. SQLite counts ids quickly in their index; to join every
        # article with the ledger is slow. Held articles are few.
        ids = select(schema.articles.c.id).distinct().subquery()
        held = (
            select(func.count())
            .select_from(schema.articles.join(schema.ledger, schema.IS_CANONICAL))
            .where(schema.articles.c.held_until.is_not(None))
        )
        with self._database.reading() as connection:
            known = connection.execute(select(func.count()).select_from(ids)).scalar_one()
            return int(known - connection.execute(held).scalar_one())

    def due(self, now: datetime) -> tuple[list[str], datetime | None]:
        """Return the sources of held articles whose time has come, and when the next is due."""
        held = schema.articles.c.held_until
        second = rows.seconds(now)
        with self._database.reading() as connection:
            ready = connection.execute(select(schema.articles.c.source).where(held <= second))
            later = connection.execute(select(func.min(held)).where(held > second)).scalar()
            return list(ready.scalars()), None if later is None else rows.moment(later)

    def published(self, slug: str, limit: int) -> tuple[Published, ...]:
        """Return the newest articles of one feed, newest first, ties by id, without bodies."""
        return self._published(schema.newest_in_feed(published_articles(), slug, limit))

    def all_published(self, size: int) -> Iterator[tuple[Published, ...]]:
        """Yield every published article without its body, in batches of `size`."""
        source = schema.articles.c.source
        query = published_articles().order_by(source).limit(size)
        last = ""
        while batch := self._published(query.where(source > last)):
            yield batch
            last = batch[-1].article.source

    def article(self, key: str) -> Published | None:
        """Return the article of one key without its body, None where none is published."""
        articles = self._published(published_articles().where(schema.ledger.c.key == key))
        return articles[0] if articles else None

    def shown_in(self, source: str) -> tuple[list[str], datetime | None]:
        """Return the slugs of the feeds that show an article, and until when it is held."""
        memberships, articles = schema.memberships.c, schema.articles.c
        with self._database.reading() as connection:
            held = connection.execute(
                select(articles.held_until).where(articles.source == source)
            ).scalar()
            slugs = connection.execute(
                select(memberships.slug)
                .join(schema.articles, articles.source == memberships.source)
                .join(schema.ledger, schema.IS_SHOWN)
                .where(memberships.source == source)
                .order_by(memberships.slug)
            ).scalars()
            return list(slugs), None if held is None else rows.moment(held)

    def bodies(self, sources: list[str]) -> dict[str, str]:
        """Return the raw bodies of these sources."""
        query = select(schema.bodies).where(schema.bodies.c.source.in_(sources))
        return rows.bodies(self._database.rows(query))

    def _published(self, query: Any) -> tuple[Published, ...]:
        return tuple(map(rows.published, self._database.rows(query)))


def published_articles() -> Any:
    """Return the query for the articles that feeds may show, without their bodies."""
    return select(schema.articles, schema.ledger.c.key, literal("").label("body")).join(
        schema.ledger, schema.IS_SHOWN
    )
