"""No parameter of any address harms the service, or comes back unescaped.

The addresses are those of the application's map, so a new one is covered as soon as it is there.
Each parameter in a path, a query, a header or a cookie gets text that is meant to break out of
HTML, XML, SQL, patterns, paths or headers.
"""

import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit
from xml.etree import ElementTree as ET

import pytest
from conftest import items, site_in
from flask import Flask
from hypothesis import HealthCheck, given, settings, strategies as st
from werkzeug.routing import Rule
from wsgi import Environ, ask, environ_of

MARKER = "<xss\"yss>'"
# What a browser must never get: parts of the marker that are not escaped.
RAW = (b"<xss", b'xss"yss', b"yss>")
QUERY = (
    "q page lang raw token all topics sort order category author after before format reader theme"
    " url next filter limit offset cursor key slug"
    " filter_title filterout_author filter_category filter_time"
).split()
HEADERS = (
    "ACCEPT ACCEPT_LANGUAGE ACCEPT_ENCODING COOKIE HOST IF_NONE_MATCH IF_MODIFIED_SINCE RANGE"
    " REFERER USER_AGENT AUTHORIZATION ORIGIN SEC_FETCH_DEST SEC_FETCH_MODE X_FORWARDED_HOST"
).split()
COOKIES = "lang reader theme session token".split()
BROWSER = {"HTTP_SEC_FETCH_DEST": "document", "HTTP_ACCEPT": "text/html"}
SECONDS = 10.0  # for one request, on a busy machine
HOSTILE = [
    MARKER, MARKER * 500, f"javascript:{MARKER}", f"//{MARKER}", f"{MARKER}\r\nSet-Cookie: a=b",
    f"{MARKER}\x00", "\x00", "'", '"', "''; DROP TABLE articles; --", "NEAR(", '"a', "a OR", "NOT",
    "*", "a*", "-", "--", "()", "((((", "category:", "after:9999999999", "after:x", "before:-1",
    "after:2022-02-30", "author:*", "^a", "a:b:c", "{{7*7}}", "${7*7}", "%s%n", "..", "../../etc",
    "0", "-1", "1", "2", "99999999999999999999", "1e9", "١", "NaN", "zh_Hans", "zh-Hans", "EN",
    "en\n", "新闻", "\ud800", "\u202e", "\ufeff", "é" * 300, "a" * 20_000, "(" * 5_000, '"' * 5_001,
    "a " * 5_000, "-a " * 3_000, "字" * 10_000, "%", "%zz", "+", "&", ";", "=", "#", "?",
]  # fmt: skip

hostile = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=200),
    st.builds("{}{}{}".format, st.text(max_size=20), st.just(MARKER), st.text(max_size=20)),
    st.lists(st.sampled_from(HOSTILE[:50]), max_size=8).map(" ".join),
)
latin = hostile.map(lambda text: text.encode("utf-8", "replace").decode("latin-1"))


@dataclass(frozen=True, slots=True)
class Service:
    app: Flask
    key: str  # of an article

    def rules(self) -> list[Rule]:
        return [rule for rule in self.app.url_map.iter_rules() if "GET" in (rule.methods or ())]

    def path(self, rule: Rule, hostile: dict[str, str]) -> str:
        """Return a path of a rule, as WSGI gives it; parameters without hostile text are valid."""
        valid = {"slug": "news", "key": self.key, "source": "a.png", "filename": "style.css"}
        path = ""
        for is_dynamic, part in rule._trace:
            converter = rule._converters.get(part) if is_dynamic else None
            if part == "|":
                continue
            if not is_dynamic:
                path += part
            elif part in hostile:
                path += hostile[part]
            elif converter is not None and hasattr(converter, "items"):
                path += next(iter(converter.items))
            else:
                path += valid.get(part, "x")
        return path.encode("utf-8", "surrogatepass").decode("latin-1")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    categories = [{"slug": "news", "title": "News", "terms": ["新闻"]}]
    with (
        tempfile.TemporaryDirectory() as folder,
        site_in(Path(folder), categories=categories) as (site, tree),
    ):
        for number in range(60):
            tree.write(
                f"{number}.md",
                f"---\ntitle: A {number}\ntags: [新闻, '<b>']\nauthor: 'A \"B\"'\n---\ntext",
            )
        tree.write("a.png", b"\x89PNG\r\n\x1a\n" + bytes(3000))
        site.refresh()
        key = urlsplit(items(site)[0]["url"]).path.rpartition("/")[2]
        yield Service(site.app(), key)


def check(service: Service, environ: Environ, caplog: pytest.LogCaptureFixture) -> None:
    """Ask, and look whether the answer is harmless; the second comes from the response cache."""
    caplog.clear()
    for _ in range(2):
        begun = time.perf_counter()
        code, headers, body = ask(service.app, dict(environ))
        assert time.perf_counter() - begun < SECONDS
        assert code < 500 or code == 501, (code, environ["PATH_INFO"], environ["QUERY_STRING"])
        by_name = {name.lower(): value for name, value in headers}
        media_type = by_name.get("content-type", "").partition(";")[0]
        if media_type == "text/html":
            assert not any(raw in body for raw in RAW), body
        elif media_type.endswith(("xml", "opml")) and body:
            ET.fromstring(body)
        assert not any(raw.decode() in value for raw in RAW for _, value in headers)
        assert "a=b" not in by_name.get("set-cookie", "")
        if "location" in by_name:
            assert urlsplit(by_name["location"]).netloc in {"", "feeds.example.org"}
        if media_type and not media_type.startswith("image/"):
            assert by_name["x-content-type-options"] == "nosniff"
    serious = [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert serious == []


def test_the_map_has_addresses_with_parameters(service: Service) -> None:
    assert sum(len(rule.arguments) for rule in service.rules()) >= 6


@pytest.mark.parametrize("text", [*HOSTILE[:7], "../../etc", "é" * 300, "a" * 20_000])
def test_every_parameter_of_every_address_is_safe(
    service: Service, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    value = text.encode("utf-8", "surrogatepass").decode("latin-1")
    for rule in service.rules():
        valid = service.path(rule, {})
        for name in rule.arguments:
            path = service.path(rule, {name: text})
            check(service, environ_of("GET", path, "", dict(BROWSER)), caplog)
            check(service, environ_of("GET", path, "", {}), caplog)
        query = "&".join(f"{name}={quote(text, errors='surrogatepass')}" for name in QUERY)
        check(service, environ_of("GET", valid, query, dict(BROWSER)), caplog)
        cookies = "; ".join(f"{name}={value}" for name in COOKIES)
        check(service, environ_of("GET", valid, "", {"HTTP_COOKIE": cookies}), caplog)
        everywhere = {f"HTTP_{name}": value for name in HEADERS}
        check(service, environ_of("GET", valid, "", everywhere), caplog)


SETTINGS = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SETTINGS
@given(data=st.data())
def test_any_text_in_any_parameter_is_safe(
    service: Service, caplog: pytest.LogCaptureFixture, data: st.DataObject
) -> None:
    rule = data.draw(st.sampled_from(service.rules()))
    spoiled = data.draw(st.sets(st.sampled_from(sorted(rule.arguments)))) if rule.arguments else ()
    path = service.path(rule, {name: data.draw(hostile) for name in spoiled})
    pairs = data.draw(st.lists(st.tuples(st.sampled_from(QUERY), hostile), max_size=4))
    query = "&".join(f"{name}={quote(text, errors='replace')}" for name, text in pairs)
    headers = data.draw(
        st.dictionaries(st.sampled_from([f"HTTP_{name}" for name in HEADERS]), latin, max_size=4)
    )
    headers |= data.draw(st.sampled_from([BROWSER, {}, {"HTTP_COOKIE": "lang=zh_Hant"}]))
    method = data.draw(st.sampled_from(["GET", "HEAD", "OPTIONS"]))
    check(service, environ_of(method, path, query, headers), caplog)


@SETTINGS
@given(
    query=latin,
    name=st.sampled_from(QUERY),
    path=st.sampled_from(
        ["/", "/feeds/news", "/feeds/all.atom", "/search", "/feeds/search.atom", "/status"]
    ),
)
def test_a_query_that_nobody_would_write_is_safe(
    service: Service, caplog: pytest.LogCaptureFixture, path: str, query: str, name: str
) -> None:
    for text in (query, f"{name}={query}&{name}={query}", f"&&{name}&="):
        check(service, environ_of("GET", path, text, dict(BROWSER)), caplog)


def test_a_path_that_is_encoded_twice_is_safe(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    for start in ("/", "/feeds/", "/articles/", "/media/", "/static/", "/image/x/"):
        for text in (quote(MARKER), quote(quote(MARKER)), MARKER):
            path = unquote_to_bytes(f"{start}{text}").decode("latin-1")
            check(service, environ_of("GET", path, "", dict(BROWSER)), caplog)
