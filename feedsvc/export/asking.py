"""Asks the web application in this process, without a socket: what it answers, files have too."""

import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from feedsvc import weburl
from feedsvc.errors import ExportError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

VERSION = "feedsvc.version"
"""Where the application puts the version of a document, in the environment of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of the application; `version` is that of the document in it, if it is one."""

    status: int
    headers: dict[str, str]
    body: bytes
    version: str | None = None


class Asking:
    """Asks one application, which is at a `base_url`."""

    def __init__(self, app: "WSGIApplication", base_url: str) -> None:
        self._app = app
        parts = weburl.split(base_url)
        self._scheme = parts.scheme if parts else "http"
        self._host = parts.netloc if parts else "localhost"
        self._root = unquote_to_bytes(parts.path.rstrip("/") if parts else "").decode("latin-1")

    def ask(self, path: str, *, method: str = "GET", coding: str = "", query: str = "") -> Answer:
        """Return the answer for a path, which is not percent-encoded, in a coding if it has it."""
        pieces, status, headers, version = self._send(path, method, coding, query)
        try:
            body = b"".join(pieces)
        finally:
            _close(pieces)
        return Answer(status=status, headers=headers, body=body, version=version)

    def pieces(self, path: str, query: str = "") -> Iterator[bytes]:
        """Yield the body of the answer for a path, piece by piece, where it may be long.

        Raises ExportError where there is nothing any more.
        """
        pieces, status, *_ = self._send(path, "GET", "", query)
        try:
            if status != 200:
                raise ExportError(f"{path} was there, and is gone; the next export knows")
            yield from pieces
        finally:
            _close(pieces)

    def _send(
        self, path: str, method: str, coding: str, query: str
    ) -> tuple[Iterable[bytes], int, dict[str, str], str | None]:
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": self._root + path.encode("utf-8", "surrogateescape").decode("latin-1"),
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_NAME": self._host.partition(":")[0],
            "SERVER_PORT": "443" if self._scheme == "https" else "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": self._host,
            "HTTP_ACCEPT": "*/*",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self._scheme,
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if coding:
            environ["HTTP_ACCEPT_ENCODING"] = coding
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _: object = None) -> object:
            started.append((status, headers))
            return None

        pieces = self._app(environ, start)  # type: ignore[arg-type]  # nothing calls `write`
        status, headers = started[-1]
        version = environ.get(VERSION)
        return (
            pieces,
            int(status[:3]),
            {name.title(): value for name, value in headers},
            version if isinstance(version, str) else None,
        )


def address(base_url: str, path: str) -> str:
    """Return the public address of a path.

    >>> address("https://example.org", "/feeds/财经.atom")
    'https://example.org/feeds/%E8%B4%A2%E7%BB%8F.atom'
    """
    return base_url + quote(path, safe="/", errors="surrogateescape")


def _close(pieces: Iterable[bytes]) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
