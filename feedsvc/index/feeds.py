"""Feeds: what each one shows, and since when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.index.lookup import chunks, replace_rows

LIST, LIST_OF_ALL = "", "?"
"""The slugs under which the states of the two lists of feeds are kept: the list of the configured
feeds, and the list that has the feeds of terms too. No feed can have these slugs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """What is remembered of a feed: the term it is of, what it shows, since when."""

    slug: str
    term: str | None
    fingerprint: str
    changed: datetime


class FeedTable:
    """The states of all feeds of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def changed_after(self, moment: datetime, seconds: int) -> bool:
        """Tell whether any feed says that it changed more than so many seconds after `moment`."""
        with self._database.reading() as connection:
            latest = connection.execute(select(func.max(schema.feeds.c.changed))).scalar()
        return latest is not None and latest > rows.seconds(moment) + seconds

    def state(self, slug: str) -> FeedState | None:
        """Return the state of one feed, None where there has never been such a feed."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(schema.feeds).where(schema.feeds.c.slug == slug)
            ).first()
        return None if row is None else _feed_state(row)

    def of_terms(self) -> tuple[tuple[FeedState, int], ...]:
        """Return the feeds of terms that articles name now, each with its number of articles."""
        feeds, memberships = schema.feeds.c, schema.memberships.c
        counts = (
            select(memberships.slug, func.count().label("articles"))
            .group_by(memberships.slug)
            .subquery()
        )
        with self._database.reading() as connection:
            found = connection.execute(
                select(schema.feeds, counts.c.articles)
                .join(counts, counts.c.slug == feeds.slug)
                .where(feeds.term.is_not(None))
                .order_by(counts.c.articles.desc(), feeds.slug)
            )
            return tuple((_feed_state(row), row.articles) for row in found)


class FeedWriter:
    """The feeds inside the transaction of a refresh, and the memory of which of them it touches."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.touched: set[str] = set()  # slugs

    def versions(self, slug: str, limit: int, policy: str) -> list[str]:
        """Return what the newest articles of one feed look like, newest first.

        That is each one's version and the policy by which its content is kept; what is not kept
        will be cleaned by `policy`.
        """
        memberships, articles, ledger = schema.memberships.c, schema.articles.c, schema.ledger.c
        contents = schema.contents.c
        query = (
            select(articles.version, contents.policy)
            .join(schema.memberships, memberships.source == articles.source)
            .join(schema.ledger, and_(ledger.id == articles.id, ledger.source == articles.source))
            .outerjoin(
                schema.contents,
                and_(contents.source == articles.source, contents.version == articles.version),
            )
            .where(memberships.slug == slug, articles.held_until.is_(None))
            .order_by(*schema.NEWEST_FIRST)
            .limit(limit)
        )
        return [f"{row.version} {row.policy or policy}" for row in self._connection.execute(query)]

    def term_slugs(self) -> list[tuple[str, str]]:
        """Return the slug and term of each feed of a term that articles name now."""
        feeds, memberships = schema.feeds.c, schema.memberships.c
        named = select(memberships.slug).where(memberships.slug == feeds.slug).exists()
        query = select(feeds.slug, feeds.term).where(feeds.term.is_not(None), named)
        return [
            (row.slug, row.term) for row in self._connection.execute(query.order_by(feeds.slug))
        ]

    def all_slugs(self) -> set[str]:
        """Return the slugs of all feeds that there have ever been."""
        return set(self._connection.execute(select(schema.feeds.c.slug)).scalars())

    def settle(self, fingerprints: Mapping[str, str], now: datetime) -> int:
        """Note what these feeds show now, and return how many show something else than before.

        `changed` is the first whole second by which the change is out, and always later than the
        one before: a reader that compares dates alone must see every change. It is in the documents
        of the feed, and so in the fingerprint that is kept.
        """
        feeds = schema.feeds.c
        known = {
            row.slug: row
            for chunk in chunks(list(fingerprints))
            for row in self._connection.execute(select(schema.feeds).where(feeds.slug.in_(chunk)))
        }
        values = []
        for slug, fingerprint in fingerprints.items():
            before = known.get(slug)
            if before is not None and _shown(before) == fingerprint:
                continue
            changed = rows.seconds(now + timedelta(seconds=1 if now.microsecond else 0))
            if before is not None:
                changed = max(changed, before.changed + 1)
            values.append(_state(slug, before.term if before else None, fingerprint, changed))
        replace_rows(self._connection, schema.feeds, feeds.slug, values)
        return len(values)

    def move_changes(self, to: datetime, seconds: int) -> None:
        """Say of feeds that changed more than so many seconds after `to` that they did at it."""
        second, feeds = rows.seconds(to), schema.feeds.c
        query = select(schema.feeds).where(feeds.changed > second + seconds)
        moved = [
            _state(row.slug, row.term, _shown(row), second)
            for row in self._connection.execute(query)
            if row.changed != second
        ]
        replace_rows(self._connection, schema.feeds, feeds.slug, moved)

    def newest_titles(self, slug: str, limit: int) -> list[str]:
        """Return the titles of the newest articles of one feed."""
        memberships, articles = schema.memberships.c, schema.articles.c
        query = (
            select(articles.facts)
            .join(schema.memberships, memberships.source == articles.source)
            .where(memberships.slug == slug)
            .order_by(*schema.NEWEST_FIRST)
            .limit(limit)
        )
        found = self._connection.execute(query).scalars()
        return [rows.article("", facts, "").title for facts in found]

    def know_terms(self, terms: Mapping[str, str]) -> None:
        """Note the feeds of terms, by slug, that have not been known before."""
        known = {
            slug
            for chunk in chunks(list(terms))
            for slug in self._connection.execute(
                select(schema.feeds.c.slug).where(
                    schema.feeds.c.slug.in_(chunk), schema.feeds.c.term.is_not(None)
                )
            ).scalars()
        }
        new = [
            {"slug": slug, "term": term, "fingerprint": "", "changed": 0}
            for slug, term in terms.items()
            if slug not in known
        ]
        replace_rows(self._connection, schema.feeds, schema.feeds.c.slug, new)


def _feed_state(row: Any) -> FeedState:
    return FeedState(
        slug=row.slug,
        term=row.term,
        fingerprint=row.fingerprint,
        changed=rows.moment(row.changed),
    )


def _state(slug: str, term: str | None, shown: str, changed: int) -> dict[str, Any]:
    fingerprint = f"{shown} {changed}"
    return {"slug": slug, "term": term, "fingerprint": fingerprint, "changed": changed}


def _shown(row: Any) -> str:
    """Return the part of a kept fingerprint that says what the feed shows."""
    return str(row.fingerprint).partition(" ")[0]
