"""The response cache answers as the application does, until a change."""

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import NOW, Clock, Tree, site_in
from flask.testing import FlaskClient
from sites import Site
from werkzeug.http import http_date

from feedsvc.errors import StateError
from feedsvc.index.database import Database
from feedsvc.web.response_cache import ResponseCache

Open = Callable[..., Site]
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


def prepare(site: Site, tree: Tree) -> Site:
    tree.write("a.html", f"---\ntags: [财经]\n---\n<p>{'text ' * 300}</p>")
    site.refresh()
    tree.clock.advance(minutes=5)
    return site


@pytest.fixture
def ready(site: Site, tree: Tree) -> Site:
    return prepare(site, tree)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Make one site for all tests that change nothing."""
    with site_in(tmp_path_factory.mktemp("cached")) as (site, tree):
        yield prepare(site, tree)


@pytest.fixture(scope="module")
def slow(unchanged: Site) -> FlaskClient:
    return unchanged.app(cache=False).test_client()


@pytest.fixture
def fast(unchanged: Site) -> FlaskClient:
    """Return a client of an application whose response cache is empty."""
    return unchanged.app().test_client()


def answer(client: FlaskClient, path: str, **request: Any) -> tuple[int, list[Any], bytes]:
    response = client.open(path, **request)
    # Pages that can be validated say when they were made (RFC 9110 6.6.1).
    headers = sorted(header for header in response.headers if header[0] != "Date")
    return response.status_code, headers, response.data


def agree(slow: FlaskClient, fast: FlaskClient, path: str, **request: Any) -> None:
    expected = answer(slow, path, **request)
    for _ in range(3):  # the application answers the first
        assert answer(fast, path, **request) == expected, (path, request)


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


def validators(etag: str, modified: str) -> Iterator[dict[str, str]]:
    tags = [
        f'"{etag}"', f'W/"{etag}"', f'"{etag}-gzip"', f'"{etag};gzip"', f'"x", "{etag}"', "*",
        '"x"',
        f'W/"x", W/"{etag}-gzip" , "y"', etag, "", '"', f'"{etag}', f'"{etag.upper()}"', '""',
    ]  # fmt: skip
    years = [http_date(NOW.replace(year=year)) for year in (2020, 2030)]
    dates = [modified, *years, "x", ""]
    for tag in tags:
        yield {"If-None-Match": tag}
    for date in dates:
        yield {"If-Modified-Since": date}
    for tag, date in itertools.product(tags[:8:2], dates):
        yield {"If-None-Match": tag, "If-Modified-Since": date}


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
    """An application behind a response cache, which counts how often it is asked."""

    def __init__(self, site: Site, **limits: Any) -> None:
        self.app = site.app(cache=False)
        self.asked = 0
        inner = self.app.wsgi_app

        def count(environ: Any, start: Any) -> Any:
            self.asked += 1
            return inner(environ, start)

        options = {
            "generation": site.index.database.generation,
            "versions": site.documents.versions,
        }
        self.cache = ResponseCache(count, **{**options, **limits})
        self.app.wsgi_app = self.cache  # type: ignore[method-assign, assignment]

    def client(self) -> FlaskClient:
        return self.app.test_client()


def test_a_repeated_request_does_not_reach_the_application(ready: Site) -> None:
    counted = Counted(ready)
    client = counted.client()
    tag = client.get(ATOM).headers["ETag"]
    client.get(ATOM, headers={"If-None-Match": tag})
    for _ in range(5):
        assert client.get(f"{ATOM}?_=1").status_code == 200
        assert client.get(ATOM, headers={"If-None-Match": tag}).status_code == 304
    assert counted.asked == 2


def test_the_index_is_asked_for_changes_ten_times_a_second_at_most(
    ready: Site, tree: Tree, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.web.response_cache._PAUSE", 0.1)
    seconds = [0.0]
    counted = Counted(ready, clock=lambda: seconds[0])
    client = counted.client()
    first = client.get(ATOM).data
    tree.write("b.html", "<p>new</p>")
    clock.advance(minutes=1)
    ready.refresh()
    clock.advance(minutes=1)
    reading = Database.reading
    monkeypatch.setattr(Database, "reading", None)  # to ask would be an error
    seconds[0] += 0.09
    assert client.get(ATOM).data == first
    monkeypatch.setattr(Database, "reading", reading)
    seconds[0] += 0.02
    assert b"new" in client.get(ATOM).data


def test_other_threads_answer_while_one_asks_for_changes(
    ready: Site, tree: Tree, clock: Clock
) -> None:
    asking, go = threading.Event(), threading.Event()

    def versions(paths: Any) -> Any:
        asking.set()
        assert go.wait(20)
        return ready.documents.versions(paths)

    counted = Counted(ready, versions=versions)
    go.set()
    first = counted.client().get(ATOM).data
    go.clear(), asking.clear()
    tree.write("b.html", "<p>new</p>")
    clock.advance(minutes=1)
    ready.refresh()
    asks = threading.Thread(target=counted.client().get, args=(ATOM,))
    asks.start()
    assert asking.wait(20)
    assert counted.client().get(ATOM).data == first
    assert counted.asked == 1
    go.set()
    asks.join(20)
    assert b"new" in counted.client().get(ATOM).data


def test_a_change_is_seen_by_every_worker(
    ready: Site, open_site: Open, tree: Tree, clock: Clock
) -> None:
    workers = [open_site().app().test_client() for _ in range(2)]
    before = {worker.get(ATOM).headers["ETag"] for worker in workers}
    tree.write("b.html", "<p>new</p>")
    clock.advance(minutes=1)
    ready.refresh()
    after = {worker.get(ATOM).headers["ETag"] for worker in workers}
    assert len(before) == len(after) == 1
    assert before != after


def test_a_change_drops_only_the_answers_that_it_touches(
    ready: Site, tree: Tree, clock: Clock
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
    assert counted.asked == 2 + 1
    assert b"in no feed of a term" in client.get(ATOM).data


def test_an_answer_with_a_date_still_to_come_is_not_kept(
    site: Site, tree: Tree, clock: Clock
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


def test_known_responses_are_served_while_the_state_cannot_be_read(
    ready: Site,
) -> None:
    broken = [False]

    def generation() -> object:
        if broken[0]:
            raise StateError("it is gone")
        return ready.index.database.generation()

    counted = Counted(ready, generation=generation)
    first = counted.client().get(ATOM).data
    broken[0] = True
    assert counted.client().get(ATOM).data == first
    assert counted.asked == 1


def test_memory_is_bounded_and_the_answers_in_use_stay(ready: Site) -> None:
    size = len(ready.document(ATOM).body)
    counted = Counted(ready, most_bytes=5 * (size + 2000))
    client = counted.client()
    client.get(ATOM)
    for number in range(50):
        client.get(ATOM, headers={"If-None-Match": f'"{number}"'})
        client.get(ATOM)
        assert len(counted.cache._responses) <= 5
    assert counted.asked == 1 + 50
    client.get(ATOM, headers={"If-None-Match": '"0"'})
    assert counted.asked == 1 + 50 + 1


def test_an_answer_that_is_larger_than_all_memory_is_not_kept(ready: Site) -> None:
    counted = Counted(ready, most_bytes=1000)
    for _ in range(3):
        assert counted.client().get(ATOM).status_code == 200
    assert counted.asked == 3
    assert counted.cache._bytes == 0


def test_an_answer_made_while_its_document_was_replaced_is_not_kept(
    ready: Site, tree: Tree, clock: Clock
) -> None:
    counted = Counted(ready)
    inner, client = counted.cache._app, counted.client()

    def replaced_meanwhile(environ: Any, start: Any) -> Any:
        counted.cache._app = inner
        answer = list(inner(environ, start))
        tree.write("b.html", "<p>new</p>")
        clock.advance(minutes=1)
        ready.refresh()
        counted.client().get("/feeds/all.rss")  # another thread notices the change
        return answer

    counted.cache._app = replaced_meanwhile
    assert b"new" not in client.get(ATOM).data
    clock.advance(minutes=1)
    assert b"new" in client.get(ATOM).data
