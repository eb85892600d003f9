"""The index: what feedsvc knows, in one database. SQLAlchemy Core; SQLite unless told otherwise.

`Index` answers questions; `Index.writing()` gives a `Writer` inside the one transaction of a
refresh. Not inside: what to write, and why.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, literal, or_, select

from feedsvc.index import journal, rows, schema, watchlock
from feedsvc.index.database import journal_of
from feedsvc.index.engine import file_of, is_of_state
from feedsvc.index.kept import Kept
from feedsvc.index.lookup import chunks, named
from feedsvc.index.saved import SavedWork
from feedsvc.index.writer import Writer
from feedsvc.model import Problem, Published, Signature

_MOST_RANGES = 1000  # queries of one place each; then one for everything is quicker

__all__ = [
    "FeedState",
    "Index",
    "Kept",
    "Writer",
    "file_of",
    "is_of_state",
    "journal",
    "journal_of",
    "watchlock",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """What is remembered of a feed: the term it is of, what it shows, since when."""

    slug: str
    term: str | None
    fingerprint: str
    changed: datetime


class Index(SavedWork):
    """Everything known about the articles."""

    def meta(self, key: str) -> str | None:
        """Return one remembered value."""
        with self._reading() as connection:
            return connection.execute(
                select(schema.meta.c.value).where(schema.meta.c.key == key)
            ).scalar()

    def metas(self) -> dict[str, str]:
        """Return all remembered values."""
        with self._reading() as connection:
            return {row.key: row.value for row in connection.execute(select(schema.meta))}

    def signatures(self, within: Sequence[str] | None = None) -> dict[str, Signature]:
        """Return the signature of every file as last read, by source.

        `within` some places: of the files at and below them, and perhaps of others.
        """
        files = schema.files.c
        query = select(files.source, files.mtime_ns, files.size, files.ctime_ns, files.inode)
        # Only where text is compared by its bytes is what is below a folder one range of it.
        if within is None or self._engine.dialect.name != "sqlite" or len(within) > _MOST_RANGES:
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
        with self._reading() as connection:
            return {
                source: Signature(*signature)
                for part in parts
                for source, *signature in connection.execute(part)
            }

    def named(self, sources: Sequence[str]) -> set[str]:
        """Return which of these sources the ledger names."""
        with self._reading() as connection:
            return named(connection, sources)

    def problems(self) -> tuple[Problem, ...]:
        """Return every open problem, unpublished articles first."""
        table = schema.problems.c
        with self._reading() as connection:
            found = connection.execute(
                select(schema.problems).order_by(table.published, table.source, table.ordinal)
            )
            uncleaned = connection.execute(
                select(schema.contents.c.source, schema.contents.c.problem)
                .where(schema.contents.c.problem.is_not(None))
                .order_by(schema.contents.c.source)
            )
            return (
                *(rows.problem(row) for row in found),
                *(rows.uncleaned(row.source, row.problem) for row in uncleaned),
            )

    def count(self) -> int:
        """Return how many articles are published."""
        # One file speaks for each id. The ids are counted in their index's order, which is quick;
        # to join every article with the ledger is not. Those held back are few.
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
        with self._reading() as connection:
            known = connection.execute(select(func.count()).select_from(ids)).scalar_one()
            return int(known - connection.execute(held).scalar_one())

    def due(self, now: datetime) -> tuple[list[str], datetime | None]:
        """Return the sources of held articles whose time has come, and the next time that will."""
        held = schema.articles.c.held_until
        second = rows.seconds(now)
        with self._reading() as connection:
            ready = connection.execute(select(schema.articles.c.source).where(held <= second))
            later = connection.execute(select(func.min(held)).where(held > second)).scalar()
            return list(ready.scalars()), None if later is None else rows.moment(later)

    def changed_after(self, moment: datetime, seconds: int) -> bool:
        """Tell whether any feed says that it changed more than so many seconds after `moment`."""
        with self._reading() as connection:
            latest = connection.execute(select(func.max(schema.feeds.c.changed))).scalar()
        return latest is not None and latest > rows.seconds(moment) + seconds

    def feed(self, slug: str) -> FeedState | None:
        """Return the state of one feed, None where there has never been such a feed."""
        with self._reading() as connection:
            row = connection.execute(
                select(schema.feeds).where(schema.feeds.c.slug == slug)
            ).first()
        return None if row is None else _feed_state(row)

    def feeds(self, slugs: Collection[str]) -> dict[str, FeedState]:
        """Return the states of these feeds by slug, but for those that there have never been."""
        with self._reading() as connection:
            return {
                row.slug: _feed_state(row)
                for chunk in chunks(list(slugs))
                for row in connection.execute(
                    select(schema.feeds).where(schema.feeds.c.slug.in_(chunk))
                )
            }

    def term_feeds(self) -> tuple[tuple[FeedState, int], ...]:
        """Return the feeds of terms that articles name now, each with its number of articles."""
        feeds, memberships = schema.feeds.c, schema.memberships.c
        counts = (
            select(memberships.slug, func.count().label("articles"))
            .group_by(memberships.slug)
            .subquery()
        )
        with self._reading() as connection:
            found = connection.execute(
                select(schema.feeds, counts.c.articles)
                .join(counts, counts.c.slug == feeds.slug)
                .where(feeds.term.is_not(None))
                .order_by(counts.c.articles.desc(), feeds.slug)
            )
            return tuple((_feed_state(row), row.articles) for row in found)

    def published(self, slug: str, limit: int) -> tuple[Published, ...]:
        """Return the newest articles of one feed, newest first, ties by id, without bodies."""
        memberships = schema.memberships
        query = (
            _published_query()
            .join(memberships, memberships.c.source == schema.articles.c.source)
            .where(memberships.c.slug == slug)
            .order_by(memberships.c.published.desc(), memberships.c.id)
            .limit(limit)
        )
        with self._reading() as connection:
            return tuple(rows.published(row) for row in connection.execute(query))

    def all_published(self, size: int) -> Iterator[tuple[Published, ...]]:
        """Yield every article that is published, without its body, so many at a time."""
        source = schema.articles.c.source
        query = _published_query().order_by(source).limit(size)
        last = ""
        while True:
            with self._reading() as connection:
                batch = tuple(
                    rows.published(row) for row in connection.execute(query.where(source > last))
                )
            if not batch:
                return
            yield batch
            last = batch[-1].article.source

    def article(self, key: str) -> Published | None:
        """Return the article of one key without its body, None where none is published."""
        query = _published_query().where(schema.ledger.c.key == key)
        with self._reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else rows.published(row)

    def shown_in(self, source: str) -> tuple[list[str], datetime | None]:
        """Return the slugs of the feeds that show an article, and until when it is held."""
        memberships, articles = schema.memberships.c, schema.articles.c
        with self._reading() as connection:
            held = connection.execute(
                select(articles.held_until).where(articles.source == source)
            ).scalar()
            slugs = connection.execute(
                select(memberships.slug)
                .join(schema.articles, articles.source == memberships.source)
                .join(schema.ledger, _SPEAKS)
                .where(memberships.source == source)
                .order_by(memberships.slug)
            ).scalars()
            return list(slugs), None if held is None else rows.moment(held)

    def was_known(self, key: str) -> bool:
        """Tell whether an article ever had this key."""
        with self._reading() as connection:
            query = select(schema.ledger.c.id).where(schema.ledger.c.key == key)
            return connection.execute(query).first() is not None

    def bodies(self, sources: list[str]) -> dict[str, str]:
        """Return the raw bodies of these sources."""
        table = schema.bodies.c
        with self._reading() as connection:
            query = select(schema.bodies).where(table.source.in_(sources))
            return rows.bodies(connection.execute(query))

    def outdated(self, policy: str, limit: int) -> tuple[Published, ...]:
        """Return articles whose content is kept by another policy, newest first, no bodies."""
        contents = schema.contents.c
        query = (
            _published_query()
            .join(schema.contents, contents.source == schema.articles.c.source)
            .where(contents.policy != policy)
            .order_by(schema.articles.c.published.desc(), schema.articles.c.id)
            .limit(limit)
        )
        with self._reading() as connection:
            return tuple(rows.published(row) for row in connection.execute(query))


# The file that the ledger names speaks for the entry; its copies are known and not shown.
_SPEAKS = and_(
    schema.ledger.c.id == schema.articles.c.id,
    schema.ledger.c.source == schema.articles.c.source,
    schema.articles.c.held_until.is_(None),
)


def _published_query() -> Any:
    return select(schema.articles, schema.ledger.c.key, literal("").label("body")).join(
        schema.ledger, _SPEAKS
    )


def _feed_state(row: Any) -> FeedState:
    return FeedState(
        slug=row.slug,
        term=row.term,
        fingerprint=row.fingerprint,
        changed=rows.moment(row.changed),
    )
