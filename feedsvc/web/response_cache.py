"""The response cache: gives answers again from memory, in front of Flask.

Nearly every request of a feed reader was made before: the same address, validators and codings. The
cache keeps the application's answer, status, headers and body, until the document in it is
replaced. So an answer from memory equals the application's.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator

from feedsvc.errors import FeedsvcError
from feedsvc.web.wsgi import Header, Started

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

VERSION = "feedsvc.version"
"""The key of the WSGI environment under which the application puts its document's version.

An answer without a version is not kept.
"""
PAGE = "page"
"""The version under VERSION is that of all pages if it begins with this and a space."""

MADE = "made when it was asked for"
"""The version of a document that is not stored; its answer is kept until anything changes."""

OTHER_OPML = "/feeds/opml.xml"
"""A second address of the list of feeds, beside the feeds."""

_OPML = "/opml.xml"
_MOST_BYTES = 32 * 1024 * 1024
_OVERHEAD = 2000  # bytes that an answer without a body takes, about
_MOST_IN_KEY = 600  # characters of headers: no feed reader sends longer ones
_PAUSE = 0.1  # seconds between two looks at the generation

Key = tuple[str, str, str | None, str | None, str | None, str]


@dataclass(frozen=True, slots=True)
class _Response:
    path: str  # PAGE for all pages
    version: str  # of the document
    status: str
    headers: list[Header]
    body: bytes

    @property
    def size(self) -> int:
        return _OVERHEAD + len(self.body)


class ResponseCache:
    """A WSGI application around `app`, whose answers it keeps.

    `generation` returns a value that changes after documents have changed. `versions` returns the
    current versions of documents by path, and leaves out paths that have no document; the version
    of all pages is at the path PAGE. `variant` tells on what else of a request the answer depends.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        *,
        generation: Callable[[], object],
        versions: Callable[[Collection[str]], Mapping[str, str]],
        variant: Callable[["WSGIEnvironment"], str] = lambda _: "",
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._app = app
        self._generation = generation
        self._versions = versions
        self._variant = variant
        self._clock, self._wall = clock, wall
        self._most_bytes = most_bytes
        self._lock = threading.Lock()  # of the four below
        self._responses: OrderedDict[Key, _Response] = OrderedDict()  # the last used at the end
        self._bytes = 0
        self._seen: object = None  # the generation of the responses
        self._latest = 0.0  # by the wall clock
        self._asking = threading.Lock()
        self._asked = -_PAUSE  # by the monotonic clock

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        self._drop_outdated()
        key = _key(environ, self._variant(environ))
        with self._lock:
            response = self._responses.get(key)
            if response is not None:
                self._responses.move_to_end(key)
        if response is None:
            return self._ask_application(key, environ, start)
        start(response.status, response.headers.copy())
        return [response.body]

    def _ask_application(
        self, key: Key, environ: "WSGIEnvironment", start: "StartResponse"
    ) -> Iterable[bytes]:
        seen, started = self._seen, Started()
        pieces = self._app(environ, started)
        start(started.status, started.headers.copy())
        version = environ.get(VERSION)
        if version is None:
            return pieces
        with closing(ClosingIterator(pieces)) as body_pieces:
            body = b"".join(body_pieces)
        is_page = version.startswith(f"{PAGE} ")
        # A page depends on its visitor; without a variant it would be given to every machine.
        is_told_apart = bool(key[-1]) or not is_page
        if is_told_apart and sum(len(part or "") for part in key) <= _MOST_IN_KEY:
            path = PAGE if is_page else _path(environ)
            response = _Response(path, version, started.status, started.headers, body)
            with self._lock:
                if seen == self._seen:  # else the document may have been replaced meanwhile
                    self._add(key, response)
        return [body]

    def _add(self, key: Key, response: _Response) -> None:
        self._remove(key)
        self._responses[key] = response
        self._bytes += response.size
        while self._bytes > self._most_bytes:
            self._remove(next(iter(self._responses)))

    def _remove(self, key: Key) -> None:
        response = self._responses.pop(key, None)
        if response is not None:
            self._bytes -= response.size

    def _drop_outdated(self) -> None:
        """Drop the responses whose documents have been replaced.

        One thread at a time looks; meanwhile the others answer from what is in memory.
        """
        if self._clock() - self._asked < _PAUSE or not self._asking.acquire(blocking=False):
            return
        try:
            self._asked = self._clock()
            now, before = self._wall(), self._latest
            self._latest = now
            with suppress(FeedsvcError):  # while the state cannot be read, nothing is dropped
                generation = self._generation()
                if now < before:  # the clock was set back: a Last-Modified may be in the future
                    self._keep_only({})
                if generation != self._seen:
                    self._go_over_to(generation)
        finally:
            self._asking.release()

    def _go_over_to(self, generation: object) -> None:
        # Set first, so that no thread adds an answer that was made before.
        before, self._seen = self._seen, generation
        try:
            with self._lock:
                paths = {
                    _text(response.path): response.path for response in self._responses.values()
                }
            versions = self._versions(paths)
        except BaseException:
            self._seen = before  # so that the next look tries again
            raise
        self._keep_only({paths[text]: version for text, version in versions.items()})

    def _keep_only(self, versions: Mapping[str, str]) -> None:
        """Drop the responses whose version is not that of their path in `versions`."""
        with self._lock:
            for key, response in list(self._responses.items()):
                if versions.get(response.path) != response.version:
                    self._remove(key)


def opml_path(query: str) -> str:
    """Return the path of the list of feeds that a query asks for; other parameters are ignored.

    >>> opml_path("topics=1&_=5&all=1"), opml_path("all=0")
    ('/opml.xml?all=1&topics=1', '/opml.xml')
    """
    parameters = query.split("&")
    flags = "&".join(flag for flag in ("all=1", "topics=1") if flag in parameters)
    return f"{_OPML}?{flags}" if flags else _OPML


def _path(environ: "WSGIEnvironment") -> str:
    """Return the path of a request, with the query where an answer depends on it."""
    path: str = environ["PATH_INFO"]
    if path in (_OPML, OTHER_OPML):
        return opml_path(environ.get("QUERY_STRING", ""))
    return path


def _text(path: str) -> str:
    """Return the text of a path as WSGI gives it (PEP 3333, "Unicode Issues")."""
    return path.encode("latin-1").decode("utf-8", "replace")


def _key(environ: "WSGIEnvironment", variant: str) -> Key:
    """Return the parts of a request on which an answer depends."""
    return (
        environ["REQUEST_METHOD"],
        _path(environ),
        environ.get("HTTP_IF_NONE_MATCH"),
        environ.get("HTTP_IF_MODIFIED_SINCE"),
        environ.get("HTTP_ACCEPT_ENCODING"),
        variant,
    )
