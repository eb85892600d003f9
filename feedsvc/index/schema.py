"""The tables, and the append-only list of steps that made them.

A step, once released, is never edited: a new one follows it. Each runs in a transaction of its own.
The ledger is the one table that cannot be rebuilt from the files: no step may drop a row of it.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnClause,
    Connection,
    LargeBinary,
    Select,
    TableClause,
    and_,
    column,
    inspect,
    select,
    table,
)

from feedsvc.errors import StateDamagedError, StateError

GENERATION = "generation"
"""The key in `meta` of a number that moves with every change of feeds or documents."""
EDITION = "edition"
"""The key in `meta` of a number that moves whenever a refresh has changed articles or contents."""
LOG = "log"
"""The key in `meta` that is there while the database's log has text that must go."""
CHANGED = "changed"
"""The key in `meta` of the second in which a refresh last changed articles or contents."""


def _table(name: str, columns: str, *typed: ColumnClause[Any]) -> TableClause:
    return table(name, *map(column, columns.split()), *typed)


# Types and keys of the columns are in STEPS. All moments are in seconds since 1970.

# Single values, all of them text. Each key is a constant in the module that writes it.
meta = _table("meta", "key value")

# The signature of every article file, also of those that could not be read.
files = _table("files", "source mtime_ns size ctime_ns inode")

problems = _table("problems", "source ordinal line field reason cure", column("published", Boolean))

# The last good version of each file; `facts` is JSON of the Article without its body. No feed shows
# the article before `held_until`; from `expires` on it is removed.
articles = _table("articles", "source id published updated version facts held_until expires")

# The body of each article as it is in the file, compressed.
bodies = _table("bodies", "source", column("packed", LargeBinary))

# Which articles each feed has; `published` and `id` are the article's.
memberships = _table("memberships", "slug source published id")

# The state of every feed that was ever served; `term` only for the feed of a term.
feeds = _table("feeds", "slug term fingerprint changed")

# Cleaned content of one version of an article, by one policy; `problem` says why it is shortened.
contents = _table("contents", "source version policy html summary problem")

# Documents as they are sent. `fingerprint` is the feed's when the document was made, `view` a
# digest of the settings of the process that made it, `asked` the time of about the last request.
# `coded` has the body in all codings, one after the other; `lengths` is JSON.
documents = _table(
    "documents",
    "path slug fingerprint view asked media_type etag changed lengths",
    column("coded", LargeBinary),
)

# The full-text index, which SQLite alone has: the words of articles, without the texts.
search = _table("search", "title body author")

# The articles in the full-text index. `docid` is their row in it,
# in the order of their dates: see `search.docid`. `version` is the article's.
searched = _table("searched", "docid source version")

# Every id that was ever given, with what is needed to give it again. `withdrawn` is JSON of the
# Withdrawal; `feeds` is JSON of the slugs of the feeds that showed an entry whose file is gone.
ledger = _table(
    "ledger", "id key source file_digest seen_digest first_seen updated link withdrawn feeds"
)

# How many requests for a feed were answered on a day, by class of status; the path is "" for all
# that is no feed.
requests = _table("requests", "day path status number")

# The largest number of subscribers that a service named for a feed on a day.
subscribers = _table("subscribers", "day path service number")

# About how many clients asked for feeds on a day. `registers` are of a `Distinct` that counts with
# the secret `key`; both are empty after the day.
clients = _table("clients", "day key number", column("registers", LargeBinary))

# Hubs that are still to be told that the document at a path has changed.
pings = _table("pings", "hub path since due attempts")

IS_CANONICAL = and_(ledger.c.id == articles.c.id, ledger.c.source == articles.c.source)
"""Joins each entry with its canonical file alone; copies have the same id."""

IS_SHOWN = and_(IS_CANONICAL, articles.c.held_until.is_(None))

_FULL_TEXT = "CREATE VIRTUAL TABLE "

STEPS: Sequence[Sequence[str]] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE files (source TEXT PRIMARY KEY, mtime_ns BIGINT NOT NULL,"
        " size BIGINT NOT NULL, ctime_ns BIGINT NOT NULL, inode BIGINT NOT NULL)",
        "CREATE TABLE problems (source TEXT NOT NULL, ordinal INTEGER NOT NULL, line INTEGER,"
        " field TEXT, reason TEXT NOT NULL, cure TEXT NOT NULL, published BOOLEAN NOT NULL,"
        " PRIMARY KEY (source, ordinal))",
        "CREATE TABLE articles (source TEXT PRIMARY KEY, id TEXT NOT NULL,"
        " published BIGINT NOT NULL, updated BIGINT NOT NULL, version TEXT NOT NULL,"
        " facts TEXT NOT NULL, held_until BIGINT)",
        "CREATE INDEX articles_id ON articles (id)",
        "CREATE INDEX articles_held ON articles (held_until)",
        "CREATE TABLE bodies (source TEXT PRIMARY KEY, packed {blob} NOT NULL)",
        "CREATE TABLE memberships (slug TEXT NOT NULL, source TEXT NOT NULL,"
        " published BIGINT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (source, slug))",
        # In the order of a feed, so that its newest entries cost no sorting of all of them.
        "CREATE INDEX memberships_newest ON memberships (slug, published DESC, id)",
        "CREATE TABLE feeds (slug TEXT PRIMARY KEY, term TEXT, fingerprint TEXT NOT NULL,"
        " changed BIGINT NOT NULL)",
        "CREATE TABLE contents (source TEXT PRIMARY KEY, version TEXT NOT NULL,"
        " policy TEXT NOT NULL, html TEXT NOT NULL, summary TEXT NOT NULL, problem TEXT)",
        "CREATE INDEX contents_policy ON contents (policy)",
        "CREATE INDEX contents_problem ON contents (problem)",
        "CREATE TABLE documents (path TEXT PRIMARY KEY, slug TEXT NOT NULL,"
        " fingerprint TEXT NOT NULL, view TEXT NOT NULL, asked BIGINT NOT NULL,"
        " media_type TEXT NOT NULL, etag TEXT NOT NULL, changed BIGINT NOT NULL,"
        " lengths TEXT NOT NULL, coded {blob} NOT NULL)",
        "CREATE INDEX documents_asked ON documents (asked)",
        "CREATE TABLE ledger (id TEXT PRIMARY KEY, key TEXT NOT NULL, source TEXT NOT NULL,"
        " file_digest TEXT NOT NULL, seen_digest TEXT NOT NULL, first_seen BIGINT NOT NULL,"
        " updated BIGINT NOT NULL, link TEXT)",
        "CREATE UNIQUE INDEX ledger_key ON ledger (key)",
        "CREATE INDEX ledger_source ON ledger (source)",
        "CREATE INDEX ledger_file_digest ON ledger (file_digest)",
        "CREATE INDEX ledger_seen_digest ON ledger (seen_digest)",
        "CREATE INDEX ledger_link ON ledger (link)",
    ),
    (
        "CREATE TABLE requests (day TEXT NOT NULL, path TEXT NOT NULL, status TEXT NOT NULL,"
        " number BIGINT NOT NULL, PRIMARY KEY (day, path, status))",
        "CREATE TABLE subscribers (day TEXT NOT NULL, path TEXT NOT NULL, service TEXT NOT NULL,"
        " number BIGINT NOT NULL, PRIMARY KEY (day, path, service))",
        "CREATE TABLE clients (day TEXT PRIMARY KEY, key TEXT NOT NULL, number BIGINT NOT NULL,"
        " registers {blob} NOT NULL)",
    ),
    (
        "CREATE TABLE searched (docid BIGINT PRIMARY KEY, source TEXT NOT NULL,"
        " version TEXT NOT NULL)",
        "CREATE UNIQUE INDEX searched_source ON searched (source)",
        # Without the texts themselves, which are in `bodies`: it can be made anew from there.
        _FULL_TEXT + "search USING fts5(title, body, author, content='',"
        " tokenize='unicode61 remove_diacritics 2')",
    ),
    (
        "CREATE TABLE pings (hub TEXT NOT NULL, path TEXT NOT NULL, since BIGINT NOT NULL,"
        " due BIGINT NOT NULL, attempts INTEGER NOT NULL, PRIMARY KEY (hub, path))",
        "CREATE INDEX pings_due ON pings (due)",
    ),
    (
        "ALTER TABLE ledger ADD COLUMN withdrawn TEXT",
        "ALTER TABLE ledger ADD COLUMN feeds TEXT",
        "CREATE INDEX ledger_withdrawn ON ledger (id) WHERE withdrawn IS NOT NULL",
        "ALTER TABLE articles ADD COLUMN expires BIGINT",
        "CREATE INDEX articles_expires ON articles (expires) WHERE expires IS NOT NULL",
    ),
)
_UNRELEASED = 6
"""The number of earlier steps, which no release had: a state that they made is made anew."""


def newest_in_feed(query: Any, slug: str, limit: int) -> Any:
    """Return a query for articles, restricted to the newest ones of one feed, in its order."""
    return (
        query.join(memberships, memberships.c.source == articles.c.source)
        .where(memberships.c.slug == slug)
        # Newest first, ties by id; the index `memberships_newest` is in this order.
        .order_by(memberships.c.published.desc(), memberships.c.id)
        .limit(limit)
    )


def read_meta(key: str) -> Select[str]:
    """Return the query for one remembered value."""
    return select(meta.c.value).where(meta.c.key == key)


def move_generation(connection: Connection) -> None:
    """Tell every process that feeds or documents have changed."""
    _count_up(connection, GENERATION)


def move_edition(connection: Connection) -> None:
    """Tell every process that articles, and so perhaps all pages, have changed."""
    _count_up(connection, GENERATION)
    _count_up(connection, EDITION)


def _count_up(connection: Connection, key: str) -> None:
    number = int(connection.execute(read_meta(key)).scalar() or 0) + 1
    connection.execute(meta.delete().where(meta.c.key == key))
    connection.execute(meta.insert().values(key=key, value=str(number)))


def migrate(connection: Connection, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """Bring the database up to the last of `steps`.

    Raises StateError if a newer feedsvc made the tables, and StateDamagedError if one from before
    the first release did.
    """
    version, last = _version(connection), _UNRELEASED + len(steps)
    if version > last:
        raise StateError(
            f"the state is of a newer feedsvc (schema {version}, this one knows {last});"
            " run that version, or point state.url elsewhere"
        )
    if 0 < version <= _UNRELEASED:
        raise StateDamagedError("the state is of a feedsvc before the first release")
    writer = connection.execution_options(feedsvc_writes=True)
    for number, step in enumerate(steps, start=_UNRELEASED + 1):
        if number <= version:
            continue
        with writer.begin():
            # Another process may have taken the step meanwhile; now nobody else can write.
            if _version(connection) >= number:
                continue
            blob = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
            for statement in step:
                if not statement.startswith(_FULL_TEXT) or _has_full_text(connection):
                    connection.exec_driver_sql(statement.replace("{blob}", blob))
            connection.execute(meta.delete().where(meta.c.key == "schema"))
            connection.execute(meta.insert().values(key="schema", value=str(number)))


def _has_full_text(connection: Connection) -> bool:
    """Tell whether the database is SQLite with FTS5."""
    if connection.dialect.name != "sqlite":
        return False
    modules = connection.exec_driver_sql("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'")
    return modules.first() is not None


def _version(connection: Connection) -> int:
    """Return the number of the last step that the database has taken, 0 for none.

    It only reads, so that a busy database can be opened.
    """
    with connection.begin() if not connection.in_transaction() else nullcontext():
        if not inspect(connection).has_table("meta"):
            return 0
        done = connection.execute(meta.select().where(meta.c.key == "schema")).first()
    return int(done.value) if done else 0
