"""Full-text search, by SQLite's FTS5: which articles have which words.

The index has the words of titles, texts and authors, but not the texts. The number of a row in it
(`docid`) begins with the article's date, so SQLite returns matches in the order of dates without
sorting them, and stops when it has returned enough. An edited article becomes a new row; its old
row and those of removed articles stay in FTS5, where nothing refers to them, until they are more
than the others: then the index is made anew.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, literal, select, text

from feedsvc import fulltext, xmltext
from feedsvc.fulltext import Query
from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.index.lookup import delete_rows, execute_for, insert_rows, replace_rows
from feedsvc.model import Article, Published

KEY = "search"
"""The key in `meta` of a value that is `fulltext.POLICY` once all articles are in the index.

It is missing while articles are added, and another text where the index must be made anew.
"""

_STALE = "stale"
_DEAD = "search_dead"  # the key of the number of rows that nothing refers to
_FEW_DEAD = 1000
_SHIFT = 20  # bits of a docid after the seconds of the article's date
_MANY = 5000  # members; a category with more of them is not read as a whole
_FIRST, _LAST = -(2**63), 2**63 - 1
_MOMENT = 0.015  # seconds
_BODIES = 50  # read at a time
_MOST_CHARACTERS = 5_000_000  # of texts that are indexed in one transaction
_BATCH = 500  # articles that are indexed in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The articles from one instant on and before another; None where there is no bound."""

    start: datetime | None = None
    end: datetime | None = None


class SearchTable:
    """The full-text index of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_available(self) -> bool:
        """Tell whether the database has a full-text index."""
        with self._database.reading() as connection:
            return _is_available(connection)

    def is_built(self) -> bool:
        """Tell whether all articles are in the index."""
        return bool(self._database.scalar(schema.read_meta(KEY)) == fulltext.POLICY)

    def is_anew(self) -> bool:
        """Tell whether no word is left that `SearchWriter.make_anew` was to remove."""
        return bool(self._database.scalar(schema.read_meta(KEY)) != _STALE)

    def size(self) -> int:
        """Return how many bytes the index takes."""
        query = text("SELECT sum(length(block)) FROM search_data")
        return int(self._database.scalar(query) or 0)

    def find(self, query: Query, period: Period, most: int) -> list[str]:
        """Return the sources of articles that a query finds, newest first, `most` at most.

        The categories of the query are slugs.
        """
        return list(self._found(query, period, most))

    def find_enough(
        self, query: Query, period: Period, enough: int, most: int
    ) -> tuple[list[str], bool]:
        """Return `enough` of what `find` returns, or more, and whether there may be still more.

        Common words together may take long to count, so the search ends after a moment.
        """
        until = time.monotonic() + _MOMENT
        sources: list[str] = []
        with closing(self._found(query, period, most + 1)) as found:
            for source in found:
                if len(sources) == most or (len(sources) >= enough and time.monotonic() > until):
                    return sources, True
                sources.append(source)
        return sources, False

    def _found(self, query: Query, period: Period, most: int) -> Generator[str, None, None]:
        with self._database.reading() as connection:
            if _is_available(connection):
                statement, values = _statement(connection, query, period, most)
                with connection.execute(text(statement), values) as found:
                    for row in found:
                        yield row.source

    def articles(self, sources: Sequence[str]) -> list[Published]:
        """Return those of these articles that feeds may show, in this order, without bodies."""
        # Without a condition on `held_until`: SQLite would look for it in an index, and read nearly
        # all articles.
        query = select(schema.articles, schema.ledger.c.key, literal("").label("body")).join(
            schema.ledger, schema.IS_CANONICAL
        )
        with self._database.reading() as connection:
            by_source = {
                row.source: rows.published(row)
                for row in execute_for(connection, query, schema.articles.c.source, sources)
                if row.held_until is None
            }
        return [by_source[source] for source in sources if source in by_source]

    def memberships(self, sources: Sequence[str]) -> Counter[str]:
        """Return how many of these articles each feed has, by slug."""
        memberships = schema.memberships.c
        with self._database.reading() as connection:
            selected = execute_for(
                connection, select(memberships.slug), memberships.source, sources
            )
        return Counter(row.slug for row in selected)

    def first_seen(self, ids: Iterable[str]) -> datetime | None:
        """Return when the last of these entries was first seen."""
        ledger = schema.ledger.c
        with self._database.reading() as connection:
            moments = execute_for(connection, select(ledger.first_seen), ledger.id, ids)
        return max((rows.moment(row.first_seen) for row in moments), default=None)


class SearchWriter:
    """Changes the full-text index inside the transaction of a refresh."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._available = _is_available(connection)

    def write(self, articles: Sequence[Published]) -> None:
        """Put these articles, with their bodies, in the place of their last versions."""
        if not self._available:
            return
        versions = {article.article.source: article.version for article in articles}
        searched = schema.searched.c
        query = select(searched.source, searched.version)
        known = {
            row.source: row.version
            for row in execute_for(self._connection, query, searched.source, versions)
        }
        changed = [
            article for article in articles if known.get(article.article.source) != article.version
        ]
        self.forget([a.article.source for a in changed if a.article.source in known])
        docids = self._free_docids(changed)
        # FTS5 writes to the disk whenever a row comes before the last one.
        changed.sort(key=lambda article: docids[article.article.source])
        insert_rows(
            self._connection,
            schema.searched,
            [
                {
                    "docid": docids[article.article.source],
                    "source": article.article.source,
                    "version": article.version,
                }
                for article in changed
            ],
        )
        insert = text("INSERT INTO search (rowid, title, body, author) VALUES (:d, :t, :b, :a)")
        for start in range(0, len(changed), _BODIES):
            values = []
            for article in changed[start : start + _BODIES]:
                title, body, author = _texts(article.article)
                docid = docids[article.article.source]
                values.append({"d": docid, "t": title, "b": body, "a": author})
            self._connection.execute(insert, values)

    def forget(self, sources: Iterable[str]) -> None:
        """Remove these articles."""
        if not self._available:
            return
        searched = schema.searched.c
        query = select(searched.source)
        known = [
            row.source for row in execute_for(self._connection, query, searched.source, sources)
        ]
        if not known:
            return
        delete_rows(self._connection, schema.searched, "source", known)
        dead = int(self._meta(_DEAD) or 0) + len(known)
        self._set_meta(_DEAD, str(dead))
        if dead > _FEW_DEAD and dead > self._count():
            self._set_meta(KEY, _STALE)

    def make_anew(self) -> None:
        """Have `build` begin with an empty index, in which no word of an old version is left."""
        if self._available:
            self._set_meta(KEY, _STALE)

    def build(self) -> bool:
        """Put a part of the articles that are missing into the index, the newest first.

        Return whether there may be more.
        """
        if not self._available:
            return False
        known = self._meta(KEY)
        if known == fulltext.POLICY:
            return False
        if known is not None:
            self._clear()
        missing = self._missing(_BATCH)
        batch: list[Published] = []
        characters = 0
        for article in self._with_bodies(missing):
            batch.append(article)
            characters += min(len(article.article.body), fulltext.LONGEST)
            if characters > _MOST_CHARACTERS:
                break
        self.write(batch)
        if missing:
            return True
        self._set_meta(KEY, fulltext.POLICY)
        return False

    def _clear(self) -> None:
        self._connection.execute(text("INSERT INTO search (search) VALUES ('delete-all')"))
        self._connection.execute(schema.searched.delete())
        delete_rows(self._connection, schema.meta, "key", [KEY, _DEAD])

    def _missing(self, most: int) -> list[Published]:
        """Return the newest articles that are not in the index, without their bodies."""
        articles, searched = schema.articles.c, schema.searched.c
        newest = (
            select(articles.source)
            .outerjoin(schema.searched, searched.source == articles.source)
            .where(searched.source.is_(None))
            .order_by(articles.published.desc(), articles.id)
            .limit(most)
        )
        query = select(schema.articles, schema.ledger.c.key, literal("").label("body")).join(
            schema.ledger, schema.ledger.c.id == articles.id
        )
        sources = [row.source for row in self._connection.execute(newest)]
        return list(
            map(rows.published, execute_for(self._connection, query, articles.source, sources))
        )

    def _with_bodies(self, articles: Sequence[Published]) -> Iterator[Published]:
        for start in range(0, len(articles), _BODIES):
            part = {
                article.article.source: article for article in articles[start : start + _BODIES]
            }
            query = select(schema.bodies)
            bodies = rows.bodies(execute_for(self._connection, query, schema.bodies.c.source, part))
            for source, article in part.items():
                yield replace(
                    article, article=replace(article.article, body=bodies.get(source, ""))
                )

    def _free_docids(self, articles: Sequence[Published]) -> dict[str, int]:
        """Return a number for each of these articles, by source, that no row ever had."""
        taken: set[int] = set()
        docids: dict[str, int] = {}
        # A connection of the driver: of SQLAlchemy's, each of these takes as long as to index.
        rows_of_index = self._connection.connection.driver_connection
        assert rows_of_index is not None
        query = "SELECT 1 FROM search_docsize WHERE id = ?"
        for article in articles:
            docid = _docid(article)
            while docid in taken or rows_of_index.execute(query, (docid,)).fetchone():
                docid += 1
            taken.add(docid)
            docids[article.article.source] = docid
        return docids

    def _count(self) -> int:
        query = select(func.count()).select_from(schema.searched)
        return int(self._connection.execute(query).scalar_one())

    def _meta(self, key: str) -> str | None:
        return self._connection.execute(schema.read_meta(key)).scalar()

    def _set_meta(self, key: str, value: str) -> None:
        replace_rows(self._connection, schema.meta, "key", [{"key": key, "value": value}])


def _is_available(connection: Connection) -> bool:
    if connection.dialect.name != "sqlite":
        return False
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'search'"
    return connection.exec_driver_sql(query).first() is not None


def _docid(article: Published) -> int:
    """Return the first number that an article may have in the index.

    Its upper bits are the date, so numbers are in the order of dates; the others are by chance.
    """
    chance = int.from_bytes(hashlib.sha256(article.article.source.encode()).digest()[:4], "big")
    return (rows.seconds(article.published) << _SHIFT) + chance % (1 << (_SHIFT - 1))


def _texts(article: Article) -> tuple[str, str, str]:
    """Return what is indexed of an article: its title, text and authors."""
    names = ". ".join(xmltext.plain(person.name) for person in article.authors)
    return (
        fulltext.separated(xmltext.plain(article.title)),
        fulltext.separated(fulltext.plain(article.body, article.markup)),
        fulltext.separated(names),
    )


def _statement(
    connection: Connection, query: Query, period: Period, most: int
) -> tuple[str, dict[str, Any]]:
    """Return the SQL statement that selects what a query finds, and its values."""
    required = [f"{{title body}} : {_phrase(phrase)}" for phrase in query.words]
    required += [f"author : {_phrase(name)}" for name in query.authors]
    excluded = [f"{{title body}} : {_phrase(phrase)}" for phrase in query.not_words]
    excluded += [f"author : {_phrase(name)}" for name in query.not_authors]
    values: dict[str, Any] = {
        "first": _FIRST if period.start is None else rows.seconds(period.start) << _SHIFT,
        "last": _LAST if period.end is None else (rows.seconds(period.end) << _SHIFT) - 1,
        "most": most,
    }
    any_excluded = " OR ".join(f"({phrase})" for phrase in excluded)
    conditions: list[str] = []
    if required:
        # CROSS JOIN: SQLite keeps this order of tables, and so that of the dates.
        tables, docid = (
            "search CROSS JOIN searched ON searched.docid = search.rowid",
            "search.rowid",
        )
        conditions.append("search MATCH :words")
        values["words"] = " AND ".join(f"({phrase})" for phrase in required)
        if excluded:
            values["words"] = f"({values['words']}) NOT ({any_excluded})"
    else:
        tables, docid = "searched", "searched.docid"
        if excluded:
            conditions.append(
                "searched.docid NOT IN (SELECT rowid FROM search WHERE search MATCH :not)"
            )
            values["not"] = any_excluded
    conditions.append(f"{docid} BETWEEN :first AND :last")
    for number, slug in enumerate(query.categories):
        values[f"in{number}"] = slug
        conditions.append(_member_of(connection, slug, f":in{number}"))
    for number, slug in enumerate(query.not_categories):
        values[f"out{number}"] = slug
        conditions.append(f"NOT {_member_of(connection, slug, f':out{number}')}")
    statement = (
        f"SELECT searched.source FROM {tables}"  # noqa: S608 - all values are bound
        " CROSS JOIN articles ON articles.source = searched.source"
        " CROSS JOIN ledger ON ledger.id = articles.id AND ledger.source = articles.source"
        f" WHERE articles.held_until IS NULL AND {' AND '.join(conditions)}"
        f" ORDER BY {docid} DESC LIMIT :most"
    )
    return statement, values


def _member_of(connection: Connection, slug: str, parameter: str) -> str:
    """Return the condition that an article is in a feed.

    The members of a small feed are read first; else a common word with a rare category would have
    each article with the word looked up.
    """
    members = select(schema.memberships.c.source).where(schema.memberships.c.slug == slug)
    counted = select(func.count()).select_from(members.limit(_MANY + 1).subquery())
    if connection.execute(counted).scalar_one() > _MANY:
        return (
            "EXISTS (SELECT 1 FROM memberships WHERE memberships.source = searched.source"  # noqa: S608
            f" AND memberships.slug = {parameter})"
        )
    return (
        "+searched.docid IN (SELECT s.docid FROM memberships CROSS JOIN searched AS s"  # noqa: S608
        f" ON s.source = memberships.source WHERE memberships.slug = {parameter})"
    )


def _phrase(phrase: str) -> str:
    """Return a phrase for FTS5: in quotation marks, everything is words."""
    return '"{}"'.format(fulltext.separated(phrase).replace('"', " "))
