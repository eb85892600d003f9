"""Who refreshes makes documents, and they are stored for every process and the next start."""

import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock, Tree, items
from sites import Site

from feedsvc import formats
from feedsvc.codings import encoded
from feedsvc.errors import GoneError, NotFoundError
from feedsvc.index.articles import ArticleTable
from feedsvc.index.contents import ContentTable
from feedsvc.model import Document, Feed
from feedsvc.publish import documents

Open = Callable[..., Site]
ATOM = "/feeds/all.atom"
X = "/feeds/x.json"  # of a term, not configured


class Rendered:
    """Counts what is rendered, by title and format."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        counted = {}
        for name, format in formats.FORMATS.items():

            def render(feed: Feed, *, name: str = name) -> bytes:
                self.seen.append(f"{feed.slug}.{name}")
                return formats.FORMATS[name].render(feed)

            counted[name] = replace(format, render=render)
        monkeypatch.setattr(documents, "FORMATS", counted)


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> Rendered:
    return Rendered(monkeypatch)


def kept(site: Site, path: str) -> Document | None:
    """Return what the index keeps at `path` if it is of now."""
    found = site.index.documents.read(path, site.documents._view)
    return found[0] if found and path in site.documents.versions([path]) else None


def test_another_process_and_the_next_start_find_it_made(
    tree: Tree, open_site: Open, rendered: Rendered
) -> None:
    tree.write("a.html", f"---\ntags: [x]\n---\n<p>{'text ' * 300}</p>")
    one, other = open_site(), open_site()
    one.refresh()
    rendered.seen.clear()
    made = one.document(X)
    assert other.document(X) == made
    assert open_site().document(X) == made
    assert rendered.seen == ["x.json"]
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
    tree.write("a.html", f"---\ntags: [x]\n---\n<p>{'text ' * 300}</p>")
    site = open_site()
    site.refresh()
    rendered.seen.clear()
    made = site.document(X)
    coded = b"".join(part for _, part in made.encoded)
    assert in_database(tmp_path, "SELECT coded FROM documents WHERE path = ?", X) == [(coded,)]
    # As an earlier version wrote it, with the body itself.
    parts = {"identity": made.body, **dict(made.encoded)}
    in_database(
        tmp_path,
        "UPDATE documents SET coded = ?, lengths = ? WHERE path = ?",
        b"".join(parts.values()),
        json.dumps({name: len(part) for name, part in parts.items()}),
        X,
    )
    assert open_site().document(X) == made
    # Damaged: it is made again.
    in_database(
        tmp_path,
        "UPDATE documents SET coded = ?, lengths = ? WHERE path = ?",
        bytes(len(coded)),
        json.dumps({name: len(part) for name, part in made.encoded}),
        X,
    )
    assert open_site().document(X) == made
    assert rendered.seen == ["x.json", "x.json"]


def test_many_who_ask_at_once_cause_one_rendering(
    tree: Tree, site: Site, rendered: Rendered
) -> None:
    tree.write("a.html", "---\ntags: [x]\n---\n<p>x</p>")
    site.refresh()
    rendered.seen.clear()
    together = threading.Barrier(20)
    bodies = []

    def ask() -> None:
        together.wait(10)
        bodies.append(site.document(X).body)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(bodies) == 20
    assert len(set(bodies)) == 1
    assert rendered.seen == ["x.json"]


def test_who_refreshes_makes_the_configured_feeds_once_and_what_was_asked_for(
    tree: Tree, open_site: Open, clock: Clock, rendered: Rendered
) -> None:
    tree.write("a.html", "---\ntags: [x]\n---\n<p>a</p>")
    watcher, worker = open_site(), open_site()
    watcher.refresh()
    assert sorted(rendered.seen) == ["all.atom", "all.json", "all.rss"]
    rendered.seen.clear()
    worker.document(ATOM)
    assert rendered.seen == []
    worker.document(X)
    assert rendered.seen == ["x.json"], "nobody had asked for it"
    rendered.seen.clear()
    clock.advance(minutes=1)
    tree.write("b.html", "---\ntags: [x]\n---\n<p>of x</p>")
    watcher.refresh()
    assert sorted(rendered.seen) == ["all.atom", "x.json"]
    assert b"of x" in worker.document(ATOM).body
    assert b"of x" in worker.document(X).body
    assert len(rendered.seen) == 2, "the worker found them made"
    assert b"of x" in worker.document("/feeds/all.rss").body, "it was dropped, and is made now"
    rendered.seen.clear()
    tree.write("c.html", "<p>not of x</p>")
    watcher.refresh()
    assert sorted(rendered.seen) == ["all.atom", "all.rss"]


def test_what_is_stored_is_served_until_another_one_is_made(
    tree: Tree, open_site: Open, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("a.html", "<p>a</p>")
    watcher, worker = open_site(), open_site()
    watcher.refresh()
    before = worker.document(ATOM)
    clock.advance(minutes=1)
    tree.write("b.html", "<p>b</p>")
    monkeypatch.setattr(watcher.passes, "documents", open_site().documents)
    monkeypatch.setattr(watcher.passes.documents, "publish", lambda *_: True)
    assert watcher.refresh().again_in == 0, "there is more to make"
    assert worker.document(ATOM) == before
    monkeypatch.undo()
    watcher.refresh()
    assert b"<p>b</p>" in worker.document(ATOM).body


def test_a_stage_makes_documents_for_so_long_and_the_next_one_goes_on(
    tree: Tree, open_site: Open, clock: Clock, rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("a.html", "<p>a</p>")
    site = open_site()
    monkeypatch.setattr("feedsvc.passes._PUBLISHING_SECONDS", 0.0)
    assert site.refresh(one_stage=True).again_in == 0
    assert rendered.seen == []
    monkeypatch.undo()
    assert site.refresh(one_stage=True).again_in is None
    assert kept(site, ATOM) is not None


def test_what_nobody_asks_for_any_more_is_not_made_and_not_kept(
    tree: Tree, open_site: Open, clock: Clock, rendered: Rendered
) -> None:
    tree.write("a.html", "---\ntags: [x, y]\n---\n<p>a</p>")
    site, other = open_site(), "/feeds/y.json"
    site.refresh()
    site.document(X), site.document(other)
    for day in range(6):  # made anew each day, which is not asking
        clock.advance(days=1)
        tree.write(f"{day}.html", f"---\ntags: [x, y]\n---\n<p>{day}</p>")
        site.refresh()
    open_site().document(other)
    clock.advance(days=3)
    rendered.seen.clear()
    tree.write("b.html", "---\ntags: [x, y]\n---\n<p>b</p>")
    site.refresh()
    assert rendered.seen == ["y.json"]
    assert kept(site, X) is None
    assert kept(site, other) is not None


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
    assert site.index.documents.outdated(site.documents._view) == []


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
    with other.index.writing():
        body = site.document(ATOM).body
    assert site.document(ATOM).body == body
    assert other.document(ATOM).body == body


def test_an_article_withdrawn_while_its_feed_is_made_is_left_out(
    tree: Tree, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("a.html", "---\ntitle: A\n---\n<p>a</p>")
    tree.write("b.html", "---\ntitle: B\n---\n<p>b</p>")
    site.refresh()
    key = items(site)[0]["url"].rpartition("/")[2]
    bodies = ArticleTable.bodies
    monkeypatch.setattr(ContentTable, "read", lambda table, sources: {})
    monkeypatch.setattr(
        ArticleTable,
        "bodies",
        lambda table, sources: bodies(table, [s for s in sources if s == "a.html"]),
    )
    assert [entry.title for entry in site.entries.feed("all").entries] == ["A"]
    monkeypatch.setattr(ArticleTable, "bodies", lambda table, sources: {})
    with pytest.raises(GoneError):
        site.entries.entry(key)
