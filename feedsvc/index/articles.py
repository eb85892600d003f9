"""The files that were read and the last good version of each article."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, literal, or_, select, union

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

    def count_in(self, slug: str, since: datetime | None = None) -> int:
        """Return how many articles one feed has, of all dates or only `since` a moment."""
        query = _members(slug, func.count())
        if since is not None:
            query = query.where(schema.memberships.c.published >= rows.seconds(since))
        return int(self._database.scalar(query) or 0)

    def part_of_feed(self, slug: str, *, start: int, end: int) -> tuple[Published, ...]:
        """Return some articles of one feed without their bodies, newest first.

        The articles of the feed are numbered from 0, the oldest first: so a number stays the same
        when newer articles come. The part goes from `start` to before `end`.
        """
        memberships = schema.memberships.c
        members = (
            # The index `memberships_newest`, read backwards.
            _members(slug, memberships.source)
            .order_by(memberships.published, memberships.id.desc())
            .offset(start)
            .limit(end - start)
        )
        sources = [row.source for row in self._database.rows(members)]
        articles = self._published(
            published_articles().where(schema.articles.c.source.in_(sources))
        )
        by_source = {published.article.source: published for published in articles}
        # An article may be withdrawn between the two queries.
        return tuple(by_source[source] for source in reversed(sources) if source in by_source)

    def beside(self, slug: str, article: Published, *, newer: bool) -> Published | None:
        """Return the next newer or the next older article of one feed, without its body."""
        memberships, articles = schema.memberships.c, schema.articles.c
        second = rows.seconds(article.published)
        # In the order of a feed: newest first, ties by id.
        order: tuple[Any, ...]
        if newer:
            order = memberships.published, memberships.id.desc()
            near = memberships.published >= second
            beyond = or_(memberships.published > second, memberships.id < article.id)
        else:
            order = memberships.published.desc(), memberships.id
            near = memberships.published <= second
            beyond = or_(memberships.published < second, memberships.id > article.id)
        beside = self._published(
            published_articles()
            .join(schema.memberships, memberships.source == articles.source)
            .where(memberships.slug == slug, near, beyond)
            .order_by(*order)
            .limit(1)
        )
        return beside[0] if beside else None

    def without_original(self, slug: str, limit: int) -> list[tuple[str, datetime]]:
        """Return the keys and dates of change of a feed's newest articles without an original."""
        ledger = schema.ledger.c
        query = (
            select(ledger.key, schema.articles.c.updated)
            .join(schema.ledger, schema.IS_SHOWN)
            .where(ledger.link.is_(None))
        )
        newest = schema.newest_in_feed(query, slug, limit)
        return [(row.key, rows.moment(row.updated)) for row in self._database.rows(newest)]

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

    def versions(self, policy: str) -> dict[str, tuple[str, str]]:
        """Return the key of every published article, and a text for its version, by source.

        The text names the policy that cleaned its content, which is `policy` where no content is
        kept: it will be cleaned by that one.
        """
        articles, contents, ledger = schema.articles.c, schema.contents.c, schema.ledger.c
        query = (
            select(articles.source, ledger.key, articles.version, contents.policy)
            .join(schema.ledger, schema.IS_SHOWN)
            .outerjoin(
                schema.contents,
                and_(contents.source == articles.source, contents.version == articles.version),
            )
        )
        return {
            row.source: (row.key, f"{row.version} {row.policy or policy}")
            for row in self._database.rows(query)
        }

    def memberships(self) -> list[Any]:
        """Return pairs of a feed's slug and the source of an article in it, in the feeds' order.

        Articles that are held, and copies, are among them.
        """
        memberships = schema.memberships.c
        query = select(memberships.slug, memberships.source).order_by(
            memberships.slug, memberships.published.desc(), memberships.id
        )
        with self._database.reading() as connection:
            return list(connection.execute(query).all())  # twice as fast as one by one

    def copies(self) -> list[tuple[str, str]]:
        """Return the files that are copies of others, each with the file that is shown."""
        articles, ledger = schema.articles.c, schema.ledger.c
        query = (
            select(articles.source, ledger.source.label("shown"))
            .join(schema.ledger, ledger.id == articles.id)
            .where(ledger.source != articles.source)
            .order_by(articles.source)
        )
        return [(row.source, row.shown) for row in self._database.rows(query)]

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


def _members(slug: str, *columns: Any) -> Any:
    """Return the query for columns of the memberships that one feed may show."""
    memberships, articles, ledger = schema.memberships.c, schema.articles.c, schema.ledger.c
    # To look up each article takes many times as long as to walk over the index of a feed. Only an
    # article with copies, or one that is held, may not be shown, and these are few.
    doubtful = union(
        select(articles.id).group_by(articles.id).having(func.count() > 1),
        select(articles.id).where(articles.held_until.is_not(None)),
    )
    shown = (
        select(articles.source)
        .join(schema.ledger, schema.IS_SHOWN)
        .where(ledger.id == memberships.id, articles.source == memberships.source)
        .exists()
    )
    return (
        select(*columns)
        .select_from(schema.memberships)
        .where(memberships.slug == slug, or_(memberships.id.not_in(doubtful), shown))
    )
