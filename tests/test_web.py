"""HTTP: validators, codings, methods, pages, and hostile requests."""

import gzip
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import brotli
import pytest
from conftest import CACHED, NOW, Clock, Tree, site_in
from flask.testing import FlaskClient
from sites import Site
from werkzeug.test import TestResponse

from feedsvc.codings import zstd
from feedsvc.web import slow
from feedsvc.web.icon import OURS

ONE = (
    "---\ntitle: Vec<T> & “One”\nauthor: Ann\ntags: [财经, news]\ndate: 2022-01-01\n---\n"
    f"<p>{'text ' * 200}</p><img src='x.png'>"
)
TYPES = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}
FEED = "/feeds/all.atom"
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    "zstd": zstd.decompress,
}


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Make the site of one article for all tests that change nothing."""
    with site_in(tmp_path_factory.mktemp("web")) as (site, tree):
        tree.write("1.html", ONE)
        site.refresh()
        yield site


@pytest.fixture
def client(unchanged: Site) -> FlaskClient:
    """Return a client of an application whose response cache is empty."""
    return unchanged.app().test_client()


@pytest.fixture
def own_client(site: Site, tree: Tree) -> FlaskClient:
    """Return a client for a test that changes the articles."""
    tree.write("1.html", ONE)
    site.refresh()
    return site.app().test_client()


@pytest.mark.parametrize("suffix", TYPES)
def test_a_feed_has_the_headers_that_readers_need(client: FlaskClient, suffix: str) -> None:
    response = client.get(f"/feeds/all.{suffix}")
    assert response.status_code == 200
    headers = {name: response.headers.get(name) for name in (
        "Content-Type", "Cache-Control", "Vary", "Last-Modified", "X-Content-Type-Options",
        "Access-Control-Allow-Origin", "Access-Control-Expose-Headers",
        "Content-Encoding")}  # fmt: skip
    assert headers == {
        "Content-Type": TYPES[suffix],
        "Cache-Control": CACHED,
        "Vary": "Accept-Encoding",
        "Last-Modified": format_datetime(NOW, usegmt=True),
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag, Last-Modified, Retry-After",
        "Content-Encoding": None,
    }
    assert re.fullmatch(r'"[0-9a-f]{32}"', response.headers["ETag"])
    assert response.headers["Content-Length"] == str(len(response.data))


@pytest.mark.parametrize("suffix", TYPES)
def test_head_is_get_without_a_body(client: FlaskClient, suffix: str) -> None:
    got, head = client.get(f"/feeds/all.{suffix}"), client.head(f"/feeds/all.{suffix}")
    assert head.status_code == 200
    assert head.data == b""
    assert dict(head.headers) == dict(got.headers)


@pytest.mark.parametrize(
    "form",
    ['"{}"', 'W/"{}"', '"x", "{}"', '"x" ,W/"{}","y"', "*", '"{}-gzip"', '"{};gzip"', 'W/"{}-br"'],
)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_matching_etag_gets_a_304(client: FlaskClient, form: str, coding: str) -> None:
    accept = {"Accept-Encoding": coding}
    first = client.get(FEED, headers=accept)
    tag = first.headers["ETag"].strip('"').removesuffix("-gzip")
    again = client.get(FEED, headers={**accept, "If-None-Match": form.format(tag)})
    assert again.status_code == 304
    assert again.data == b""
    for name in ("ETag", "Last-Modified", "Cache-Control", "Vary"):
        assert again.headers[name] == first.headers[name]
    assert "Content-Type" not in again.headers


@pytest.mark.parametrize("tag", ['""', '"x"', '"{}x"', "garbage"])
def test_another_etag_gets_the_whole_feed_whatever_the_date(client: FlaskClient, tag: str) -> None:
    etag = client.get(FEED).headers["ETag"].strip('"')
    since = format_datetime(NOW + timedelta(days=1), usegmt=True)
    headers = {"If-None-Match": tag.format(etag), "If-Modified-Since": since}
    assert client.get(FEED, headers=headers).status_code == 200


@pytest.mark.parametrize(("age", "status"), [(-1, 304), (0, 304), (1, 200)])
def test_if_modified_since_alone_may_get_a_304(client: FlaskClient, age: int, status: int) -> None:
    since = format_datetime(NOW - timedelta(seconds=age), usegmt=True)
    assert client.get(FEED, headers={"If-Modified-Since": since}).status_code == status


def test_if_modified_since_never_misses_a_change_in_the_same_second(
    own_client: FlaskClient, site: Site, tree: Tree, clock: Clock
) -> None:
    for n in range(3):
        clock.advance(milliseconds=100)
        tree.write("1.html", ONE.replace("Ann", f"Ann {n}"))
        site.refresh()
        response = own_client.get(FEED)
        since = response.headers["Last-Modified"]
        assert since <= format_datetime(clock.now, usegmt=True), "never later than the clock"
        clock.advance(milliseconds=100)
        tree.write("1.html", ONE.replace("Ann", f"Ben {n}"))
        site.refresh()
        assert own_client.get(FEED, headers={"If-Modified-Since": since}).status_code == 200


@pytest.mark.parametrize("text", ["yesterday", "", "Sun, 99 Feb 2026 12:00:00 GMT"])
def test_an_if_modified_since_that_is_no_date_is_ignored(client: FlaskClient, text: str) -> None:
    assert client.get(FEED, headers={"If-Modified-Since": text}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("br;q=0.5, gzip", "gzip"),
        ("gzip, *;q=0.1", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("*;q=0", None),
        ("br", "br"),
        ("deflate", None),
        ("", None),
        (None, None),
    ],
)
def test_each_client_gets_the_coding_that_it_wants_most(
    client: FlaskClient, accept: str | None, coding: str | None
) -> None:
    plain = client.get(FEED)
    response = client.get(FEED, headers={} if accept is None else {"Accept-Encoding": accept})
    assert response.headers.get("Content-Encoding") == coding
    if coding:
        assert DECODE[coding](response.data) == plain.data
        assert response.headers["ETag"] != plain.headers["ETag"]
        assert len(response.data) < len(plain.data)
    else:
        assert response.data == plain.data


@pytest.mark.parametrize("accept", ["application/json", "*/*, text/html", "image/png", "nonsense"])
def test_the_address_decides_the_format_not_accept(client: FlaskClient, accept: str) -> None:
    response = client.get("/feeds/all.rss?_=123", headers={"Accept": accept})
    assert response.headers["Content-Type"] == TYPES["rss"]


def test_feed_names_outside_ascii_work_composed_or_not(
    own_client: FlaskClient, site: Site, tree: Tree
) -> None:
    tree.write("2.md", "---\ntags: [été]\n---\nx")
    site.refresh()
    for path in ("/feeds/财经.atom", "/feeds/été.rss", "/feeds/e\u0301te\u0301.rss"):
        assert own_client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/feeds/nope.atom", "/feeds/nope", "/feeds/.atom", "/feeds/all.pdf", "/feeds/", "/x",
     "/articles/0123", "/feeds/..%2f..%2fetc%2fpasswd.atom", "/feeds/%00.rss", "/feeds/%ff.rss",
     "/feeds/" + "x" * 5000 + ".atom"],
)  # fmt: skip
def test_an_unknown_path_is_a_404_in_plain_words(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "no-store"
    assert "There is n" in response.text or "Not Found" in response.text


def test_a_name_in_a_request_is_escaped_in_the_answer(client: FlaskClient) -> None:
    text = client.get("/feeds/<script>alert(1)<%2fscript>.atom").text
    assert "<script>" not in text


def may_be_read_by_pages_of_other_sites(response: TestResponse) -> bool:
    exposed = response.headers.get("Access-Control-Expose-Headers", "").split(", ")
    return response.headers.get("Access-Control-Allow-Origin") == "*" and {
        "ETag", "Last-Modified", "Retry-After",
    } <= set(exposed)  # fmt: skip


@pytest.mark.parametrize("path", ["/opml.xml", *(f"/feeds/all.{suffix}" for suffix in TYPES)])
def test_readers_in_browsers_can_poll(client: FlaskClient, path: str) -> None:
    origin = {"Origin": "https://reader.example"}
    preflight = client.options(
        path,
        headers={
            **origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "if-none-match,if-modified-since",
        },
    )
    assert (preflight.status_code, preflight.data) == (204, b"")
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    allowed = preflight.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"If-None-Match", "If-Modified-Since", "Accept", "Cache-Control"} <= set(allowed)
    assert int(preflight.headers["Access-Control-Max-Age"]) > 0
    assert "Content-Type" not in preflight.headers
    first = client.get(path, headers=origin)
    assert may_be_read_by_pages_of_other_sites(first)
    for _ in range(2):  # by the application, then from memory
        again = client.get(path, headers={**origin, "If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
        assert may_be_read_by_pages_of_other_sites(again)


def test_readers_in_browsers_see_why_there_is_no_feed(
    client: FlaskClient, open_site: Callable[..., Site]
) -> None:
    missing = client.get("/feeds/none.atom")
    assert missing.status_code == 404
    assert may_be_read_by_pages_of_other_sites(missing)
    empty = open_site(state={"url": "sqlite:///state/other.db"}).app().test_client()
    for path in (FEED, "/opml.xml"):
        early = empty.get(path)
        assert early.status_code == 503
        assert may_be_read_by_pages_of_other_sites(early)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_methods_other_than_get_and_head_are_refused(client: FlaskClient, method: str) -> None:
    response = client.open(FEED, method=method)
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_before_the_first_pass_readers_are_asked_to_come_back(site: Site) -> None:
    client = site.app().test_client()
    for path in (FEED, "/", "/feeds/all", "/opml.xml"):
        response = client.get(path)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "5"
    assert client.get("/healthz").text == "ok\n"


def test_readyz_tells_whether_feeds_can_be_served_and_how_far_a_pass_is(
    site: Site, tree: Tree
) -> None:
    client = site.app().test_client()
    for number in range(3):
        tree.write(f"{number}.html", f"<p>{number}</p>")
    response = client.get("/readyz")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    answer = {"ready": False, "articles": 0, "problems": 0, "reading": {"done": 0, "of": 0}}
    assert response.json == answer
    seen = []
    site.refresh(lambda done, total: seen.append(client.get("/readyz").json))
    assert seen == [{**answer, "reading": {"done": 3, "of": 3}}]
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {**answer, "ready": True, "articles": 3}


def page(response: TestResponse) -> str:
    assert response.status_code == 200
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert not re.search(r"<script(?! src=)", response.text)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    return response.text


def test_a_feeds_page_shows_entries_and_can_be_discovered_from(client: FlaskClient) -> None:
    text = page(client.get("/feeds/news"))
    assert "Vec&lt;T&gt; &amp; “One”" in text
    assert (
        '<link rel="alternate" type="application/rss+xml" title="news · Test (RSS)"'
        ' href="https://feeds.example.org/feeds/news.rss">' in text
    )


def newest_article(client: FlaskClient) -> str:
    """Return the path of the page of the newest article."""
    link = re.search(r'href="(/articles/\w+)"', client.get("/feeds/all").text)
    assert link
    return link[1]


def test_an_articles_page_shows_it_whole(client: FlaskClient) -> None:
    path = newest_article(client)
    response = client.get(path)
    text = page(response)
    assert ">Vec&lt;T&gt; &amp; “One”</h1>" in text
    assert "Ann" in text
    assert "https://feeds.example.org/media/x.png" in text
    again = client.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


def test_pages_show_plain_text_as_it_is_meant(
    own_client: FlaskClient, site: Site, tree: Tree
) -> None:
    tree.write(
        "1.html",
        "---\ntitle: '<img src=x onerror=y> &lt;b&gt; AT&amp;T'\nauthor: Tom &amp; <i>Li\n"
        "tags: ['R&amp;D <T>']\nsummary: '1 &lt; 2 & <script>'\n---\nx",
    )
    site.refresh()
    listed = page(own_client.get("/feeds/all"))
    whole = page(own_client.get(newest_article(own_client)))
    for text in (listed, whole):
        assert "&lt;img src=x onerror=y&gt; &lt;b&gt; AT&amp;T" in text
        assert "Tom &amp; &lt;i&gt;Li" in text
        assert not re.search("<(img|b|i|script|T)>|<img", text)
    assert "1 &lt; 2 &amp; &lt;script&gt;" in listed
    assert "R&amp;D &lt;T&gt;" in whole


def test_a_withdrawn_article_is_a_410(own_client: FlaskClient, site: Site, tree: Tree) -> None:
    path = newest_article(own_client)
    tree.remove("1.html")
    site.refresh()
    response = own_client.get(path)
    assert response.status_code == 410
    assert "withdrawn" in response.text


def outlines(response: TestResponse) -> list[str]:
    assert response.headers["Content-Type"] == "text/x-opml; charset=utf-8"
    return re.findall(r'<outline text="([^"]*)"', response.text)


VARIANTS = {
    "": ["News"],
    "?all=1": ["Test", "News"],
    "?topics=1": ["News", "Topics", "财经"],
    "?topics=1&all=1": ["Test", "News", "Topics", "财经"],
    "?all=1&topics=1": ["Test", "News", "Topics", "财经"],
    "?_=5&all=0&topics=yes&all": ["News"],
}


def test_opml_lists_the_feeds_that_the_query_asks_for(
    open_site: Callable[..., Site], clock: Clock, tree: Tree
) -> None:
    site = open_site(categories=[{"slug": "n", "title": "News", "terms": ["NEWS"]}])
    tree.write("1.html", ONE)
    site.refresh()
    client = site.app().test_client()
    for query, listed in [*VARIANTS.items(), *VARIANTS.items()]:  # made, then from memory
        assert outlines(client.get(f"/opml.xml{query}")) == listed
    validators: dict[str, list[dict[str, str]]] = {}
    for query in VARIANTS:
        path = f"/opml.xml{query}"
        response, head = client.get(path), client.head(path)
        assert (head.status_code, head.data) == (200, b"")
        assert dict(head.headers) == dict(response.headers)
        validators[query] = [
            {"If-Modified-Since": response.headers["Last-Modified"]},
            {"If-None-Match": response.headers["ETag"]},
        ]
        statuses = [client.get(path, headers=known).status_code for known in validators[query]]
        assert statuses == [304, 304]
    clock.advance(minutes=1)
    tree.write("2.html", "---\ntags: [life]\n---\nx")
    site.refresh()
    for query, both in validators.items():
        path, changed = f"/opml.xml{query}", "topics=1" in query
        assert ("life" in outlines(client.get(path))) == changed
        statuses = [client.get(path, headers=known).status_code for known in both]
        assert statuses == [200 if changed else 304] * 2, query


def test_opml_without_categories_has_the_feed_of_everything(client: FlaskClient) -> None:
    assert outlines(client.get("/opml.xml")) == ["Test"]
    assert 'xmlUrl="https://feeds.example.org/feeds/all.atom"' in client.get("/opml.xml").text


def test_no_two_outlines_have_one_name(open_site: Callable[..., Site], tree: Tree) -> None:
    categories = [
        {"slug": "a", "title": "News", "terms": ["x"]},
        {"slug": "b", "title": "News", "terms": ["y"]},
        {"slug": "c", "title": "topics"},
        {"slug": "d", "title": "news (B)"},
        {"slug": "e", "title": "Test"},
    ]
    site = open_site(categories=categories)
    tree.write("1.html", "---\ntags: [x, news, Topics, TEST]\n---\nx")
    site.refresh()
    names = outlines(site.app().test_client().get("/opml.xml?all=1&topics=1"))
    assert names == [
        "Test", "News", "News (b)", "topics (c)", "news (B) (d)", "Test (e)",
        "Topics", "TEST (TEST)", "Topics (Topics)", "news (news)",
    ]  # fmt: skip
    assert len({name.casefold() for name in names}) == len(names)


def test_an_if_modified_since_in_the_future_is_ignored(client: FlaskClient) -> None:
    since = {"If-Modified-Since": format_datetime(NOW + timedelta(days=365), usegmt=True)}
    response = client.get(FEED, headers=since)
    assert response.status_code == 200
    since = {"If-Modified-Since": response.headers["Last-Modified"]}
    assert client.get(FEED, headers=since).status_code == 304


def test_the_icon_is_our_own_unless_one_is_configured(client: FlaskClient) -> None:
    for path in ("/favicon.ico", "/icon.png"):
        response = client.get(path, buffered=True)
        assert (response.status_code, response.headers["Content-Type"]) == (200, "image/png")
        assert response.headers["Cache-Control"] == "public, max-age=86400"
        assert response.data == OURS.read_bytes()
        assert len(response.data) < 2000
        tagged = {"If-None-Match": response.headers["ETag"]}
        assert client.get(path, headers=tagged, buffered=True).status_code == 304
    assert '<link rel="icon" href="/favicon.ico">' in client.get("/").text
    assert "<icon>https://feeds.example.org/icon.png</icon>" in client.get(FEED).text


def test_the_icon_may_be_a_file(open_site: Callable[..., Site], tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "x.ICO").write_bytes(b"\0\0\1\0")
    site = open_site(site={"icon": "x.ICO"})
    site.refresh()
    client = site.app().test_client()
    for path in ("/favicon.ico", "/icon.ico"):
        response = client.get(path, buffered=True)
        assert (response.status_code, response.data) == (200, b"\0\0\1\0")
        assert response.headers["Content-Type"] == "image/vnd.microsoft.icon"
    assert "http://127.0.0.1:8080/icon.ico" in client.get(FEED).text
    (tmp_path / "x.ICO").unlink()
    response = client.get("/favicon.ico", buffered=True)
    assert (response.status_code, response.data) == (200, OURS.read_bytes())


def test_the_icon_may_be_at_another_address(open_site: Callable[..., Site]) -> None:
    site = open_site(site={"icon": "https://cdn.example.org/i.svg"})
    site.refresh()
    client = site.app().test_client()
    assert client.get("/favicon.ico").headers["Location"] == "https://cdn.example.org/i.svg"
    assert "https://cdn.example.org/i.svg" in client.get(FEED).text


def test_media_beside_articles_are_served_in_ranges(own_client: FlaskClient, tree: Tree) -> None:
    tree.write("img/a b.PNG", b"\x89PNG-and-so-on")
    path = "/media/img/a%20b.PNG"
    response = own_client.get(path, headers={"Range": "bytes=1-3"}, buffered=True)
    assert (response.status_code, response.data) == (206, b"PNG")
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    whole = own_client.get(path, buffered=True)
    assert whole.headers["Cache-Control"] == "public, max-age=86400"
    tagged = {"If-None-Match": whole.headers["ETag"]}
    assert own_client.get(path, headers=tagged, buffered=True).status_code == 304


NOT_MEDIA = [
    "1.html", "../secret.png", "%2e%2e/secret.png", "..%2fsecret.png", "link.png", ".hid/a.png",
    "/etc/passwd", "%2fetc%2fpasswd", "none.png", "dir.png", "a.svg", "a%00.png",
]  # fmt: skip


def test_only_media_files_inside_the_directory_are_served(
    own_client: FlaskClient, tree: Tree
) -> None:
    (tree.root.parent / "secret.png").write_bytes(b"secret")
    (tree.root / "link.png").symlink_to(tree.root.parent / "secret.png")
    (tree.root / "dir.png").mkdir()
    tree.write(".hid/a.png", b"x")
    tree.write("a.svg", b"<svg/>")
    for path in NOT_MEDIA:
        assert own_client.get(f"/media/{path}").status_code == 404, path


def test_a_state_that_cannot_be_read_is_a_503_without_its_address(
    open_site: Callable[..., Site], tree: Tree, tmp_path: Path
) -> None:
    site = open_site()
    site.refresh()
    site.close()  # it opens the database again when asked next
    (tmp_path / "state" / "index.db").write_bytes(b"no database any more" * 500)
    response = site.app().test_client().get(FEED)
    assert response.status_code == 503
    assert str(tmp_path) not in response.text


def test_every_slow_path_is_a_route(site: Site) -> None:
    rules = [rule.rule for rule in site.app().url_map.iter_rules()]
    for beginning in slow.PATHS:
        assert any(rule.startswith(beginning) for rule in rules)
