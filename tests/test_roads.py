"""One contract for both roads: what is answered again from memory is what the application says."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import NOW, Clock, Tree
from flask.testing import FlaskClient
from werkzeug.http import http_date

from feedsvc.index import Index
from feedsvc.republisher import Republisher
from feedsvc.web import build_app, replay as road
from feedsvc.web.replay import Replay

Open = Callable[..., Republisher]
ATOM = "/feeds/all.atom"
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
PATHS = [
    ATOM, "/feeds/all.rss", "/feeds/all.json", "/opml.xml", "/feeds/%E8%B4%A2%E7%BB%8F.atom",
    "/feeds/none.atom", "/feeds/all.xml", "/feeds/all", "/", "/healthz", "/feeds//all.atom",
    f"{ATOM}?_=123", f"{ATOM}?", "/feeds/%61ll.atom", f"{ATOM}/", "/feeds/all.atom%00",
]  # fmt: skip
ENCODINGS = [
    None, "", "gzip", "GZIP", "gzip;q=0", "gzip;q=0.5, identity", "identity", "*", "*;q=0", "br",
    "br, gzip", "deflate", "gzip;q=x", "identity;q=0", "gzip, deflate, br, zstd",
]  # fmt: skip


@pytest.fixture
def ready(site: Republisher, tree: Tree, clock: Clock) -> Republisher:
    tree.write("a.html", f"---\ntags: [财经]\n---\n<p>{'text ' * 300}</p>")
    site.refresh()
    clock.advance(minutes=5)
    return site


@pytest.fixture
def slow(ready: Republisher) -> FlaskClient:
    return build_app(ready, replay=False).test_client()


@pytest.fixture
def fast(ready: Republisher) -> FlaskClient:
    return build_app(ready).test_client()


def answer(client: FlaskClient, path: str, **request: Any) -> tuple[int, list[Any], bytes]:
    response = client.open(path, **request)
    # Pages that can be validated say when they were made (RFC 9110 6.6.1).
    headers = sorted(one for one in response.headers if one[0] != "Date")
    return response.status_code, headers, response.data


def agree(slow: FlaskClient, fast: FlaskClient, path: str, **request: Any) -> None:
    said = answer(slow, path, **request)
    for _ in range(3):  # the first takes the slow road
        assert answer(fast, path, **request) == said, (path, request)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", PATHS)
def test_every_method_and_path_is_answered_alike(
    slow: FlaskClient, fast: FlaskClient, path: str, method: str
) -> None:
    agree(slow, fast, path, method=method)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_coding_is_answered_alike(
    slow: FlaskClient, fast: FlaskClient, encoding: str | None
) -> None:
    headers = {} if encoding is None else {"Accept-Encoding": encoding}
    for path, method in itertools.product([ATOM, "/opml.xml"], ["GET", "HEAD"]):
        agree(slow, fast, path, method=method, headers=headers)


def validators(tag: str, date: str) -> Iterator[dict[str, str]]:
    tags = [
        f'"{tag}"', f'W/"{tag}"', f'"{tag}-gzip"', f'"{tag};gzip"', f'"x", "{tag}"', "*", '"x"',
        f'W/"x", W/"{tag}-gzip" , "y"', tag, "", '"', f'"{tag}', f'"{tag.upper()}"', '""',
    ]  # fmt: skip
    dates = [date, http_date(NOW.replace(year=2020)), http_date(NOW.replace(year=2030)), "x", ""]
    for one in tags:
        yield {"If-None-Match": one}
    for one in dates:
        yield {"If-Modified-Since": one}
    for one, other in itertools.product(tags[:8:2], dates):
        yield {"If-None-Match": one, "If-Modified-Since": other}


def test_every_validator_is_answered_alike(slow: FlaskClient, fast: FlaskClient) -> None:
    first = slow.get(ATOM)
    tag, date = first.headers["ETag"].strip('"'), first.headers["Last-Modified"]
    seen = set()
    for headers, encoding in itertools.product(validators(tag, date), ("", "gzip")):
        request = {**headers, "Accept-Encoding": encoding}
        agree(slow, fast, ATOM, headers=request)
        seen.add(slow.get(ATOM, headers=request).status_code)
    assert seen == {200, 304}


def test_headers_that_do_not_count_are_answered_alike(slow: FlaskClient, fast: FlaskClient) -> None:
    for headers in (
        {"Accept": "text/html"}, {"A-IM": "feed"}, {"Range": "bytes=0-3"}, {"Cookie": "a=b"},
        {"User-Agent": "x"}, {"Host": "other.example"}, {"If-Match": '"x"'},
        {"If-Unmodified-Since": "Wed, 01 Jan 2020 00:00:00 GMT"}, {"Connection": "close"},
        {"If-None-Match": '"' + "x" * 2000 + '"'},
    ):  # fmt: skip
        agree(slow, fast, ATOM, headers=headers)


class Counted:
    """The application, counting how often it is asked."""

    def __init__(self, site: Republisher) -> None:
        self.app = build_app(site, replay=False)
        self.asked = 0
        inner = self.app.wsgi_app

        def count(environ: Any, start: Any) -> Any:
            self.asked += 1
            return inner(environ, start)

        self.app.wsgi_app = Replay(  # type: ignore[method-assign, assignment]
            count, pulse=site.pulse, versions=site.versions
        )

    def client(self) -> FlaskClient:
        return self.app.test_client()


def test_what_was_answered_once_asks_neither_the_application_nor_the_index_again(
    ready: Republisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(ready)
    client = counted.client()
    tag = client.get(ATOM).headers["ETag"]
    client.get(ATOM, headers={"If-None-Match": tag})
    monkeypatch.setattr(Index, "_reading", None)  # to ask would be an error
    for _ in range(5):
        assert client.get(f"{ATOM}?_=1").status_code == 200
        assert client.get(ATOM, headers={"If-None-Match": tag}).status_code == 304
    assert counted.asked == 2


def test_a_change_is_seen_by_every_worker_at_its_next_request(
    ready: Republisher, open_site: Open, tree: Tree, clock: Clock
) -> None:
    workers = [build_app(open_site()).test_client() for _ in range(2)]
    before = {worker.get(ATOM).headers["ETag"] for worker in workers}
    tree.write("b.html", "<p>new</p>")
    clock.advance(minutes=1)
    ready.refresh()
    after = {worker.get(ATOM).headers["ETag"] for worker in workers}
    assert len(before) == len(after) == 1
    assert before != after


def test_a_change_drops_only_the_answers_that_it_touches(
    ready: Republisher, tree: Tree, clock: Clock
) -> None:
    counted = Counted(ready)
    client = counted.client()
    other = "/feeds/%E8%B4%A2%E7%BB%8F.atom"
    client.get(ATOM), client.get(other)
    tree.write("b.html", "<p>in no feed of a term</p>")
    clock.advance(minutes=1)
    ready.refresh()
    clock.advance(minutes=1)
    for _ in range(3):
        client.get(ATOM), client.get(other)
    # The first of them after the change looks which still hold; that request asks for itself.
    assert counted.asked == 2 + 1
    assert b"in no feed of a term" in client.get(ATOM).data


def test_a_date_that_is_not_yet_is_not_given_again(
    site: Republisher, tree: Tree, clock: Clock
) -> None:
    for name in ("a.html", "b.html"):  # the second change in a second is dated to the next one
        tree.write(name, f"<p>{name}</p>")
        site.refresh()
    counted = Counted(site)
    client = counted.client()
    first = client.get(ATOM).headers["Last-Modified"]
    clock.advance(seconds=10)
    assert client.get(ATOM).headers["Last-Modified"] != first
    assert counted.asked == 2


def test_a_pulse_that_was_lost_is_made_up_for(
    ready: Republisher, tree: Tree, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    app = build_app(ready, replay=False)
    app.wsgi_app = Replay(  # type: ignore[method-assign, assignment]
        app.wsgi_app, pulse=lambda: b"stuck", versions=ready.versions, clock=lambda: seconds[0]
    )
    client = app.test_client()
    first = client.get(ATOM).data
    tree.write("b.html", "<p>new</p>")
    clock.advance(minutes=1)
    ready.refresh()
    clock.advance(minutes=1)
    assert client.get(ATOM).data == first
    seconds[0] += 5
    assert b"new" in client.get(ATOM).data


def test_memory_for_answers_is_bounded(ready: Republisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(road, "_MOST_ANSWERS", 10)
    app = build_app(ready)
    client = app.test_client()
    for number in range(100):
        client.get(ATOM, headers={"If-None-Match": f'"{number}"'})
        assert len(app.wsgi_app._held.answers) <= 10  # type: ignore[attr-defined]
    monkeypatch.setattr(road, "_MOST_BYTES", 1000)
    for path in (ATOM, "/feeds/all.rss", "/feeds/all.json"):
        client.get(path)
    assert len(app.wsgi_app._held.answers) <= 2  # type: ignore[attr-defined]


def test_answers_for_one_document_share_its_bytes(ready: Republisher) -> None:
    app = build_app(ready)
    client = app.test_client()
    for number in range(20):
        client.get(ATOM, headers={"If-None-Match": f'"{number}"'})
    bodies = {id(body) for _, _, body in app.wsgi_app._held.answers.values()}  # type: ignore[attr-defined]
    assert len(bodies) == 1
