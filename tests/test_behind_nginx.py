"""A service at a path behind a real nginx: every address leads to the service, and is found."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwuid
from urllib.parse import quote

import httpx
import pytest
from links import addresses
from service import LIMIT, Service, free_port, serving

from benchmarks.nginx import until_it_listens
from benchmarks.programs import program, running
from feedsvc.web.imageproxy.cache import name_of

NGINX = program("nginx")
PROXY_REQUIRED = bool(os.environ.get("FEEDSVC_REQUIRE_NGINX"))
pytestmark = pytest.mark.skipif(NGINX is None and not PROXY_REQUIRED, reason="needs nginx")

CONFIG = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_http_version 1.1;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 404 "outside\\n"; }}
        {location}
    }}
}}
"""
# As operators write it: with a slash after the port, nginx takes the path away.
STRIPPING = (
    'location "{path}/" {{ proxy_pass http://127.0.0.1:{to}/; }}'
    ' location = "{path}" {{ proxy_pass http://127.0.0.1:{to}/; }}'
)
KEEPING = 'location "{path}" {{ proxy_pass http://127.0.0.1:{to}; }}'

PICTURE = "https://img.example.net/b.png"
TAG = name_of(PICTURE)[:32]  # by which the image proxy answers without asking the picture's host
ARTICLE = f"""---
title: 新 article
tags: [news, 新闻]
---
<p>text</p><img src="图 a.png"><img src="{PICTURE}">
"""
SECTIONS = """\
categories: [{slug: news, terms: [news]}]
content: {images: [{hosts: [img.example.net], via: proxy}]}
"""


@contextmanager
def nginx(folder: Path, port: int, location: str) -> Iterator[None]:
    """Run nginx at a port of this machine until the block ends."""
    assert NGINX is not None, "nginx is missing"
    folder.mkdir()
    # If root starts nginx, its workers run as nobody, who cannot read this folder.
    user = f"user {getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(
        CONFIG.format(folder=folder, user=user, port=port, location=location), "utf-8"
    )
    log = folder / "log"
    command = [NGINX, "-p", str(folder), "-e", "stderr", "-c", str(config)]
    with running(command, log) as process:
        until_it_listens(process, port, log)
        yield


@contextmanager
def behind_nginx(folder: Path, path: str, location: str) -> Iterator[tuple[Service, str]]:
    """Run a service behind nginx at a path; yield it and its public address."""
    articles = folder / "articles"
    articles.mkdir()
    (articles / "a.html").write_text(ARTICLE, "utf-8")
    (articles / "图 a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    port = free_port()
    base_url = f"http://127.0.0.1:{port}{path}"
    with (
        serving(
            folder, articles, "--workers", "1", base_url=base_url, sections=SECTIONS
        ) as service,
        nginx(folder / "nginx", port, location.format(path=path, to=service.port)),
    ):
        yield service, f"http://127.0.0.1:{port}{quote(path)}"


@pytest.mark.parametrize("path", ["/feeds-of-mine", "/订阅/x"])
@pytest.mark.parametrize("location", [STRIPPING, KEEPING], ids=["stripping", "keeping"])
def test_every_address_is_found_at_the_path(tmp_path: Path, path: str, location: str) -> None:
    with (
        behind_nginx(tmp_path, path, location) as (_, base_url),
        httpx.Client(timeout=LIMIT) as client,
    ):
        host = base_url.removesuffix(quote(path))
        waiting = [base_url, f"{base_url}/", f"{base_url}/favicon.ico", f"{base_url}/healthz"]
        asked: dict[str, str] = {}  # media types by address
        while waiting:
            address = waiting.pop()
            if address in asked or not address.startswith(f"{host}/"):
                continue  # a link to another site
            assert address.startswith((f"{base_url}/", f"{base_url}?")) or address == base_url
            if "/image/" in address:
                answer = client.get(address, headers={"If-None-Match": f'W/"{TAG}"'})
                assert answer.status_code == 304, address
            else:
                answer = client.get(address, headers={"Accept": "*/*"}, follow_redirects=False)
                assert answer.status_code == 200, address
            asked[address] = answer.headers.get("Content-Type", "").partition(";")[0]
            if asked[address].startswith(("text/html", "text/x-opml", "application/")):
                waiting += addresses(answer.text, address, base_url)
        kinds = set(asked.values())
        assert {"text/html", "text/css", "image/png", "text/x-opml"} <= kinds
        assert {"application/atom+xml", "application/rss+xml", "application/feed+json"} <= kinds
        for part in ("/feeds/news", "/articles/", "/media/", "/image/", "/icon.png"):
            assert any(address.startswith(f"{base_url}{part}") for address in asked), part


@pytest.mark.parametrize("location", [STRIPPING, KEEPING], ids=["stripping", "keeping"])
def test_a_feed_keeps_its_bytes_and_validators_behind_nginx(tmp_path: Path, location: str) -> None:
    with behind_nginx(tmp_path, "/feeds-of-mine", location) as (service, base_url):
        for coding in ("", "gzip", "br", "gzip;q=0"):
            headers = {"Accept-Encoding": coding}
            direct = service.client.get("/feeds/news.atom", headers=headers)
            proxied = httpx.get(f"{base_url}/feeds/news.atom", headers=headers, timeout=LIMIT)
            assert proxied.content == direct.content
            tag = proxied.headers["ETag"]
            assert tag == direct.headers["ETag"]
            again = httpx.get(
                f"{base_url}/feeds/news.atom",
                headers={**headers, "If-None-Match": tag},
                timeout=LIMIT,
            )
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["Vary"] == direct.headers["Vary"]
