"""What a page depends on beside its address, and how long the response cache keeps it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import Clock, Tree, items
from sites import Site

from feedsvc.web.response_cache import ResponseCache
from feedsvc.web.visitor import is_navigation, locale_of, variant

Open = Callable[..., Site]
BROWSER = {"HTTP_SEC_FETCH_DEST": "document"}


@pytest.mark.parametrize(
    ("variables", "site_language", "locale"),
    [
        ({}, "", "en"),
        ({}, "zh-CN", "zh_Hans"),
        ({}, "zh-Hant-HK", "zh_Hant"),
        ({}, "de", "en"),
        ({"HTTP_ACCEPT_LANGUAGE": "zh"}, "", "zh_Hans"),
        ({"HTTP_ACCEPT_LANGUAGE": "zh-TW,zh;q=0.9,en;q=0.8"}, "en", "zh_Hant"),
        ({"HTTP_ACCEPT_LANGUAGE": "zh-hk"}, "en", "zh_Hant"),
        ({"HTTP_ACCEPT_LANGUAGE": "zh_TW"}, "en", "zh_Hant"),
        ({"HTTP_ACCEPT_LANGUAGE": "fr, de"}, "zh", "zh_Hans"),
        ({"HTTP_ACCEPT_LANGUAGE": "en;q=0, zh;q=0.1"}, "en", "zh_Hans"),
        ({"HTTP_ACCEPT_LANGUAGE": "de, en-GB;q=0.3"}, "zh", "en"),
        ({"HTTP_ACCEPT_LANGUAGE": "*"}, "zh", "zh_Hans"),
        ({"HTTP_ACCEPT_LANGUAGE": "en," * 500}, "zh", "zh_Hans"),
        ({"HTTP_COOKIE": "lang=zh_Hant"}, "en", "zh_Hant"),
        ({"HTTP_COOKIE": "a=b; lang=en", "HTTP_ACCEPT_LANGUAGE": "zh"}, "zh", "en"),
        ({"HTTP_COOKIE": "lang=../x", "HTTP_ACCEPT_LANGUAGE": "zh"}, "en", "zh_Hans"),
        ({"QUERY_STRING": "lang=en", "HTTP_COOKIE": "lang=zh_Hant"}, "zh", "en"),
        ({"QUERY_STRING": "lang=xx", "HTTP_COOKIE": "lang=zh_Hant"}, "en", "zh_Hant"),
        ({"QUERY_STRING": "lang=en&lang=zh_Hans"}, "en", "zh_Hans"),
    ],
)
def test_a_choice_comes_before_what_a_browser_accepts_and_this_before_the_site(
    variables: dict[str, str], site_language: str, locale: str
) -> None:
    assert locale_of(variables, site_language) == locale


@pytest.mark.parametrize(
    ("variables", "navigates"),
    [
        ({"HTTP_SEC_FETCH_DEST": "document"}, True),
        ({"HTTP_SEC_FETCH_DEST": "document", "HTTP_ACCEPT": "*/*"}, True),
        ({"HTTP_SEC_FETCH_DEST": "empty", "HTTP_ACCEPT": "text/html"}, False),
        ({"HTTP_SEC_FETCH_DEST": "", "HTTP_ACCEPT": "text/html"}, False),
        ({"HTTP_ACCEPT": "text/html,application/xhtml+xml"}, True),
        ({"HTTP_ACCEPT": " Text/HTML"}, True),
        ({"HTTP_ACCEPT": "application/xml,text/html"}, False),
        ({"HTTP_ACCEPT": "*/*"}, False),
        ({"HTTP_ACCEPT": ""}, False),
        ({}, False),
    ],
)
def test_only_a_browser_that_opens_an_address_navigates(
    variables: dict[str, str], navigates: bool
) -> None:
    for _ in range(2):
        assert is_navigation(variables) is navigates


MACHINE = {"PATH_INFO": "/feeds/all.atom"}


def test_a_machine_has_no_variant_whatever_it_sends() -> None:
    for variables in (
        {}, {"HTTP_ACCEPT_LANGUAGE": "zh"}, {"HTTP_COOKIE": "lang=en"}, {"HTTP_ACCEPT": "*/*"},
        {"QUERY_STRING": "_=5"}, {"QUERY_STRING": "lang=en"}, {"QUERY_STRING": "braw=12"},
    ):  # fmt: skip
        for path in ("/feeds/all.atom", "/feeds/a.rss", "/feeds/a.json", "/opml.xml"):
            assert variant({"PATH_INFO": path, **variables}, "en") == ""


def test_a_page_varies_with_the_language_and_with_no_other_cookie() -> None:
    def of(path: str = "/", **variables: str) -> str:
        return variant({"PATH_INFO": path, **BROWSER, **variables}, "en")

    assert of() == of(HTTP_COOKIE="session=1; theme=dark") == of(HTTP_ACCEPT_LANGUAGE="en-GB")
    assert of() == of(HTTP_COOKIE="lang=xx") == of(HTTP_USER_AGENT="x")
    assert len({of(HTTP_COOKIE=f"lang={name}") for name in ("en", "zh_Hans", "zh_Hant")}) == 3
    assert of() != of(QUERY_STRING="page=2")
    assert of("/feeds/all.atom") != variant(dict(MACHINE), "en")


# The response cache.


class Counting:
    """An application of a site, which counts how often the response cache could not answer."""

    def __init__(self, site: Site) -> None:
        app = site.app()
        layer: Any = app.wsgi_app
        while not isinstance(layer, ResponseCache):
            layer = layer._app
        self.asked = 0
        self.cache, inner = layer, layer._app

        def count(environ: Any, start: Any) -> Any:
            self.asked += 1
            return inner(environ, start)

        layer._app = count
        self.client = app.test_client()

    def get(self, path: str, **headers: str) -> str:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=names).text

    def is_kept(self, path: str, **headers: str) -> bool:
        """Ask again, and tell whether the response cache had the answer."""
        before = self.asked
        self.get(path, **headers)
        return self.asked == before


@pytest.fixture
def ready(open_site: Open, tree: Tree, clock: Clock) -> Site:
    tree.write("a.html", "---\ntitle: A\ntags: [news]\n---\n<p>text</p>")
    tree.write("b.html", "---\ntitle: B\ntags: [other]\n---\n<p>text</p>")
    site = open_site()
    site.refresh()
    clock.advance(minutes=5)
    return site


def pages_of(site: Site) -> list[str]:
    return ["/", "/feeds/news", urlsplit(items(site, "news")[0]["url"]).path]


@pytest.mark.parametrize("machine", [{}, {"Accept": "*/*"}])
@pytest.mark.parametrize(
    "unreadable",
    [
        {"Sec-Fetch-Dest": "x" * 1001, "Accept": "text/html"},
        {"Accept": "text/html," + "x" * 1001},
        {"Sec-Fetch-Dest": "document", "Accept": "x" * 1001},
        {"Accept": " " * 2000 + "text/html"},
    ],
)
def test_headers_that_cannot_be_read_give_no_machine_a_page(
    ready: Site, unreadable: dict[str, str], machine: dict[str, str]
) -> None:
    client = ready.app().test_client()
    fresh = ready.app().test_client()
    browser = {"Accept": "text/html"}
    for path in ("/feeds/all.atom", "/feeds/news.json"):
        client.get(path, headers=unreadable)
        for headers in (machine, browser):
            expected = fresh.get(path, headers=headers)
            assert client.get(path, headers=headers).data == expected.data
            assert (expected.mimetype == "text/html") == (headers is browser)


def test_pages_are_kept_until_articles_change(ready: Site, tree: Tree, clock: Clock) -> None:
    counting = Counting(ready)
    for path in pages_of(ready):
        assert not counting.is_kept(path)
        assert counting.is_kept(path)
    tree.write("c.html", "---\ntitle: C\ntags: [news]\n---\n<p>text</p>")
    clock.advance(minutes=1)
    ready.refresh()
    clock.advance(minutes=1)
    for path in pages_of(ready)[:2]:
        assert not counting.is_kept(path)
        assert counting.is_kept(path)
        assert "C" in counting.get(path)


def test_pages_are_kept_while_a_pass_changes_nothing(ready: Site, clock: Clock) -> None:
    counting = Counting(ready)
    paths = pages_of(ready)
    for path in paths:
        counting.get(path)
    generation = ready.index.database.generation()
    clock.advance(minutes=1)
    ready.refresh()
    assert ready.index.database.generation() == generation
    assert all(counting.is_kept(path) for path in paths)


def test_pages_are_kept_when_a_file_is_touched_that_has_the_same_text(
    ready: Site, tree: Tree, clock: Clock
) -> None:
    counting = Counting(ready)
    paths = pages_of(ready)
    for path in paths:
        counting.get(path)
    changed = ready.index.meta.changed()
    source, before = next(iter(ready.index.articles.signatures().items()))
    clock.advance(minutes=1)
    tree.touch(source)
    clock.advance(minutes=1)
    ready.refresh()
    assert ready.index.articles.signatures()[source].mtime_ns > before.mtime_ns
    assert all(counting.is_kept(path) for path in paths)
    assert ready.index.meta.changed() == changed


def test_pages_are_kept_while_documents_are_made(ready: Site) -> None:
    counting = Counting(ready)
    paths = pages_of(ready)
    for path in paths:
        counting.get(path)
    generation, edition = ready.index.database.generation(), ready.index.meta.edition()
    counting.get("/feeds/other.atom")
    ready.index.documents.drop("/feeds/other.atom")
    counting.get("/feeds/other.atom")
    assert ready.index.database.generation() != generation
    assert ready.index.meta.edition() == edition
    assert all(counting.is_kept(path) for path in paths)


def test_pages_are_dropped_when_the_day_changes_in_the_zone_of_the_site(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    tree.write("a.html", "---\ntitle: A\n---\n<p>text</p>")
    site = open_site(
        site={"title": "T", "base_url": "https://x.example", "timezone": "Asia/Shanghai"}
    )
    site.refresh()
    counting = Counting(site)
    counting.get("/"), counting.get("/feeds/all.atom")
    clock.advance(hours=3, minutes=59)  # from 20:00 to 23:59 in Shanghai
    assert counting.is_kept("/")
    clock.advance(minutes=1)
    assert not counting.is_kept("/")
    assert counting.is_kept("/")
    assert counting.is_kept("/feeds/all.atom")


def test_a_page_is_kept_for_each_language(ready: Site) -> None:
    counting = Counting(ready)
    texts = set()
    for language in ("en", "zh-CN", "zh-TW"):
        assert not counting.is_kept("/", Accept_Language=language)
        assert counting.is_kept("/", Accept_Language=f"{language}, de;q=0.1")
        texts.add(counting.get("/", Accept_Language=language))
    assert counting.is_kept("/", Cookie="lang=zh_Hant; a=b", Accept_Language="en")
    assert len(texts) == 3


def test_a_page_that_was_made_without_a_variant_is_not_kept(ready: Site) -> None:
    counting = Counting(ready)
    counting.cache._variant = lambda environ: ""
    counting.get("/")
    assert not counting.is_kept("/")


def test_pages_with_a_long_query_are_not_kept(ready: Site) -> None:
    counting = Counting(ready)
    path = f"/?x={'y' * 700}"
    counting.get(path)
    assert not counting.is_kept(path)
    assert counting.cache._bytes == 0


def test_pages_say_on_what_they_depend(ready: Site) -> None:
    client = ready.app().test_client()
    for path in pages_of(ready):
        response = client.get(path)
        vary = {name.strip().lower() for name in response.headers["Vary"].split(",")}
        assert {"accept-language", "cookie"} <= vary
        assert response.headers["Cache-Control"] == "no-cache"
        again = client.get(path, headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
