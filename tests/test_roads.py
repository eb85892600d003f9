"""One contract for all roads: what is answered again from memory is what the application says."""

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import NOW, Clock, Tree
from flask.testing import FlaskClient
from werkzeug.http import http_date

from feedsvc.index import Index
from feedsvc.republisher import Republisher
from feedsvc.web import build_app, replay as road
from feedsvc.web.bodies import Bodies
from feedsvc.web.boundary import Boundary
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


class AtOnce:
    """The application as a worker asks it: what needs no waiting first."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.answered = 0

    def __call__(self, environ: Any, start: Any) -> Any:
        found = self.replay.at_once(environ)
        if found is None:
            return self.replay(environ, start)
        self.answered += 1
        status, headers, body = found
        start(f"{status} As it is", list(headers))
        return [body] if body else []


@pytest.fixture(params=["wsgi", "at once"])
def fast(ready: Republisher, request: pytest.FixtureRequest) -> FlaskClient:
    app = build_app(ready)
    if request.param == "at once":
        app.wsgi_app = AtOnce(app.wsgi_app)  # type: ignore[method-assign, assignment, arg-type]
    return app.test_client()


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
            count, pulse=site.pulse, holding=site.holding
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


def test_what_is_held_needs_no_waiting_and_what_may_have_changed_does(
    ready: Republisher, tree: Tree, clock: Clock
) -> None:
    app = build_app(ready)
    front = AtOnce(app.wsgi_app)  # type: ignore[arg-type]
    app.wsgi_app = front  # type: ignore[method-assign, assignment]
    client = app.test_client()
    first = client.get(ATOM)
    assert front.answered == 0
    for _ in range(3):
        assert client.get(ATOM).data == first.data
    assert front.answered == 3
    tree.write("b.html", "<p>new</p>")
    clock.advance(minutes=1)
    ready.refresh()
    assert b"new" in client.get(ATOM).data
    assert front.answered == 3
    assert b"new" in client.get(ATOM).data
    assert front.answered == 4


def test_while_one_thread_looks_what_has_changed_the_others_answer(
    ready: Republisher, tree: Tree, clock: Clock
) -> None:
    looking, go = threading.Event(), threading.Event()

    def holding(versions: Any) -> Any:
        looking.set()
        assert go.wait(20)
        return ready.holding(versions)

    app = build_app(ready, replay=False)
    front = AtOnce(Replay(app.wsgi_app, pulse=ready.pulse, holding=holding))
    app.wsgi_app = front  # type: ignore[method-assign, assignment]
    client = app.test_client()
    first = client.get(ATOM).data
    tree.write("b.html", "<p>new</p>")
    clock.advance(minutes=1)
    ready.refresh()
    looks = threading.Thread(target=app.test_client().get, args=(ATOM,))
    looks.start()
    assert looking.wait(20)
    assert client.get(ATOM).data == first
    assert front.answered == 1
    go.set()
    looks.join(20)
    assert b"new" in client.get(ATOM).data


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
        app.wsgi_app, pulse=lambda: b"stuck", holding=ready.holding, clock=lambda: seconds[0]
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


def held(app: Any) -> Any:
    front = app.wsgi_app
    return (front._app if isinstance(front, Boundary) else front)._held


def small(monkeypatch: pytest.MonkeyPatch, *, answers: int = 10, bytes: int = 10**6) -> None:
    monkeypatch.setattr(road, "_MOST_ANSWERS", answers)
    monkeypatch.setattr(road, "_MOST_HELD", bytes)


def test_answers_are_bounded_in_number(ready: Republisher, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    app = build_app(ready)
    client = app.test_client()
    tag = client.get(ATOM).headers["ETag"]
    for number in range(100):
        client.get(ATOM, headers={"If-None-Match": f'"{number}"'})
        client.get(ATOM, headers={"If-None-Match": f'{tag}, "{number}"'})
        assert len(held(app).answers) <= 10 + 10
    assert sum(one.body is None for one in held(app).answers.values()) == 10


def test_of_too_many_answers_those_that_are_asked_for_stay(
    ready: Republisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    counted = Counted(ready)
    client = counted.client()
    client.get(ATOM)
    for number in range(100):
        client.get(ATOM, headers={"If-None-Match": f'"{number}"'})
        client.get(ATOM)
    assert counted.asked == 1 + 100


def test_large_bodies_do_not_drive_out_answers_without_one(
    ready: Republisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, bytes=1000)
    monkeypatch.setattr(road, "_MOST_FILED", 0)
    counted = Counted(ready)
    client = counted.client()
    tag = client.get(ATOM).headers["ETag"]
    client.get(ATOM, headers={"If-None-Match": tag}), client.head(ATOM)
    asked = counted.asked
    for path in (ATOM, "/feeds/all.rss", "/feeds/all.json") * 2:
        assert client.get(path).status_code == 200
    assert counted.asked == asked + 6, "no room for any of them"
    assert client.get(ATOM, headers={"If-None-Match": tag}).status_code == 304
    assert client.head(ATOM).status_code == 200
    assert counted.asked == asked + 6


def test_bodies_that_do_not_fit_into_memory_are_given_again_out_of_a_file(
    ready: Republisher, monkeypatch: pytest.MonkeyPatch, slow: FlaskClient
) -> None:
    small(monkeypatch, bytes=1000)
    counted = Counted(ready)
    client = counted.client()
    paths = (ATOM, "/feeds/all.rss", "/feeds/all.json")
    said = {path: slow.get(path).data for path in paths}
    for _ in range(4):
        for path in paths:
            assert client.get(path).data == said[path]
            assert held(counted.app).bodies.held_bytes <= 1000
    assert counted.asked == 3


def test_a_change_lets_go_of_the_bodies_that_it_touches(
    ready: Republisher, tree: Tree, clock: Clock
) -> None:
    app = build_app(ready)
    client = app.test_client()
    client.get("/feeds/all.rss")
    for number in range(5):
        tree.write("b.html", f"<p>{number}</p>")
        clock.advance(minutes=1)
        ready.refresh()
        clock.advance(minutes=1)
        body = client.get("/feeds/all.json").data
        assert f"<p>{number}</p>".encode() in body
        assert held(app).bodies.held_bytes == len(body)
        assert len(held(app).answers) == 1


def test_answers_for_one_document_share_its_bytes_and_headers(ready: Republisher) -> None:
    app = build_app(ready)
    client = app.test_client()
    for number in range(20):
        client.get(ATOM, headers={"If-None-Match": f'"{number}"'})
    answers = held(app).answers.values()
    assert len(answers) == 20
    assert len({id(one.body) for one in answers}) == 1
    assert len({id(header) for one in answers for header in one.headers}) == len(
        {header for one in answers for header in one.headers}
    )
    assert held(app).bodies.held_bytes == len(client.get(ATOM).data)


def test_bodies_used_stay_in_memory_and_the_others_go() -> None:
    bodies = Bodies(1000, 10**6)
    hot = bodies.share(b"h" * 300)
    for number in range(100):
        bodies.read(hot)
        bodies.share(b"%03d" % number * 100)
        assert bodies.held_bytes <= 1000
    assert hot.held is not None
    assert hot.filed is None, "it was never written"


def test_a_body_read_twice_comes_back_into_memory() -> None:
    bodies = Bodies(1000, 10**6)
    first, *others = (bodies.share(one * 400) for one in (b"a", b"b", b"c"))
    assert first.held is None
    assert [bodies.read(first) for _ in range(3)] == [b"a" * 400] * 3
    assert first.held is not None
    assert sum(one.held is not None for one in others) == 1
    assert [bodies.read(one) for one in others] == [b"b" * 400, b"c" * 400]


def test_reading_a_body_does_not_wait_for_who_writes_another() -> None:
    bodies = Bodies(1000, 10**6)
    first, *_ = (bodies.share(one * 400) for one in (b"a", b"b", b"c"))
    read: list[bytes | None] = []

    def reader() -> None:
        read.extend(bodies.read(first) for _ in range(3))

    with bodies._lock:
        thread = threading.Thread(target=reader, daemon=True)
        thread.start()
        thread.join(20)
        assert read == [b"a" * 400] * 3
    assert first.held is None
    assert bodies.read(first) == b"a" * 400
    assert first.held is not None


def test_a_full_file_is_begun_anew_and_nobody_reads_what_is_not_his() -> None:
    bodies = Bodies(400, 1000)
    shared = [bodies.share(bytes([n]) * 400) for n in range(8)]
    read = [bodies.read(one) for one in shared]
    assert all(one in {None, bytes([n]) * 400} for n, one in enumerate(read))
    assert read[:4] == [None] * 4
    assert read[-1] is not None
    assert read[-2] is not None
    again = bodies.share(bytes([0]) * 400)
    assert again is shared[0]
    assert bodies.read(again) == bytes([0]) * 400


def test_without_room_for_a_file_bodies_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    bodies = Bodies(400, 1000)
    first, second = bodies.share(b"a" * 300), bodies.share(b"b" * 300)
    assert (bodies.read(first), second.held) == (None, b"b" * 300)
    assert bodies.read(bodies.share(b"a" * 300)) == b"a" * 300
    assert bodies.read(second) is None


def test_a_body_that_nobody_shares_is_let_go_of() -> None:
    bodies = Bodies(1000, 1000)
    for number in range(1000):
        content = b"%04d" % number * 100
        one, same = bodies.share(content), bodies.share(content)
        assert one is same
        bodies.release(one)
        assert bodies.read(same) == content
        bodies.release(same)
        assert bodies.read(same) is None
        assert bodies.held_bytes == 0
        assert len(bodies._queue) < 200
