"""Kills, full disks, locks, damage: no published article is lost, and no id changes."""

import json
import logging
import os
import random
import resource
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partialmethod
from pathlib import Path
from string import ascii_letters
from typing import Any

import feedparser
import pytest
from conftest import Tree, configured, items, titles
from lxml import etree
from service import LIMIT, Service, alive, serving, until
from sites import Open, Site
from sqlalchemy import event

import feedsvc
from feedsvc import config as configuration
from feedsvc.errors import NotReadyError, StateError
from feedsvc.index import Index, journal, journal_of
from feedsvc.index.database import Database

ONE = "---\ntitle: One\ndate: 2022-01-01T00:00:00Z\ntags: [news]\n---\n<p>1</p>"
PAGE = 4096  # bytes of a page of a database, as SQLite has it by default
Seen = dict[str, tuple[str, str]]  # by title: the id and the date that a reader saw
Point = tuple[str, str, int]  # the method, when in the call, at which call

WRITES = (
    "Writer.identities Writer.remove_articles Writer.remove_files Writer.write_files"
    " Writer.write_problems Writer.write_identities Writer.write_articles FeedWriter.know_terms"
    " FeedWriter.settle Writer.set_meta Writer.copies_of_orphans FeedWriter.versions"
).split()
POINTS = [
    *((name, when) for name in WRITES for when in ("before", "after")),
    # The lines of the journal, or half of them, are written; the transaction is not committed.
    *(("Journal.append", when) for when in ("before", "half", "half", "after", "after")),
    ("ArticleTable.count", "before"),  # a refresh calls it just after its commit
    ("ContentTable.keep", "before"),
    ("ContentTable.keep", "after"),
    ("DocumentTable.keep", "before"),
    ("DocumentTable.keep", "after"),
    *[("statement", ""), ("step", "")] * 6,
]


MOST_CALLS = {"statement": 150, "step": 600}


class Articles:
    """A tree that changes at random; it knows what feeds must show.

    An article is known by its title. Each file is written elsewhere and moved to its place, because
    `articles.settle` is 0 here.
    """

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.root = root
        self.files: dict[str, str] = {}  # titles by source
        self.texts: dict[str, str] = {}  # by title, also of those deleted
        self._chance = chance
        self._names = 0
        self._closed: set[str] = set()  # titles edited or deleted since the last refresh
        self._touched: set[str] = set()
        root.mkdir()

    def settled(self) -> None:
        """Note that a refresh has seen every change."""
        self._closed.clear()
        self._touched.clear()

    def change(self) -> None:
        """Add, edit, rename, copy, delete or put back one article."""
        possible = self._possible()
        kind = self._chance.choice([kind for kind, of in possible.items() for _ in of[:12]])
        title = self._chance.choice(possible[kind])
        self._touched.add(title)
        if kind in {"edit", "delete"}:
            self._closed.add(title)
        if kind == "add":
            self.texts[title] = self._new_text(title)
        elif kind == "edit":
            # Longer each time, so that its size differs even where its time does not.
            self.texts[title] += "and more "
        if kind in {"add", "copy", "put back"}:
            self._write(self._name(), title)
            return
        source = self._chance.choice([s for s, t in self.files.items() if t == title])
        if kind == "edit":
            self._write(source, title)
        elif kind == "rename":
            self._move(self.root / source, self._name(), self.files.pop(source))
        else:
            del self.files[source]
            (self.root / source).unlink()

    def _possible(self) -> dict[str, list[str]]:
        """Return the titles for each kind of change whose result is certain."""
        files = list(self.files.values())
        titles = sorted(set(files))
        # An article that is renamed and edited at once, or deleted before a refresh saw it, may get
        # another id.
        movable = [title for title in titles if title not in self._closed]
        untouched = [title for title in titles if title not in self._touched]
        return {
            "add": [f"article {len(self.texts)}"] * (12 if len(titles) < 40 else 1),
            "rename": movable,
            "copy": movable[:4],
            # An edited copy would become an article of its own.
            "edit": [title for title in untouched if files.count(title) == 1],
            "delete": untouched if len(titles) > 20 else untouched[:3],
            "put back": sorted(set(self.texts) - set(titles)),
        }

    def _new_text(self, title: str) -> str:
        number = len(self.texts)
        date = f"date: 2022-01-01T00:{number % 60:02}:00Z\n" if number % 3 else ""
        return f"---\ntitle: {title}\n{date}tags: [tag{number % 2}]\n---\nThis is {title}. "

    def _name(self) -> str:
        self._names += 1
        folder = self._chance.choice(["", "a/", "b/c/"])
        return f"{folder}{self._chance.randrange(99)}-{self._names}.md"

    def _write(self, source: str, title: str) -> None:
        temporary = self.root / ".temporary"
        temporary.write_text(self.texts[title])
        self._move(temporary, source, title)

    def _move(self, old: Path, source: str, title: str) -> None:
        self.files[source] = title
        (self.root / source).parent.mkdir(parents=True, exist_ok=True)
        old.rename(self.root / source)


class Forker:
    """The process that forks the processes to be killed; see crash_child.py."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("crash_child.py")
        environment = {**os.environ, "PYTHONPATH": str(Path(feedsvc.__file__).parents[1])}
        self._process = subprocess.Popen(
            [sys.executable, str(program)], stdin=-1, stdout=-1, env=environment
        )
        self._rest = b""

    def start(self, config: Path, point: Point | None = None) -> None:
        """Start a process that refreshes, and kills itself at `point` if there is one."""
        self._say(json.dumps({"config": str(config), "point": point}))
        if point:
            self._say("wait")
        assert isinstance(self.hear(LIMIT), int)

    def kill(self) -> None:
        self._say("kill")

    def hear(self, seconds: float) -> Any:
        """Return its next message, or None after `seconds`; skip a line that a kill cut short."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while True:
            line, end, rest = self._rest.partition(b"\n")
            if end:
                self._rest = rest
                try:
                    return json.loads(line)
                except ValueError:
                    continue
            if not select.select([descriptor], [], [], seconds)[0]:
                return None
            data = os.read(descriptor, 1 << 16)
            assert data, "the process that forks has ended"
            self._rest += data

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(LIMIT) == 0
        self._process.stdout.close()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()


@pytest.fixture
def forker() -> Iterator[Forker]:
    forker = Forker()
    yield forker
    forker.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(
        "site: {title: Test, base_url: 'https://feeds.example.org'}\n"
        "articles: {directory: articles, settle: 0s}\n"
        "feeds: {limit: 1000}\n"
        "state: {url: 'sqlite:///state/index.db'}\n"
    )
    return file


@contextmanager
def opened(config: Path, *, owner: bool = False) -> Iterator[Site]:
    loaded = configuration.load(config)
    site = Site(loaded, Index.open(loaded.state.url, owner=owner), lambda: datetime.now(UTC))
    with closing(site):
        yield site


def seen(site: Site) -> Seen:
    return {item["title"]: (item["id"], item["date_published"]) for item in items(site)}


@dataclass(kw_only=True)
class Trial:
    """A site whose refreshing process is killed repeatedly, and what its readers saw so far."""

    forker: Forker
    config: Path
    reader: Site  # it never refreshes, like a web worker
    articles: Articles
    kills: int = 0
    refreshes: int = 0
    refreshes_of_changes: int = 0
    ids: Seen = field(default_factory=dict)

    def run_until_killed(self, at: Point | float) -> None:
        """Let a new process refresh, and change the tree after each refresh, until it is killed.

        `at` is the point in the program, or the number of seconds.
        """
        killed = isinstance(at, tuple)
        self.forker.start(self.config, at if isinstance(at, tuple) else None)
        self.articles.change()
        end = time.monotonic() + (LIMIT if isinstance(at, tuple) else at)
        while not isinstance(message := self.forker.hear(max(0.0, end - time.monotonic())), list):
            if message is None:
                assert not killed, f"never came to {at}"
                self.forker.kill()
                killed, end = True, time.monotonic() + LIMIT
                continue
            self.refreshes += 1
            self.refreshes_of_changes += message["changed"]
            self._see({title: (id, date) for title, (id, date) in message["seen"].items()})
            self._see(seen(self.reader))
            self.articles.change()
        assert message == ["ended", -signal.SIGKILL]
        self.kills += 1

    def check(self, *, owner: bool) -> None:
        """Restart and refresh; compare all feeds with the tree and with what readers saw before."""
        with opened(self.config, owner=owner) as site:
            with suppress(NotReadyError):
                self._see(seen(site))
            self.refreshes_of_changes += bool(site.refresh().changes)
            self.refreshes += 1
            self.articles.settled()
            self._see(seen(site))
            self._check_documents(site)
            self._check_state(site)

    def _see(self, seen: Seen) -> None:
        """Check that each article has the id and the date that readers saw first."""
        for title, (id, date) in seen.items():
            assert self.ids.setdefault(title, (id, date)) == (id, date), title

    def _check_documents(self, site: Site) -> None:
        texts = {title: self.articles.texts[title] for title in self.articles.files.values()}
        shown = items(site)
        assert sorted(item["title"] for item in shown) == sorted(texts), "each article, once"
        for item in shown:
            text = texts[item["title"]].rpartition("---")[2].strip()
            assert item["content_html"] == f"<p>{text}</p>"
        for n in range(2):
            assert set(titles(site, f"tag{n}")) == {t for t in texts if int(t.split()[1]) % 2 == n}
        ids = [item["id"] for item in shown]
        assert len(set(ids)) == len(ids)
        atom, rss = (
            etree.fromstring(site.document(f"/feeds/all.{f}").body) for f in ("atom", "rss")
        )
        assert [entry.findtext("{*}id") for entry in atom.iter("{*}entry")] == ids
        assert [item.findtext("guid") for item in rss.iter("item")] == ids
        # The reader loads a document again only when the index says that it changed.
        for path in ("/feeds/all.json", "/feeds/all.atom", "/feeds/all.rss", "/feeds/tag1.json"):
            assert self.reader.document(path).body == site.document(path).body

    def _check_state(self, site: Site) -> None:
        """Check that ledger, journal and database are sound, and agree."""
        database = self.config.parent / "state" / "index.db"
        lines = journal.Journal(journal_of(database)).read()
        ledger = {identity.id: identity for identity in site.index.ledger.all()}
        assert {id: lines.get(id) for id in ledger} == ledger
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]


@pytest.fixture
def trial(forker: Forker, config: Path) -> Iterator[Trial]:
    articles = Articles(config.parent / "articles", random.Random(7))
    with opened(config) as reader:
        trial = Trial(forker=forker, config=config, reader=reader, articles=articles)
        for _ in range(20):
            articles.change()
        yield trial


def damaged_files(trial: Trial) -> list[str]:
    return sorted(file.name for file in (trial.config.parent / "state").glob("*.damaged-?"))


def test_a_refresh_killed_at_any_moment_loses_no_article_and_changes_no_id(trial: Trial) -> None:
    chance = random.Random(20260301)
    while trial.kills < 80 or trial.refreshes_of_changes < 120:
        for _ in range(chance.randint(1, 3)):
            for _ in range(chance.randrange(4)):
                trial.articles.change()
            name, when = chance.choice(POINTS)
            point = (name, when, chance.randint(1, MOST_CALLS.get(name, 5)))
            trial.run_until_killed(point if chance.random() < 0.6 else chance.uniform(0, 0.15))
        trial.check(owner=chance.random() < 0.5)
    assert not damaged_files(trial), "a kill does no damage"


@pytest.mark.parametrize("loss", ["deleted", "damaged"])
def test_a_refresh_killed_while_it_rebuilds_the_state_keeps_every_id(
    trial: Trial, loss: str
) -> None:
    trial.check(owner=True)
    state = trial.config.parent / "state"
    for n in (*range(1, 60, 3), *range(60, 200, 20)):
        if loss == "deleted":
            for file in state.glob("index.db*"):
                file.unlink()
        else:
            (state / "index.db.open").touch()  # as after a power cut: the owner did not close it
            spoil(state / "index.db", range(2, 9))
        for _ in range(1 + n % 2):  # every other time, the process after it is killed too
            trial.run_until_killed(("statement", "", n))
        (state / "index.db.open").touch()
        trial.check(owner=True)
    assert bool(damaged_files(trial)) == (loss == "damaged")


def pages(database: Path) -> dict[str, int]:
    """Write the whole log into the database; return the first page of each table and index."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        # After a write by another connection, open connections read their cached pages again.
        connection.execute("PRAGMA user_version = 7")
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        rows = connection.execute("SELECT name, rootpage FROM sqlite_master")
        return {str(name): int(page) for name, page in rows}


def spoil(database: Path, numbers: Iterable[int]) -> None:
    """Overwrite these pages of a database, counted from 1."""
    pages(database)
    with database.open("r+b") as stream:
        for number in numbers:
            stream.seek((number - 1) * PAGE)
            stream.write(b"\xaa" * PAGE)


def many(tree: Tree) -> None:
    for n in range(40):
        date = f"date: 2022-01-01T00:{n:02}:00Z\n" if n % 2 else ""
        tree.write(
            f"{n}.html", f"---\ntitle: T{n}\n{date}tags: [news]\n---\n<p>{n}</p>" + "x" * 999
        )
    tree.rename("7.html", "moved.html")


@contextmanager
def no_room_for_files_over(most: int) -> Iterator[None]:
    """Have the system refuse to let any file grow beyond `most` bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def no_room_in_the_database(site: Site) -> Iterator[None]:
    """Have SQLite find the disk full."""

    def connected(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite raises it to the current size

    engine = site.index.database._engine
    event.listen(engine, "connect", connected)
    engine.dispose()
    try:
        yield
    finally:
        event.remove(engine, "connect", connected)
        engine.dispose()


def test_a_state_from_before_the_first_release_is_rebuilt_with_its_ids(
    open_site: Open, tree: Tree, tmp_path: Path
) -> None:
    tree.write("1.html", ONE)
    site = open_site()
    site.refresh()
    tree.rename("1.html", "moved.html")  # so its id cannot be made from its source
    site.refresh()
    before = items(site)
    site.close()
    with closing(sqlite3.connect(tmp_path / "state" / "index.db")) as database, database:
        database.execute("UPDATE meta SET value = '6' WHERE key = 'schema'")
        database.execute("DROP TABLE bodies")
    address = f"sqlite:///{tmp_path}/state/index.db"
    Index.open(address, owner=True).close()
    again = open_site()
    again.refresh()
    assert items(again) == before
    assert (tmp_path / "state" / "index.db.damaged-1").exists()


@pytest.mark.parametrize("full", ["database", "log", "ledger"])
def test_on_a_full_disk_known_articles_are_served_and_new_ones_come_later(
    open_site: Open, tree: Tree, tmp_path: Path, full: str
) -> None:
    tree.write("1.html", ONE)
    site = open_site()
    site.refresh()
    before = items(site)
    state = tmp_path / "state"
    ledger = journal_of(state / "index.db")
    if full == "ledger":  # make it by far the longest file, so that only it cannot grow
        with ledger.open("a") as stream:
            stream.write("x" * 2_000_000 + "\n")
    longest = max(file.stat().st_size for file in state.iterdir())
    room = no_room_for_files_over(longest + 100)  # less than a line, less than a page
    tree.rename("1.html", "moved.html")
    # Random text, because compression would shrink any other to almost nothing.
    long = "".join(random.Random(1).choices(ascii_letters, k=2000 if full == "ledger" else 300_000))
    tree.write("2.html", ONE.replace("One", "Two") + long)
    with no_room_in_the_database(site) if full == "database" else room:
        for _ in range(2):
            with pytest.raises(StateError, match="can be written to and has room") as caught:
                site.refresh()
            assert "\n" not in str(caught.value)
            assert items(site) == before
        after_a_restart = open_site()
        assert items(after_a_restart) == before
        assert feedparser.parse(after_a_restart.document("/feeds/all.atom").body).entries
    # A long article is published after the others, in a transaction of its own.
    assert "2.html" in site.refresh().changes.added
    assert sorted(titles(site)) == ["One", "Two"]
    assert [item for item in items(site) if item["title"] == "One"] == before
    assert seen(open_site()) == seen(site)
    lines = journal.Journal(ledger).read()
    assert lines == {identity.id: identity for identity in site.index.ledger.all()}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="root can write to every folder here")
def test_a_state_that_cannot_be_written_is_reported_once_and_articles_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "1.html").write_text(ONE)
    (tmp_path / "state").symlink_to("/proc/feedsvc")
    served_without_state(tmp_path, monkeypatch)


def test_if_the_state_cannot_be_opened_ids_come_from_the_journal(
    tmp_path: Path, tree: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("first-name.html", ONE)
    site = open_site(state={"url": "sqlite:///state/feedsvc.db"})
    site.refresh()
    before = [item["id"] for item in items(site)]
    site.close()
    for file in (tmp_path / "state").glob("*.db*"):
        file.unlink()
    (tmp_path / "state" / "feedsvc.db").mkdir()
    tree.rename("first-name.html", "1.html")
    assert served_without_state(tmp_path, monkeypatch) == before


def served_without_state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Serve the one article from a temporary state, then stop; return the ids."""
    (folder / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    with serving(folder, folder / "articles") as service:
        assert service.titles() == ["One"]
        ids = [item["id"] for item in service.items()]
        children = service.children()
        assert len(children) >= 2, "a watcher and a worker"
        assert service.stop() == 0
        until(lambda: not any(map(alive, children)), "all of them have gone")
        (line,) = (line for line in service.log.splitlines() if "INFO" not in line)
        assert "state/feedsvc.db cannot be used: unable to open database file; check" in line
        assert f"Serving from {folder / 'tmp'}" in line
    return ids


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the lock of the database, as another program does that writes for long."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_while_the_index_is_locked_feeds_are_served_and_a_refresh_fails(
    open_site: Open, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = partialmethod(Database.transaction, patience=0.05)
    monkeypatch.setattr(Database, "transaction", impatient)
    tree.write("1.html", ONE)
    site = open_site()
    site.refresh()
    tree.write("2.html", ONE.replace("One", "Two"))
    with locked(tmp_path / "state" / "index.db"):
        before = items(site)  # cleaned now; the content cannot be stored
        with pytest.raises(StateError, match="database is locked") as caught:
            site.refresh()
        assert "\n" not in str(caught.value)
        assert items(site) == before
        assert items(open_site()) == before
    site.refresh()
    assert sorted(titles(site)) == ["One", "Two"]
    assert [item for item in items(site) if item["title"] == "One"] == before


def test_a_refresh_waits_for_the_lock_of_the_index(
    open_site: Open, tree: Tree, tmp_path: Path
) -> None:
    tree.write("1.html", ONE)
    site = open_site()
    site.refresh()
    tree.write("2.html", ONE.replace("One", "Two"))
    refreshing = threading.Thread(target=site.refresh)
    with locked(tmp_path / "state" / "index.db"):
        refreshing.start()
        assert titles(site) == ["One"]
    refreshing.join(LIMIT)
    assert sorted(titles(site)) == ["One", "Two"]


def test_a_service_that_starts_while_the_index_is_locked_serves_known_articles(
    tmp_path: Path,
) -> None:
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "1.html").write_text(ONE)
    with serving(tmp_path, articles) as service:
        before = seen_by(service)
    (articles / "2.html").write_text(ONE.replace("One", "Two"))
    with locked(tmp_path / "state" / "feedsvc.db"):
        second = Service(tmp_path, articles)
        try:
            until(second.ready, "the service answers")
            until(second.watcher, "its watcher watches")
            assert seen_by(second) == before
        except BaseException:
            second.stop()
            raise
    try:
        until(lambda: sorted(second.titles()) == ["One", "Two"], "the new article is there")
        assert before.items() <= seen_by(second).items()
    finally:
        second.stop()
    assert {json.loads(line)["level"] for line in second.log.splitlines()} == {"INFO"}, second.log


def seen_by(service: Service) -> Seen:
    return {item["title"]: (item["id"], item["date_published"]) for item in service.items()}


@pytest.mark.parametrize(
    "part", ["middle", "files", "articles", "ledger", "meta", "problems", "everything"]
)
def test_an_index_damaged_while_in_use_is_set_aside_and_rebuilt(
    open_site: Open, tree: Tree, tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    many(tree)
    site, reader = open_site(), open_site()
    site.refresh()
    tree.rename("moved.html", "moved again.html")  # so its id cannot be made from its source
    site.refresh()
    before = items(site)
    assert items(reader) == before
    database = tmp_path / "state" / "index.db"
    known = pages(database)
    last = database.stat().st_size // PAGE
    ranges = {"middle": range(last // 4, last * 3 // 4), "everything": range(1, last + 1)}
    spoil(database, ranges.get(part) or [known[part]])
    tree.clock.advance(seconds=1)
    tree.touch("3.html")
    assert site.refresh().articles == len(before)
    assert (database.parent / "index.db.damaged-1").exists()
    assert items(site) == items(reader) == before
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "was damaged; it was set aside as index.db.damaged-1" in caplog.text
    rss = open_site().document("/feeds/all.rss").body
    assert site.document("/feeds/all.rss").body == reader.document("/feeds/all.rss").body == rss


@pytest.mark.parametrize("part", ["bodies", "contents", "memberships", "feeds"])
def test_damage_that_only_readers_notice_is_repaired_by_the_next_refresh(
    open_site: Open, tree: Tree, tmp_path: Path, part: str
) -> None:
    many(tree)
    site = open_site()
    site.refresh()
    before = items(site)
    database = tmp_path / "state" / "index.db"
    spoil(database, [pages(database)[part]])
    with suppress(StateError):
        site.document("/feeds/all.atom")
    site.refresh()
    assert items(open_site()) == before


def test_damaged_indexes_of_the_ledger_are_repaired_at_the_next_start(
    open_site: Open, tree: Tree, tmp_path: Path
) -> None:
    many(tree)
    site = open_site()
    site.refresh()
    before = items(site)
    site.close()
    database = tmp_path / "state" / "index.db"
    known = pages(database)
    spoil(database, [page for name, page in known.items() if name.startswith("ledger_")])
    site = open_site()
    site.refresh()
    assert items(site) == before


def remove_state(state: Path, how: str) -> None:
    """Make the state disappear while it is in use."""
    database = state / "index.db"
    if how == "deleted":
        for file in state.glob("index.db*"):
            file.unlink()
    elif how == "renamed":
        for file in list(state.glob("index.db*")):
            file.rename(state / f"was.{file.name}")
    elif how == "replaced by an empty file":
        (state / "empty").touch()
        (state / "empty").replace(database)
    elif how == "replaced by another database":
        with closing(sqlite3.connect(state / "other")) as other:
            other.execute("CREATE TABLE t (x)")
        (state / "other").replace(database)
        (state / "index.db-wal").unlink()  # or SQLite would write it into the other database
    elif how == "truncated":
        os.truncate(database, 0)
    elif how == "replaced by a folder":
        database.unlink()
        database.mkdir()
    else:
        state.rename(state.with_name("was"))


REMOVALS = [
    "deleted", "renamed", "replaced by an empty file", "replaced by another database", "truncated",
    "replaced by a folder", "folder",
]  # fmt: skip


@pytest.mark.parametrize("journal_too", [False, True])
@pytest.mark.parametrize("how", REMOVALS)
def test_a_state_that_disappears_while_in_use_is_rebuilt(
    tree: Tree, tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str, journal_too: bool
) -> None:
    clock = tree.clock
    if journal_too and how in {"truncated", "folder"}:
        pytest.skip("then no copy of the ledger is left, or the journal is gone already")
    many(tree)
    config = configured(tree, tmp_path)
    with ExitStack() as opened:
        watcher, worker = (
            opened.enter_context(
                closing(Site(config, Index.open(config.state.url, owner=owner), clock))
            )
            for owner in (True, False)
        )
        client = worker.app().test_client()
        watcher.refresh()
        tree.rename("moved.html", "moved again.html")  # so its id cannot be made from its source
        watcher.refresh()
        clock.advance(minutes=1)
        before = items(watcher)
        body = client.get("/feeds/all.json").data
        caplog.clear()
        remove_state(tmp_path / "state", how)
        if journal_too:
            (tmp_path / "state" / "index.ledger.jsonl").unlink()
        assert client.get("/feeds/all.json").data == body, "from memory"
        for _ in range(3):
            assert watcher.refresh().articles == len(before)
        assert items(watcher) == items(worker) == before
        assert client.get("/feeds/all.json").status_code == 200
        clock.advance(minutes=1)
        tree.write("late.html", "<p>late</p>")
        assert watcher.refresh().articles == len(before) + 1
        assert len(client.get("/feeds/all.json").get_json()["items"]) == len(before) + 1
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1, warnings
    assert "is made anew" in warnings[0]
    Index.open(config.state.url, owner=True).close()
