"""The response cache: what was answered before is answered again from memory, in front of Flask.

A reader's request is nearly always one that was made before: the same address with the same
validators and codings. The application's answer to it is kept, status, headers and body, until the
document that it shows is replaced; so both ways give the same answers by construction.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedsvc.errors import FeedsvcError

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

VERSION = "feedsvc.version"
"""Under which the application says, in the WSGI environment, of what version its answer is."""

_OPML = "/opml.xml"
_MOST_BYTES = 16 * 1024 * 1024
_OVERHEAD = 2000  # bytes that an answer without a body takes, about
_MOST_IN_KEY = 600  # characters of headers: readers send no longer ones
_PAUSE = 0.1  # seconds between two questions whether anything has changed

Key = tuple[str, str, str | None, str | None, str | None]
Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Response:
    path: str
    version: str  # of the document
    status: str
    headers: tuple[Header, ...]
    body: bytes

    @property
    def size(self) -> int:
        return _OVERHEAD + len(self.body)


class ResponseCache:
    """A WSGI application in front of another one, whose answers it keeps.

    `generation` returns a value that is another one after documents have changed, and `versions`
    the versions that documents have now, by path; a path that it leaves out has no document.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        *,
        generation: Callable[[], object],
        versions: Callable[[Collection[str]], Mapping[str, str]],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._app = app
        self._generation = generation
        self._versions = versions
        self._clock, self._wall = clock, wall
        self._most_bytes = most_bytes
        self._lock = threading.Lock()  # of the four below
        self._responses: OrderedDict[Key, _Response] = OrderedDict()  # the last used at the end
        self._bytes = 0
        self._seen: object = None  # the generation that the responses are of
        self._latest = 0.0  # by the wall clock
        self._asking = threading.Lock()
        self._asked = -_PAUSE  # by the monotonic clock

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        self._drop_outdated()
        key = _key(environ)
        with self._lock:
            response = self._responses.get(key)
            if response is not None:
                self._responses.move_to_end(key)
        if response is None:
            return self._ask_application(key, environ, start)
        start(response.status, list(response.headers))
        return [response.body] if response.body else []

    def _ask_application(
        self, key: Key, environ: "WSGIEnvironment", start: "StartResponse"
    ) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return self._app(environ, start)
        seen, recorder = self._seen, _Recorder(start)
        parts = self._app(environ, recorder)
        version = environ.get(VERSION)
        if version is None or not recorder.status:
            return parts
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        if sum(len(part or "") for part in key) <= _MOST_IN_KEY:
            response = _Response(_path(environ), version, recorder.status, recorder.headers, body)
            with self._lock:
                if seen == self._seen:  # else the document may have been replaced meanwhile
                    self._add(key, response)
        return [body] if body else []

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
        """Drop the responses whose documents have been replaced, if any document has.

        One thread asks; the others go on with what is held.
        """
        if self._clock() - self._asked < _PAUSE or not self._asking.acquire(blocking=False):
            return
        try:
            self._asked = self._clock()
            now, before = self._wall(), self._latest
            self._latest = now
            with suppress(FeedsvcError):  # what was answered is answered again meanwhile
                generation = self._generation()
                if now < before:  # the clock was set back: some may say that they are of the future
                    self._keep_only({})
                if generation != self._seen:
                    self._go_over_to(generation)
        finally:
            self._asking.release()

    def _go_over_to(self, generation: object) -> None:
        # First this, so that no thread adds an answer that it was given before.
        before, self._seen = self._seen, generation
        try:
            with self._lock:
                names = {
                    _name(response.path): response.path for response in self._responses.values()
                }
            current = self._versions(names)
        except BaseException:
            self._seen = before  # asked again next time
            raise
        self._keep_only({names[name]: version for name, version in current.items()})

    def _keep_only(self, current: Mapping[str, str]) -> None:
        """Drop the responses that are of none of these versions of paths."""
        with self._lock:
            for key, response in list(self._responses.items()):
                if current.get(response.path) != response.version:
                    self._remove(key)


class _Recorder:
    """A `start_response` that remembers what it was called with."""

    def __init__(self, start: "StartResponse") -> None:
        self._start = start
        self.status = ""
        self.headers: tuple[Header, ...] = ()

    def __call__(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: "OptExcInfo | None" = None,
        /,
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, tuple(headers)
        return self._start(status, headers, exc_info)


def opml_path(query: str) -> str:
    """Return the path of the list of feeds that a query asks for; all else in it is ignored.

    >>> opml_path("topics=1&_=5&all=1"), opml_path("all=0")
    ('/opml.xml?all=1&topics=1', '/opml.xml')
    """
    named = set(query.split("&"))
    wanted = "&".join(flag for flag in ("all=1", "topics=1") if flag in named)
    return f"{_OPML}?{wanted}" if wanted else _OPML


def _path(environ: "WSGIEnvironment") -> str:
    """Return the path of a request; only the list of feeds looks at the query."""
    path: str = environ["PATH_INFO"]
    return opml_path(environ.get("QUERY_STRING", "")) if path == _OPML else path


def _name(path: str) -> str:
    """Return the text of a path as WSGI gives it (PEP 3333, "Unicode Issues")."""
    return path.encode("latin-1").decode("utf-8", "replace")


def _key(environ: "WSGIEnvironment") -> Key:
    """Return all of a request that an answer depends on."""
    return (
        environ["REQUEST_METHOD"],
        _path(environ),
        environ.get("HTTP_IF_NONE_MATCH"),
        environ.get("HTTP_IF_MODIFIED_SINCE"),
        environ.get("HTTP_ACCEPT_ENCODING"),
    )
