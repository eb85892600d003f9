"""Telling hubs of changed feeds: which feeds, when, and what happens if a hub cannot be reached."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import feedparser
import httpx
import pytest
from conftest import Clock, Tree
from lxml import etree
from service import serving, until
from sites import Site

from feedsvc.websub import Pinger

Open = Callable[..., Site]
BASE_URL = "https://feeds.example.org/of-mine"


class Hub:
    """A hub that notes what it is told, and answers with `status`."""

    def __init__(self) -> None:
        self.status = 202
        self.forms: list[dict[str, list[str]]] = []
        self.looks_at_topics = False
        self.seen: dict[str, str] = {}  # the topics that it looked at, by address
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = parse_qs(self.rfile.read(length).decode(), strict_parsing=True)
                if hub.looks_at_topics:
                    topic = form["hub.url"][0]
                    hub.seen[topic] = httpx.get(topic, timeout=30).text
                hub.forms.append(form)
                self.send_response(hub.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}/hub"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def told(self) -> list[str]:
        """Return the topics that it was told of since the last call, in order of their names."""
        forms, self.forms = self.forms, []
        for form in forms:
            assert form["hub.mode"] == ["publish"]
            assert form["hub.topic"] == form["hub.url"]
        return sorted(form["hub.url"][0] for form in forms)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with closing(Hub()) as hub:
        yield hub


@pytest.fixture
def site(open_site: Open, tree: Tree, clock: Clock, hub: Hub) -> Site:
    """Return a site with two categories of one article each, whose documents are made."""
    tree.write("a.html", "---\ntitle: A\ntags: [新闻]\n---\n<p>text</p>")
    tree.write("b.html", "---\ntitle: B\ntags: [life]\n---\n<p>text</p>")
    site = open_site(
        site={"title": "T", "base_url": BASE_URL},
        websub={"hubs": [hub.address]},
        categories=[{"slug": "新闻", "terms": ["新闻"]}, {"slug": "life", "terms": ["life"]}],
    )
    site.refresh()
    clock.advance(minutes=5)
    return site


def pinger(site: Site) -> Pinger:
    websub, base_url = site.config.websub, site.config.site.base_url
    return Pinger(site.index, base_url, websub.hubs, site.clock)


def addresses(*slugs: str) -> list[str]:
    return sorted(f"{BASE_URL}/feeds/{slug}.{name}" for slug in slugs
                  for name in ("atom", "rss", "json"))  # fmt: skip


def test_each_feed_names_its_hubs_in_its_header_and_in_itself(site: Site, hub: Hub) -> None:
    client = site.app().test_client()
    for name in ("atom", "rss", "json"):
        answer = client.get(f"/feeds/新闻.{name}")
        own = f"{BASE_URL}/feeds/%E6%96%B0%E9%97%BB.{name}"
        assert answer.headers["Link"] == f'<{hub.address}>; rel="hub", <{own}>; rel="self"'
        if name == "json":
            assert answer.json["hubs"] == [{"type": "WebSub", "url": hub.address}]
            continue
        links = feedparser.parse(answer.data).feed.links
        assert [link.href for link in links if link.rel == "hub"] == [hub.address]
        assert [link.href for link in links if link.rel == "self"] == [own]
    assert "Link" not in client.get("/opml.xml").headers
    again = client.get("/feeds/新闻.rss", headers={"If-None-Match": "*"})
    assert (again.status_code, again.headers["Link"]) == (304, client.get(
        "/feeds/新闻.rss").headers["Link"])  # fmt: skip
    assert etree.fromstring(client.get("/feeds/all.rss").data).find("channel/link").text


def test_hubs_are_told_of_the_feeds_that_have_changed_and_of_no_others(
    site: Site, tree: Tree, clock: Clock, hub: Hub
) -> None:
    pinger(site).send()
    assert hub.told() == []  # nobody can have subscribed before
    tree.write("c.html", "---\ntitle: C\ntags: [life]\n---\n<p>text</p>")
    clock.advance(minutes=1)
    site.refresh()
    clock.advance(minutes=1)
    pinger(site).send()
    assert hub.told() == addresses("all", "life")
    for change in (lambda: None, lambda: tree.touch("c.html")):
        change()
        clock.advance(minutes=1)
        site.refresh()
        clock.advance(minutes=1)
        assert pinger(site).send() is None
        assert hub.told() == []


def test_a_hub_is_told_a_moment_after_the_change(
    site: Site, tree: Tree, clock: Clock, hub: Hub
) -> None:
    tree.write("c.html", "---\ntitle: C\ntags: [life]\n---\n<p>text</p>")
    clock.advance(minutes=1)
    site.refresh()
    due = pinger(site).send()
    assert hub.told() == []
    assert due is not None
    assert timedelta(0) < due - clock() <= timedelta(seconds=2)


def test_a_hub_that_fails_is_told_later_also_after_a_restart(
    site: Site, tree: Tree, clock: Clock, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    hub.status = 503
    tree.write("c.html", "---\ntitle: C\ntags: [life]\n---\n<p>text</p>")
    clock.advance(minutes=1)
    site.refresh()
    clock.advance(minutes=1)
    first = pinger(site)
    waits = []
    for _ in range(3):
        due = first.send()
        assert due is not None
        waits.append((due - clock()).total_seconds())
        clock.advance(seconds=waits[-1])
    assert waits == sorted(set(waits))  # longer each time
    assert len(hub.told()) == 3  # a hub that does not answer is not asked for each feed
    assert caplog.text.count("cannot be told of changes") == 1
    hub.status = 200
    assert pinger(site).send() is None
    assert hub.told() == addresses("all", "life")
    first.send()
    assert hub.told() == []


def test_a_change_meanwhile_is_told_too(site: Site, tree: Tree, clock: Clock, hub: Hub) -> None:
    hub.status = 500
    for title in ("C", "D"):
        tree.write("c.html", f"---\ntitle: {title}\ntags: [life]\n---\n<p>text</p>")
        clock.advance(minutes=1)
        site.refresh()
        clock.advance(minutes=1)
        pinger(site).send()
    hub.told()
    hub.status = 204
    clock.advance(hours=1)
    pinger(site).send()
    assert hub.told() == addresses("all", "life")


@pytest.mark.parametrize("status", [400, 404, 410, 301])
def test_a_hub_that_refuses_is_not_asked_again(
    site: Site, tree: Tree, clock: Clock, hub: Hub, status: int
) -> None:
    hub.status = status
    tree.write("c.html", "---\ntitle: C\ntags: [life]\n---\n<p>text</p>")
    clock.advance(minutes=1)
    site.refresh()
    clock.advance(minutes=1)
    assert pinger(site).send() is None
    assert hub.told() == addresses("all", "life")
    clock.advance(days=1)
    pinger(site).send()
    assert hub.told() == []


def test_nobody_tries_for_ever(
    site: Site, tree: Tree, clock: Clock, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    hub.close()
    tree.write("c.html", "---\ntitle: C\ntags: [life]\n---\n<p>text</p>")
    clock.advance(minutes=1)
    site.refresh()
    clock.advance(minutes=1)
    tries = 0
    while (due := pinger(site).send()) is not None:
        tries += 1
        clock.advance(seconds=max(1.0, (due - clock()).total_seconds()))
    assert 10 < tries < 100
    assert f"was not told of {BASE_URL}/feeds/life.atom" in caplog.text


def test_a_hub_that_is_not_configured_any_more_is_told_nothing(
    site: Site, tree: Tree, clock: Clock, hub: Hub
) -> None:
    tree.write("c.html", "---\ntitle: C\ntags: [life]\n---\n<p>text</p>")
    clock.advance(minutes=1)
    site.refresh()
    clock.advance(minutes=1)
    assert Pinger(site.index, BASE_URL, ("https://hub.example/",), site.clock).send() is None
    assert hub.told() == []


def test_a_hub_that_is_told_finds_the_change(tmp_path: Path, hub: Hub) -> None:
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "a.md").write_text("---\ntitle: A\n---\ntext")
    hub.looks_at_topics = True
    sections = f"websub: {{hubs: ['{hub.address}']}}\n"
    with serving(tmp_path, articles, sections=sections, settle="0s") as service:
        until(lambda: service.titles() == ["A"], "the first article is served")
        (articles / "b.md").write_text("---\ntitle: 新的\n---\ntext")
        topic = f"{service.url}/feeds/all.json"
        until(lambda: topic in hub.seen, "the hub looks at the feed")
        assert {item["title"] for item in json.loads(hub.seen[topic])["items"]} == {"A", "新的"}
