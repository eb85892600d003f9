"""An export behind real nginx and Caddy, with the files of `deploy/`, answers as the service."""

import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from pwd import getpwuid
from urllib.parse import quote

import httpx
import pytest
from conftest import CACHED, ROOT, site_in
from flask.testing import FlaskClient
from proxied import needs_nginx
from service import LIMIT, free_port

from benchmarks.nginx import until_it_listens
from benchmarks.programs import program, running
from feedsvc.export import Exporter
from feedsvc.export.folder import Folder

needs_caddy = pytest.mark.skipif(program("caddy") is None, reason="needs caddy")
HOSTS = [pytest.param("nginx", marks=needs_nginx), pytest.param("caddy", marks=needs_caddy)]
CODINGS = ["", "gzip", "br", "zstd", "gzip;q=0", "identity", "gzip, deflate, br;q=0", "deflate"]
FEEDS = [
    f"/feeds/{quote(slug)}.{suffix}"
    for slug in ("all", "news", "新闻", "empty", "node.js")
    for suffix in ("atom", "rss", "json")
]
LISTS = ["/opml.xml", "/feeds/opml.xml"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FlaskClient, Path, str]]:
    """Export a small site; yield a client of its service, the folder, and a key of an article."""
    folder = tmp_path_factory.mktemp("exported")
    with (
        pytest.MonkeyPatch.context() as patch,
        site_in(folder, categories=[{"slug": "empty"}]) as (site, tree),
    ):
        patch.setattr("feedsvc.publish.feedpages.SIZE", 2)
        for number in range(5):
            tree.write(
                f"{number}.md",
                f"---\ntitle: Title {number}\ntags: [news, 新闻, node.js]\n---\n"
                + "text " * 200
                + "\n![](<图 a.png>)",
            )
        tree.write("图 a.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
        site.refresh()
        site.clock.advance(days=1)
        target = Folder(folder / "public")
        with closing(Exporter(site.config, site.index, site.clock, target)) as exporter:
            exporter.export(complete=True)
        key = next(iter(site.index.articles.versions("").values()))[0]
        yield site.app().test_client(), folder / "public", key


@pytest.fixture(scope="module", params=HOSTS)
def host(
    request: pytest.FixtureRequest,
    exported: tuple[FlaskClient, Path, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """Run a host of the exported files; yield a client of it."""
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    name = str(program(request.param))
    text = (ROOT / "deploy" / f"export.{request.param}.conf").read_text("utf-8")
    text = text.replace("/srv/feeds", str(exported[1]))
    if request.param == "nginx":
        text = re.sub(r"listen 443[^;]*;.*|ssl_certificate.*|server_name.*", "", text)
        text = text.replace("root /", f"listen 127.0.0.1:{port}; root /")
        # If root starts nginx, its workers run as nobody, who cannot read this folder.
        user = f"user {getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
        places = "".join(
            f"{each}_temp_path {folder}/{each};"
            for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = (
            f"daemon off; pid {folder}/pid; error_log stderr error; {user}\n"
            "events { worker_connections 256; }\n"
            f"http {{ include /etc/nginx/mime.types; access_log off; {places}\n{text}\n}}\n"
        )
    else:
        text = text.replace("feeds.example.org {", f"http://127.0.0.1:{port} {{")
        text = f"{{\n\tadmin off\n\tstorage file_system {folder}\n}}\n{text}"
    config, log = folder / "config", folder / "log"
    config.write_text(text, "utf-8")
    command = {
        "nginx": [name, "-p", str(folder), "-e", "stderr", "-c", str(config)],
        "caddy": [name, "run", "--config", str(config), "--adapter", "caddyfile"],
    }[request.param]
    with running(command, log) as process:
        until_it_listens(process, port, log)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=LIMIT) as client:
            yield client


@pytest.mark.parametrize("coding", CODINGS)
def test_feeds_are_answered_as_by_the_service(
    host: httpx.Client, exported: tuple[FlaskClient, Path, str], coding: str
) -> None:
    service = exported[0]
    for path in FEEDS + LISTS:
        asked = {"Accept-Encoding": coding}
        expected = service.get(path, headers=asked)
        with host.stream("GET", path, headers=asked) as answer:
            body = b"".join(answer.iter_raw())
        assert answer.status_code == expected.status_code == 200, path
        assert body == expected.get_data(), path
        for name in (
            "Content-Type",
            "Content-Encoding",
            "Last-Modified",
            "Cache-Control",
            "Vary",
            "Access-Control-Allow-Origin",
            "Access-Control-Expose-Headers",
            "X-Content-Type-Options",
        ):
            assert answer.headers.get(name) == expected.headers.get(name), (path, name)
        assert answer.headers["Cache-Control"] == CACHED
        # Each is told that it has the feed already, by the tag and by the date that it was sent.
        date, own = answer.headers["Last-Modified"], answer.headers["ETag"]
        for header, value, other in (
            ("If-Modified-Since", date, date),
            ("If-None-Match", own, expected.headers["ETag"]),
            ("If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:00 GMT"),
            ("If-Modified-Since", "Mon, 02 Mar 2026 11:00:00 GMT", "Mon, 02 Mar 2026 11:00:00 GMT"),
            ("If-None-Match", '"other"', '"other"'),
        ):
            again = host.get(path, headers={**asked, header: value})
            served = service.get(path, headers={**asked, header: other})
            assert again.status_code == served.status_code, (path, header, value)
            if again.status_code == 304:
                assert again.content == b""
                assert "Content-Encoding" not in again.headers


def test_pages_and_files_are_answered_as_by_the_service(
    host: httpx.Client, exported: tuple[FlaskClient, Path, str]
) -> None:
    service, _, key = exported
    pages = [
        "/",
        "/topics",
        "/feeds/all",
        "/feeds/all/1",
        f"/feeds/{quote('新闻')}",
        "/feeds/node.js",
        f"/articles/{key}",
    ]
    same = [
        f"/articles/{key}.md",
        "/sitemap.xml",
        "/robots.txt",
        "/static/style.css",
        f"/media/{quote('图 a.png')}",
        "/icon.png",
    ]
    for path in pages + same:
        answer, expected = host.get(path), service.get(path, headers={"Accept": "*/*"})
        assert answer.status_code == expected.status_code == 200, path
        types = [each.headers["Content-Type"].partition(";")[0] for each in (answer, expected)]
        assert types[0] == types[1], path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if path in same:
            assert answer.content == expected.get_data(), path
        else:
            for name in ("Content-Security-Policy", "Referrer-Policy", "Cache-Control"):
                assert answer.headers[name] == expected.headers[name], (path, name)
    assert host.get("/feeds/all?page=1").content == host.get("/feeds/all/1").content
    assert host.get("/feeds/all?page=1").content != host.get("/feeds/all").content
    assert host.get("/feeds/all?utm_source=x").content == host.get("/feeds/all").content


def test_what_is_no_address_is_not_found(host: httpx.Client) -> None:
    missing = [
        "/feeds/none",
        "/feeds/none.atom",
        "/none",
        "/.feedsvc-export",
        "/_headers",
        "/.feedsvc-export.lock",
        "/feeds/all?page=../../x",
        "/feeds/",
        "/articles/",
    ]
    for path in missing:
        answer = host.get(path)
        if path.endswith("x"):
            assert answer.status_code == 200
            continue
        assert answer.status_code == 404, path
        assert "Not found" in answer.text, path
