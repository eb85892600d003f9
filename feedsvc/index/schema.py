"""The tables, and the append-only list of steps that made them.

A step, once released, is never edited: a new one follows it. Each runs in a transaction of its own.
The ledger is the one table that cannot be rebuilt from the files: no step may drop a row of it.
"""

from collections.abc import Sequence
from contextlib import nullcontext

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    inspect,
    select,
)

from feedsvc.errors import StateDamagedError, StateError

metadata = MetaData()

# Single values, all of them text. Each key is a constant in the module that writes it.
meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text))

GENERATION = "generation"
"""Under which `meta` has a number that moves with every change of feeds or documents."""

# Every article file met, whether or not it could be read.
files = Table(
    "files",
    metadata,
    Column("source", Text, primary_key=True),
    Column("mtime_ns", BigInteger),
    Column("size", BigInteger),
    Column("ctime_ns", BigInteger),
    Column("inode", BigInteger),
)

problems = Table(
    "problems",
    metadata,
    Column("source", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("line", Integer),
    Column("field", Text),
    Column("reason", Text),
    Column("cure", Text),
    Column("published", Boolean),
)

# The last good version of each file; `facts` is the Article but for its body, as JSON.
articles = Table(
    "articles",
    metadata,
    Column("source", Text, primary_key=True),
    Column("id", Text),
    Column("published", BigInteger),  # seconds since 1970, as all instants here
    Column("updated", BigInteger),
    Column("version", Text),
    Column("facts", Text),
    Column("held_until", BigInteger),  # no feed shows it before
)

# The body of each article as its file has it, compressed.
bodies = Table(
    "bodies",
    metadata,
    Column("source", Text, primary_key=True),
    Column("packed", LargeBinary),
)

memberships = Table(
    "memberships",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("published", BigInteger),
    Column("id", Text),
)

NEWEST_FIRST = memberships.c.published.desc(), memberships.c.id
"""The order of every feed: the newest article first, ties by id."""

# The state of each feed ever served; `term` where it is of a term that articles name.
feeds = Table(
    "feeds",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("term", Text),
    Column("fingerprint", Text),
    Column("changed", BigInteger),
)

# Cleaned content of one version of an article, by one policy; `problem` says why it is not all.
contents = Table(
    "contents",
    metadata,
    Column("source", Text, primary_key=True),
    Column("version", Text),
    Column("policy", Text),
    Column("html", Text),
    Column("summary", Text),
    Column("problem", Text),
)

# Documents as they are sent, of the feed's fingerprint at the time and of the settings (`view`) of
# the process that made them; `asked` is about when somebody last wanted one. `coded` has all
# codings, one after the other; `lengths` is JSON.
documents = Table(
    "documents",
    metadata,
    Column("path", Text, primary_key=True),
    Column("slug", Text),
    Column("fingerprint", Text),
    Column("view", Text),
    Column("asked", BigInteger),
    Column("media_type", Text),
    Column("etag", Text),
    Column("changed", BigInteger),
    Column("lengths", Text),
    Column("coded", LargeBinary),
)

# Every id ever given, with what is needed to give it again.
ledger = Table(
    "ledger",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text),
    Column("source", Text),
    Column("file_digest", Text),
    Column("seen_digest", Text),
    Column("first_seen", BigInteger),
    Column("updated", BigInteger),
    Column("link", Text),
)

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
)
_UNRELEASED = 6
"""How many steps came before these, in no release: a state of theirs is made anew."""


def read_meta(key: str) -> Select[str]:
    """Return the query for one remembered value."""
    return select(meta.c.value).where(meta.c.key == key)


def move_generation(connection: Connection) -> None:
    """Tell every process that feeds or documents have changed."""
    number = int(connection.execute(read_meta(GENERATION)).scalar() or 0) + 1
    connection.execute(meta.delete().where(meta.c.key == GENERATION))
    connection.execute(meta.insert().values(key=GENERATION, value=str(number)))


def migrate(connection: Connection, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """Take the database to the last of `steps`.

    Raises StateError where a newer feedsvc has been here: its tables are not ours to guess at; and
    StateDamagedError where one before the first release has.
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
            # Another process may have come first; this transaction is the only writer.
            if _version(connection) >= number:
                continue
            blob = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
            for statement in step:
                connection.exec_driver_sql(statement.replace("{blob}", blob))
            connection.execute(meta.delete().where(meta.c.key == "schema"))
            connection.execute(meta.insert().values(key="schema", value=str(number)))


def _version(connection: Connection) -> int:
    """Return the number of the last step that the database has taken, 0 for none.

    It only reads, so that a busy database can be opened.
    """
    with connection.begin() if not connection.in_transaction() else nullcontext():
        if not inspect(connection).has_table("meta"):
            return 0
        done = connection.execute(meta.select().where(meta.c.key == "schema")).first()
    return int(done.value) if done else 0
