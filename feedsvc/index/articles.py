"""The files that were read and the last good version of each article."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, literal, or_, select, union

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.index.lookup import execute_for
from feedsvc.model import Published, Signature

_MOST_RANGES = 1000  # queries of one place each; beyond, one query for everything is faster
_FIRST_BATCH, _BATCH = 100, 1000  # articles that are read at a time
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

    def expired(self, now: datetime) -> tuple[list[str], datetime | None]:
        """Return the sources of articles whose time is over, and when the next one's will be."""
        expires = schema.articles.c.expires
        second = rows.seconds(now)
        with self._database.reading() as connection:
            over = connection.execute(select(schema.articles.c.source).where(expires <= second))
            later = connection.execute(select(func.min(expires)).where(expires > second)).scalar()
            return list(over.scalars()), None if later is None else rows.moment(later)

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

    def older(self, slug: str, published: datetime, id: str, limit: int) -> tuple[Published, ...]:
        """Return the newest articles of one feed that come after a place in it, without bodies.

        The place is that of an article with this date and id, whether the feed has one or not.
        """
        memberships = schema.memberships.c
        return self._published(
            _in_feed(slug)
            .where(*_after(published, id))
            .order_by(memberships.published.desc(), memberships.id)
            .limit(limit)
        )

    def newer(
        self, slug: str, place: tuple[datetime, str] | None, limit: int, *, skipped: int = 0
    ) -> tuple[Published, ...]:
        """Return the oldest articles of one feed that come before a place, the oldest first.

        An article at the place itself is among them. Without a place, they are the feed's oldest.
        """
        memberships = schema.memberships.c
        query = _in_feed(slug)
        if place is not None:
            second = rows.seconds(place[0])
            query = query.where(
                memberships.published >= second,
                or_(memberships.published > second, memberships.id <= place[1]),
            )
        return self._published(
            query.order_by(memberships.published, memberships.id.desc())
            .offset(skipped)
            .limit(limit)
        )

    def count_older(self, slug: str, place: tuple[datetime, str] | None) -> int:
        """Return about how many articles of one feed come after a place, of all without one.

        Copies and held articles count: to leave them out would take as long as to read all.
        """
        memberships = schema.memberships.c
        query = select(func.count()).where(memberships.slug == slug)
        if place is not None:
            query = query.where(*_after(*place))
        return int(self._database.scalar(query) or 0)

    def newest_of(
        self,
        slugs: Sequence[str],
        *,
        none_of: Sequence[str] = (),
        containing: Sequence[Sequence[str]] = (),
        since: datetime | None = None,
        passes: Callable[[str, list[str], list[str]], bool] | None = None,
    ) -> Iterator[str]:
        """Yield the sources of the articles of any of these feeds and of `none_of` others.

        The newest comes first; copies and held articles are among them. Leave out articles from
        before `since`; those whose title, authors and terms do not pass; and those that lack all
        texts of a sequence in `containing`, if not in another field too.
        """
        memberships, facts = schema.memberships.c, schema.articles.c.facts
        own: list[Any] = [
            # Where an article has an &, its text may be written by character references.
            or_(facts.contains("&"), *(facts.contains(text, autoescape=True) for text in texts))
            for texts in containing
        ]
        if since is not None:
            own.append(memberships.published >= rows.seconds(since))
        if none_of:
            others = schema.memberships.alias()
            unwanted = select(others.c.source).where(
                others.c.source == memberships.source, others.c.slug.in_(none_of)
            )
            own.append(~unwanted.exists())
        conditions, limit = own, _FIRST_BATCH
        while True:
            # Each part comes from the index in the order of a feed, so nothing is sorted as a
            # whole.
            parts = [
                select(memberships.source, memberships.published, memberships.id, facts)
                .join(schema.articles, schema.articles.c.source == memberships.source)
                .where(memberships.slug == slug, *conditions)
                .order_by(memberships.published.desc(), memberships.id)
                .limit(limit)
                for slug in slugs
            ]
            merged = union(*(select(part.subquery()) for part in parts)).subquery()
            batch = self._database.rows(
                select(merged).order_by(merged.c.published.desc(), merged.c.id).limit(limit)
            )
            for row in batch:
                if passes is None or passes(*rows.named(row.facts)):
                    yield row.source
            if len(batch) < limit:
                return
            conditions = [*own, *_after(rows.moment(batch[-1].published), batch[-1].id)]
            limit = _BATCH

    def beside(self, slug: str, article: Published, *, newer: bool) -> Published | None:
        """Return the next newer or the next older article of one feed, without its body."""
        place = article.published, article.id
        beside = self.newer(slug, place, 1, skipped=1) if newer else self.older(slug, *place, 1)
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

    def members(self, slug: str, sources: Iterable[str]) -> set[str]:
        """Return those of these sources that are articles of one feed."""
        member = schema.memberships.c
        query = select(member.source).where(member.slug == slug)
        with self._database.reading() as connection:
            return {row.source for row in execute_for(connection, query, member.source, sources)}

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


def _in_feed(slug: str) -> Any:
    """Return the query for the articles of one feed, without their bodies."""
    memberships = schema.memberships.c
    return (
        published_articles()
        .join(schema.memberships, memberships.source == schema.articles.c.source)
        .where(memberships.slug == slug)
    )


def _after(published: datetime, id: str) -> tuple[Any, Any]:
    """Return the conditions that an article comes after a place in a feed.

    The order of a feed is: newest first, ties by id.
    """
    memberships, second = schema.memberships.c, rows.seconds(published)
    # The first one alone tells SQLite where in the index to begin.
    return memberships.published <= second, or_(memberships.published < second, memberships.id > id)


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
