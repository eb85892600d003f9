"""With real servers, readers who ask for large files and take nothing do not block others."""

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from service import LIMIT, alive, free_port, serving, until

from feedsvc.web import SLOW_REQUESTS
from feedsvc.web.imageproxy.cache import name_of

MANY = 70
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(3_000_000)
SMALL = b"\x89PNG\r\n\x1a\n" + bytes(1000)
PROXIED = "https://images.example/a.png"
CONTENT = "content: {images: [{hosts: [images.example], via: proxy}]}\n"

# A program that runs the application by granian's own API, with one thread for all requests.
PLAIN = """
import sys, granian
granian.Granian(
    "feedsvc.serve:create_app", factory=True, interface="wsgi", address="127.0.0.1",
    port=int(sys.argv[1]), workers=1, blocking_threads=1,
).serve()
"""


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "1.html").write_text(f"---\ntitle: One\n---\n<p>1<img src='{PROXIED}'></p>")
    (folder / "large.png").write_bytes(IMAGE)
    (folder / "small.png").write_bytes(SMALL)
    images = tmp_path / "state" / "images"
    images.mkdir(parents=True)
    (images / name_of(PROXIED)).write_bytes(IMAGE)  # as if it had been fetched
    return folder


@contextmanager
def under_plain_granian(folder: Path, articles: Path) -> Iterator[httpx.Client]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config = folder / "config.yaml"
    config.write_text(
        f"site: {{title: Live, base_url: '{url}'}}\narticles: {{directory: '{articles}'}}\n"
        f"state: {{url: 'sqlite:///state/feedsvc.db'}}\n{CONTENT}"
    )
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PLAIN, str(port)],
            env={**os.environ, "FEEDSVC_CONFIG": str(config)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=url, timeout=LIMIT) as client:
            until(lambda: ready(client, process), f"the service answers: {log.read_text()}")
            yield client
    finally:
        process.terminate()
        process.wait(LIMIT)


def ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        return client.get("/feeds/all.atom").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def under_serve(folder: Path, articles: Path) -> Iterator[httpx.Client]:
    with serving(folder, articles, "--workers", "1") as service:
        service.config.write_text(service.config.read_text() + CONTENT)
        (old,) = service.workers(1)
        service.reload()
        until(lambda: not alive(old), "a worker with the new settings has taken over")
        yield service.client


@contextmanager
def readers_who_take_nothing(client: httpx.Client, path: str, number: int) -> Iterator[None]:
    """Ask for a path so many times, and read only the beginning of each answer."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with contextlib.ExitStack() as connections:
        for _ in range(number):
            reader = connections.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.settimeout(LIMIT)
            reader.connect(("127.0.0.1", client.base_url.port))
            reader.sendall(request)
            assert reader.recv(12) == b"HTTP/1.1 200"
        yield


@pytest.mark.parametrize("server", [under_serve, under_plain_granian])
def test_readers_who_take_nothing_of_an_image_do_not_block_others(
    tmp_path: Path, articles: Path, server: object
) -> None:
    assert callable(server)
    with server(tmp_path, articles) as client:
        proxied = until(
            lambda: re.search(r"/image/[\w-]+/[\w-]+", client.get("/feeds/all.rss").text),
            "the image is shown by way of the proxy",
        )[0]
        with (
            readers_who_take_nothing(client, "/media/large.png", MANY),
            readers_who_take_nothing(client, proxied, MANY),
        ):
            assert client.get("/media/small.png").content == SMALL
            assert client.get("/media/large.png").content == IMAGE
            assert client.get(proxied).content == IMAGE
            for path in ("/feeds/all.atom", "/opml.xml", "/", "/healthz", "/readyz"):
                assert client.get(path).status_code == 200
            part = client.get("/media/large.png", headers={"Range": "bytes=1-3"})
            assert (part.status_code, part.content) == (206, b"PNG")


def test_readers_who_take_nothing_of_a_film_do_not_block_others(
    tmp_path: Path, articles: Path
) -> None:
    with (articles / "film.mp4").open("wb") as film:
        film.truncate(100_000_000)
    with (
        under_serve(tmp_path, articles) as client,
        readers_who_take_nothing(client, "/media/film.mp4", SLOW_REQUESTS - 1),
    ):
        assert client.get("/media/small.png").content == SMALL
        assert client.get("/media/large.png").content == IMAGE
        assert len(client.get("/media/film.mp4").content) == 100_000_000
        with readers_who_take_nothing(client, "/media/film.mp4", 1):
            refused = client.get("/media/film.mp4")
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        for path in ("/feeds/all.atom", "/", "/healthz"):
            assert client.get(path).status_code == 200
