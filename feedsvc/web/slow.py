"""A limit for requests that take long: images of other hosts, and files to slow readers.

A WSGI server has so many threads, and each of these requests holds one until it has been answered.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATHS = ("/image/", "/media/")
"""How paths begin whose answers may take long."""

_BUSY = b"Too many images and files are being sent at this moment.\n"


class SlowRequests:
    """A WSGI application in front of another one, which has `most` slow requests at a time.

    One more is answered with 503 and may be made again a moment later.
    """

    def __init__(self, app: "WSGIApplication", most: int) -> None:
        self._app = app
        self._places = threading.BoundedSemaphore(most)

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        if not environ["PATH_INFO"].startswith(PATHS):
            return self._app(environ, start)
        if not self._places.acquire(blocking=False):
            start(
                "503 Service Unavailable",
                [
                    ("Content-Type", "text/plain; charset=utf-8"),
                    ("Content-Length", str(len(_BUSY))),
                    ("Cache-Control", "no-store"),
                    ("Retry-After", "1"),
                ],
            )
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [_BUSY]
        try:
            return _Sent(self._app(environ, start), self._places.release)
        except BaseException:
            self._places.release()
            raise


class _Sent:
    """The pieces of an answer; `sent` is called once, when it has been sent or given up."""

    def __init__(self, parts: Iterable[bytes], sent: Callable[[], None]) -> None:
        self._parts = parts
        self._sent: Callable[[], None] | None = sent

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        sent, self._sent = self._sent, None
        if sent is not None:
            try:
                getattr(self._parts, "close", lambda: None)()
            finally:
                sent()
