"""A limit for clients that load a whole feed again and again, without saying what they have.

A reader that sends validators (RFC 9110, 13.1) is never limited: an answer to it costs little.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from feedsvc.web.visitor import is_navigation, is_of_feed
from feedsvc.web.wsgi import answer_text, client_address

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HOUR = 3600.0
_MOST_KNOWN = 100_000  # pairs of a client and a feed; then all are forgotten


class FairFetches:
    """A WSGI application around `app`, to which each client comes `most` times an hour for a feed.

    Further requests without validators are answered with 429 (RFC 6585, 4) until the hour ends.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()  # of the two below
        self._began = clock()
        self._fetches: dict[int, int] = {}  # by a hash of client and feed

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        if (
            environ["REQUEST_METHOD"] != "GET"
            or "HTTP_IF_NONE_MATCH" in environ
            or "HTTP_IF_MODIFIED_SINCE" in environ
            or not is_of_feed(environ["PATH_INFO"])
            or is_navigation(environ)
            or self._is_fair(environ)
        ):
            return self._app(environ, start)
        seconds = max(1, round(self._began + _HOUR - self._clock()))
        return answer_text(
            environ,
            start,
            "429 Too Many Requests",
            ("Retry-After", str(seconds)),
            text="This feed was loaded too often. Send If-None-Match with the ETag that you got,"
            " or ask more rarely.",
        )

    def _is_fair(self, environ: "WSGIEnvironment") -> bool:
        query = environ.get("QUERY_STRING", "")
        key = hash((client_address(environ), environ["PATH_INFO"], query))
        with self._lock:
            now = self._clock()
            if now - self._began >= _HOUR or len(self._fetches) >= _MOST_KNOWN:
                self._began = now
                self._fetches.clear()
            number = self._fetches[key] = self._fetches.get(key, 0) + 1
            return number <= self._most
