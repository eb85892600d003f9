"""The index: what feedsvc knows, in one database. SQLAlchemy Core; SQLite unless told otherwise.

`Index` reads; `Index.writing()` gives a `Writer` inside the one transaction of a refresh. Not
inside: what to write, and why.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, func, literal, select
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from feedsvc.errors import StateDamagedError, StateError
from feedsvc.index import journal, rows, schema
from feedsvc.index.engine import file_of, is_damage, make, words
from feedsvc.index.journal import Journal
from feedsvc.index.writer import Writer, identities
from feedsvc.model import Identity, Problem, Published, Signature

__all__ = ["FeedState", "Index", "Writer", "file_of", "journal", "journal_of"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """What is remembered of a feed: the term it is of, what it shows, since when."""

    slug: str
    term: str | None
    fingerprint: str
    changed: datetime


class Index:
    """Everything known about the articles; safe to share between threads, not across a fork.

    A SQLite file that turns out to be damaged is set aside, never deleted, and made anew; the
    ledger comes back from its journal, all the rest from the articles.
    """

    def __init__(self, url: URL, engine: Engine) -> None:
        self._url = url
        self._engine = engine
        self._file = file_of(url)
        self._journal = Journal(journal_of(self._file)) if self._file else None
        self._inode = _inode(self._file)
        self._marker: Path | None = None

    @classmethod
    def open(cls, url: str, *, owner: bool = False) -> "Index":
        """Open the index at a database URL, made or brought up to date as needed.

        The `owner` is the process that refreshes: it looks for damage if the last owner did not
        close, and keeps the journal. Raises StateError, which names the database but never its
        password.
        """
        try:
            parsed = make_url(url)
            engine = make(parsed)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise StateError("state.url is no database address that can be used here") from error
        index = cls(parsed, engine)
        try:
            index._prepare(owner=owner)
        except BaseException:
            index._engine.dispose()
            raise
        return index

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        if self._marker is not None:
            self._marker.unlink(missing_ok=True)

    def repair(self) -> None:
        """Set a damaged database aside and make a new one, with the ledger. Raises StateError."""
        assert self._file is not None
        self._engine.dispose()
        number = 1
        while (aside := self._file.with_name(f"{self._file.name}.damaged-{number}")).exists():
            number += 1
        for suffix in ("", "-wal", "-shm"):
            part = self._file.with_name(self._file.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        logger.warning(
            "the state at %s was damaged; it was set aside as %s and is made anew from the"
            " articles, with the ids of %s",
            self._file,
            aside.name,
            self._journal.file.name if self._journal else "",
        )
        self._engine = make(self._url)
        self._migrate()
        self._restore()

    def _prepare(self, *, owner: bool) -> None:
        marker = self._file.with_name(self._file.name + ".open") if self._file else None
        try:
            self._migrate()
            if owner and marker is not None and marker.exists():
                self._check()
        except StateDamagedError:
            self.repair()
        self._restore()
        if owner and marker is not None:
            with suppress(OSError):
                marker.touch()
                self._marker = marker

    def _migrate(self) -> None:
        try:
            with self._engine.connect() as connection:
                schema.migrate(connection)
        except (DBAPIError, OSError) as error:
            raise self._failure(error) from error
        self._inode = _inode(self._file)

    def _check(self) -> None:
        """Raise StateDamagedError if the database is damaged; reads all of it."""
        with self._reading() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise StateDamagedError(f"the state at {self._file} is damaged: {found}")

    def _restore(self) -> None:
        """Bring ledger and journal together: whichever has more mends the other."""
        if self._journal is None:
            return
        with self._reading() as connection:
            known = connection.execute(select(func.count()).select_from(schema.ledger)).scalar_one()
        lines = self._journal.lines()
        try:
            if not known and lines:
                self.import_ledger(self._journal.read().values())
            elif lines < known or lines > 2 * known + 1000:
                self._journal.rewrite(self.ledger())
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StateError:
        if self._file is not None and is_damage(error):
            return StateDamagedError(words(self._url, error))
        return StateError(words(self._url, error))

    def _look_again(self) -> None:
        """Let go of a database that another process has set aside."""
        if self._file is not None and (inode := _inode(self._file)) != self._inode:
            self._engine.dispose()
            self._inode = inode

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Open the one transaction of a refresh; it is rolled back if the block raises.

        Only one process is in such a block at a time; others wait.
        """
        self._look_again()
        try:
            with (
                self._engine.connect().execution_options(feedsvc_writes=True) as connection,
                connection.begin(),
            ):
                writer = Writer(connection)
                yield writer
                if self._journal is not None:
                    self._journal.append(writer.identified.values())
        except (DBAPIError, OSError) as error:
            raise self._failure(error) from error

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._look_again()
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise self._failure(error) from error

    def ledger(self) -> Iterator[Identity]:
        """Yield every identity, by id."""
        query = select(schema.ledger, literal(False).label("present")).order_by(schema.ledger.c.id)
        with self._reading() as connection:
            for row in connection.execute(query):
                yield rows.identity(row)

    def identities(self, wanted: Mapping[str, Iterable[str]]) -> list[Identity]:
        """Return the ledger's rows that have any of the `wanted` values, by column."""
        with self._reading() as connection:
            return identities(connection, wanted)

    def import_ledger(self, found: Iterable[Identity]) -> int:
        """Take over these identities, and return how many; where both know a file, these count.

        The files concerned are read again by the next refresh, so that they take the ids.
        """
        known = {identity.id: identity for identity in found}
        with self.writing() as writer:
            writer.take_over(known.values())
        return len(known)

    def meta(self, key: str) -> str | None:
        """Return one remembered value."""
        with self._reading() as connection:
            return connection.execute(
                select(schema.meta.c.value).where(schema.meta.c.key == key)
            ).scalar()

    def signatures(self) -> dict[str, Signature]:
        """Return the signature of every file as last read, by source."""
        files = schema.files.c
        with self._reading() as connection:
            return {
                source: Signature(mtime_ns=mtime_ns, size=size)
                for source, mtime_ns, size in connection.execute(
                    select(files.source, files.mtime_ns, files.size)
                )
            }

    def problems(self) -> tuple[Problem, ...]:
        """Return every open problem, unpublished articles first."""
        table = schema.problems.c
        with self._reading() as connection:
            found = connection.execute(
                select(schema.problems).order_by(table.published, table.source, table.ordinal)
            )
            return tuple(rows.problem(row) for row in found)

    def count(self) -> int:
        """Return how many articles are published."""
        with self._reading() as connection:
            return connection.execute(
                select(func.count()).select_from(schema.articles.join(schema.ledger, _SPEAKS))
            ).scalar_one()

    def due(self, now: datetime) -> tuple[list[str], datetime | None]:
        """Return the sources of held articles whose time has come, and the next time that will."""
        held = schema.articles.c.held_until
        second = rows.seconds(now)
        with self._reading() as connection:
            ready = connection.execute(select(schema.articles.c.source).where(held <= second))
            later = connection.execute(select(func.min(held)).where(held > second)).scalar()
            return list(ready.scalars()), None if later is None else rows.moment(later)

    def feed(self, slug: str) -> FeedState | None:
        """Return the state of one feed, None where there has never been such a feed."""
        with self._reading() as connection:
            row = connection.execute(
                select(schema.feeds).where(schema.feeds.c.slug == slug)
            ).first()
        return None if row is None else _feed_state(row)

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
        """Return the newest articles of one feed, newest first, ties by id."""
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

    def article(self, key: str) -> Published | None:
        """Return the article of one key, None where none is published."""
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

    def contents(self, sources: list[str]) -> dict[str, tuple[str, str, str]]:
        """Return the kept content of these sources: digest, HTML, summary."""
        table = schema.contents.c
        with self._reading() as connection:
            return {
                row.source: (row.digest, row.html, row.summary)
                for row in connection.execute(
                    select(schema.contents).where(table.source.in_(sources))
                )
            }

    def keep_contents(self, kept: dict[str, tuple[str, str, str]]) -> None:
        """Keep cleaned content, so that no process cleans it again.

        Keeping only saves work: while a refresh holds the database, nothing is kept.
        """
        table = schema.contents
        values = [
            {"source": source, "digest": digest, "html": html, "summary": summary}
            for source, (digest, html, summary) in kept.items()
        ]
        with (
            suppress(OperationalError),
            self._engine.connect().execution_options(
                feedsvc_writes=True, feedsvc_patience=0.2
            ) as connection,
            connection.begin(),
        ):
            connection.execute(table.delete().where(table.c.source.in_(list(kept))))
            connection.execute(table.insert(), values)


# The file that the ledger names speaks for the entry; its copies are known and not shown.
_SPEAKS = and_(
    schema.ledger.c.id == schema.articles.c.id,
    schema.ledger.c.source == schema.articles.c.source,
    schema.articles.c.held_until.is_(None),
)


def _published_query() -> Any:
    return (
        select(schema.articles, schema.bodies.c.body, schema.ledger.c.key)
        .join(schema.ledger, _SPEAKS)
        .join(schema.bodies, schema.bodies.c.source == schema.articles.c.source)
    )


def _feed_state(row: Any) -> FeedState:
    return FeedState(
        slug=row.slug,
        term=row.term,
        fingerprint=row.fingerprint,
        changed=rows.moment(row.changed),
    )


def journal_of(file: Path) -> Path:
    """Return where the ledger of the database `file` is kept as text."""
    return file.with_suffix(".ledger.jsonl")


def _inode(file: Path | None) -> int | None:
    try:
        return None if file is None else os.stat(file).st_ino  # noqa: PTH116 - asked often
    except OSError:
        return None
