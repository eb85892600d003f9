"""A refresh makes documents and stores them, for every process and for the next start."""

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock, Tree, items
from sites import Open, Site

from feedsvc import formats
from feedsvc.codings import encoded
from feedsvc.errors import GoneError, NotFoundError
from feedsvc.index.articles import ArticleTable
from feedsvc.index.contents import ContentTable
from feedsvc.model import Document, Feed
from feedsvc.publish import documents

ATOM = "/feeds/all.atom"
X = "/feeds/x.json"  # the feed of a term, not of a configured category


class Rendered:
    """Lists the documents that are rendered."""

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
    """Return the stored document if it is up to date."""
    row = site.index.documents.read(path, site.documents._view)
    return row[0] if row and path in site.documents.versions([path]) else None


def test_a_stored_document_serves_other_processes_and_the_next_start(
    tree: Tree, open_site: Open, rendered: Rendered
) -> None:
    tree.write("a.html", f"---\ntags: [x]\n---\n<p>{'text ' * 300}</p>")
    site, other = open_site(), open_site()
    site.refresh()
    rendered.seen.clear()
    made = site.document(X)
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


def test_a_document_is_stored_in_its_codings_and_made_again_when_damaged(
    tree: Tree, open_site: Open, rendered: Rendered, tmp_path: Path
) -> None:
    tree.write("a.html", f"---\ntags: [x]\n---\n<p>{'text ' * 300}</p>")
    site = open_site()
    site.refresh()
    rendered.seen.clear()
    made = site.document(X)
    coded = b"".join(part for _, part in made.encoded)
    assert in_database(tmp_path, "SELECT coded FROM documents WHERE path = ?", X) == [(coded,)]
    # As an earlier version of feedsvc stored it, with the body itself.
    parts = {"identity": made.body, **dict(made.encoded)}
    in_database(
        tmp_path,
        "UPDATE documents SET coded = ?, lengths = ? WHERE path = ?",
        b"".join(parts.values()),
        json.dumps({name: len(part) for name, part in parts.items()}),
        X,
    )
    assert open_site().document(X) == made
    # A damaged one is made again.
    in_database(
        tmp_path,
        "UPDATE documents SET coded = ?, lengths = ? WHERE path = ?",
        bytes(len(coded)),
        json.dumps({name: len(part) for name, part in made.encoded}),
        X,
    )
    assert open_site().document(X) == made
    assert rendered.seen == ["x.json", "x.json"]


def test_simultaneous_requests_render_a_document_once(
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


def test_a_refresh_renders_configured_feeds_once_and_requested_ones(
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
    assert rendered.seen == ["x.json"], "nobody had requested it"
    rendered.seen.clear()
    clock.advance(minutes=1)
    tree.write("b.html", "---\ntags: [x]\n---\n<p>of x</p>")
    watcher.refresh()
    assert sorted(rendered.seen) == ["all.atom", "x.json"]
    assert b"of x" in worker.document(ATOM).body
    assert b"of x" in worker.document(X).body
    assert len(rendered.seen) == 2, "the worker used the stored ones"
    assert b"of x" in worker.document("/feeds/all.rss").body, (
        "the stored one was dropped; this one is new"
    )
    rendered.seen.clear()
    tree.write("c.html", "<p>not of x</p>")
    watcher.refresh()
    assert sorted(rendered.seen) == ["all.atom", "all.rss"]


def test_a_stored_document_is_served_until_its_successor_is_stored(
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


def test_documents_that_a_stage_has_no_time_for_are_made_by_the_next(
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


def test_a_document_that_nobody_requested_for_a_week_is_dropped(
    tree: Tree, open_site: Open, clock: Clock, rendered: Rendered
) -> None:
    tree.write("a.html", "---\ntags: [x, y]\n---\n<p>a</p>")
    site, other = open_site(), "/feeds/y.json"
    site.refresh()
    site.document(X), site.document(other)
    for day in range(6):  # each day they are made again, without a request
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


def test_documents_of_a_removed_category_are_forgotten(
    tree: Tree, open_site: Open, clock: Clock
) -> None:
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


def test_processes_with_other_settings_do_not_share_documents(
    tree: Tree, open_site: Open, clock: Clock
) -> None:
    tree.write("a.html", "<p>a</p>")
    old = open_site()
    old.refresh()
    old.document(ATOM)
    clock.advance(minutes=1)
    renamed = {"title": "New name", "base_url": "https://feeds.example.org"}
    new = open_site(site=renamed)
    new.refresh()
    old.document(ATOM)  # a worker that still has the old settings
    assert b"New name" in new.document(ATOM).body
    assert b"New name" in open_site(site=renamed).document(ATOM).body


def test_a_document_that_cannot_be_stored_is_served(tree: Tree, open_site: Open) -> None:
    tree.write("a.html", "<p>a</p>")
    site, other = open_site(), open_site()
    site.refresh()
    with other.index.writing():
        body = site.document(ATOM).body
    assert site.document(ATOM).body == body
    assert other.document(ATOM).body == body


def test_an_article_removed_while_its_feed_is_built_is_left_out(
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
