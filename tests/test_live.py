"""`feedsvc check --live`: what a proxy in front changes is named, each time with its cure."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from proxied import needs_nginx, nginx
from service import LIMIT, Service, free_port, until

from feedsvc.cli import main

PASSING = "location ~ ^ {{ proxy_pass http://127.0.0.1:{to}; {more} }}"


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", "--live", *arguments])


@pytest.fixture(scope="module")
def public() -> int:
    """Return the port of the public address."""
    return free_port()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, public: int) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("live")
    articles = folder / "articles"
    articles.mkdir()
    for n in range(9):
        (articles / f"{n}.md").write_text(f"---\ntitle: 文章 {n}\n---\n{'text ' * 50}")
    service = Service(folder, articles, "--workers", "1", base_url=f"http://127.0.0.1:{public}")
    try:
        until(service.ready, "the service answers")
        yield service
    finally:
        service.stop()


@pytest.fixture
def through_nginx(tmp_path: Path, service: Service, public: int) -> Callable[..., Any]:
    def run(more: str = "", *, location: str = PASSING, caches: bool = False) -> Any:
        own = location.format(to=service.port, more=more)
        return nginx(tmp_path / "nginx", public, own, caches=caches)

    return run


@needs_nginx
def test_a_proxy_that_passes_everything_on_has_no_faults(
    through_nginx: Callable[..., Any], service: Service, public: int
) -> None:
    with through_nginx():
        for name in ("atom", "rss", "json"):
            result = check(f"http://127.0.0.1:{public}/feeds/all.{name}")
            assert result.output == f"http://127.0.0.1:{public}/feeds/all.{name}: no faults\n"
            assert result.exit_code == 0
        result = check("--config", str(service.config), "--json")
        assert json.loads(result.output) == {
            "address": f"http://127.0.0.1:{public}/feeds/all.atom", "faults": [],
        }  # fmt: skip


@needs_nginx
@pytest.mark.parametrize(
    ("more", "what", "cure"),
    [
        (
            'gzip on; gzip_types *; gzip_min_length 1; proxy_set_header Accept-Encoding "";',
            "gets a weak ETag with gzip",
            "nginx: gzip off",
        ),
        ('proxy_set_header Accept-Encoding "";', "without gzip", "pass Accept-Encoding on"),
        ("proxy_hide_header ETag;", "gets no ETag", "let the proxy pass ETag on"),
        ('proxy_set_header If-None-Match "";', "though it sends If-None-Match (200)", "pass If-"),
        ('proxy_set_header If-Modified-Since "";', "If-Modified-Since (200)", "pass If-Modified"),
        (
            "proxy_hide_header Content-Type;",
            "gets no media type, not application/atom+xml",
            "pass Content-Type on",
        ),
        ("return 301 https://feeds.example.org$request_uri;", "is sent on to https://feeds.", ""),
        ("return 502;", "gets the status 502", "logs of the proxy"),
        ("return 403;", "to prove that it is a person (403)", "/feeds/"),
        (
            "sub_filter_once off; sub_filter_types *; sub_filter 'feeds/all.atom' 'x/all.atom';"
            ' proxy_set_header Accept-Encoding "";',
            "that its address is http",
            "set site.base_url",
        ),
    ],
)
def test_what_a_proxy_changes_is_named_with_its_cure(
    through_nginx: Callable[..., Any], public: int, more: str, what: str, cure: str
) -> None:
    with through_nginx(more):
        result = check(f"http://127.0.0.1:{public}")
    assert result.exit_code == 1
    assert what in result.output
    assert cure in result.output


@needs_nginx
def test_a_cache_that_ignores_vary_is_named(through_nginx: Callable[..., Any], public: int) -> None:
    with through_nginx("proxy_cache feeds; proxy_ignore_headers Vary;", caches=True):
        # What the first one got, with or without gzip, everybody gets.
        httpx.get(f"http://127.0.0.1:{public}/feeds/all.atom", headers={"Accept-Encoding": "gzip"})
        result = check(f"http://127.0.0.1:{public}")
    assert "gets gzip, though it asks for none" in result.output
    assert "gets the feed's source, not the page about it" in result.output


@needs_nginx
def test_a_cache_that_gives_pages_to_readers_is_named(
    through_nginx: Callable[..., Any], public: int
) -> None:
    ignoring = (
        "proxy_cache feeds; proxy_ignore_headers Vary Cache-Control; proxy_cache_valid 200 1h;"
        " proxy_cache_key $uri$http_if_none_match$http_if_modified_since$http_accept_encoding;"
        " proxy_cache_bypass $http_sec_fetch_dest;"
    )
    with through_nginx(ignoring, caches=True):
        result = check(f"http://127.0.0.1:{public}")
    assert "gets a page after a browser has asked for the feed" in result.output


class Challenger(BaseHTTPRequestHandler):
    """Lets curl through, and asks everybody else to run a script, with 200 as some do."""

    def do_GET(self) -> None:
        is_known = self.headers.get("User-Agent", "").startswith("curl/")
        body = b"<feed></feed>" if is_known else b"<title>Making sure you're not a bot!</title>"
        self.send_response(200)
        kind = "application/atom+xml" if is_known else "text/html"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def challenging() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Challenger) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(LIMIT)


def test_a_challenge_is_named_for_each_reader_that_gets_it() -> None:
    with challenging() as address:
        output = check(address).output
    assert "let requests for /feeds/ through without a challenge" in output
    for reader in ("feedparser", "Miniflux", "Thunderbird", "a reader without a name"):
        assert f"{reader} is asked to prove that it is a person (200)" in output
    assert "curl is asked" not in output


def test_an_address_that_nobody_reaches_is_named_once() -> None:
    result = check(f"http://127.0.0.1:{free_port()}/feeds/all.atom")
    assert result.exit_code == 1
    assert result.output.count("cannot be reached") == 1


def test_a_url_is_for_a_live_check_only() -> None:
    result = CliRunner().invoke(main, ["check", "http://127.0.0.1:1/"])
    assert result.exit_code == 2
    assert "--live" in result.output
