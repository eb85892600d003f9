"""Clients that load whole feeds again and again are told to come later; all others are not."""

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Tree
from flask.testing import FlaskClient
from sites import Site

from feedsvc.web.fairness import FairFetches

Open = Callable[..., Site]
FEED = "/feeds/all.atom"


@pytest.fixture
def client(open_site: Open, tree: Tree) -> FlaskClient:
    tree.write("a.md", "---\ntitle: A\ntags: [news]\n---\ntext")
    site = open_site(feeds={"full_fetches": 2})
    site.refresh()
    return site.app().test_client()


def test_a_third_full_fetch_within_the_hour_is_refused(client: FlaskClient) -> None:
    assert [client.get(FEED).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get(FEED)
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert "If-None-Match" in refused.text
    assert refused.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["ETag", "Last-Modified"])
def test_who_says_what_it_has_is_never_refused(client: FlaskClient, name: str) -> None:
    value = client.get(FEED).headers[name]
    condition = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}[name]
    for _ in range(5):
        client.get(FEED)
        assert client.get(FEED, headers={condition: value}).status_code == 304
    assert client.get(FEED, headers={condition: "of yesterday"}).status_code == 200


def test_other_clients_other_feeds_and_people_are_not_concerned(client: FlaskClient) -> None:
    for _ in range(3):
        client.get(FEED)
    assert client.get(FEED).status_code == 429
    assert client.get("/feeds/all.rss").status_code == 200
    assert client.get("/feeds/news.atom").status_code == 200
    assert client.get(FEED, headers={"Sec-Fetch-Dest": "document"}).status_code == 200
    assert client.head(FEED).status_code == 200
    assert client.get("/").status_code == 200
    for address in ("192.0.2.1", "192.0.2.2"):
        forwarded = {"X-Forwarded-For": f"{address}, 198.51.100.7"}  # a client writes the first
        status = client.get(FEED, headers=forwarded).status_code
        assert status == 200
    assert client.get(FEED, headers={"X-Forwarded-For": "198.51.100.7"}).status_code == 429


def test_after_the_hour_a_client_begins_anew() -> None:
    seconds = 0.0
    answered: list[str] = []

    def app(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        return [b"feed"]

    fair = FairFetches(app, 1, clock=lambda: seconds)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": FEED, "REMOTE_ADDR": "192.0.2.1"}
    for seconds in (0.0, 10.0, 3599.0, 3600.0, 3601.0):  # noqa: B007 - the clock reads it
        fair(dict(environ), lambda status, _headers, *_: answered.append(status[:3]))
    assert answered == ["200", "429", "429", "200", "429"]


def test_without_a_limit_nobody_is_refused(open_site: Open, tree: Tree) -> None:
    tree.write("a.md", "text")
    site = open_site()
    site.refresh()
    client = site.app().test_client()
    assert {client.get(FEED).status_code for _ in range(50)} == {200}
