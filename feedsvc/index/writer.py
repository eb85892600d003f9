"""The Writer: all that a refresh writes, inside its one transaction."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, case, func, literal, select

from feedsvc.codings import pack
from feedsvc.index import rows, schema
from feedsvc.index.contents import Content, write_contents
from feedsvc.index.feeds import FeedWriter
from feedsvc.index.lookup import delete_rows, execute_for, identities, insert_rows, replace_rows
from feedsvc.index.search import SearchWriter
from feedsvc.model import UNREAD, Identity, Problem, Published, Signature

InFeeds = Sequence[tuple[Published, Mapping[str, str | None]]]
"""Articles, each with the slugs of its feeds and the terms that these are of."""


_FAR_AHEAD = 24 * 3600  # seconds


class Writer:
    """Changes the index, and remembers which feeds and entries the changes concern.

    `has_changed` tells whether anything was written that pages show. An article is written as it
    was before when its file was only touched.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.feeds = FeedWriter(connection)
        self.search = SearchWriter(connection)
        self.has_changed = False
        self.identified: dict[str, Identity] = {}  # written to the ledger, by id
        self._touched_ids: set[str] = set()
        self._orphans: set[str] = set()  # ids whose canonical file went in this refresh
        self._asked: set[str] = set()  # orphans that `copies_of_orphans` has dealt with

    def attempt(self) -> AbstractContextManager[object]:
        """Undo what the block has written if it raises; the transaction goes on."""
        return self._connection.begin_nested()

    def meta(self, key: str) -> str | None:
        """Return one remembered value."""
        return self._connection.execute(schema.read_meta(key)).scalar()

    def set_meta(self, key: str, value: str) -> None:
        """Remember one value."""
        self.has_changed |= self.meta(key) != value
        replace_rows(self._connection, schema.meta, "key", [{"key": key, "value": value}])

    def forget_meta(self, key: str) -> None:
        """Forget one value that no page shows."""
        delete_rows(self._connection, schema.meta, "key", [key])

    def identities(self, wanted: Mapping[str, Iterable[str]]) -> list[Identity]:
        """Return the ledger's rows that have any of the `wanted` values, by column."""
        return identities(self._connection, wanted)

    def write_files(self, signatures: Mapping[str, Signature]) -> None:
        """Remember the signatures of files that have been read."""
        values = [
            {"source": source, **signature._asdict()} for source, signature in signatures.items()
        ]
        replace_rows(self._connection, schema.files, "source", values)

    def forget_signatures(self) -> None:
        """Have every file read again."""
        self._connection.execute(schema.files.update().values(UNREAD._asdict()))

    def write_problems(self, problems: Mapping[str, Sequence[Problem]]) -> None:
        """Replace the problems of these sources; tell of each whether its article is published."""
        known = self.known_articles(source for source, of_source in problems.items() if of_source)
        delete_rows(self._connection, schema.problems, "source", problems)
        values = [
            rows.of_problem(replace(problem, source=source, published=source in known), ordinal)
            for source, of_source in problems.items()
            for ordinal, problem in enumerate(of_source)
        ]
        insert_rows(self._connection, schema.problems, values)

    def write_identities(self, identities: Iterable[Identity]) -> None:
        """Write these identities to the ledger."""
        new = {identity.id: identity for identity in identities}
        self.identified.update(new)
        self._touched_ids.update(new)
        replace_rows(
            self._connection, schema.ledger, "id", list(map(rows.of_identity, new.values()))
        )

    def write_withdrawal(self, identity: Identity) -> None:
        """Write whether and why an entry is withdrawn, and when it changed; have its file read."""
        ledger = schema.ledger
        values = {
            "withdrawn": rows.of_withdrawal(identity.withdrawn),
            "updated": rows.seconds(identity.updated),
        }
        self._connection.execute(ledger.update().where(ledger.c.id == identity.id).values(values))
        self.identified[identity.id] = identity
        unread = schema.files.update().values(UNREAD._asdict())
        self._connection.execute(unread.where(schema.files.c.source == identity.source))

    def take_over(self, identities: Iterable[Identity]) -> None:
        """Write identities of another ledger in the place of those of the same files or keys.

        What is withdrawn stays so: the other ledger may be older.
        """
        new = list(identities)
        withdrawn = {
            row.id: row.withdrawn
            for row in self.identities({"id": [identity.id for identity in new]})
        }
        new = [
            replace(identity, withdrawn=identity.withdrawn or withdrawn.get(identity.id))
            for identity in new
        ]
        sources = [identity.source for identity in new]
        delete_rows(self._connection, schema.ledger, "source", sources)
        delete_rows(self._connection, schema.ledger, "key", (identity.key for identity in new))
        self.write_identities(new)
        self.has_changed = True
        # The next pass reads these files again, or removes those that are gone.
        unread = schema.files.update().values(UNREAD._asdict())
        execute_for(self._connection, unread, schema.files.c.source, sources)

    def write_articles(self, articles: InFeeds) -> None:
        """Write these articles, and put them into their feeds."""
        before = self._forget([published.article.source for published, _ in articles])
        values = [rows.of_published(published) for published, _ in articles]
        after = {row["source"]: (row["version"], row["held_until"]) for row in values}
        self.has_changed |= any(before.get(source) != shown for source, shown in after.items())
        insert_rows(self._connection, schema.articles, values)
        bodies = [
            {"source": published.article.source, "packed": pack(published.article.body)}
            for published, _ in articles
        ]
        insert_rows(self._connection, schema.bodies, bodies)
        self._write_memberships(articles)
        self.search.write([published for published, _ in articles])

    def write_memberships(self, articles: InFeeds) -> None:
        """Put these articles into their feeds, and take them out of all others."""
        self.has_changed = True
        self._forget_memberships([published.article.source for published, _ in articles])
        self._write_memberships(articles)

    def _write_memberships(self, articles: InFeeds) -> None:
        values = []
        terms: dict[str, str] = {}  # by slug
        for published, feeds in articles:
            if published.held_until is None:
                values += [
                    {
                        "slug": slug,
                        "source": published.article.source,
                        "published": rows.seconds(published.published),
                        "id": published.id,
                    }
                    for slug in feeds
                ]
                terms.update((slug, term) for slug, term in feeds.items() if term)
        insert_rows(self._connection, schema.memberships, values)
        self.feeds.touched.update(str(row["slug"]) for row in values)
        self.feeds.know_terms(terms)

    def remove_articles(self, sources: Iterable[str]) -> None:
        """Delete these articles from all tables but the ledger and the list of files.

        The ledger remembers which feeds showed them: somebody may withdraw one later, and readers
        of these feeds have it.
        """
        sources = list(sources)
        self._remember_feeds(sources)
        self.has_changed |= bool(self._forget(sources))
        self.search.forget(sources)
        delete_rows(self._connection, schema.contents, "source", sources)

    def feeds_of(self, id: str) -> tuple[str, ...] | None:
        """Return the slugs of the feeds that show an entry, or showed it before its file went.

        Return None where that is not known.
        """
        articles, memberships = schema.articles.c, schema.memberships.c
        shown = self._connection.execute(
            select(memberships.slug)
            .join_from(schema.articles, schema.memberships, isouter=True,
                       onclause=memberships.source == articles.source)
            .where(articles.id == id)
            .distinct()
            .order_by(memberships.slug)
        ).scalars().all()  # fmt: skip
        if shown:
            return tuple(slug for slug in shown if slug is not None)
        query = select(schema.ledger.c.feeds).where(schema.ledger.c.id == id)
        remembered = self._connection.execute(query).scalar()
        return None if remembered is None else tuple(json.loads(remembered))

    def with_contents(self, id: str) -> list[tuple[Published, str]]:
        """Return the articles with this id, without bodies, each with its HTML, "" for none."""
        articles, contents = schema.articles.c, schema.contents.c
        query = (
            select(schema.articles, schema.ledger.c.key, literal("").label("body"), contents.html)
            .join(schema.ledger, schema.ledger.c.id == articles.id)
            .outerjoin(schema.contents, contents.source == articles.source)
            .where(articles.id == id)
        )
        return [(rows.published(row), row.html or "") for row in self._connection.execute(query)]

    def is_in_content(self, text: str, *, but: Iterable[str]) -> bool:
        """Tell whether the HTML of any article contains a text, not looking at some sources."""
        contents = schema.contents.c
        query = select(contents.source).where(contents.html.contains(text, autoescape=True))
        sources = set(self._connection.execute(query).scalars())
        return not sources <= set(but)

    def remove_entries(self, ids: Iterable[str]) -> bool:
        """Delete the articles with these ids; return whether there were any."""
        query = select(schema.articles.c.source)
        found = execute_for(self._connection, query, schema.articles.c.id, ids)
        self.remove_articles(row.source for row in found)
        return bool(found)

    def erase_remains(self) -> None:
        """Let nothing of the text of removed articles stay in the state.

        The full-text index is made anew, because it keeps the words of earlier versions; and after
        this transaction, the database's log is emptied (`Index.forget_log`).
        """
        self.has_changed = True
        self.search.make_anew()
        self.set_meta(schema.LOG, "to be emptied")

    def remove_files(self, sources: Sequence[str]) -> None:
        """Forget files that are gone, and their articles; the ledger remembers their ids."""
        self.remove_articles(sources)
        delete_rows(self._connection, schema.files, "source", sources)
        delete_rows(self._connection, schema.problems, "source", sources)

    def copies_of_orphans(self) -> list[str]:
        """Return the copies of entries whose canonical file went: one of them takes its place.

        Each is returned once.
        """
        articles = schema.articles.c
        self._orphans.update(self._first_copies(self._touched_ids))
        self._touched_ids.clear()
        query = select(articles.source).order_by(articles.source)
        new = self._orphans - self._asked
        self._asked |= new
        return [row.source for row in execute_for(self._connection, query, articles.id, new)]

    def last_versions(self) -> dict[str, Published]:
        """Return the orphans' last good versions, with their bodies, by id.

        Of several copies the first by its source counts.
        """
        sources = self._first_copies(self._orphans).values()
        bodies = rows.bodies(
            execute_for(self._connection, select(schema.bodies), schema.bodies.c.source, sources)
        )
        return {
            published.id: replace(
                published,
                article=replace(published.article, body=bodies[published.article.source]),
            )
            for published in self.all_articles(sources)
        }

    def copies(self, ids: Iterable[str]) -> list[str]:
        """Return the sources that have these ids and are not canonical."""
        ledger, articles = schema.ledger.c, schema.articles.c
        query = (
            select(articles.source)
            .join_from(schema.articles, schema.ledger, ledger.id == articles.id)
            .where(articles.source != ledger.source)
            .order_by(articles.source)
        )
        return [row.source for row in execute_for(self._connection, query, articles.id, ids)]

    def all_articles(self, sources: Iterable[str] | None = None) -> Iterator[Published]:
        """Yield every article, or those of these sources, without its body."""
        query = select(schema.articles, schema.ledger.c.key, literal("").label("body")).join(
            schema.ledger, schema.ledger.c.id == schema.articles.c.id
        )
        if sources is None:
            return map(rows.published, self._connection.execute(query).all())
        source = schema.articles.c.source
        return map(rows.published, execute_for(self._connection, query, source, sources))

    def release(self, sources: Iterable[str]) -> None:
        """Let held articles be shown."""
        self.has_changed = True
        released = schema.articles.update().values(held_until=None)
        execute_for(self._connection, released, schema.articles.c.source, sources)

    def known_articles(self, sources: Iterable[str]) -> set[str]:
        """Return which of these sources have a last good version."""
        source = schema.articles.c.source
        return {
            row.source for row in execute_for(self._connection, select(source), source, sources)
        }

    def keep_contents(self, contents: Mapping[str, Content]) -> None:
        """Keep cleaned content, and note the feeds that may show it."""
        self.has_changed |= bool(contents)
        write_contents(self._connection, contents)
        self._touch_feeds(contents)

    def note_change(self, now: datetime) -> None:
        """Remember the second of this change; it always moves on, like the feeds' own times."""
        second = rows.seconds(now + timedelta(seconds=1 if now.microsecond else 0))
        before = int(self.meta(schema.CHANGED) or 0)
        # A far later time was written while the clock was ahead.
        changed = max(second, before + 1) if before <= second + _FAR_AHEAD else second
        self.set_meta(schema.CHANGED, str(changed))

    def _remember_feeds(self, sources: Sequence[str]) -> None:
        memberships = schema.memberships.c
        query = select(memberships.source, memberships.slug)
        slugs: dict[str, list[str]] = {}
        for row in execute_for(self._connection, query, memberships.source, sources):
            slugs.setdefault(row.source, []).append(row.slug)
        if slugs:
            self._connection.execute(
                schema.ledger.update()
                .where(schema.ledger.c.source == bindparam("of"))
                .values(feeds=bindparam("shown_in")),
                [
                    {"of": source, "shown_in": json.dumps(sorted(of_source))}
                    for source, of_source in slugs.items()
                ],
            )

    def _first_copies(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the first source of each of these ids that has copies but no canonical file."""
        ledger, articles = schema.ledger.c, schema.articles.c
        query = (
            select(ledger.id, func.min(articles.source).label("source"))
            .join_from(schema.ledger, schema.articles, articles.id == ledger.id)
            .group_by(ledger.id, ledger.source)
            .having(func.max(case((articles.source == ledger.source, 1), else_=0)) == 0)
        )
        return {row.id: row.source for row in execute_for(self._connection, query, ledger.id, ids)}

    def _forget(self, sources: Iterable[str]) -> dict[str, tuple[str, int | None]]:
        """Delete these articles; return the version and the time of release of those known."""
        articles = schema.articles.c
        query = select(articles.source, articles.id, articles.version, articles.held_until)
        # Most files are new, and nothing of them is known.
        known = execute_for(self._connection, query, articles.source, sources)
        self._touched_ids.update(row.id for row in known)
        sources = [row.source for row in known]
        self._forget_memberships(sources)
        delete_rows(self._connection, schema.articles, "source", sources)
        delete_rows(self._connection, schema.bodies, "source", sources)
        return {row.source: (row.version, row.held_until) for row in known}

    def _forget_memberships(self, sources: Sequence[str]) -> None:
        self._touch_feeds(sources)
        delete_rows(self._connection, schema.memberships, "source", sources)

    def _touch_feeds(self, sources: Iterable[str]) -> None:
        memberships = schema.memberships.c
        query = select(memberships.slug).distinct()
        rows_of_feeds = execute_for(self._connection, query, memberships.source, sources)
        self.feeds.touched.update(row.slug for row in rows_of_feeds)
