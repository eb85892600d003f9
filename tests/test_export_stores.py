"""An export to an object store, and what is told of an export while articles change."""

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from conftest import Tree
from service import LIMIT, free_port, serving, until
from sites import Open, Site

from benchmarks.programs import program, running
from feedsvc import config as configuration
from feedsvc.errors import ConfigError, ExportError, OutgoingError
from feedsvc.export import ConflictError, Exporter, Report
from feedsvc.export.folder import Folder
from feedsvc.export.following import Follower
from feedsvc.export.manifest import NAME
from feedsvc.export.purge import purge
from feedsvc.export.store import Store, at

obstore = pytest.importorskip("obstore")

SERVER = program("moto_server")
needs_s3 = pytest.mark.skipif(
    SERVER is None and not os.environ.get("FEEDSVC_REQUIRE_S3"),
    reason="needs moto_server, of `moto[s3] flask flask-cors` in an environment of its own",
)


@pytest.fixture
def few(open_site: Open, tree: Tree) -> Site:
    """Make a site of three articles."""
    for number in range(3):
        tree.write(f"{number}.md", f"---\ntitle: {number}\ntags: [新闻]\n---\n" + "text " * 200)
    site = open_site()
    site.refresh()
    return site


def memory() -> Store:
    from obstore.store import MemoryStore

    return Store(MemoryStore(), "memory://")


def names(store: Store) -> set[str]:
    return {name for name in store.sizes() if not name.startswith(".")}


def body(store: Store, name: str) -> bytes:
    return bytes(obstore.get(store._store, name).bytes())


def export(site: Site, store: Any, *, complete: bool = True) -> Report:
    with closing(Exporter(site.config, site.index, site.clock, store)) as exporter:
        return exporter.export(complete=complete)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Run a server that speaks S3, with a bucket."""
    assert SERVER is not None
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with running([SERVER, "-H", "127.0.0.1", "-p", str(port)], tmp_path / "s3.log"):
        until(listens, "the server listens")
        assert httpx.put(f"{address}/bucket", timeout=LIMIT).status_code == 200
        yield


@needs_s3
@pytest.mark.usefixtures("bucket")
def test_a_real_server_serves_what_was_exported(few: Site, tree: Tree) -> None:
    target = at("s3://bucket/pre fix")

    def get(name: str) -> httpx.Response:
        address = obstore.sign(target._store, "GET", name, timedelta(minutes=5))
        return httpx.get(address, timeout=LIMIT)

    assert export(few, target).written
    client = few.app().test_client()
    key = next(iter(few.index.articles.versions("").values()))[0]
    for name in ("feeds/all.atom", "feeds/新闻.json", "opml.xml", f"articles/{key}.md"):
        answer, served = get(name), client.get(f"/{name}")
        assert answer.content == served.get_data()
        for header in ("Content-Type", "Cache-Control"):
            assert answer.headers[header] == served.headers[header]
    packed = get("feeds/all.atom.br")
    assert packed.headers["Content-Encoding"] == "br"
    assert packed.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    # An object has exactly the name of its address.
    assert get("feeds/all").headers["Content-Type"].startswith("text/html")
    assert not export(few, target).written
    tree.remove("1.md")
    few.clock.advance(seconds=10)
    few.refresh()
    assert export(few, target, complete=False).deleted == 2
    assert get("feeds/all.atom").content == client.get("/feeds/all.atom").get_data()
    # Who writes with an old version of the manifest is told so.
    one, other = at("s3://bucket/pre fix"), at("s3://bucket/pre fix")
    manifests = one.open(), other.open()
    one.save(manifests[0], ["/feeds/all.atom"])
    with pytest.raises(ConflictError, match="another export"):
        other.save(manifests[1])
    with pytest.raises(ExportError, match="no export of feedsvc"):
        at("s3://bucket").open()
    with pytest.raises(ExportError, match="s3://missing"):
        at("s3://missing").open()


def test_only_what_changed_is_uploaded(few: Site, tree: Tree) -> None:
    store = memory()
    export(few, store)
    few.clock.advance(seconds=10)
    tree.write("3.md", "---\ntitle: 3\n---\nx")
    few.refresh()
    report = export(few, store, complete=False)
    assert {"https://feeds.example.org/feeds/all.atom"} <= set(report.changed)
    assert not [each for each in report.changed if "%E6%96%B0%E9%97%BB." in each]  # 新闻
    fresh = memory()
    export(few, fresh)
    assert names(store) == names(fresh)
    assert all(body(store, name) == body(fresh, name) for name in names(store))


class Crossing(Store):
    """A store to which another export writes, once, after this one has read the manifest."""

    def __init__(self, store: Any, other: Site) -> None:
        super().__init__(store, "memory://")
        self.other: Site | None = other

    def write(self, files: Any) -> None:
        other, self.other = self.other, None
        super().write(files)
        if other is not None:
            export(other, Store(self._store, "memory://"))


def test_two_exports_at_a_time_do_no_harm(few: Site, tree: Tree) -> None:
    store = memory()
    export(few, Crossing(store._store, few))
    few.clock.advance(seconds=10)
    tree.write("0.md", "---\ntitle: other\n---\nx")
    few.refresh()
    export(few, Crossing(store._store, few), complete=False)
    fresh = memory()
    export(few, fresh)
    assert names(store) == names(fresh)
    assert all(body(store, name) == body(fresh, name) for name in names(store))
    assert not export(few, store).written


def test_an_upload_that_fails_is_made_by_the_next_export(
    few: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, put = memory(), Store._put

    def failing(store: Store, file: Any) -> None:
        if file.name == "feeds/all.rss":
            raise OSError("the network is gone")
        put(store, file)

    monkeypatch.setattr(Store, "_put", failing)
    with pytest.raises(ExportError, match="the network is gone"):
        export(few, store)
    monkeypatch.setattr(Store, "_put", put)
    export(few, store, complete=False)
    assert body(store, "feeds/all.rss") == few.document("/feeds/all.rss").body


def test_a_damaged_manifest_is_named(few: Site, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "public")
    export(few, folder)
    (tmp_path / "public" / NAME).write_bytes(b"x")
    with pytest.raises(ExportError, match="damaged; delete it"):
        export(few, folder)


def test_without_obstore_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setattr("feedsvc.export.store.find_spec", lambda _: None)
    with pytest.raises(ExportError, match=r"pip install 'feedsvc\[stores\]'"):
        at("s3://bucket")


# What follows the articles

FAILING = "every request fails"


@pytest.fixture
def purged(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Listen at an address; yield it, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(500 if FAILING in asked else 200)
            asked.append(self.path)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def follower_of(site: Site, folder: Path) -> Follower:
    exporter = Exporter(site.config, site.index, site.clock, Folder(folder))
    return Follower(site.config, site.index, exporter, site.clock, look_seconds=0.01)


def test_an_export_follows_the_articles(open_site: Open, tree: Tree, tmp_path: Path) -> None:
    site = open_site()
    follower = follower_of(site, tmp_path / "public")
    assert follower.follow() is None  # nothing has been read yet
    tree.write("1.md", "---\ntitle: One\n---\nx")
    site.refresh()
    report = follower.follow()
    assert report is not None
    assert report.written
    assert follower.follow() is None
    site.clock.advance(days=1)  # the home page says “Yesterday”
    report = follower.follow()
    assert report is not None
    assert "https://feeds.example.org/" in report.changed


def test_the_network_is_told_exactly_what_has_changed(
    open_site: Open, tree: Tree, tmp_path: Path, purged: tuple[str, list[str]]
) -> None:
    address, asked = purged
    lines = tmp_path / "lines"
    script = f"import sys; open({str(lines)!r}, 'a').write(sys.stdin.read())"
    site = open_site(
        cdn={
            "purge_url": f"{address}/purge?a={{address}}",
            "purge_command": [sys.executable, "-c", script],
        }
    )
    for name in ("a", "b"):
        tree.write(f"{name}.md", f"---\ntitle: {name}\ntags: [{name}]\n---\nx")
    site.refresh()
    root = tmp_path / "public"
    follower = follower_of(site, root)
    follower.follow()
    before = {file: file.read_bytes() for file in root.rglob("[!.]*") if file.is_file()}
    site.clock.advance(seconds=10)
    tree.write("a.md", "---\ntitle: other\ntags: [a]\n---\nx")
    site.refresh()
    asked[:] = [FAILING]
    with pytest.raises(OutgoingError, match="answers 500"):
        follower.follow()
    asked.clear()
    lines.unlink()
    assert follower.follow() is None  # it is told again, though nothing has changed since
    told = lines.read_text().splitlines()
    assert [unquote(path.removeprefix("/purge?a=")) for path in asked] == told
    assert len(told) == len(set(told))
    for file, content in before.items():
        name = file.relative_to(root).as_posix()
        if not name.endswith((".br", ".gz", ".zst")):
            path = "" if name == "index.html" else name.removesuffix(".html")
            public = f"https://feeds.example.org/{name if name == '404.html' else path}"
            assert (public in told) == (file.read_bytes() != content), name
    lines.unlink()
    follower.follow()
    assert not lines.exists()


def test_a_command_that_fails_is_named() -> None:
    cdn = configuration.CDN(
        purge_command=(sys.executable, "-c", "import sys; sys.exit('no such zone')")
    )
    with pytest.raises(ExportError, match="ended with 1: no such zone"):
        purge(cdn, ["https://x.example/"])
    with pytest.raises(ExportError, match="missing: No such file"):
        purge(configuration.CDN(purge_command=("missing",)), ["https://x.example/"])


def test_an_export_that_fails_is_logged_once_and_tried_again(
    few: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.export.following._AGAIN_SECONDS", 0.01)
    folder = tmp_path / "public"
    folder.mkdir()
    (folder / "x").touch()
    follower = follower_of(few, folder)
    caplog.set_level(logging.INFO, "feedsvc.export")
    follower.start()
    until(lambda: "the export failed" in caplog.text, "it is logged")
    (folder / "x").unlink()
    until(lambda: "the export works again" in caplog.text, "it works again")
    follower.stop()
    assert caplog.text.count("the export failed") == 1
    assert (folder / "index.html").exists()


def test_the_watcher_exports_after_each_pass(tmp_path: Path) -> None:
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "1.md").write_text("---\ntitle: One\n---\nx")
    feed = tmp_path / "public" / "feeds" / "all.json"

    def titles() -> list[str]:
        return [item["title"] for item in json.loads(feed.read_bytes())["items"]]

    with serving(
        tmp_path, articles, "--workers", "1", sections="export: {to: public}\n", settle="0s"
    ) as service:
        until(feed.exists, "the export begins")
        (articles / "2.md").write_text("---\ntitle: Two\ndate: 2030-01-01\n---\nx")
        (articles / "3.md").write_text("---\ntitle: Three\n---\nx")
        until(lambda: "Three" in titles(), "the new article is exported")
        assert feed.read_bytes() == service.client.get("/feeds/all.json").content
    assert "exported in" in service.log


def test_the_keys_of_an_export_are_checked() -> None:
    for section, reason in (
        ({"cdn": {"purge_url": "https://x.example/"}}, r"cdn.purge_url: expected \{address\}"),
        ({"cdn": {"purge_command": "rm"}}, "expected a list"),
        ({"export": {"to": 3}}, "expected text"),
    ):
        with pytest.raises(ConfigError, match=reason):
            configuration.parse(section)
    parsed = configuration.parse({"export": {"to": "public"}}, folder=Path("/srv"))
    assert parsed.export.to == "/srv/public"
    assert configuration.parse({"export": {"to": "s3://b/p"}}).export.to == "s3://b/p"


def test_answers_name_their_feed_or_article_for_networks(open_site: Open, tree: Tree) -> None:
    tree.write("1.md", "---\ntitle: One\ntags: [财 经]\n---\nx")
    site = open_site(cdn={"tags": True})
    site.refresh()
    client = site.app().test_client()
    key = next(iter(site.index.articles.versions("").values()))[0]
    for path, tag in {
        "/feeds/财_经.atom": "feed-%E8%B4%A2_%E7%BB%8F",
        "/feeds/财_经": "feed-%E8%B4%A2_%E7%BB%8F",
        "/feeds/all.json": "feed-all",
        f"/articles/{key}": f"article-{key}",
        f"/articles/{key}.md": f"article-{key}",
        "/": None,
        "/opml.xml": None,
    }.items():
        for _ in range(2):  # the second answer comes from the response cache
            headers = client.get(path).headers
            assert headers.get("Cache-Tag") == headers.get("Surrogate-Key") == tag
    tag = client.get("/feeds/all.atom").headers["ETag"]
    again = client.get("/feeds/all.atom", headers={"If-None-Match": tag})
    assert (again.status_code, again.headers["Cache-Tag"]) == (304, "feed-all")
    plain = open_site().app().test_client().get("/feeds/all.atom")
    assert "Cache-Tag" not in plain.headers
