"""A web worker: who answers what, and that nobody waits for another."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from flask import Flask

from feedsvc.serve import worker as worker_module
from feedsvc.serve.worker import _answering
from feedsvc.web import WAITING
from feedsvc.web.boundary import WHOLE_BYTES, Boundary
from feedsvc.web.replay import VERSION, Replay

LIMIT = 20  # seconds that anything here may take before it has failed


class Asker:
    """Takes the answer to one request."""

    def __init__(self) -> None:
        self.told = threading.Event()
        self.streamed, self.takes = threading.Event(), threading.Event()
        self.answer: tuple[int, list[tuple[str, str]], bytes] | None = None
        self.thread = ""

    def response_bytes(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        if self.answer is None:
            self.answer = status, list(headers), body
            self.thread = threading.current_thread().name
            self.told.set()

    def response_iter(self, status: int, headers: Any, body: Any) -> None:
        """Return, as granian does, when the reader has taken all of it."""
        self.streamed.set()
        assert self.takes.wait(LIMIT)
        self.response_bytes(status, headers, b"".join(body.inner))


class Application:
    """Answers with its path; waits, or fails, where the path says so."""

    def __init__(self) -> None:
        self.waiting, self.go = threading.Semaphore(0), threading.Event()
        self.running = self.most_running = 0
        self.counting = threading.Lock()

    def __call__(self, environ: Any, start: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if "/wait" in path:
            with self.counting:
                self.running += 1
                self.most_running = max(self.most_running, self.running)
            self.waiting.release()
            assert self.go.wait(LIMIT)
            with self.counting:
                self.running -= 1
        if path == "/fail":
            raise RuntimeError("as it should")
        if path.endswith("/large"):
            start("200 OK", [("Content-Length", str(WHOLE_BYTES + 1))])
            return iter([path.encode()])
        environ[VERSION] = "1"
        start("200 OK", [("Content-Type", "text/plain")])
        return [path.encode()]


class Worker:
    def __init__(self) -> None:
        self.inner = Application()
        app = Flask("test")
        cache = Replay(self.inner, pulse=lambda: b"1", holding=lambda versions: versions)
        app.wsgi_app = Boundary(cache, cache.at_once)  # type: ignore[method-assign, assignment]
        self.callback = _answering(app, {})

    def ask(self, path: str) -> Asker:
        """Ask as granian does."""
        asker = Asker()
        self.callback(asker, {"REQUEST_METHOD": "GET", "PATH_INFO": path})
        return asker


def test_what_is_held_is_answered_by_the_thread_that_was_asked() -> None:
    worker = Worker()
    first = worker.ask("/a")
    assert first.told.wait(LIMIT)
    again = worker.ask("/a")
    assert again.told.is_set()
    assert first.answer == again.answer == (200, [("Content-Type", "text/plain")], b"/a")
    assert first.thread != again.thread == threading.current_thread().name


def test_what_is_made_holds_up_neither_what_is_held_nor_another_that_is_made() -> None:
    worker = Worker()
    assert worker.ask("/a").told.wait(LIMIT)
    slow = worker.ask("/wait")
    assert worker.inner.waiting.acquire(timeout=LIMIT)
    assert worker.ask("/a").told.is_set()
    assert worker.ask("/b").told.wait(LIMIT)
    assert not slow.told.is_set()
    worker.inner.go.set()
    assert slow.told.wait(LIMIT)
    assert slow.answer == (200, [("Content-Type", "text/plain")], b"/wait")


def test_so_many_are_made_at_a_time_and_the_others_wait_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_module, "_MAKING", 2)
    worker = Worker()
    asked = [worker.ask(f"/wait/{n}") for n in range(5)]
    for _ in range(2):
        assert worker.inner.waiting.acquire(timeout=LIMIT)
    worker.inner.go.set()
    assert all(one.told.wait(LIMIT) for one in asked)
    assert worker.inner.most_running == 2
    assert [one.answer and one.answer[2] for one in asked] == [b"/wait/%d" % n for n in range(5)]


@pytest.mark.parametrize("path", WAITING)
def test_readers_and_hosts_that_take_long_hold_up_nothing_that_is_made(path: str) -> None:
    worker = Worker()
    asked = [worker.ask(f"{path}x/wait/{n}") for n in range(10)]
    for _ in asked:
        assert worker.inner.waiting.acquire(timeout=LIMIT)
    assert worker.ask("/a").told.wait(LIMIT)
    worker.inner.go.set()
    assert all(one.told.wait(LIMIT) for one in asked)


def test_readers_who_take_nothing_of_large_answers_hold_up_nobody() -> None:
    worker = Worker()
    readers = [worker.ask(f"{start}{n}/large") for start in (*WAITING, "/") for n in range(70)]
    assert all(reader.streamed.wait(LIMIT) for reader in readers)
    for path in (*WAITING, "/a"):
        assert worker.ask(path).told.wait(LIMIT)
    assert not any(reader.told.is_set() for reader in readers)
    for reader in readers:
        reader.takes.set()
    assert all(reader.told.wait(LIMIT) for reader in readers)


def test_health_is_answered_by_the_thread_that_was_asked() -> None:
    worker = Worker()
    asker = worker.ask("/healthz")
    assert asker.told.is_set()
    assert asker.answer is not None
    assert asker.answer[::2] == (200, b"ok\n")


def test_a_request_that_fails_is_answered_with_500_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = Worker()
    asker = worker.ask("/fail")
    assert asker.told.wait(LIMIT)
    assert asker.answer is not None
    assert asker.answer[::2] == (500, b"500 Internal Server Error\n")
    (record,) = caplog.records
    assert record.getMessage() == "GET '/fail' failed"
    assert record.exc_info is not None
    assert worker.ask("/a").told.wait(LIMIT), "the thread goes on"
