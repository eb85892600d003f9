"""A feed's own address: bytes for machines, a page for people, the source for the curious."""

import json
import re
from collections.abc import Iterator

import pytest
from conftest import CACHED, Tree, site_in
from flask.testing import FlaskClient
from sites import Site
from werkzeug.test import TestResponse

from feedsvc.formats import FORMATS

BROWSER_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PEOPLE = {
    "Chromium": {"Accept": BROWSER_ACCEPT, "Sec-Fetch-Dest": "document"},
    "a browser at a host without TLS": {"Accept": BROWSER_ACCEPT},
    "a browser that accepts anything": {"Accept": "*/*", "Sec-Fetch-Dest": "document"},
    "lynx": {"Accept": "text/html, text/plain, text/sgml, text/css, */*;q=0.01"},
}  # fmt: skip
_XML = "application/atom+xml,application/rss+xml,application/rdf+xml,application/xml"
MACHINES = {
    "curl": {"Accept": "*/*", "User-Agent": "curl/8.5.0"},
    "sfeed": {},
    "feedparser": {
        "User-Agent": "feedparser/6.0.11 +https://github.com/kurtmckee/feedparser/",
        "Accept": f"{_XML};q=0.9,text/xml;q=0.2,*/*;q=0.1",
        "A-IM": "feed",
    },
    "miniflux": {"Accept": f"{_XML}, application/feed+json, text/html, */*;q=0.9"},
    "FreshRSS": {
        "Accept": "application/atom+xml, application/rss+xml, application/rdf+xml;q=0.9,"
        " application/xml;q=0.8, text/xml;q=0.8, text/html;q=0.7, */*;q=0.6"
    },
    "a page of another site": {"Accept": "*/*", "Sec-Fetch-Dest": "empty"},
    "a script that copies the browser's Accept": {
        "Accept": BROWSER_ACCEPT,
        "Sec-Fetch-Dest": "empty",
    },
}
FEED = "/feeds/all.atom"
RAW = f"{FEED}?raw=1"


def write_articles(tree: Tree) -> None:
    for number in range(30):
        tree.write(f"{number}.md", f"---\ntitle: T{number}\ntags: [財經]\n---\ntext & <b>bold</b>")


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Make the site of all tests that change nothing."""
    with site_in(tmp_path_factory.mktemp("preview")) as (site, tree):
        write_articles(tree)
        site.refresh()
        yield site


@pytest.fixture
def client(unchanged: Site) -> FlaskClient:
    """Return a client of an application whose response cache is empty."""
    return unchanged.app().test_client()


@pytest.fixture
def own_client(site: Site, tree: Tree) -> FlaskClient:
    """Return a client for a test that changes the articles."""
    write_articles(tree)
    site.refresh()
    return site.app().test_client()


def is_preview(response: TestResponse) -> bool:
    return response.mimetype == "text/html" and "This is a web feed." in response.text


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_person_sees_what_a_feed_is_and_how_to_subscribe(
    client: FlaskClient, suffix: str, person: str
) -> None:
    for _ in range(2):  # by the application, then from memory
        response = client.get(f"/feeds/all.{suffix}", headers=PEOPLE[person])
        assert (response.status_code, is_preview(response)) == (200, True)
        assert response.headers["Cache-Control"] == "private, no-store"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert '<details class="subscribe" lang="en" open>' in response.text
        assert len(re.findall('class="h-entry"', response.text)) == 20
        assert f'href="/feeds/all.{suffix}?raw=1"' in response.text
        assert '<link rel="canonical" href="https://feeds.example.org/feeds/all">' in response.text


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_machine_gets_the_bytes_whoever_asked_before(
    unchanged: Site, client: FlaskClient, suffix: str, machine: str
) -> None:
    path = f"/feeds/all.{suffix}"
    document = unchanged.document(path)
    for _ in range(2):
        assert is_preview(client.get(path, headers=PEOPLE["Chromium"]))
        response = client.get(path, headers=MACHINES[machine])
        assert response.data == document.body
        assert response.headers["Content-Type"] == document.media_type
        assert response.headers["Cache-Control"] == CACHED
        assert response.headers["Vary"] == "Accept-Encoding"
        assert "Content-Security-Policy" not in response.headers
        known = {**MACHINES[machine], "If-None-Match": response.headers["ETag"]}
        assert client.get(path, headers=known).status_code == 304


def test_a_preview_is_in_the_language_of_the_visitor(client: FlaskClient) -> None:
    for language, tag in (("zh-CN", "zh-Hans"), ("zh-TW", "zh-Hant"), ("en", "en")):
        headers = {**PEOPLE["lynx"], "Accept-Language": language}
        assert f'<p class="band" lang="{tag}">' in client.get(FEED, headers=headers).text


def test_a_preview_changes_with_the_feed(own_client: FlaskClient, site: Site, tree: Tree) -> None:
    assert "T29" in own_client.get(FEED, headers=PEOPLE["lynx"]).text
    tree.write("29.md", "---\ntitle: Changed\n---\nx")
    site.refresh()
    assert "Changed" in own_client.get(FEED, headers=PEOPLE["lynx"]).text


def test_a_preview_of_a_feed_that_is_not_there_is_a_404(client: FlaskClient) -> None:
    response = client.get("/feeds/<script>none.atom", headers=PEOPLE["Chromium"])
    assert response.status_code == 404
    assert "<script>none" not in response.text


def test_a_preview_works_for_every_name_of_a_feed(client: FlaskClient) -> None:
    response = client.get("/feeds/%E8%B2%A1%E7%B6%93.rss", headers=PEOPLE["Chromium"])
    assert is_preview(response)
    assert "/feeds/%E8%B2%A1%E7%B6%93.rss?raw=1" in response.text


def test_head_of_a_preview_is_get_without_a_body(client: FlaskClient) -> None:
    got, head = (client.open(FEED, method=m, headers=PEOPLE["lynx"]) for m in ("GET", "HEAD"))
    assert head.data == b""
    assert dict(head.headers) == dict(got.headers)


@pytest.mark.parametrize("asker", [MACHINES["curl"], PEOPLE["Chromium"]])
@pytest.mark.parametrize("suffix", FORMATS)
def test_the_source_is_indented_text(
    unchanged: Site, client: FlaskClient, suffix: str, asker: dict[str, str]
) -> None:
    for _ in range(2):
        response = client.get(f"/feeds/all.{suffix}?raw=1", headers=asker)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        lines = response.text.splitlines()
        assert len(lines) > 100
        assert any(line.startswith("    ") for line in lines)
    if suffix == "json":
        assert json.loads(response.text) == json.loads(unchanged.document("/feeds/all.json").body)
    else:
        assert "<title>T29</title>" in response.text
        assert "<![CDATA[" in response.text


def test_the_feed_of_a_search_shows_its_source_too(client: FlaskClient) -> None:
    for asker in (MACHINES["curl"], PEOPLE["Chromium"]):
        response = client.get("/feeds/search.atom?q=T7&raw=1", headers=asker)
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert "<title>T7</title>" in response.text


def test_the_source_changes_with_the_feed(own_client: FlaskClient, site: Site, tree: Tree) -> None:
    assert "T29" in own_client.get(RAW).text
    tree.write("29.md", "---\ntitle: Changed\n---\nx")
    site.refresh()
    assert "Changed" in own_client.get(RAW).text


def test_other_parameters_than_raw_change_nothing_for_machines(
    unchanged: Site, client: FlaskClient
) -> None:
    for query in ("_=123", "raw=0", "raw=", "draw=1", "raw=11", "x=raw=1", "lang=en", "page=2"):
        response = client.get(f"{FEED}?{query}", headers=MACHINES["curl"])
        assert response.data == unchanged.document(FEED).body, query


def test_a_hostile_feed_does_no_harm_in_its_preview(
    own_client: FlaskClient, site: Site, tree: Tree
) -> None:
    evil = "<script>alert(1)</script>"
    tree.write("x.md", f'---\ntitle: "{evil}"\ntags: ["{evil}"]\nsummary: "{evil}"\n---\nx')
    site.refresh()
    text = own_client.get(FEED, headers=PEOPLE["Chromium"]).text
    assert "alert(1)" in text
    assert evil not in text
