"""A service at a path, and without a configured address: every link leads to the service."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from conftest import Tree
from flask.testing import FlaskClient
from links import addresses
from sites import Site
from werkzeug.test import EnvironBuilder, run_wsgi_app

from feedsvc.web.hostaddress import host_address
from feedsvc.web.imageproxy.cache import name_of

Open = Callable[..., Site]
PREFIXES = ["/feeds-of-mine", "/a/b", "/feeds", "/articles", "/media", "/订阅", "/a%20b", "/static"]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
ARTICLE = """---
title: A
tags: [news]
---
<p>text</p><img src="a.png"><img src="https://img.example.net/b.png">
"""
TAG = name_of("https://img.example.net/b.png")[:32]
IMAGES = {"images": [{"hosts": ["img.example.net"], "via": "proxy"}]}


def sections(prefix: str) -> dict[str, Any]:
    """Return the configuration of a service at a path, with a category and the image proxy."""
    return {
        "site": {"title": "T", "base_url": f"https://example.org{prefix}"},
        "categories": [{"slug": "news", "terms": ["news"]}],
        "content": IMAGES,
    }


def prepared(open_site: Open, tree: Tree, prefix: str) -> Site:
    tree.write("a.html", ARTICLE)
    tree.write("a.png", PNG)
    site = open_site(**sections(prefix))
    site.refresh()
    return site


@pytest.mark.parametrize("is_stripped", [True, False])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_address_leads_to_the_service_at_its_path(
    open_site: Open, tree: Tree, prefix: str, is_stripped: bool
) -> None:
    client = prepared(open_site, tree, prefix).app().test_client()
    host, prefix = "https://example.org", quote(prefix, safe="/%")
    waiting = [f"{host}{prefix}/", f"{host}{prefix}/favicon.ico"]
    paths: set[str] = set()
    while waiting:
        address = waiting.pop()
        path = address.removeprefix(host)
        if not address.startswith(f"{host}/") or path in paths:
            continue
        assert path == prefix or path.startswith((f"{prefix}/", f"{prefix}?")), "outside"
        paths.add(path)
        # A proxy that takes the path away leaves the rest, which begins with a slash.
        inner = path.removeprefix(prefix) or "/" if is_stripped else path
        if "/image/" in path:  # by its tag it is answered without asking its host
            assert client.get(inner, headers={"If-None-Match": f'W/"{TAG}"'}).status_code == 304
            continue
        response = client.get(inner)
        assert response.status_code == 200, path
        if response.mimetype.startswith(("text/html", "text/x-opml", "application/")):
            waiting += addresses(response.text, address, f"{host}{prefix}")
    for part in ("/feeds/news.atom", "/opml.xml", "/articles/", "/media/a.png", "/image/", "/icon"):
        assert any(path.startswith(f"{prefix}{part}") for path in paths), part


@pytest.mark.parametrize("prefix", ["", *PREFIXES])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_monitors_ask_with_the_path_and_without(
    open_site: Open, tree: Tree, prefix: str, path: str
) -> None:
    client = prepared(open_site, tree, prefix).app().test_client()
    for address in (path, f"{prefix}{path}"):
        response = client.get(address)
        assert response.status_code in {200, 503}
        assert response.mimetype in {"text/plain", "application/json"}, "no page, but the answer"


def asked(client: FlaskClient, **variables: str) -> tuple[int, str]:
    """Return status and text of the answer to a request with these variables of WSGI."""
    environ = {**EnvironBuilder("/").get_environ(), **variables}
    body, status, _ = run_wsgi_app(client.application, environ)
    return int(status[:3]), b"".join(body).decode()


@pytest.fixture
def client(open_site: Open, tree: Tree) -> FlaskClient:
    return prepared(open_site, tree, "/feeds-of-mine").app().test_client()


@pytest.mark.parametrize(
    "path",
    [
        "/feeds-of-mineX", "/feeds-of-mine.atom", "/feeds-of-mineX/feeds/all.atom",
        "/feeds-of-mine/feeds-of-mine/feeds/all.atom", "//feeds-of-mine/feeds/all.atom",
        "/Feeds-Of-Mine/feeds/all.atom", "/feeds-of-mine/../feeds/all.atom",
    ],
)  # fmt: skip
def test_another_path_is_not_taken_for_that_of_the_service(client: FlaskClient, path: str) -> None:
    assert asked(client, PATH_INFO=path)[0] == 404


def test_a_proxy_may_leave_a_slash_too_many(client: FlaskClient) -> None:
    for path in ("//feeds/all.atom", "/feeds-of-mine//feeds/all.atom"):
        status, text = asked(client, PATH_INFO=path)
        assert status == 200
        assert "https://example.org/feeds-of-mine/feeds/all.atom" in text


def test_the_path_alone_is_home_without_a_redirect(client: FlaskClient) -> None:
    for path in ("/feeds-of-mine", "/feeds-of-mine/", "/"):
        response = client.get(path)
        assert response.status_code == 200
        assert 'href="/feeds-of-mine/static/style.css"' in response.text


def test_the_response_cache_answers_alike_with_the_path_and_without(client: FlaskClient) -> None:
    for path in ("/feeds/all.atom", "/feeds/news", "/"):
        answers = {client.get(p).data for p in (path, f"/feeds-of-mine{path}") for _ in range(2)}
        assert len(answers) == 1


@pytest.mark.parametrize("script_name", ["", "/feeds-of-mine", "/internal"])
def test_the_configured_path_counts_not_that_of_the_server(
    client: FlaskClient, script_name: str
) -> None:
    environ = {"SCRIPT_NAME": script_name}
    page = client.get("/", environ_overrides=environ).text
    assert 'href="/feeds-of-mine/static/style.css"' in page
    assert "/internal" not in page


def test_a_configured_address_without_a_path_has_no_path_of_the_server(
    open_site: Open, tree: Tree
) -> None:
    client = prepared(open_site, tree, "").app().test_client()
    page = client.get("/", environ_overrides={"SCRIPT_NAME": "/internal"}).text
    assert 'href="/static/style.css"' in page
    assert "/internal" not in page


# Without base_url.


@pytest.fixture
def local(open_site: Open, tree: Tree) -> FlaskClient:
    tree.write("a.html", ARTICLE)
    tree.write("a.png", PNG)
    site = open_site(site={"title": "T"}, content=IMAGES)
    site.refresh()
    return site.app().test_client()


def article_of(client: FlaskClient) -> str:
    """Return the path of the article's page."""
    items = json.loads(client.get("/feeds/all.json").data)["items"]
    return urlsplit(items[0]["url"]).path


@pytest.mark.parametrize(
    "base_url", ["http://desk.local:8090", "https://10.0.0.5", "http://[2001:db8::1]:8080"]
)
def test_without_base_url_pages_show_the_address_of_the_request(
    local: FlaskClient, base_url: str
) -> None:
    for path in ("/", "/feeds/news", article_of(local)):
        for _ in range(2):  # the second comes from the response cache
            text = local.get(path, base_url=base_url).text
            assert "127.0.0.1" not in text
        assert f'"{base_url}/' in text
    assert f'src="{base_url}/media/a.png"' in text
    assert f'src="{base_url}/image/' in text
    assert "http://127.0.0.1:8080/" in local.get("/", base_url="http://127.0.0.1:8080").text


def test_without_base_url_feeds_have_one_address_for_all(local: FlaskClient) -> None:
    for path in ("/feeds/all.atom", "/feeds/news.json", "/opml.xml"):
        bodies = {local.get(path, base_url=f"http://{h}").data for h in ("a.test", "b.test:99")}
        (body,) = bodies
        assert b"http://127.0.0.1:8080/" in body


@pytest.mark.parametrize(
    "host", ["", "a b", '"><xss>', "a/b", "x" * 300, "[::1", "a:b", "é", "a@b", "a\tb", "-"]
)
def test_without_base_url_a_bad_host_is_not_shown(local: FlaskClient, host: str) -> None:
    status, text = asked(local, HTTP_HOST=host.encode().decode("latin-1"))
    assert status == 200
    assert "http://127.0.0.1:8080/" in text
    assert "xss" not in text


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-Host": "evil.test"}, {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Prefix": "/evil"}, {"Forwarded": "host=evil.test;proto=https"},
        {"X-Original-URL": "/evil"}, {"X-Script-Name": "/evil"},
    ],
)  # fmt: skip
def test_what_anybody_can_forward_is_not_believed(
    local: FlaskClient, header: dict[str, str]
) -> None:
    for path in ("/", "/feeds/news", "/feeds/all.atom"):
        assert local.get(path, headers=header).data == local.get(path).data


def test_without_base_url_the_path_of_the_server_is_in_all_addresses(local: FlaskClient) -> None:
    text = local.get(
        "/", base_url="http://desk.local", environ_overrides={"SCRIPT_NAME": "/mounted"}
    ).text
    assert "http://desk.local/mounted/feeds/all.atom" in text
    assert 'href="/mounted/static/style.css"' in text


def test_without_base_url_a_page_is_as_long_as_it_says(local: FlaskClient) -> None:
    for method in ("GET", "HEAD"):
        response = local.open("/", method=method, base_url="http://desk.local")
        length = response.headers.get("Content-Length")
        assert length is None or method == "HEAD" or int(length) == len(response.data)
    tag = local.get("/", base_url="http://desk.local").headers["ETag"]
    answer = local.get("/", base_url="http://desk.local", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.data) == (304, b"")


def test_the_address_of_a_request_is_that_of_its_host() -> None:
    assert host_address({"HTTP_HOST": "Desk.Local", "wsgi.url_scheme": "https"}) == (
        "https://desk.local"
    )
    assert host_address({"wsgi.url_scheme": "http"}) == ""
