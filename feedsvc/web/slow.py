"""A limit for requests that take long: images of other hosts, and files to slow readers.

A WSGI server has a fixed number of threads, and each of these requests holds one until its answer
has been sent.
"""

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator

from feedsvc.web.wsgi import answer_text

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATHS = ("/image/", "/media/")
"""The beginnings of the paths whose answers may take long."""


class SlowRequests:
    """A WSGI application around `app`, to which it gives at most `most` slow requests at a time.

    Any further one is answered with 503; the client may try again a moment later.
    """

    def __init__(self, app: "WSGIApplication", most: int) -> None:
        self._app = app
        self._places = threading.BoundedSemaphore(most)

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        if not environ["PATH_INFO"].startswith(PATHS):
            return self._app(environ, start)
        if not self._places.acquire(blocking=False):
            return answer_text(
                environ,
                start,
                "503 Service Unavailable",
                ("Retry-After", "1"),
                text="Too many images and files are being sent at this moment.",
            )
        with ExitStack() as until_sent:
            until_sent.callback(self._places.release)
            body = self._app(environ, start)
            until_sent.callback(getattr(body, "close", lambda: None))
            # `chain` hides the body's own `close`, which must be called once.
            return ClosingIterator(chain(body), until_sent.pop_all().close)
