"""What each feed shows, and since when: the part of a refresh that deals with feeds."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, select

from feedsvc.index import rows, schema
from feedsvc.index.lookup import chunks


class FeedStates:
    """The feeds inside a refresh's transaction, and the memory of which of them it touches."""

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
            .order_by(memberships.published.desc(), memberships.id)
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

    def settle_feeds(self, fingerprints: Mapping[str, str], now: datetime) -> int:
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
        self._replace(schema.feeds, feeds.slug, values)
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
        self._replace(schema.feeds, feeds.slug, moved)

    def newest_titles(self, slug: str, limit: int) -> list[str]:
        """Return the titles of the newest articles of one feed."""
        memberships, articles = schema.memberships.c, schema.articles.c
        query = (
            select(articles.facts)
            .join(schema.memberships, memberships.source == articles.source)
            .where(memberships.slug == slug)
            .order_by(memberships.published.desc(), memberships.id)
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
        self._replace(schema.feeds, schema.feeds.c.slug, new)

    def _replace(self, table: Table, key: Column[Any], values: list[dict[str, Any]]) -> None:
        self._delete(table, key, [row[key.name] for row in values])
        self._insert(table, values)

    def _delete(self, table: Table, key: Column[Any], values: Iterable[str]) -> None:
        for chunk in chunks(list(values)):
            self._connection.execute(table.delete().where(key.in_(chunk)))

    def _insert(self, table: Table, values: list[dict[str, Any]]) -> None:
        if values:
            self._connection.execute(table.insert(), values)


def _state(slug: str, term: str | None, shown: str, changed: int) -> dict[str, Any]:
    fingerprint = f"{shown} {changed}"
    return {"slug": slug, "term": term, "fingerprint": fingerprint, "changed": changed}


def _shown(row: Any) -> str:
    """Return the part of a kept fingerprint that says what the feed shows."""
    return str(row.fingerprint).partition(" ")[0]
