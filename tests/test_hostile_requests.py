"""Requests that no client library would send, sent over raw sockets to a real service."""

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from service import LIMIT, Service, serving

FEED = b"GET /feeds/all.atom HTTP/1.1\r\nHost: x\r\n"
END = b"\r\n"
BAD_DATE = b"Wed, 23 Feb 2022 13:06:12 +99999999999999"

# Each request with its allowed statuses; None if the connection may be closed without an answer.
REQUESTS: dict[str, tuple[bytes, set[int | None]]] = {
    "a date that overflows": (FEED + b"If-Modified-Since: " + BAD_DATE + b"\r\n" + END, {200}),
    "a page with such a date": (
        b"GET / HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: " + BAD_DATE + b"\r\n" + END,
        {200},
    ),
    "a film with such a date": (
        b"GET /media/a.png HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nIf-Range: "
        + BAD_DATE + b"\r\n" + END,
        {200, 206},
    ),
    "a range of 5,000 digits": (
        b"GET /media/a.png HTTP/1.1\r\nHost: x\r\nRange: bytes=0-" + b"9" * 5000 + b"\r\n" + END,
        {200, 416},
    ),
    "a method in lower case": (b"get / HTTP/1.1\r\nHost: x\r\n" + END, {400, 501}),
    "a method that is none": (b"!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: x\r\n" + END, {400, 501}),
    "a very long method": (b"A" * 20_000 + b" / HTTP/1.1\r\nHost: x\r\n" + END, {400, 501}),
    "bytes past ASCII in a header": (FEED + b"If-None-Match: \"\xff\xfe\"\r\n" + END, {200}),
    "all bytes in a header": (
        FEED + b"Cookie: " + bytes(b for b in range(256) if b not in b"\r\n") + b"\r\n" + END,
        {400, None},
    ),
    "a host that is no name": (
        b"GET /feeds/all.atom HTTP/1.1\r\nHost: " + b"x" * 64 + b".[::\xff\r\n" + END, {200, 400},
    ),
    "no host": (b"GET /feeds/all.atom HTTP/1.1\r\n" + END, {200, 400}),
    "two hosts": (FEED + b"Host: y\r\n" + END, {200, 400}),
    "a header of 300 KB": (FEED + b"If-None-Match: " + b" ," * 150_000 + b"\r\n" + END, {200, 431}),
    "1,000 headers": (FEED + b"X: y\r\n" * 1000 + END, {200, 400, 431}),
    "a header without a name": (FEED + b": x\r\n" + END, {400, None}),
    "a folded header": (FEED + b"X: y\r\n z\r\n" + END, {200, 400}),
    "a length that is no number": (FEED + b"Content-Length: x\r\n" + END, {400, None}),
    "a negative length": (FEED + b"Content-Length: -1\r\n" + END, {400, None}),
    "two lengths": (
        FEED + b"Content-Length: 1\r\nContent-Length: 2\r\n" + END + b"ab", {400, None},
    ),
    "a body": (FEED + b"Content-Length: 5\r\n" + END + b"hello", {200}),
    "a body that never comes": (FEED + b"Content-Length: 5000000\r\n" + END, {200}),
    "a body in chunks": (
        FEED + b"Transfer-Encoding: chunked\r\n" + END + b"5\r\nhello\r\n0\r\n\r\n", {200},
    ),
    "a broken chunk": (FEED + b"Transfer-Encoding: chunked\r\n" + END + b"zz\r\n", {200, 400}),
    "a length and chunks": (
        FEED + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n" + END + b"0\r\n\r\n",
        {200, 400},
    ),
    "a coding of the body that nobody knows": (
        FEED + b"Transfer-Encoding: x\r\n" + END, {200, 400, 501},
    ),
    "a body to be continued": (
        FEED + b"Content-Length: 5\r\nExpect: 100-continue\r\n" + END, {100, 200},
    ),
    "an expectation that nobody knows": (FEED + b"Expect: miracles\r\n" + END, {200, 417}),
    "an upgrade": (FEED + b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + END, {200, 400}),
    "a path of 60,000 characters": (
        b"GET /feeds/" + b"x" * 60_000 + b".atom HTTP/1.1\r\nHost: x\r\n" + END, {404, 414},
    ),
    "a path to a file of 60,000 characters": (
        b"GET /media/" + b"x/" * 30_000 + b"a.png HTTP/1.1\r\nHost: x\r\n" + END, {404, 414},
    ),
    "a path of a megabyte": (
        b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n" + END, {400, 414, 431, None},
    ),
    "bytes past ASCII in a path": (
        b"GET /feeds/\xff\xfe.atom HTTP/1.1\r\nHost: x\r\n" + END, {400, 404},
    ),
    "escaped control characters in a path": (
        b"GET /feeds/%0d%0aSet-Cookie:%20a=b%00.atom HTTP/1.1\r\nHost: x\r\n" + END, {404},
    ),
    "escapes that are none": (b"GET /feeds/%zz%.atom HTTP/1.1\r\nHost: x\r\n" + END, {404}),
    "a query of 60,000 characters": (
        b"GET /feeds/all.atom?" + b"&a=%" * 15_000 + b" HTTP/1.1\r\nHost: x\r\n" + END, {200, 414},
    ),
    "an absolute address": (b"GET http://y/feeds/all.atom HTTP/1.1\r\nHost: x\r\n" + END, {200}),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + END, {200, 204, 400, 404}),
    "a tunnel": (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n" + END, {400, 404, 405}),
    "HTTP/1.0": (b"GET /feeds/all.atom HTTP/1.0\r\n" + END, {200}),
    "HTTP/0.9": (b"GET /feeds/all.atom\r\n", {400, None}),
    "HTTP/9.9": (b"GET / HTTP/9.9\r\nHost: x\r\n" + END, {400, 505, None}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), {400, None}),
    "bare line feeds": (b"GET /feeds/all.atom HTTP/1.1\nHost: x\n\n", {200, 400}),
}  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    articles = folder / "articles"
    articles.mkdir()
    (articles / "1.html").write_text("---\ntitle: One\n---\n<p>1</p>")
    (articles / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with serving(folder, articles, "--workers", "1") as service:
        yield service


def first_line(service: Service, request: bytes) -> bytes:
    """Return the first line of the answer; empty if the connection was closed without one."""
    received = b""
    with (
        contextlib.suppress(ConnectionError),  # it was closed before all was sent or read
        socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT) as connection,
    ):
        connection.sendall(request)
        if b"\r\n\r\n" not in request and b"\n\n" not in request:
            with contextlib.suppress(OSError):  # it was closed
                connection.shutdown(socket.SHUT_WR)
        while b"\r\n" not in received and (more := connection.recv(1000)):
            received += more
    return received.partition(b"\r\n")[0]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_hostile_request_does_not_harm_the_next_one(service: Service, name: str) -> None:
    request, statuses = REQUESTS[name]
    logged = len(service.log)
    line = first_line(service, request)
    status = re.match(rb"HTTP/1\.[01] (\d\d\d)\b", line)
    assert status or not line
    assert (int(status[1]) if status else None) in statuses
    assert service.client.get("/feeds/all.atom").status_code == 200
    assert not re.search("Traceback|panicked", service.log[logged:])


def test_hostile_requests_do_not_end_the_worker(service: Service) -> None:
    for request, _ in REQUESTS.values():
        first_line(service, request)
    service.workers(1)
    assert service.log.count(' answers"') == 1
