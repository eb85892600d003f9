"""Feeds: what each of them shows, and since when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.index.lookup import execute_for, replace_rows

LIST, LIST_OF_ALL = "", "?"
"""The slugs of two lists of feeds: without and with the feeds of terms. No feed can have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """What a feed shows, and since when; `term` is None but in the feed of a term."""

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
        latest = self._database.scalar(select(func.max(schema.feeds.c.changed)))
        return latest is not None and latest > rows.seconds(moment) + seconds

    def state(self, slug: str) -> FeedState | None:
        """Return the state of one feed, None where there has never been such a feed."""
        selected = self._database.rows(select(schema.feeds).where(schema.feeds.c.slug == slug))
        return _feed_state(selected[0]) if selected else None

    def states(self, slugs: Iterable[str]) -> dict[str, FeedState]:
        """Return the states of those of these feeds that have one, by slug."""
        with self._database.reading() as connection:
            selected = execute_for(connection, select(schema.feeds), schema.feeds.c.slug, slugs)
        return {row.slug: _feed_state(row) for row in selected}

    def with_articles(self, number: int) -> set[str]:
        """Return the slugs of the feeds with at least so many articles, held ones too."""
        slug = schema.memberships.c.slug
        query = select(slug).group_by(slug).having(func.count() >= number)
        return {row.slug for row in self._database.rows(query)}

    def of_terms(self) -> tuple[tuple[FeedState, int], ...]:
        """Return the feeds of terms that articles name now, each with its number of articles."""
        feeds, memberships = schema.feeds.c, schema.memberships.c
        counts = (
            select(memberships.slug, func.count().label("articles"))
            .group_by(memberships.slug)
            .subquery()
        )
        query = (
            select(schema.feeds, counts.c.articles)
            .join(counts, counts.c.slug == feeds.slug)
            .where(feeds.term.is_not(None))
            .order_by(counts.c.articles.desc(), feeds.slug)
        )
        return tuple((_feed_state(row), row.articles) for row in self._database.rows(query))


class FeedWriter:
    """Changes feeds inside the transaction of a refresh, and remembers which were `touched`.

    `has_changed` tells whether any of them shows something else now.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.touched: set[str] = set()  # slugs
        self.has_changed = False

    def versions(self, slug: str, limit: int, policy: str) -> list[str]:
        """Return a text for each of the newest articles of one feed, newest first.

        It names the article's version and the policy that cleaned its content, which is `policy`
        where no content is kept: it will be cleaned by that one.
        """
        articles, contents = schema.articles.c, schema.contents.c
        query = (
            select(articles.version, contents.policy)
            .join(schema.ledger, schema.IS_SHOWN)
            .outerjoin(
                schema.contents,
                and_(contents.source == articles.source, contents.version == articles.version),
            )
        )
        newest = self._connection.execute(schema.newest_in_feed(query, slug, limit))
        return [f"{row.version} {row.policy or policy}" for row in newest]

    def notices(self) -> dict[str, list[str]]:
        """Return a text for each withdrawn entry that a feed tells of, by the feed's slug."""
        ledger = schema.ledger
        query = (
            select(ledger.c.key, ledger.c.updated, ledger.c.withdrawn)
            .where(ledger.c.withdrawn.is_not(None))
            .order_by(ledger.c.id)
        )
        notices: dict[str, list[str]] = {}
        for row in self._connection.execute(query):
            withdrawn = rows.withdrawal(row.withdrawn)
            if withdrawn is not None and withdrawn.stage == "told":
                for slug in withdrawn.feeds:
                    notices.setdefault(slug, []).append(f"{row.key} {row.updated}")
        return notices

    def term_slugs(self) -> list[tuple[str, str]]:
        """Return the slug and term of each feed of a term that articles name now."""
        feeds, memberships = schema.feeds.c, schema.memberships.c
        has_articles = select(memberships.slug).where(memberships.slug == feeds.slug).exists()
        query = (
            select(feeds.slug, feeds.term)
            .where(feeds.term.is_not(None), has_articles)
            .order_by(feeds.slug)
        )
        return [(row.slug, row.term) for row in self._connection.execute(query)]

    def all_slugs(self) -> set[str]:
        """Return the slugs of all feeds that there have ever been."""
        return set(self._connection.execute(select(schema.feeds.c.slug)).scalars())

    def settle(self, fingerprints: Mapping[str, str], now: datetime) -> None:
        """Write what these feeds show now.

        `changed` is the first whole second after the change, and always later than the one before:
        a reader that compares dates alone must see every change. The documents of the feed contain
        it, so it is part of the fingerprint that is written.
        """
        known = {row.slug: row for row in self._rows(fingerprints)}
        values = []
        for slug, fingerprint in fingerprints.items():
            before = known.get(slug)
            if before is not None and _shown(before) == fingerprint:
                continue
            changed = rows.seconds(now + timedelta(seconds=1 if now.microsecond else 0))
            if before is not None:
                changed = max(changed, before.changed + 1)
            values.append(_state(slug, before.term if before else None, fingerprint, changed))
        self.has_changed |= bool(values)
        replace_rows(self._connection, schema.feeds, "slug", values)

    def move_changes(self, to: datetime, seconds: int) -> None:
        """Let feeds that say they changed more than so many seconds after `to` say `to` instead."""
        second = rows.seconds(to)
        query = select(schema.feeds).where(schema.feeds.c.changed > second + seconds)
        moved = [
            _state(row.slug, row.term, _shown(row), second)
            for row in self._connection.execute(query)
        ]
        self.has_changed |= bool(moved)
        replace_rows(self._connection, schema.feeds, "slug", moved)

    def newest_titles(self, slug: str, limit: int) -> list[str]:
        """Return the titles of the newest articles of one feed."""
        query = schema.newest_in_feed(select(schema.articles.c.facts), slug, limit)
        newest = self._connection.execute(query).scalars()
        return [rows.article("", facts, "").title for facts in newest]

    def know_terms(self, terms: Mapping[str, str]) -> None:
        """Write the feeds of terms, by slug, that have not been known before."""
        known = {row.slug for row in self._rows(terms) if row.term is not None}
        new = [
            {"slug": slug, "term": term, "fingerprint": "", "changed": 0}
            for slug, term in terms.items()
            if slug not in known
        ]
        replace_rows(self._connection, schema.feeds, "slug", new)

    def _rows(self, slugs: Iterable[str]) -> list[Any]:
        feeds = schema.feeds
        return execute_for(self._connection, select(feeds), feeds.c.slug, slugs)


def _feed_state(row: Any) -> FeedState:
    return FeedState(
        slug=row.slug,
        term=row.term,
        fingerprint=row.fingerprint,
        changed=rows.moment(row.changed),
    )


def _state(slug: str, term: str | None, shown: str, changed: int) -> dict[str, Any]:
    return {"slug": slug, "term": term, "fingerprint": f"{shown} {changed}", "changed": changed}


def _shown(row: Any) -> str:
    """Return the part of a kept fingerprint that says what the feed shows."""
    return str(row.fingerprint).partition(" ")[0]
