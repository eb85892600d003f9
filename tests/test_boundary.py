"""The outermost WSGI application: one request's failure, size or slowness is its own alone."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from feedsvc.web.boundary import WHOLE_BYTES, Boundary
from feedsvc.web.headers import ReadableHeaders


class Pieces:
    """A body in pieces that knows how many were taken, and whether it was closed."""

    def __init__(self, *pieces: bytes, failing: bool = False) -> None:
        self.pieces, self.failing = pieces, failing
        self.taken, self.closed = 0, 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece
        if self.failing:
            raise RuntimeError("as it should")

    def close(self) -> None:
        self.closed += 1


class Application:
    """Answers with a body and the length that it is told to declare; fails where asked to."""

    def __init__(self, body: Any, *, length: int | None = None) -> None:
        self.body, self.length = body, length
        self.seen: dict[str, Any] = {}

    def __call__(self, environ: Any, start: Any) -> Any:
        self.seen = environ
        if environ["PATH_INFO"] == "/fail":
            raise RuntimeError("as it should")
        start("200 OK", [] if self.length is None else [("Content-Length", str(self.length))])
        return self.body


def call(boundary: Boundary) -> Any:
    return boundary({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: lambda data: None)


@pytest.mark.parametrize("length", [None, 6])
def test_a_body_in_pieces_is_handed_over_whole_and_closed(length: int | None) -> None:
    pieces = Pieces(b"abc", b"", b"def")
    assert call(Boundary(Application(pieces, length=length))) == [b"abcdef"]
    assert pieces.closed == 1


def test_a_large_body_is_left_in_pieces_of_which_none_was_taken() -> None:
    pieces = Pieces(b"abc", b"def")
    body = call(Boundary(Application(pieces, length=WHOLE_BYTES + 1)))
    assert not isinstance(body, list)
    assert (pieces.taken, pieces.closed) == (0, 0)
    assert list(body) == [b"abc", b"def"]
    body.close()
    assert pieces.closed == 1


@pytest.mark.parametrize("path", ["/fail", "/"])
def test_a_failure_that_nobody_foresaw_is_a_500_for_that_request_and_one_traceback(
    caplog: pytest.LogCaptureFixture, path: str
) -> None:
    pieces = Pieces(b"abc", failing=True)
    client = Client(Boundary(Application(pieces)))
    response = client.get(path)
    assert (response.status_code, response.text) == (500, "500 Internal Server Error\n")
    assert response.headers["Cache-Control"] == "no-store"
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == f"GET '{path}' failed"
    assert record.exc_info is not None
    pieces.failing = False
    assert client.get("/").data == b"abc"
    assert client.head("/fail").data == b""


def test_the_path_of_a_failed_request_forges_no_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    boundary = Boundary(Application(Pieces(failing=True)))
    path = "/\r\nERROR all is lost" + "x" * 10_000
    boundary({"REQUEST_METHOD": "GET", "PATH_INFO": path}, lambda *_: lambda data: None)
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert len(record.getMessage()) < 300


def test_only_headers_that_are_used_and_valid_are_seen_inside() -> None:
    application = Application([])
    Client(ReadableHeaders(application)).get(
        "/",
        headers={
            "Host": "evil.example",
            "Cookie": "a=b",
            "X-Forwarded-Host": "evil.example",
            "Content-Length": "x",
            "Accept-Encoding": "gzip",
            "If-None-Match": '"x"',
            "If-Modified-Since": "Wed, 23 Feb 2022 13:06:12 +99999999999999",
            "Range": "bytes=0-" + "9" * 5000,
        },
    )
    used = {name: value for name, value in application.seen.items() if name.startswith("HTTP_")}
    assert used == {"HTTP_ACCEPT_ENCODING": "gzip", "HTTP_IF_NONE_MATCH": '"x"'}
    assert "CONTENT_LENGTH" not in application.seen


def test_what_is_in_one_piece_already_is_handed_over_as_it_is() -> None:
    body = [bytes(WHOLE_BYTES + 1)]
    assert call(Boundary(Application(body, length=WHOLE_BYTES + 1))) is body


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_health_is_answered_without_the_application(method: str) -> None:
    application = Application([])
    response = Client(Boundary(application)).open("/healthz", method=method)
    assert application.seen == {}
    expected = {"GET": (200, "ok\n"), "HEAD": (200, ""), "POST": (405, "405 Method Not Allowed\n")}
    assert (response.status_code, response.text) == expected[method]
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers.get("Allow") == ("GET, HEAD" if method == "POST" else None)
