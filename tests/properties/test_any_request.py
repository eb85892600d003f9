"""Any request gets a well-formed answer that is no server error.

Hypothesis writes requests: methods, paths, queries and headers as a WSGI server hands them on,
which is any text in Latin-1. Each request is made three times: the application may answer the
first, the response cache the others.
"""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from conftest import site_in
from flask import Flask
from hypothesis import HealthCheck, example, given, settings, strategies as st
from wsgi import Environ, ask, environ_of

from feedsvc.signing import proxied

FEED = "/feeds/all.atom"
PATHS = [
    FEED, "/feeds/all.rss", "/feeds/新闻.json", "/feeds/none.atom", "/feeds/all", "/opml.xml", "/",
    "/articles/none", "/media/a.png", "/media/none.png", "/image/x/y", "/healthz", "/readyz",
    "/static/style.css", "/static/../x", "/favicon.ico", "/feeds", "/feeds/", "*", "",
]  # fmt: skip

latin = st.text(st.characters(codec="latin-1"))
number = st.one_of(
    st.integers().map(str),
    st.integers(0, 30).map(lambda n: str(10**n)),
    st.just("9" * 5000),
    st.floats().map(str),
    st.sampled_from(["-1", "00", "1e999", "0x10", "١", "²", ""]),
)
date = st.one_of(
    st.builds(
        "Wed, {} Feb {} {}:{}:{} {}{}".format,
        number, number, number, number, number, st.sampled_from(["+", "-", "GMT", " "]), number,
    ),
    st.builds("{}, 01 Jan {:04} 00:00:00 {}".format,
              st.sampled_from(["Mon", "x"]), st.integers(0, 9999), st.sampled_from(
                  ["GMT", "+2359", "-2359", "+9999", "-9999", "", "EST", "+99999999999999"])),
)  # fmt: skip
etag = st.one_of(
    st.sampled_from(['"x"', "*", 'W/"x"', '"', '""', "W/", ",", '"x', "x" * 5000, '"a",' * 300]),
    latin.map(lambda text: f'"{text}"'),
)
ranges = st.one_of(
    st.builds("{}={}-{}".format, st.sampled_from(["bytes", "", "lines"]), number, number),
    st.builds("bytes={}-{},{}-{}".format, number, number, number, number),
    st.lists(st.builds("{}-{}".format, number, number), max_size=200).map(
        lambda parts: "bytes=" + ",".join(parts)
    ),
)
codings = st.lists(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["gzip", "br", "zstd", "*", "identity", "GZIP", "", "é"]),
        st.sampled_from([";q=", "; q =", ";", ";x=", ""]),
        number,
    ),
    max_size=50,
).map(", ".join)
hosts = st.sampled_from(
    ["", "é", "[::1", "a:b:c", "x" * 5000, "evil.example", "a b", "/", "..", "\x00"]
)
huge = st.sampled_from(["x", " ", ",", '"', ";", "=", "\xff", "a=", "; "]).map(
    lambda c: c * 100_000
)
value = st.one_of(latin, number, date, etag, ranges, codings, hosts, huge)
SHAPES = {
    "HTTP_IF_MODIFIED_SINCE": date, "HTTP_IF_UNMODIFIED_SINCE": date, "HTTP_IF_RANGE": date | etag,
    "HTTP_IF_NONE_MATCH": etag, "HTTP_IF_MATCH": etag, "HTTP_RANGE": ranges,
    "HTTP_ACCEPT_ENCODING": codings, "HTTP_HOST": hosts, "CONTENT_LENGTH": number,
    "HTTP_X_FORWARDED_HOST": hosts, "HTTP_X_FORWARDED_PROTO": latin, "HTTP_X_FORWARDED_FOR": latin,
    "HTTP_X_FORWARDED_PREFIX": latin, "HTTP_COOKIE": latin, "HTTP_EXPECT": latin,
    "CONTENT_TYPE": latin, "HTTP_TRANSFER_ENCODING": latin, "HTTP_ACCEPT": latin,
    "HTTP_ORIGIN": latin,
    "HTTP_AUTHORIZATION": latin, "HTTP_USER_AGENT": latin, "HTTP_FORWARDED": latin,
    "HTTP_X_HTTP_METHOD_OVERRIDE": latin, "HTTP_A_IM": latin, "HTTP_CACHE_CONTROL": latin,
}  # fmt: skip
headers = st.fixed_dictionaries(
    {}, optional={name: shape | value for name, shape in SHAPES.items()}
)
method = st.one_of(
    st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "TRACE", "CONNECT", "get", "Head", "GET "]),
    st.text(st.sampled_from("!#$%&'*+-.^_`|~09azAZ"), min_size=1),  # RFC 9110 5.6.2, a token
)
path = st.one_of(
    st.sampled_from(PATHS),
    st.builds("{}{}".format, st.sampled_from(PATHS), st.text()),
    st.text().map(lambda text: f"/feeds/{text}.atom"),
    st.sampled_from(["/feeds/", "/media/", "/", "/static/"]).map(
        lambda start: start + "x" * 100_000
    ),
).map(lambda text: text.encode("utf-8", "surrogatepass").decode("latin-1"))
raw_path = latin.map(lambda text: f"/{text}")

# The log is emptied before each request.
SETTINGS = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    with tempfile.TemporaryDirectory() as folder, site_in(Path(folder)) as (site, tree):
        tree.write("a.md", "---\ntitle: A\ntags: [新闻]\n---\n" + "text " * 300)
        tree.write("a.png", b"\x89PNG\r\n\x1a\n" + bytes(3000))
        site.refresh()
        yield site.app()


def check(app: Flask, environ: Environ, caplog: pytest.LogCaptureFixture) -> int:
    caplog.clear()
    answers = []
    for _ in range(3):
        code, answered, body = ask(app, dict(environ))
        lasting = [header for header in answered if header[0] not in {"Date", "Expires"}]
        answers.append((code, lasting, body))
    code = answers[0][0]
    assert code < 500 or code == 501, answers[0]
    assert answers == [answers[0]] * 3, "the response cache answers as the application"
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []
    return code


BAD_DATE = "Wed, 23 Feb 2022 13:06:12 +99999999999999"


@SETTINGS
@given(environ=st.builds(environ_of, method, path | raw_path, latin, headers))
@example(environ_of("get", FEED, "", {}))
@example(environ_of("GET", FEED, "", {"HTTP_IF_MODIFIED_SINCE": BAD_DATE}))
@example(environ_of("GET", "/", "", {"HTTP_IF_MODIFIED_SINCE": BAD_DATE}))
@example(environ_of("GET", FEED, "", {"HTTP_HOST": f"{'x' * 64}.example"}))
@example(
    environ_of("GET", "/media/a.png", "", {"HTTP_RANGE": "bytes=0-1", "HTTP_IF_RANGE": BAD_DATE})
)
@example(environ_of("GET", "/media/a.png", "", {"HTTP_RANGE": f"bytes=0-{'9' * 5000}"}))
@example(environ_of("GET", "/media/a.png", "", {"HTTP_RANGE": f"bytes={10**30}-"}))
def test_no_request_causes_a_server_error(
    app: Flask, caplog: pytest.LogCaptureFixture, environ: Environ
) -> None:
    check(app, environ, caplog)


@SETTINGS
@given(name=st.sampled_from(sorted(SHAPES)), value=value, path=st.sampled_from(PATHS))
def test_no_single_header_causes_a_server_error(
    app: Flask, caplog: pytest.LogCaptureFixture, name: str, value: str, path: str
) -> None:
    path = path.encode().decode("latin-1")
    for method in ("GET", "HEAD"):
        check(app, environ_of(method, path, "", {name: value}), caplog)


@SETTINGS
@given(address=st.text(), method=st.sampled_from(["GET", "HEAD"]), headers=headers)
def test_no_image_address_causes_a_server_error(
    app: Flask, caplog: pytest.LogCaptureFixture, address: str, method: str, headers: Environ
) -> None:
    path = proxied("", b"the key of somebody else", address)
    code = check(
        app, environ_of(method, unquote_to_bytes(path).decode("latin-1"), "", headers), caplog
    )
    assert code == 404


@pytest.mark.parametrize(
    "method", ["get", "Get", "FETCH", "GET\t", "head", "\xc9", "PROPFIND", "Q" * 9000]
)
def test_an_unknown_method_is_a_501(app: Flask, method: str) -> None:
    code, _, _ = ask(app, environ_of(method, FEED, "", {}))
    assert code == 501


@pytest.mark.parametrize("path", ["/healthz", "/readyz", FEED, "/", "/media/a.png"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "TRACE"])
def test_a_method_that_does_not_apply_is_a_405_with_the_allowed_ones(
    app: Flask, path: str, method: str
) -> None:
    code, answered, _ = ask(app, environ_of(method, path, "", {}))
    assert code == 405
    assert {"GET", "HEAD"} <= set(dict(answered)["Allow"].split(", "))
