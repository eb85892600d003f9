"""The files that were read and the articles that they told, each in its last good version."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, literal, or_, select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.model import Published, Signature

_MOST_RANGES = 1000  # queries of one place each; then one for everything is quicker

# The file that the ledger names is the canonical source of the entry; copies are not shown.
_IS_CANONICAL = and_(
    schema.ledger.c.id == schema.articles.c.id,
    schema.ledger.c.source == schema.articles.c.source,
    schema.articles.c.held_until.is_(None),
)


class ArticleTable:
    """The articles of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def signatures(self, within: Sequence[str] | None = None) -> dict[str, Signature]:
        """Return the signature of every file as last read, by source.

        `within` some places: of the files at and below them, and perhaps of others.
        """
        files = schema.files.c
        query = select(files.source, files.mtime_ns, files.size, files.ctime_ns, files.inode)
        # Only where text is compared by its bytes is what is below a folder one range of it.
        if within is None or self._database.dialect != "sqlite" or len(within) > _MOST_RANGES:
            parts = [query]
        else:
            below = chr(ord("/") + 1)
            parts = [
                query.where(
                    or_(
                        files.source == place,
                        and_(files.source > f"{place}/", files.source < f"{place}{below}"),
                    )
                )
                for place in within
            ]
        with self._database.reading() as connection:
            return {
                source: Signature(*signature)
                for part in parts
                for source, *signature in connection.execute(part)
            }

    def count(self) -> int:
        """Return how many articles are published."""
        # Each id has one canonical source. To count ids in the order of their index is quick; to
        # join every article with the ledger is not. Those held back are few.
        articles = schema.articles.c
        ids = select(articles.id).distinct().subquery()
        held = (
            select(func.count())
            .select_from(
                schema.articles.join(
                    schema.ledger,
                    and_(
                        schema.ledger.c.id == articles.id, schema.ledger.c.source == articles.source
                    ),
                )
            )
            .where(articles.held_until.is_not(None))
        )
        with self._database.reading() as connection:
            known = connection.execute(select(func.count()).select_from(ids)).scalar_one()
            return int(known - connection.execute(held).scalar_one())

    def due(self, now: datetime) -> tuple[list[str], datetime | None]:
        """Return the sources of held articles whose time has come, and the next time that will."""
        held = schema.articles.c.held_until
        second = rows.seconds(now)
        with self._database.reading() as connection:
            ready = connection.execute(select(schema.articles.c.source).where(held <= second))
            later = connection.execute(select(func.min(held)).where(held > second)).scalar()
            return list(ready.scalars()), None if later is None else rows.moment(later)

    def published(self, slug: str, limit: int) -> tuple[Published, ...]:
        """Return the newest articles of one feed, newest first, ties by id, without bodies."""
        memberships = schema.memberships
        query = (
            published_articles()
            .join(memberships, memberships.c.source == schema.articles.c.source)
            .where(memberships.c.slug == slug)
            .order_by(*schema.NEWEST_FIRST)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return tuple(rows.published(row) for row in connection.execute(query))

    def all_published(self, size: int) -> Iterator[tuple[Published, ...]]:
        """Yield every article that is published, without its body, so many at a time."""
        source = schema.articles.c.source
        query = published_articles().order_by(source).limit(size)
        last = ""
        while True:
            with self._database.reading() as connection:
                batch = tuple(
                    rows.published(row) for row in connection.execute(query.where(source > last))
                )
            if not batch:
                return
            yield batch
            last = batch[-1].article.source

    def article(self, key: str) -> Published | None:
        """Return the article of one key without its body, None where none is published."""
        query = published_articles().where(schema.ledger.c.key == key)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else rows.published(row)

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
                .join(schema.ledger, _IS_CANONICAL)
                .where(memberships.source == source)
                .order_by(memberships.slug)
            ).scalars()
            return list(slugs), None if held is None else rows.moment(held)

    def bodies(self, sources: list[str]) -> dict[str, str]:
        """Return the raw bodies of these sources."""
        table = schema.bodies.c
        with self._database.reading() as connection:
            query = select(schema.bodies).where(table.source.in_(sources))
            return rows.bodies(connection.execute(query))


def published_articles() -> Any:
    """Return the query for the articles that feeds may show, without their bodies."""
    return select(schema.articles, schema.ledger.c.key, literal("").label("body")).join(
        schema.ledger, _IS_CANONICAL
    )
