"""What a refresh writes, inside its one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, literal, select

from feedsvc.codings import pack
from feedsvc.index import rows, schema
from feedsvc.index.contents import Content, write_contents
from feedsvc.index.feeds import FeedWriter
from feedsvc.index.lookup import (
    chunks,
    copies,
    delete_rows,
    identities,
    insert_rows,
    replace_rows,
    without_canonical_source,
)
from feedsvc.model import UNREAD, Identity, Problem, Published, Signature


class Writer:
    """Changes to the index, and the memory of which feeds they touch."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.feeds = FeedWriter(connection)
        self.identified: dict[str, Identity] = {}  # what was written to the ledger, by id
        self._touched_ids: set[str] = set()
        self._orphans: set[str] = set()  # ids whose own file went in this refresh
        self._asked: set[str] = set()  # those of them whose copies have been named

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Undo what the block has written if it raises; the transaction goes on."""
        with self._connection.begin_nested():
            yield

    def meta(self, key: str) -> str | None:
        """Return one remembered value."""
        return self._connection.execute(schema.read_meta(key)).scalar()

    def move_generation(self) -> None:
        """Tell every process, once this is committed, that feeds have changed."""
        schema.move_generation(self._connection)

    def set_meta(self, key: str, value: str) -> None:
        """Remember one value."""
        replace_rows(
            self._connection, schema.meta, schema.meta.c.key, [{"key": key, "value": value}]
        )

    def identities(self, wanted: Mapping[str, Iterable[str]]) -> list[Identity]:
        """Return the ledger's rows that have any of the `wanted` values, by column."""
        return identities(self._connection, wanted)

    def write_files(self, signatures: Mapping[str, Signature]) -> None:
        """Remember the signatures of files that have been dealt with."""
        replace_rows(
            self._connection,
            schema.files,
            schema.files.c.source,
            [{"source": source, **one._asdict()} for source, one in signatures.items()],
        )

    def forget_signatures(self) -> None:
        """Have every file read again."""
        self._connection.execute(schema.files.update().values(UNREAD._asdict()))

    def write_problems(self, found: Mapping[str, Sequence[Problem]]) -> None:
        """Put `found` in the place of the problems of these sources."""
        delete_rows(self._connection, schema.problems, schema.problems.c.source, found)
        insert_rows(
            self._connection,
            schema.problems,
            [
                rows.of_problem(replace(problem, source=source), ordinal)
                for source, problems in found.items()
                for ordinal, problem in enumerate(problems)
            ],
        )

    def write_identities(self, identities: Iterable[Identity]) -> None:
        """Write these identities to the ledger."""
        new = {identity.id: identity for identity in identities}
        self.identified.update(new)
        self._touched_ids.update(new)
        replace_rows(
            self._connection,
            schema.ledger,
            schema.ledger.c.id,
            [rows.ledger(i) for i in new.values()],
        )

    def take_over(self, identities: Iterable[Identity]) -> None:
        """Write identities from elsewhere; what the ledger said of their files before goes."""
        new = list(identities)
        sources = [identity.source for identity in new]
        delete_rows(self._connection, schema.ledger, schema.ledger.c.source, sources)
        delete_rows(
            self._connection, schema.ledger, schema.ledger.c.key, [identity.key for identity in new]
        )
        self.write_identities(new)
        # Read again if the file is there, removed if it is not.
        table = schema.files
        for chunk in chunks(sources):
            self._connection.execute(
                table.update().where(table.c.source.in_(chunk)).values(UNREAD._asdict())
            )

    def write_articles(self, found: Sequence[tuple[Published, Mapping[str, str | None]]]) -> None:
        """Write these articles, each with the slugs of its feeds and their terms."""
        sources = [published.article.source for published, _ in found]
        self._forget(sources)
        insert_rows(
            self._connection,
            schema.articles,
            [
                {
                    "source": published.article.source,
                    "id": published.id,
                    "published": rows.seconds(published.published),
                    "updated": rows.seconds(published.updated),
                    "version": published.version,
                    "facts": rows.facts(published.article),
                    "held_until": rows.seconds(published.held_until)
                    if published.held_until
                    else None,
                }
                for published, _ in found
            ],
        )
        insert_rows(
            self._connection,
            schema.bodies,
            [{"source": p.article.source, "packed": pack(p.article.body)} for p, _ in found],
        )
        self._join(found)

    def write_memberships(
        self, found: Sequence[tuple[Published, Mapping[str, str | None]]]
    ) -> None:
        """Put these articles into their feeds, and out of those they were in before."""
        self._forget_memberships([published.article.source for published, _ in found])
        self._join(found)

    def _join(self, found: Sequence[tuple[Published, Mapping[str, str | None]]]) -> None:
        values = [
            {
                "slug": slug,
                "source": published.article.source,
                "published": rows.seconds(published.published),
                "id": published.id,
            }
            for published, slugs in found
            if published.held_until is None
            for slug in slugs
        ]
        insert_rows(self._connection, schema.memberships, values)
        self.feeds.touched.update(str(row["slug"]) for row in values)
        shown = [slugs for published, slugs in found if published.held_until is None]
        self.feeds.know_terms(
            {slug: term for slugs in shown for slug, term in slugs.items() if term}
        )

    def remove_articles(self, sources: Iterable[str]) -> None:
        """Take these articles out of everything but the ledger and the list of files."""
        sources = list(sources)
        self._forget(sources)
        delete_rows(self._connection, schema.contents, schema.contents.c.source, sources)

    def remove_files(self, sources: Iterable[str]) -> None:
        """Forget files that are gone, and their articles; the ledger remembers their ids."""
        sources = list(sources)
        self.remove_articles(sources)
        delete_rows(self._connection, schema.files, schema.files.c.source, sources)
        delete_rows(self._connection, schema.problems, schema.problems.c.source, sources)

    def copies_of_orphans(self) -> list[str]:
        """Return the copies of entries whose canonical source went: one of them takes its place."""
        articles = schema.articles.c
        self._orphans.update(without_canonical_source(self._connection, self._touched_ids))
        self._touched_ids.clear()
        found: list[str] = []
        for chunk in chunks(sorted(self._orphans - self._asked)):
            query = select(articles.source).where(articles.id.in_(chunk)).order_by(articles.source)
            found += self._connection.execute(query).scalars()
        self._asked |= self._orphans
        return found

    def last_versions(self) -> dict[str, Published]:
        """Return the last good versions, in full, of entries that no file could be read for, by id.

        Of several copies it is the first by its source.
        """
        sources = without_canonical_source(self._connection, self._orphans)
        articles = {one.article.source: one for one in self.all_articles(list(sources.values()))}
        bodies = rows.bodies(
            row
            for chunk in chunks(list(articles))
            for row in self._connection.execute(
                select(schema.bodies).where(schema.bodies.c.source.in_(chunk))
            )
        )
        return {
            one.id: replace(one, article=replace(one.article, body=bodies[source]))
            for source, one in articles.items()
        }

    def copies(self, ids: Iterable[str]) -> list[str]:
        """Return the sources that have these ids and are not canonical."""
        return copies(self._connection, ids)

    def all_articles(self, sources: Sequence[str] | None = None) -> Iterator[Published]:
        """Yield every article, or those of these sources, without its body."""
        query = select(schema.articles, schema.ledger.c.key, literal("").label("body")).join(
            schema.ledger, schema.ledger.c.id == schema.articles.c.id
        )
        source = schema.articles.c.source
        parts = (
            [query] if sources is None else [query.where(source.in_(c)) for c in chunks(sources)]
        )
        for some in parts:
            for row in self._connection.execute(some).all():
                yield rows.published(row)

    def release(self, sources: Sequence[str]) -> None:
        """Let held articles be shown."""
        table = schema.articles
        for chunk in chunks(sources):
            self._connection.execute(
                table.update().where(table.c.source.in_(chunk)).values(held_until=None)
            )

    def known_articles(self, sources: Iterable[str]) -> set[str]:
        """Return which of these sources have a last good version."""
        column = schema.articles.c.source
        found: set[str] = set()
        for chunk in chunks(list(sources)):
            query = select(column).where(column.in_(chunk))
            found.update(self._connection.execute(query).scalars())
        return found

    def keep_contents(self, contents: Mapping[str, Content]) -> None:
        """Keep cleaned content, and note the feeds that it may be seen in."""
        write_contents(self._connection, contents)
        memberships = schema.memberships.c
        for chunk in chunks(list(contents)):
            query = select(memberships.slug).where(memberships.source.in_(chunk)).distinct()
            self.feeds.touched.update(self._connection.execute(query).scalars())

    def _forget(self, sources: Sequence[str]) -> None:
        sources = list(self.known_articles(sources))  # most are new, and there is nothing to forget
        for chunk in chunks(sources):
            self._touched_ids.update(
                self._connection.execute(
                    select(schema.articles.c.id).where(schema.articles.c.source.in_(chunk))
                ).scalars()
            )
        self._forget_memberships(sources)
        delete_rows(self._connection, schema.articles, schema.articles.c.source, sources)
        delete_rows(self._connection, schema.bodies, schema.bodies.c.source, sources)

    def _forget_memberships(self, sources: Sequence[str]) -> None:
        memberships = schema.memberships.c
        for chunk in chunks(sources):
            self.feeds.touched.update(
                self._connection.execute(
                    select(memberships.slug).where(memberships.source.in_(chunk)).distinct()
                ).scalars()
            )
        delete_rows(self._connection, schema.memberships, memberships.source, sources)
