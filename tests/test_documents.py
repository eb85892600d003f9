"""Documents are made once, whoever asks, and kept for every process and the next start."""

import fcntl
import json
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock, Tree, items

from feedsvc import formats
from feedsvc.codings import encoded
from feedsvc.errors import GoneError, NotFoundError
from feedsvc.index import Index
from feedsvc.index.turns import Kind
from feedsvc.model import Document, Feed
from feedsvc.republisher import Republisher, documents
from feedsvc.web import build_app

Open = Callable[..., Republisher]
ATOM, RSS = "/feeds/all.atom", "/feeds/all.rss"


class Rendered:
    """Counts what is rendered, by title and format."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        counted = {}
        for name, format in formats.FORMATS.items():

            def assemble(feed: Feed, fragments: Any, *, name: str = name) -> bytes:
                self.seen.append(f"{feed.slug}.{name}")
                return formats.FORMATS[name].assemble(feed, fragments)

            counted[name] = replace(format, assemble=assemble)
        monkeypatch.setattr(documents, "FORMATS", counted)


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> Rendered:
    return Rendered(monkeypatch)


def kept(site: Republisher, path: str) -> Document | None:
    """Return what the index keeps at `path` if it is of now."""
    found = site._index.document(path, site._documents._view)
    return found[0] if found and site.holding({path: found[0].version}) else None


def test_another_process_and_the_next_start_find_it_made(
    tree: Tree, open_site: Open, rendered: Rendered
) -> None:
    tree.write("a.html", f"<p>{'text ' * 300}</p>")
    one, other = open_site(), open_site()
    one.refresh()
    made = one.document(ATOM)
    assert other.document(ATOM) == made
    assert open_site().document(ATOM) == made
    assert rendered.seen == ["all.atom"]
    assert {name for name, _ in made.encoded} == {"br", "zstd", "gzip"}


def test_the_shortest_coding_comes_first() -> None:
    for body in (b"<p>one</p>" * 1000, bytes(range(256)) * 40, str(list(range(9000))).encode()):
        sizes = [len(coded) for _, coded in encoded(body)]
        assert sizes == sorted(sizes)
        assert len(sizes) == 3


def in_database(tmp_path: Path, statement: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(tmp_path / "state" / "index.db")) as database, database:
        return list(database.execute(statement, values))


def test_the_index_keeps_a_document_by_its_codings(
    tree: Tree, open_site: Open, rendered: Rendered, tmp_path: Path
) -> None:
    tree.write("a.html", f"<p>{'text ' * 300}</p>")
    site = open_site()
    site.refresh()
    made = site.document(ATOM)
    coded = b"".join(part for _, part in made.encoded)
    assert in_database(tmp_path, "SELECT coded FROM documents") == [(coded,)]
    # As an earlier version wrote it, with the body itself.
    parts = {"identity": made.body, **dict(made.encoded)}
    in_database(
        tmp_path,
        "UPDATE documents SET coded = ?, lengths = ?",
        b"".join(parts.values()),
        json.dumps({name: len(part) for name, part in parts.items()}),
    )
    assert open_site().document(ATOM) == made
    # Damaged: it is made again.
    in_database(
        tmp_path,
        "UPDATE documents SET coded = ?, lengths = ?",
        bytes(len(coded)),
        json.dumps({name: len(part) for name, part in made.encoded}),
    )
    assert open_site().document(ATOM) == made
    assert rendered.seen == ["all.atom", "all.atom"]


def test_many_who_ask_at_once_cause_one_rendering(
    tree: Tree, site: Republisher, rendered: Rendered
) -> None:
    tree.write("a.html", "<p>x</p>")
    site.refresh()
    together = threading.Barrier(20)
    bodies = []

    def ask() -> None:
        together.wait(10)
        bodies.append(site.document(ATOM).body)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(bodies) == 20
    assert len(set(bodies)) == 1
    assert rendered.seen == ["all.atom"]


@pytest.mark.skipif(not hasattr(fcntl, "F_OFD_SETLKW"), reason="elsewhere each process has its own")
def test_while_one_process_makes_a_document_another_waits_for_it(
    tree: Tree, open_site: Open, rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two sites are as two processes: each has its own opening of the file that they lock.
    one, other = open_site(), open_site()
    tree.write("a.html", "<p>a</p>")
    one.refresh()
    making, waiting, turn = threading.Event(), threading.Event(), other._index.turn

    def slowly(*given: Any) -> Feed:
        making.set()
        assert waiting.wait(30)
        return build(*given)

    def counted(kind: Kind, name: str) -> AbstractContextManager[None]:
        if kind == "document":
            waiting.set()  # it has looked, found nothing, and comes for its turn
        return turn(kind, name)

    build = one._entries._build
    monkeypatch.setattr(one._entries, "_build", slowly)
    monkeypatch.setattr(other._index, "turn", counted)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(one.document, ATOM)
        assert making.wait(30)
        assert pool.submit(other.document, ATOM).result(30) == first.result(30)
    assert rendered.seen == ["all.atom"]


def test_what_was_asked_for_is_made_anew_before_it_is_asked_for_again_and_nothing_else_is(
    tree: Tree, open_site: Open, clock: Clock, rendered: Rendered
) -> None:
    tree.write("a.html", "---\ntags: [x]\n---\n<p>a</p>")
    watcher, worker = open_site(), open_site()
    watcher.refresh()
    worker.document(ATOM), worker.document("/feeds/x.json")
    rendered.seen.clear()
    clock.advance(minutes=1)
    tree.write("b.html", "<p>not of x</p>")
    watcher.refresh()
    assert rendered.seen == ["all.atom"]
    assert b"not of x" in worker.document(ATOM).body
    assert rendered.seen == ["all.atom"], "the worker found it made"


def test_where_very_many_are_to_be_made_anew_they_are_served_as_they_were_but_not_for_long(
    tree: Tree, open_site: Open, clock: Clock, rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("a.html", "<p>a</p>")
    watcher, worker = open_site(), open_site()
    client = build_app(worker).test_client()
    watcher.refresh()
    before = worker.document(ATOM)
    clock.advance(minutes=1)
    assert client.get(ATOM).data == before.body
    rendered.seen.clear()

    busy = pytest.MonkeyPatch()
    monkeypatch.setattr(documents, "_MANY", 1)

    def others_first(*_: object) -> bool:
        watcher._index.note_backlog(1)
        return True

    busy.setattr(watcher._documents, "warm", others_first)
    tree.write("b.html", "<p>b</p>")
    assert watcher.refresh().again_in == 0
    clock.advance(seconds=5)
    assert client.get(ATOM).data == before.body, "given again"
    assert open_site().document(ATOM) == before, "and to who asks for the first time"
    assert b"<p>b</p>" not in client.get(ATOM, headers={"Accept-Encoding": "br;q=0"}).data
    assert rendered.seen == []
    assert b"<p>b</p>" in worker.document(RSS).body, "what was not asked for before is not old"

    busy.undo()
    watcher.refresh()
    assert b"<p>b</p>" in client.get(ATOM).data
    assert rendered.seen == ["all.rss", "all.atom"]

    busy.setattr(watcher._documents, "warm", others_first)
    clock.advance(minutes=1)
    tree.write("c.html", "<p>c</p>")
    watcher.refresh()
    clock.advance(seconds=31)
    worker._index.beat()  # or 5 seconds later
    assert b"<p>c</p>" in client.get(ATOM).data, "nobody has made it: it is made now"
    busy.undo()


def test_what_nobody_asks_for_any_more_is_not_made_and_not_kept(
    tree: Tree, open_site: Open, clock: Clock, rendered: Rendered
) -> None:
    tree.write("a.html", "<p>a</p>")
    site = open_site()
    site.refresh()
    site.document(ATOM)
    for day in range(6):  # made anew each day, which is not asking
        clock.advance(days=1)
        tree.write(f"{day}.html", f"<p>{day}</p>")
        site.refresh()
    site.document(RSS)
    clock.advance(days=3)
    open_site().document(RSS)  # asked again after more than a day: also the time to tidy up
    rendered.seen.clear()
    tree.write("b.html", "<p>b</p>")
    site.refresh()
    assert rendered.seen == ["all.rss"]
    assert kept(site, ATOM) is None
    assert kept(site, RSS) is not None


def test_a_feed_that_is_gone_is_forgotten(tree: Tree, open_site: Open, clock: Clock) -> None:
    tree.write("a.html", "<p>a</p>")
    before = open_site(categories=[{"slug": "c", "title_matches": "."}])
    before.refresh()
    before.document("/feeds/c.atom")
    clock.advance(minutes=1)
    site = open_site()
    assert site.refresh().again_in is None
    with pytest.raises(NotFoundError):
        site.document("/feeds/c.atom")
    assert site._index.outdated_documents(site._documents._view, clock.now.replace(year=2020)) == []


def test_processes_with_other_settings_do_not_get_in_each_others_way(
    tree: Tree, open_site: Open, clock: Clock
) -> None:
    tree.write("a.html", "<p>a</p>")
    old = open_site()
    old.refresh()
    old.document(ATOM)
    clock.advance(minutes=1)
    new = open_site(site={"title": "New name", "base_url": "https://feeds.example.org"})
    new.refresh()
    old.document(ATOM)  # a worker that has not been started again yet
    assert b"New name" in new.document(ATOM).body
    assert (
        b"New name"
        in open_site(site={"title": "New name", "base_url": "https://feeds.example.org"})
        .document(ATOM)
        .body
    )


def test_keeping_only_saves_work(tree: Tree, open_site: Open) -> None:
    tree.write("a.html", "<p>a</p>")
    site, other = open_site(), open_site()
    site.refresh()
    with other._index.writing():
        body = site.document(ATOM).body
    assert site.document(ATOM).body == body
    assert other.document(ATOM).body == body


def test_an_article_withdrawn_while_its_feed_is_made_is_left_out(
    tree: Tree, site: Republisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("a.html", "---\ntitle: A\n---\n<p>a</p>")
    tree.write("b.html", "---\ntitle: B\n---\n<p>b</p>")
    site.refresh()
    key = items(site)[0]["url"].rpartition("/")[2]
    bodies = Index.bodies
    monkeypatch.setattr(Index, "contents", lambda index, sources: {})
    monkeypatch.setattr(
        Index, "bodies", lambda index, sources: bodies(index, [s for s in sources if s == "a.html"])
    )
    assert [entry.title for entry in site.feed("all").entries] == ["A"]
    monkeypatch.setattr(Index, "bodies", lambda index, sources: {})
    with pytest.raises(GoneError):
        site.entry(key)
