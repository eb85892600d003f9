"""The image proxy: which images it fetches, from which hosts, what it sends on and keeps."""

import contextlib
import logging
import os
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from io import FileIO
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from feedsvc.config import ImageProxy
from feedsvc.signing import proxied
from feedsvc.web.imageproxy import blueprint, sniff, targets
from feedsvc.web.imageproxy.cache import Cache, Draft, name_of
from feedsvc.web.imageproxy.failure import ImageError
from feedsvc.web.imageproxy.fetch import Fetcher
from feedsvc.web.imageproxy.images import Images

LIMIT = 30.0  # seconds after which a test that hangs has failed
BASE = "https://feeds.example.org"
KEY = b"a key of the tests"
HEAD = b"\x89PNG\r\n\x1a\n"
PNG = HEAD + bytes(range(256)) * 4

IMAGES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"j" * 200,
    "image/gif": b"GIF89a" + b"g" * 200,
    "image/webp": b"RIFF\xd0\0\0\0WEBPVP8L" + b"w" * 200,
    "image/avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"a" * 200,
}
NO_IMAGES = {
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "svg with a declaration": b"<?xml version='1.0'?><svg/>" + b" " * 100,
    "html": b"<!doctype html><script>alert(1)</script>" + b" " * 100,
    "html behind a space": b" \x89PNG\r\n\x1a\n<script>",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"h" * 200,
    "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + b"m" * 200,
    "wave": b"RIFF\xd0\0\0\0WAVEfmt " + b"w" * 200,
    "bmp": b"BM" + b"b" * 200,
    "gzip": b"\x1f\x8b\x08" + b"z" * 200,
    "half a signature": HEAD[:5],
    "nothing": b"",
}

# A certificate for images.test that is its own authority; it is used nowhere else.
PEM = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgY2l8Rd7guHICUSiW
94Mdctv8YAWEoPcBh3huOutGFAihRANCAARze5lBzvNEgrO49x2Bq6fVKkDtOd7m
Uhkw4ZQCiLXFcDvA8DRURxe+cteEZVSxH1+BQHh+3ebu13WvH0bwT6K9
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmTCCAT6gAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtpbWFnZXMu
dGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFjEUMBIGA1UE
AwwLaW1hZ2VzLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARze5lBzvNE
grO49x2Bq6fVKkDtOd7mUhkw4ZQCiLXFcDvA8DRURxe+cteEZVSxH1+BQHh+3ebu
13WvH0bwT6K9o3sweTAWBgNVHREEDzANggtpbWFnZXMudGVzdDAPBgNVHRMBAf8E
BTADAQH/MA4GA1UdDwEB/wQEAwIChDAdBgNVHQ4EFgQU0Hf6yhmMkoOeeVu6RvPE
vzj8CD0wHwYDVR0jBBgwFoAU0Hf6yhmMkoOeeVu6RvPEvzj8CD0wCgYIKoZIzj0E
AwIDSQAwRgIhAOWA45L/0rMjiS0jEArAoyJYEgQtwDOaq5MZmImvAdpsAiEAnRHW
L8s2EecRmXXHo3/Ar1Kiws4zKL5bXQFQLkAHyzA=
-----END CERTIFICATE-----
"""

Answer = Callable[[socket.socket], None]


def response(
    body: bytes = PNG, *headers: str, status: str = "200 OK", length: int | None = -1
) -> bytes:
    """Return an answer whose Content-Length is true unless `length` says otherwise."""
    length = len(body) if length == -1 else length
    lines = [f"HTTP/1.1 {status}", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return response(body + end, "Transfer-Encoding: chunked", length=None)


class Host:
    """A web server on 127.0.0.1; an answer is bytes, or a function of the connection."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, bytes | Answer] = {"/a.png": response()}
        self.requests: list[str] = []
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def address(self, path: str = "/a.png", name: str = "img.test") -> str:
        return f"http{'s' if self._tls else ''}://{name}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [request.split(" ")[1] for request in self.requests]

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(LIMIT)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._answer, args=[connection]))
                self._threads[-1].start()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(LIMIT)
        with connection, contextlib.suppress(OSError):  # the other side hung up
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                request = b""
                while b"\r\n\r\n" not in request and (more := connection.recv(65536)):
                    request += more
                self.requests.append(request.decode("latin-1"))
                answer = self.answers.get(self.paths[-1], response(b"no", status="404 Not Found"))
                if isinstance(answer, bytes):
                    connection.sendall(answer)
                else:
                    answer(connection)


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


class Proxy:
    """The proxy in an application of its own; all host names lead to 127.0.0.1, and may."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = 0.0
        self.client = self.start()

    def start(self, **options: Any) -> FlaskClient:
        """Start it anew; `options` are for its parts."""
        settings = ImageProxy(
            directory=options.pop("directory", self.directory),
            cache_bytes=options.pop("cache_bytes", 10**8),
            max_bytes=options.pop("max_bytes", 10**6),
            timeout=options.pop("timeout", timedelta(seconds=LIMIT)),
            referers=options.pop("referers", ()),
        )
        key = options.pop("key", lambda: KEY)
        images = {name: options.pop(name) for name in ("fetches", "patience") if name in options}
        cache = options.pop("cache", None) or Cache(settings.directory, settings.cache_bytes)
        options.setdefault("resolve", lambda name, port: ["127.0.0.1"])
        options.setdefault("allowed", lambda ip: str(ip) == "127.0.0.1")
        fetcher = Fetcher(
            user_agent=f"feedsvc/test (+{BASE})",
            max_bytes=settings.max_bytes,
            timeout=settings.timeout,
            referers=settings.referers,
            **options,
        )
        app = Flask(__name__)
        app.register_blueprint(
            blueprint(
                key,
                settings,
                base_url=BASE,
                images=Images(cache, fetcher, clock=lambda: self.now, **images),
            )
        )
        self.app = app
        self.client = app.test_client()
        return self.client

    def get(self, address: str, method: str = "GET", **headers: str) -> TestResponse:
        return self.client.open(
            proxied(BASE, KEY, address).removeprefix(BASE),
            method=method,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            buffered=True,
        )

    @contextlib.contextmanager
    def stream(self, address: str) -> Iterator[Iterator[bytes]]:
        """Ask for an image and take it piece by piece."""
        path = proxied(BASE, KEY, address).removeprefix(BASE)
        response = self.app.test_client().get(path)
        assert response.status_code == 200
        try:
            yield iter(response.response)
        finally:
            response.close()

    @property
    def files(self) -> list[str]:
        return [f.name for f in self.directory.iterdir()] if self.directory.exists() else []


@pytest.fixture
def proxy(tmp_path: Path) -> Proxy:
    return Proxy(tmp_path / "state" / "images")


def refused(response: TestResponse, status: int = 502) -> str:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.text.count("\n") == 1
    assert "ETag" not in response.headers
    return response.text


# ── The answer


@pytest.mark.parametrize("media_type", IMAGES)
def test_an_image_is_passed_on_with_the_type_that_its_bytes_have(
    proxy: Proxy, host: Host, media_type: str
) -> None:
    host.answers["/x"] = response(
        IMAGES[media_type], "Content-Type: text/html", "Set-Cookie: a=b", "X-Other: yes"
    )
    answer = proxy.get(host.address("/x"))
    assert answer.status_code == 200
    assert answer.data == IMAGES[media_type]
    assert dict(answer.headers) == {
        "Content-Type": media_type,
        "Content-Length": str(len(IMAGES[media_type])),
        "Content-Disposition": "inline",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "public, max-age=2592000, immutable",
        "ETag": answer.headers["ETag"],
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in NO_IMAGES.items()])
def test_a_body_that_is_no_image_is_refused_whatever_its_content_type(
    proxy: Proxy, host: Host, body: bytes
) -> None:
    for answer in (response(body, "Content-Type: image/png"), chunked(*([body] if body else []))):
        host.answers["/x.png"] = answer
        assert "no image" in refused(proxy.get(host.address("/x.png")))
        assert proxy.files == []


@pytest.mark.parametrize("length", [0, 3, 8, 12, 20, 64])
@pytest.mark.parametrize("media_type", IMAGES)
def test_the_beginning_of_an_image_is_never_taken_for_another_type(
    media_type: str, length: int
) -> None:
    assert sniff.media_type(IMAGES[media_type][:length]) in {media_type, None}


def test_head_is_get_without_a_body(proxy: Proxy, host: Host) -> None:
    head = proxy.get(host.address(), "HEAD")
    assert (head.status_code, head.data) == (200, b"")
    got = proxy.get(host.address())
    assert dict(got.headers) == dict(head.headers)
    cached = proxy.get(host.address(), "HEAD")
    assert dict(cached.headers) == dict(head.headers)
    assert got.data == PNG
    assert len(host.requests) == 1


@pytest.mark.parametrize("form", ["{}", '"x", {}', '{}, W/"y"'])
def test_a_matching_etag_gets_a_304_without_a_request_to_the_host(
    proxy: Proxy, host: Host, form: str
) -> None:
    tag = proxy.get(host.address()).headers["ETag"]
    assert tag.startswith('W/"')
    proxy.start(directory=proxy.directory / "new")
    answer = proxy.get(host.address(), If_None_Match=form.format(tag))
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert "immutable" in answer.headers["Cache-Control"]
    assert "Content-Type" not in answer.headers
    assert len(host.requests) == 1
    assert proxy.get(host.address(), If_None_Match='W/"x"').status_code == 200
    assert proxy.get(host.address("/gone"), If_None_Match="*").status_code == 502


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_methods_other_than_get_and_head_are_refused(proxy: Proxy, host: Host, method: str) -> None:
    assert proxy.get(host.address(), method).status_code == 405


# ── Only signed addresses are served


def test_only_a_signed_address_is_fetched(proxy: Proxy, host: Host) -> None:
    path = proxied(BASE, KEY, host.address()).removeprefix(BASE)
    _, _, signature, encoded = path.split("/")
    other = proxied(BASE, KEY, host.address("/other")).rsplit("/", 1)[1]
    forged = proxied(BASE, b"another key", host.address()).removeprefix(BASE)
    for bad in (
        forged,
        f"/image/{'A' * 22}/{encoded}",
        f"/image/{signature}/{other}",
        f"/image/{signature}/{encoded}x",
        f"/image/{signature}/{host.address()}",
        f"/image/%C3%A9/{encoded}",
        "/image/%ff/%fe",
    ):  # fmt: skip
        answer = proxy.client.get(bad)
        assert answer.status_code == 404
    refused(proxy.client.get(forged), 404)
    assert host.requests == []


def test_the_proxy_answers_404_while_it_is_off(proxy: Proxy, host: Host) -> None:
    proxy.start(key=lambda: None)
    refused(proxy.get(host.address()), 404)
    assert host.requests == []
    assert proxy.files == []


# ── Only public hosts are asked

PRIVATE = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16
    169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1
    192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
    255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1::
    2002:a00:1::1 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1
    ff02::1
""".split()  # fmt: skip
PUBLIC = """
    1.1.1.1 8.8.8.8 100.63.255.255 172.32.0.1 192.0.1.1 223.255.255.255 2001:4860:4860::8888
    2606:4700:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
""".split()  # fmt: skip


@pytest.mark.parametrize("ip", PRIVATE)
def test_a_host_without_a_public_address_is_not_asked(proxy: Proxy, host: Host, ip: str) -> None:
    assert targets.choose([ip], targets.public) == []
    proxy.start(resolve=lambda name, port: [ip], allowed=targets.public)
    assert "did not send it" in refused(proxy.get(host.address()))
    assert host.requests == []


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses_are_asked(ip: str) -> None:
    assert targets.public(ip_address(ip))
    assert targets.choose(["10.0.0.1", ip, ip], targets.public) == [ip_address(ip)]


@pytest.mark.parametrize(
    "name",
    ["127.0.0.1", "localhost", "localhost.", "LOCALHOST", "2130706433", "0x7f000001", "0x7f.1",
     "017700000001", "0177.0.0.1", "127.1", "0", "0.0.0.0", "①②⑦.0.0.1", "127。0。0。1", "[::1]",
     "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]"],
)  # fmt: skip
def test_no_spelling_of_this_machines_address_reaches_it(
    proxy: Proxy, host: Host, name: str
) -> None:
    proxy.start(resolve=targets.resolve, allowed=targets.public)
    refused(proxy.get(host.address(name=name)))
    assert host.requests == []


def test_only_the_public_addresses_of_a_host_are_tried(proxy: Proxy, host: Host) -> None:
    proxy.start(resolve=lambda name, port: ["10.9.9.9", "127.0.0.1", "::1"])
    assert proxy.get(host.address()).data == PNG


def test_the_next_address_is_tried_when_the_first_does_not_answer(proxy: Proxy, host: Host) -> None:
    with socket.socket() as taken:  # bound without listening, so connections are refused
        taken.bind(("127.0.0.1", 0))
        proxy.start(resolve=lambda name, port: ["127.0.0.77", "127.0.0.1"], allowed=lambda ip: True)
        assert proxy.get(host.address()).data == PNG
        refused(proxy.get(f"http://img.test:{taken.getsockname()[1]}/"))


def test_the_connection_goes_to_the_address_that_was_checked(
    proxy: Proxy, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def rebinding(name: str, port: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.9.9.9"]

    proxy.start(resolve=rebinding)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("resolved again"))
    assert proxy.get(host.address()).data == PNG
    assert asked == ["img.test"]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_an_unknown_host_name_is_a_502(proxy: Proxy, host: Host, error: Exception) -> None:
    def unknown(name: str, port: int) -> list[str]:
        raise error

    proxy.start(resolve=unknown)
    refused(proxy.get(host.address()))


@pytest.mark.parametrize(
    "address",
    ["http://img.test:22/", "http://img.test:25/a.png", "http://img.test:0/", "https://img.test:6667/",
     "http://img.test:70000/", "ftp://img.test/a.png", "file:///etc/passwd", "gopher://img.test/",
     "//img.test/a.png", "img.test", "http://", "http://./", "http://[::1/", "http://a b/"],
)  # fmt: skip
def test_broken_addresses_odd_ports_and_other_schemes_are_never_asked(
    proxy: Proxy, address: str
) -> None:
    proxy.start(resolve=lambda name, port: pytest.fail("resolved"))
    refused(proxy.get(address))


@pytest.mark.parametrize(
    ("address", "authority", "port", "path"),
    [
        ("http://img.test", "img.test", 80, "/"),
        ("https://IMG.test./a?b#c", "img.test", 443, "/a?b"),
        ("https://img.test:443/%2F//x", "img.test", 443, "/%2F//x"),
        ("https://user:secret@img.test:8443/?", "img.test:8443", 8443, "/"),
        ("http://[2606:4700::1]:8080/x", "[2606:4700::1]:8080", 8080, "/x"),
    ],
)
def test_an_address_is_parsed_into_authority_port_and_path(
    address: str, authority: str, port: int, path: str
) -> None:
    target = targets.parse(address)
    assert target is not None
    assert (target.authority, target.port, target.path) == (authority, port, path)


# ── Redirects


def redirect(location: str, status: str = "302 Found") -> bytes:
    return response(b"", f"Location: {location}", status=status)


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
def test_redirects_are_followed(proxy: Proxy, host: Host, status: str) -> None:
    host.answers["/1"] = redirect("2?x=/#y", status)
    host.answers["/2?x=/"] = redirect(f"//other.test:{host.port}/图.png", status)
    host.answers["/%E5%9B%BE.png"] = response()
    assert proxy.get(host.address("/1")).data == PNG
    assert host.paths == ["/1", "/2?x=/", "/%E5%9B%BE.png"]
    assert f"Host: other.test:{host.port}\r\n" in host.requests[-1]


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:{port}/a.png", "http://localhost:{port}/a.png", "http://0x7f.1:{port}/a.png",
     "http://[::ffff:127.0.0.1]:{port}/a.png", "http://169.254.169.254/latest/meta-data/",
     "http://img.test:22/", "file:///etc/passwd", "ftp://img.test/", "javascript:alert(1)",
     "http://[", "//[", "http://img.test:x/"],
)  # fmt: skip
def test_a_redirect_to_a_forbidden_address_is_not_followed(
    proxy: Proxy, host: Host, location: str
) -> None:
    def resolve(name: str, port: int) -> list[str]:
        return ["127.0.0.1"] if name == "img.test" else targets.resolve(name, port)

    proxy.start(resolve=resolve, allowed=lambda ip: targets.public(ip) or not host.requests)
    host.answers["/1"] = redirect(location.format(port=host.port))
    refused(proxy.get(host.address("/1")))
    assert host.paths == ["/1"]


def test_a_redirect_loop_ends_after_five_redirects(proxy: Proxy, host: Host) -> None:
    host.answers["/1"] = redirect("/1")
    refused(proxy.get(host.address("/1")))
    assert len(host.requests) == 6


@pytest.mark.parametrize(
    "answer",
    [response(status="206 Partial Content"),
     response(status="500 Oops"), response(b"", status="304 Not Modified"),
     response(b"", status="302 Found"), response(b"", status="204 No Content"),
     b"HTTP/1.1", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
     b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
     b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**6 + b"\r\n\r\n",
     response(PNG, "Content-Length: 5", "Content-Length: 7", length=None)],
)  # fmt: skip
def test_a_response_other_than_a_valid_200_is_a_502(
    proxy: Proxy, host: Host, answer: bytes
) -> None:
    host.answers["/x"] = answer
    refused(proxy.get(host.address("/x")))
    assert proxy.files == []


# ── The request to the host


def headers_of(request: str) -> dict[str, str]:
    lines = request.removesuffix("\r\n\r\n").split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)


def test_the_host_learns_nothing_of_the_reader(
    proxy: Proxy, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://user:secret@127.0.0.1:1")
    host.answers["/1"] = response(
        b"", "Set-Cookie: a=b; Path=/", "Location: /a.png", status="302 Found"
    )
    address = host.address("/1").replace("//", "//user:secret@")
    answer = proxy.get(
        address, Referer="https://reader.example", Cookie="c=d", User_Agent="Reader",
        Authorization="Basic x", X_Forwarded_For="192.0.2.1",
    )  # fmt: skip
    assert answer.data == PNG
    for request in host.requests:
        assert headers_of(request) == {
            "Host": f"img.test:{host.port}",
            "Accept": "image/jpeg,image/png,image/gif,image/webp;q=0.9,image/*;q=0.5",
            "Accept-Encoding": "identity",
            "User-Agent": f"feedsvc/test (+{BASE})",
        }


@pytest.mark.parametrize(
    ("name", "referer"),
    [
        ("wx1.sinaimg.test", "https://weibo.test/"),
        ("WX1.SinaImg.Test", "https://weibo.test/"),
        ("a.b.sinaimg.test", "https://weibo.test/"),
        ("i.pximg.test", "https://www.pixiv.test/"),
        ("sinaimg.test", None),
        ("notsinaimg.test", None),
        ("wx1.sinaimg.test.evil.test", None),
    ],
)
def test_a_configured_host_gets_its_referrer(
    proxy: Proxy, host: Host, name: str, referer: str | None
) -> None:
    table = (
        ("*.SINAIMG.test", "https://weibo.test/"),
        ("i.pximg.test", "https://www.pixiv.test/"),
        ("*.sinaimg.test", "https://never.test/"),
    )
    proxy.start(referers=table)
    assert proxy.get(host.address(name=name)).status_code == 200
    assert headers_of(host.requests[0]).get("Referer") == referer


def test_after_a_redirect_the_referrer_is_that_of_the_new_host(proxy: Proxy, host: Host) -> None:
    proxy.start(referers=(("one.test", "https://one.example/"),))
    host.answers["/1"] = redirect(host.address(name="two.test"))
    assert proxy.get(host.address("/1", name="one.test")).status_code == 200
    assert [headers_of(r).get("Referer") for r in host.requests] == ["https://one.example/", None]


# ── TLS


@pytest.fixture
def secure_host(tmp_path: Path) -> Iterator[Host]:
    (tmp_path / "images.test.pem").write_text(PEM)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "images.test.pem")
    host = Host(context)
    host.answers["/name"] = response()
    yield host
    host.close()


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=PEM[PEM.index("-----BEGIN CERT") :])


def test_a_host_is_asked_by_its_name_over_tls(proxy: Proxy, secure_host: Host) -> None:
    proxy.start(tls=trusting())
    assert proxy.get(secure_host.address(name="images.test")).data == PNG
    assert headers_of(secure_host.requests[0])["Host"] == f"images.test:{secure_host.port}"


@pytest.mark.parametrize(
    ("name", "tls"),
    [("other.test", trusting), ("127.0.0.1", trusting), ("images.test", lambda: None)],
)
def test_a_certificate_that_is_untrusted_or_for_another_host_is_refused(
    proxy: Proxy, secure_host: Host, name: str, tls: Callable[[], ssl.SSLContext | None]
) -> None:
    proxy.start(tls=tls())
    refused(proxy.get(secure_host.address(name=name)))
    assert secure_host.requests == []


# ── Limits of size and time


def test_an_image_whose_content_length_is_too_large_is_refused(proxy: Proxy, host: Host) -> None:
    proxy.start(max_bytes=len(PNG))
    assert proxy.get(host.address()).status_code == 200
    host.answers["/large"] = response(PNG, length=len(PNG) + 1)
    assert "too large" in refused(proxy.get(host.address("/large")))


def test_an_image_without_a_length_is_refused_once_it_is_too_large(
    proxy: Proxy, host: Host
) -> None:
    proxy.start(max_bytes=10_000)
    host.answers["/fits"] = chunked(PNG, b"x" * (10_000 - len(PNG)))
    assert len(proxy.get(host.address("/fits")).data) == 10_000

    def endless(connection: socket.socket) -> None:
        connection.sendall(chunked(PNG, end=b""))
        while True:  # until the other side hangs up
            connection.sendall(b"5\r\nxxxxx\r\n" * 1000)

    host.answers["/large"] = endless
    assert "too large" in refused(proxy.get(host.address("/large")))
    assert len(proxy.files) == 1


class Ticking:
    """A clock that moves a second and lets one byte through at each reading."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ticks = threading.Semaphore(0)

    def __call__(self) -> float:
        self.seconds += 1
        self._ticks.release()
        return self.seconds

    def drip(self, connection: socket.socket, data: Iterable[int]) -> None:
        for byte in data:
            assert self._ticks.acquire(timeout=LIMIT)
            connection.sendall(bytes([byte]))

    def let_all_through(self) -> None:
        self._ticks.release(10_000)


@pytest.mark.parametrize("at_once", [0, 5, len(response()) - len(PNG) + 3, len(response()) - 100])
@pytest.mark.parametrize("tls", [False, True])
def test_a_host_that_sends_byte_by_byte_is_a_504_after_the_timeout(
    proxy: Proxy, host: Host, secure_host: Host, at_once: int, tls: bool
) -> None:
    clock = Ticking()

    def drip(connection: socket.socket) -> None:
        connection.sendall(response()[:at_once])
        clock.drip(connection, response()[at_once:])

    host = secure_host if tls else host
    host.answers["/x"] = drip
    proxy.start(clock=clock, timeout=timedelta(seconds=20), tls=trusting())
    assert "too long" in refused(proxy.get(host.address("/x", name="images.test")), 504)
    assert clock.seconds <= 22
    assert proxy.files == []
    clock.let_all_through()


def test_a_host_that_sends_nothing_is_a_504(proxy: Proxy, host: Host) -> None:
    over = threading.Event()
    host.answers["/x"] = lambda connection: over.wait(LIMIT) and None
    times = iter([0.0])
    proxy.start(clock=lambda: next(times, 19.99), timeout=timedelta(seconds=20))
    refused(proxy.get(host.address("/x")), 504)
    over.set()


def test_a_name_server_that_does_not_answer_is_a_504(
    proxy: Proxy, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.web.imageproxy.images._GRACE", 0.0)
    over = threading.Event()
    proxy.start(
        timeout=timedelta(milliseconds=1),
        resolve=lambda name, port: ["127.0.0.1"] if over.wait(LIMIT) else [],
    )
    refused(proxy.get(host.address()), 504)
    over.set()


# ── Only whole images are sent


class Gate:
    """An answer in two halves; the second is sent when the gate is opened."""

    def __init__(self, first: bytes, second: bytes) -> None:
        self._halves = first, second
        self._asked = threading.Event()
        self._open = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(self._halves[0])
        self._asked.set()
        assert self._open.wait(LIMIT)
        connection.sendall(self._halves[1])

    def wait(self) -> None:
        """Return when the first half was sent."""
        assert self._asked.wait(LIMIT)

    def open(self) -> None:
        self._open.set()


LARGE = HEAD + os.urandom(900_000)


def half_sent(host: Host) -> Gate:
    """Let the host send half of `LARGE` at /x, and the rest when the gate is opened."""
    whole = response(LARGE)
    gate = host.answers["/x"] = Gate(whole[:500_000], whole[500_000:])
    return gate


class Reader:
    """Asks for an image in a thread of its own."""

    def __init__(self, proxy: Proxy, address: str) -> None:
        self._answers: list[TestResponse] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(proxy.get(address)))
        self._thread.start()

    @property
    def waits(self) -> bool:
        return not self._answers

    def answer(self) -> TestResponse:
        self._thread.join(LIMIT)
        return self._answers[0]


def test_an_image_is_sent_only_when_all_of_it_has_arrived(proxy: Proxy, host: Host) -> None:
    gate = half_sent(host)
    reader = Reader(proxy, host.address("/x"))
    gate.wait()
    assert [name.rpartition(".")[2] for name in proxy.files] in ([], ["part"])
    assert reader.waits
    gate.open()
    assert reader.answer().data == LARGE
    assert proxy.files == [name_of(host.address("/x"))]


def test_a_large_image_is_sent_in_pieces(proxy: Proxy, host: Host) -> None:
    host.answers["/x"] = response(LARGE)
    with proxy.stream(host.address("/x")) as pieces:
        read = list(pieces)
    assert b"".join(read) == LARGE
    assert max(map(len, read)) <= 256 * 1024


def test_simultaneous_requests_for_one_image_share_one_fetch(proxy: Proxy, host: Host) -> None:
    whole = chunked(PNG[:500], PNG[500:])
    gate = host.answers["/x"] = Gate(whole[:300], whole[300:])
    got: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: got.append(proxy.get(host.address("/x")).data))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    gate.open()
    for thread in threads:
        thread.join(LIMIT)
    assert got == [PNG] * 8
    assert len(host.requests) == 1


def test_an_image_without_a_length_is_sent_with_one(proxy: Proxy, host: Host) -> None:
    host.answers["/chunked"] = chunked(PNG[:7], PNG[7:8], PNG[8:])
    host.answers["/old"] = response(PNG, length=None)
    host.answers["/nonsense"] = response(PNG, "Content-Length: -5", length=None)
    for path in ("/chunked", "/old", "/nonsense"):
        answer = proxy.get(host.address(path))
        assert answer.data == PNG
        assert answer.headers["Content-Length"] == str(len(PNG))


@pytest.mark.parametrize("tls", [False, True])
def test_an_incomplete_image_is_a_502_and_not_kept(
    proxy: Proxy, host: Host, secure_host: Host, tls: bool
) -> None:
    host = secure_host if tls else host
    proxy.start(tls=trusting())
    address = host.address("/x", "images.test")
    host.answers["/x"] = response(LARGE)[:300_000]
    for _ in range(2):
        refused(proxy.get(address))
        assert proxy.files == []
    proxy.now += 61
    host.answers["/x"] = response(LARGE)
    assert proxy.get(address).data == LARGE
    assert proxy.get(address).data == LARGE
    assert len(host.requests) == 2


# ── Failures are remembered, and the number of fetches is limited


def test_an_image_that_failed_is_fetched_once_a_minute(proxy: Proxy, host: Host) -> None:
    for _ in range(3):
        refused(proxy.get(host.address("/gone")))
    assert len(host.requests) == 1
    assert proxy.get(host.address()).status_code == 200, "another image is another matter"
    proxy.now += 59
    refused(proxy.get(host.address("/gone")))
    assert len(host.requests) == 2
    proxy.now += 2
    host.answers["/gone"] = response()
    assert proxy.get(host.address("/gone")).data == PNG


def test_the_number_of_remembered_failures_is_bounded(
    proxy: Proxy, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.web.imageproxy.images._MOST_REMEMBERED", 2)
    for path in ("/1", "/2", "/3", "/3", "/2", "/1"):
        refused(proxy.get(host.address(path)))
    assert host.paths == ["/1", "/2", "/3", "/1"]


def test_a_request_beyond_the_most_fetches_is_a_503(proxy: Proxy, host: Host) -> None:
    proxy.start(fetches=1, patience=0.0)
    gate = half_sent(host)
    first = Reader(proxy, host.address("/x"))
    gate.wait()
    answer = proxy.get(host.address())
    refused(answer, 503)
    assert answer.headers["Retry-After"] == "5"
    same = Reader(proxy, host.address("/x"))
    gate.open()
    assert first.answer().data == same.answer().data == LARGE
    proxy.start(fetches=1, patience=LIMIT)
    assert proxy.get(host.address()).status_code == 200, "that was not remembered"


def test_a_waiting_request_is_answered_after_the_fetch_before_it(proxy: Proxy, host: Host) -> None:
    proxy.start(fetches=1, patience=LIMIT)
    gate = half_sent(host)
    first = Reader(proxy, host.address("/x"))
    gate.wait()
    second = Reader(proxy, host.address())
    gate.open()
    assert first.answer().data == LARGE
    assert second.answer().data == PNG


def test_the_number_of_waiting_requests_is_bounded(
    proxy: Proxy, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.web.imageproxy.images._MOST_WAITING", 0)
    proxy.start(fetches=1, patience=LIMIT)
    gate = half_sent(host)
    first = Reader(proxy, host.address("/x"))
    gate.wait()
    refused(proxy.get(host.address()), 503)
    gate.open()
    assert first.answer().data == LARGE


def reset(connection: socket.socket) -> None:
    """Have the connection closed with a reset (RST) instead of an end."""
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def reset_in_the_middle(connection: socket.socket) -> None:
    connection.sendall(response(LARGE)[:100_000])
    reset(connection)


def no_address(name: str, port: int) -> list[str]:
    raise socket.gaierror(-2, "Name or service not known")


def bug(name: str, port: int) -> list[str]:
    raise RuntimeError("a bug")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "closes the connection without an answer"),
        (reset, "breaks the connection"),
        (reset_in_the_middle, "breaks the connection"),
        (response(LARGE)[:100_000], "does not send all of the image"),
        (chunked(PNG, end=b""), "does not send all of the image"),
        (chunked(PNG, end=b"zz\r\n"), "does not send all of the image"),
        (chunked(PNG, end=b"ff\r\nxxx"), "does not send all of the image"),
        (b"garbage\r\n\r\n", "sends what is not HTTP"),
        (response(PNG, length=10**9), "more than 1000000 bytes"),
        (chunked(PNG, b"x" * 10**6), "more than 1000000 bytes"),
        (response(b"<html>" + b" " * 100), "sends no image"),
        (response(status="404 secret"), "answers 404"),
        (redirect("/x?token=secret"), "more than 5 redirects"),
        (redirect("http://[secret"), "redirects to what is no address"),
    ],
)  # fmt: skip
def test_a_failed_fetch_is_one_line_in_the_log_without_a_traceback(
    proxy: Proxy, host: Host, caplog: pytest.LogCaptureFixture, answer: bytes | Answer, reason: str
) -> None:
    caplog.set_level(logging.DEBUG, logger="feedsvc")
    host.answers["/x?token=secret"] = answer
    for _ in range(2):
        refused(proxy.get(host.address("/x?token=secret")))
    (record,) = (record for record in caplog.records if record.name.startswith("feedsvc"))
    assert record.getMessage() == f"no image from img.test: {reason}"
    assert record.exc_info is None
    assert proxy.files == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"resolve": no_address}, "images.test has no IP address"),
        ({"allowed": lambda ip: False}, "images.test has no public IP address"),
        ({}, "has a certificate that is not accepted"),
    ],
)
def test_a_host_that_cannot_be_asked_is_one_line_in_the_log(
    proxy: Proxy,
    secure_host: Host,
    caplog: pytest.LogCaptureFixture,
    options: dict[str, Any],
    reason: str,
) -> None:
    caplog.set_level(logging.DEBUG, logger="feedsvc")
    proxy.start(**options)
    refused(proxy.get(secure_host.address(name="images.test")))
    (record,) = (record for record in caplog.records if record.name.startswith("feedsvc"))
    assert record.getMessage() == f"no image from images.test: {reason}"
    assert record.exc_info is None


def test_a_failed_connection_is_one_line_in_the_log(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="feedsvc")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_without_tls() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer_without_tls)
        thread.start()
        refused(proxy.get(f"https://img.test:{listener.getsockname()[1]}/"))
        thread.join(LIMIT)
    with socket.socket() as taken:  # bound without listening, so connections are refused
        taken.bind(("127.0.0.1", 0))
        refused(proxy.get(f"http://img.test:{taken.getsockname()[1]}/"))
    assert [record.getMessage() for record in caplog.records] == [
        "no image from img.test: fails at TLS",
        "no image from img.test: refuses the connection",
    ]


def test_an_unexpected_error_is_logged_once_with_its_traceback(
    proxy: Proxy, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.start(resolve=bug)
    refused(proxy.get(host.address()))
    (record,) = caplog.records
    assert record.exc_info is not None
    refused(proxy.get(host.address()))
    assert len(caplog.records) == 1, "remembered like any other failure"


def test_the_log_names_the_host_but_no_path_query_or_password(
    proxy: Proxy, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    host.answers["/secret?token=secret"] = b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"
    refused(proxy.get(host.address("/secret?token=secret").replace("//", "//user:secret@")))
    assert "no image from img.test: sends no image" in caplog.text
    assert "secret" not in caplog.text


# ── The cache


def test_a_fetched_image_is_answered_from_the_cache(proxy: Proxy, host: Host) -> None:
    first = proxy.get(host.address())
    second = proxy.get(host.address())
    proxy.start()
    after_restart = proxy.get(host.address())
    assert first.data == second.data == after_restart.data == PNG
    assert dict(first.headers) == dict(second.headers) == dict(after_restart.headers)
    assert len(host.requests) == 1
    assert proxy.files == [name_of(host.address())]
    assert proxy.directory.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"<html>", PNG[:4]])
def test_a_damaged_file_is_fetched_again(proxy: Proxy, host: Host, content: bytes) -> None:
    proxy.get(host.address())
    (proxy.directory / name_of(host.address())).write_bytes(content)
    assert proxy.get(host.address()).data == PNG
    assert len(host.requests) == 2


def test_an_image_is_fetched_again_after_thirty_days_even_if_used(proxy: Proxy, host: Host) -> None:
    now = time.time()
    proxy.start(cache=Cache(proxy.directory, 10**8, clock=lambda: now))
    proxy.get(host.address())
    for days in (1, 10, 29):
        now = time.time() + days * 86400
        proxy.get(host.address())
        assert len(host.requests) == 1
    now = time.time() + 31 * 86400
    proxy.get(host.address())
    assert len(host.requests) == 2


def test_images_are_served_even_if_the_cache_cannot_be_written(
    proxy: Proxy, host: Host, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    proxy.start(directory=tmp_path / "file" / "images")
    for n in (1, 2):
        assert proxy.get(host.address()).data == PNG
        assert len(host.requests) == n
    assert caplog.text.count("images cannot be kept in") == 1


def test_a_full_disk_is_a_503(proxy: Proxy, host: Host) -> None:
    class Full(Cache):
        def draft(self, name: str) -> Draft:
            return Draft(FileIO("/dev/full", "r+b"), None)

    class Nowhere(Cache):
        def draft(self, name: str) -> Draft:
            raise OSError(28, "No space left on device")

    for kind in (Full, Nowhere) if sys.platform == "linux" else (Nowhere,):
        proxy.start(cache=kind(proxy.directory, 10**8))
        host.answers["/x"] = chunked(PNG)
        refused(proxy.get(host.address("/x")), 503)


def add(cache: Cache, address: str, size: int) -> None:
    draft = cache.draft(name_of(address))
    with draft.file:
        draft.file.write(HEAD.ljust(size, b"x"))
        cache.keep(draft, name_of(address))


def used(directory: Path) -> int:
    return sum(-(-file.stat().st_size // 4096) * 4096 for file in directory.iterdir())


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("size", [10, 5000, 30_000, 300_000])
def test_the_cache_never_grows_past_its_limit(tmp_path: Path, processes: int, size: int) -> None:
    caches = [Cache(tmp_path, 500_000) for _ in range(processes)]
    for n in range(1_000_000 // max(size, 4096) + 8):
        add(caches[n % processes], str(n), size)
        assert used(tmp_path) <= 500_000


def test_the_least_recently_used_image_is_removed_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 16 * 4096)
    for n in range(12):
        add(cache, str(n), 4096)
        os.utime(tmp_path / name_of(str(n)), (time.time() - 86400 + n, time.time()))
    kept = cache.open(name_of("0"))  # which is a use
    assert kept is not None
    kept.close()
    for n in range(12, 15):
        add(cache, str(n), 4096)
    left = {n for n in range(15) if (tmp_path / name_of(str(n))).exists()}
    assert left >= {0, 12, 13, 14}
    assert 1 not in left


def test_a_use_is_noted_at_most_once_an_hour(tmp_path: Path) -> None:
    now = time.time()
    cache = Cache(tmp_path, 10**6, clock=lambda: now)
    add(cache, "x", 100)
    file = tmp_path / name_of("x")
    fetched = file.stat().st_mtime_ns
    for later, noted in ((3000, False), (3700, True)):
        now = file.stat().st_atime + later
        kept = cache.open(file.name)
        assert kept is not None
        kept.close()
        # Not noted by the cache, it may be by the file system, with the real time.
        assert (file.stat().st_atime_ns == int(now * 1e9)) == noted
        assert file.stat().st_mtime_ns == fetched


def test_the_cache_removes_only_its_own_files(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 4096)
    (tmp_path / "mine.png").write_bytes(b"x" * 100_000)
    (tmp_path / "folder").mkdir()
    abandoned = cache.draft(name_of("abandoned"))
    young = cache.draft(name_of("young"))
    assert abandoned.path is not None
    assert young.path is not None
    os.utime(abandoned.path, (time.time() - 7200, time.time() - 7200))
    abandoned.file.close()
    young.file.close()
    add(cache, "1", 4000)
    add(cache, "2", 4000)
    assert {file.name for file in tmp_path.iterdir()} == {"mine.png", "folder", young.path.name}


def test_an_image_is_sent_whole_even_if_it_is_removed_meanwhile(proxy: Proxy, host: Host) -> None:
    host.answers["/x"] = response(LARGE)
    proxy.get(host.address("/x"))
    with proxy.stream(host.address("/x")) as pieces:
        got = next(pieces)
        (proxy.directory / name_of(host.address("/x"))).unlink()
        assert got + b"".join(pieces) == LARGE


def test_a_cached_image_that_is_truncated_meanwhile_breaks_off(proxy: Proxy, host: Host) -> None:
    host.answers["/x"] = response(LARGE)
    proxy.get(host.address("/x"))
    with proxy.stream(host.address("/x")) as pieces:
        next(pieces)
        os.truncate(proxy.directory / name_of(host.address("/x")), 1000)
        with pytest.raises(ImageError):
            list(pieces)


def test_the_defaults_are_as_documented() -> None:
    assert ImageProxy() == ImageProxy(
        directory=Path("state/images"), cache_bytes=524_288_000, max_bytes=20_971_520,
        timeout=timedelta(seconds=20), referers=(),
    )  # fmt: skip
