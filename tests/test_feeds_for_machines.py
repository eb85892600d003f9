"""Feeds are the same for every machine that asks, whatever its headers say.

The requests are like those of real feed readers, libraries and services.
"""

from collections.abc import Iterator

import pytest
from conftest import CACHED, site_in
from flask.testing import FlaskClient
from sites import Site
from werkzeug.datastructures import Headers

XML = "application/rss+xml, application/rdf+xml;q=0.8, application/xml;q=0.4"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
READERS: dict[str, dict[str, str]] = {
    "newsboat": {
        "User-Agent": "newsboat/2.31.0 (Linux x86_64)", "Accept": "*/*", "A-IM": "feed",
        "Accept-Encoding": "gzip, deflate",
    },
    "sfeed": {},
    "curl": {"User-Agent": "curl/8.5.0", "Accept": "*/*"},
    "rss2email": {"User-Agent": "rss2email/3.14 (https://github.com/rss2email/rss2email)",
                  "A-IM": "feed", "Accept-Encoding": "gzip, deflate"},
    "feed2exec": {"User-Agent": "feed2exec/0.19.0", "Accept-Encoding": "gzip, deflate",
                  "Accept": "*/*"},
    "liferea": {"User-Agent": "Liferea/1.15.3 (Linux; https://lzone.de/liferea/) AppleWebKit",
                "Accept": f"application/atom+xml,application/xml;q=0.9,{BROWSER}", "A-IM": "feed"},
    "elfeed": {"User-Agent": "Emacs Elfeed 3.4.2", "Accept-Encoding": "gzip"},
    "gpodder": {"User-Agent": "gPodder/3.11.1 (http://gpodder.org/) Linux", "Accept": "*/*"},
    "thunderbird": {
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.5.0",
        "Accept": "application/atom+xml,application/rss+xml;q=0.9,text/html;q=0.1",
        "Accept-Encoding": "gzip, deflate", "Accept-Language": "zh-CN,zh;q=0.9",
    },
    "FreshRSS": {
        "User-Agent": "FreshRSS/1.24.3 (Linux; https://freshrss.org)",
        "Accept": f"application/atom+xml, application/rss+xml, application/xml;q=0.9, {BROWSER}",
        "Accept-Encoding": "gzip, deflate, br",
    },
    "miniflux": {
        "User-Agent": "Mozilla/5.0 (compatible; Miniflux/2.2.3; +https://miniflux.app)",
        "Accept": "application/xml,application/atom+xml,application/rss+xml,"
                  "application/rdf+xml,application/feed+json,text/html,*/*;q=0.9",
        "Accept-Encoding": "br, gzip", "Connection": "close",
    },
    "yarr": {"User-Agent": "Yarr/1.0", "Accept-Encoding": "gzip"},
    "tt-rss": {"User-Agent": "Tiny Tiny RSS/24.11 (https://tt-rss.org/)", "Accept": "*/*",
               "Accept-Encoding": "gzip, deflate"},
    "feedparser": {"User-Agent": "feedparser/6.0.11 +https://github.com/kurtmckee/feedparser/",
                   "Accept": f"application/atom+xml,{XML},text/html;q=0.2,*/*;q=0.1",
                   "Accept-Encoding": "gzip, deflate", "A-IM": "feed"},
    "reader": {"User-Agent": "python-reader/3.15 (+https://github.com/lemon24/reader)",
               "Accept": "application/atom+xml,application/rss+xml;q=0.9,*/*;q=0.1",
               "A-IM": "feed", "Accept-Encoding": "gzip, deflate"},
    "gofeed": {"User-Agent": "Gofeed/1.0", "Accept-Encoding": "gzip"},
    "rss-parser": {"User-Agent": "rss-parser", "Accept": "application/rss+xml"},
    "rss-to-json": {"User-Agent": "axios/1.7.7", "Accept": "application/json, text/plain, */*",
                    "Accept-Encoding": "gzip, compress, deflate, br"},
    "node": {"User-Agent": "node", "Accept": "*/*", "Accept-Language": "*",
             "Sec-Fetch-Mode": "cors", "Accept-Encoding": "gzip, deflate"},
    "a reader in a web page": {
        "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36",
        "Accept": "*/*", "Origin": "https://reader.example.net", "Sec-Fetch-Dest": "empty",
        "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site", "Accept-Language": "zh-TW",
        "Accept-Encoding": "gzip, deflate, br, zstd", "Referer": "https://reader.example.net/",
    },
    "Feedly": {"User-Agent": "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 462 subscribers; )",
               "Accept-Encoding": "gzip", "Accept": "*/*"},
    "Feedbin": {"User-Agent": "Feedbin feed-id:1379740 - 102 subscribers",
                "Accept-Encoding": "gzip, deflate, br"},
    "NewsBlur": {"User-Agent": "NewsBlur Feed Fetcher - 27 subscribers - https://www.newsblur.com/"
                               "site/1/x (Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7))",
                 "Accept": f"application/atom+xml, application/rss+xml, {XML}, text/html;q=0.1"},
    "Inoreader": {"User-Agent": "Mozilla/5.0 (compatible; inoreader.com; 114 subscribers)",
                  "Accept-Encoding": "deflate, gzip, br", "Cache-Control": "no-cache"},
    "The Old Reader": {"User-Agent": "Mozilla/5.0 (compatible; theoldreader.com; 1 subscribers; "
                                     "feed-id=5f2a)", "Accept": "*/*"},
    "NetNewsWire": {"User-Agent": "NetNewsWire (RSS Reader; https://netnewswire.com/)",
                    "Accept": "*/*", "Accept-Language": "en-GB,en;q=0.9", "Priority": "u=3",
                    "Accept-Encoding": "gzip, deflate"},
    "a service worker": {"Accept": "*/*", "Sec-Fetch-Dest": "serviceworker", "Cookie": "lang=en"},
    "an old proxy": {"Accept": "*/*", "Via": "1.1 cache", "X-Forwarded-For": "203.0.113.9",
                     "X-Forwarded-Proto": "https", "X-Forwarded-Host": "x.example"},
}  # fmt: skip
PATHS = ["/feeds/all.atom", "/feeds/all.rss", "/feeds/%E6%96%B0%E9%97%BB.json", "/opml.xml"]
TYPES = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
    "xml": "text/x-opml; charset=utf-8",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_in(tmp_path_factory.mktemp("machines")) as (site, tree):
        for number in range(5):
            tree.write(f"{number}.html", f"---\ntags: [新闻]\n---\n<p>{'文 text ' * 300}</p>")
        site.refresh()
        tree.clock.advance(minutes=5)
        yield site


@pytest.fixture(scope="module", params=[True, False], ids=["cached", "not cached"])
def client(site: Site, request: pytest.FixtureRequest) -> FlaskClient:
    return site.app(cache=request.param).test_client()


Answer = tuple[int, dict[str, str], bytes]


def answer(client: FlaskClient, path: str, headers: dict[str, str], method: str = "GET") -> Answer:
    response = client.open(path, method=method, headers=Headers(headers))
    return response.status_code, dict(response.headers), response.data


def coding_of(reader: str) -> dict[str, str]:
    """Return the only header on which a feed depends."""
    return {k: v for k, v in READERS[reader].items() if k == "Accept-Encoding"}


def test_there_are_enough_readers() -> None:
    assert len(READERS) >= 24


@pytest.mark.parametrize("reader", READERS)
def test_a_feed_is_the_same_for_every_reader(client: FlaskClient, reader: str) -> None:
    for path in PATHS:
        expected = answer(client, path, coding_of(reader))
        for method, body in (("GET", expected[2]), ("HEAD", b"")):
            got = answer(client, path, READERS[reader], method)
            assert got == (expected[0], expected[1], body), path
        assert answer(client, f"{path}?_=1&utm_source=x", READERS[reader]) == expected


@pytest.mark.parametrize("reader", READERS)
def test_a_feed_has_exactly_these_headers(client: FlaskClient, reader: str) -> None:
    for path in PATHS:
        status, headers, body = answer(client, path, READERS[reader])
        coding = headers.pop("Content-Encoding", None)
        is_large = path != "/opml.xml"  # that list would only grow
        assert (coding is not None) == (is_large and "Accept-Encoding" in READERS[reader])
        tag = headers.pop("ETag")
        assert tag.startswith('"')
        assert tag.endswith('"' if coding is None else f'-{coding}"')
        assert headers.pop("Last-Modified") == "Sun, 01 Mar 2026 12:00:00 GMT"
        assert headers == {
            "Content-Type": TYPES[path.rpartition(".")[2]],
            "Content-Length": str(len(body)),
            "Cache-Control": CACHED,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "ETag, Last-Modified, Retry-After",
        }
        assert status == 200


@pytest.mark.parametrize("reader", READERS)
def test_a_conditional_request_is_answered_alike_for_every_reader(
    client: FlaskClient, reader: str
) -> None:
    for path in PATHS:
        _, full, body = answer(client, path, READERS[reader])
        tag = full["ETag"]
        plain = tag.strip('"').partition("-")[0]
        repeated = {name: full[name] for name in ("ETag", "Last-Modified", "Cache-Control", "Vary")}
        for validators in (
            {"If-None-Match": tag},
            {"If-None-Match": f"W/{tag}"},
            {"If-None-Match": f'"x", "{plain};gzip"'},
            {"If-Modified-Since": full["Last-Modified"]},
            {"If-None-Match": tag, "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        ):
            got = answer(client, path, {**READERS[reader], **validators})
            assert got == answer(client, path, {**coding_of(reader), **validators})
            assert (got[0], got[2]) == (304, b"")
            assert repeated.items() <= got[1].items()
            assert "Content-Type" not in got[1]
        for validators in (
            {"If-None-Match": '""'},
            {"If-None-Match": '"x"', "If-Modified-Since": full["Last-Modified"]},
            {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        ):
            assert answer(client, path, {**READERS[reader], **validators}) == (200, full, body)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Accept": BROWSER},
        {"Accept": BROWSER, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/88.0"},
    ],
)
def test_a_person_in_a_browser_changes_nothing_for_machines(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    for path in PATHS[:3]:
        before = answer(client, path, READERS["curl"])
        for _ in range(2):
            status, shown, _ = answer(client, path, headers)
            assert status == 200
            if shown["Content-Type"].startswith("text/html"):  # for no shared cache, no validator
                assert shown["Cache-Control"] == "private, no-store"
                assert "Last-Modified" not in shown
            assert answer(client, path, READERS["curl"]) == before
