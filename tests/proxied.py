"""A service behind a real nginx: at a path, or as a shared cache."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwuid
from urllib.parse import quote

import pytest
from service import Service, free_port, serving

from benchmarks.nginx import until_it_listens
from benchmarks.programs import program, running
from feedsvc.web.imageproxy.cache import name_of

NGINX = program("nginx")
needs_nginx = pytest.mark.skipif(
    NGINX is None and not os.environ.get("FEEDSVC_REQUIRE_NGINX"), reason="needs nginx"
)

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
    {cache}
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
CACHE = "proxy_cache_path {folder}/cache keys_zone=feeds:1m;"
# A cache that gives everybody the first answer, whatever it varies with.
CACHING = (
    "location ~ ^ {{ proxy_pass http://127.0.0.1:{to}; proxy_cache feeds;"
    " proxy_ignore_headers Vary; }}"
)

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
def nginx(folder: Path, port: int, location: str, *, caches: bool = False) -> Iterator[None]:
    """Run nginx at a port of this machine until the block ends."""
    assert NGINX is not None, "nginx is missing"
    folder.mkdir()
    # If root starts nginx, its workers run as nobody, who cannot read this folder.
    user = f"user {getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    cache = CACHE.format(folder=folder) if caches else ""
    config.write_text(
        CONFIG.format(folder=folder, user=user, port=port, location=location, cache=cache), "utf-8"
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


@contextmanager
def cached_by_nginx(folder: Path, service: Service) -> Iterator[str]:
    """Run nginx before a service, as a shared cache that ignores Vary; yield its address."""
    port = free_port()
    location = CACHING.format(to=service.port)
    with nginx(folder / "nginx", port, location, caches=True):
        yield f"http://127.0.0.1:{port}"
