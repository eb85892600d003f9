"""A WSGI application around the others: a request that goes wrong harms no other request.

An unexpected exception becomes a plain 500 and one traceback in the log. An answer is handed to the
server whole unless it is large: for an answer in pieces the server needs a thread until the reader
has taken the last piece. `/healthz` is answered here, without the application.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers
from werkzeug.wsgi import ClosingIterator

from feedsvc.web.wsgi import Started, answer_text

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

WHOLE_BYTES = 4 * 1024 * 1024
"""The size up to which an answer is handed to the server whole.

The server holds a copy for each reader until the reader has taken it. Images of articles are
smaller; films and episodes are larger.
"""

# RFC 9110 9.3 and RFC 5789. 9.1: methods are case-sensitive; 15.6.2: 501 for unknown methods.
_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
)


def _count_nothing(_environ: "WSGIEnvironment", _status: str) -> None:
    pass


class Boundary:
    """A WSGI application around `app`; `note` is called with each request and its status.

    The log has the path of a request that fails, if it `names_paths`.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        note: Callable[["WSGIEnvironment", str], None] = _count_nothing,
        *,
        names_paths: bool = True,
    ) -> None:
        self._app = app
        self._note = note
        self._names_paths = names_paths

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method not in _METHODS:
            return answer_text(environ, start, "501 Not Implemented")
        if path == "/healthz":
            if method not in {"GET", "HEAD"}:
                return answer_text(environ, start, "405 Method Not Allowed", ("Allow", "GET, HEAD"))
            return answer_text(environ, start, "200 OK", text="ok")
        started = Started()
        try:
            body = self._app(environ, started)
            if not isinstance(body, list) and _length(started) <= WHOLE_BYTES:
                with closing(ClosingIterator(body)) as pieces:
                    body = [b"".join(pieces)]
        except Exception:
            logger.exception("%s %.200r failed", method, path if self._names_paths else "…")
            self._note(environ, "500")
            return answer_text(environ, start, "500 Internal Server Error")
        self._note(environ, started.status)
        start(started.status, started.headers)
        return body


def _length(started: Started) -> int:
    return Headers(started.headers).get("Content-Length", 0, type=int)
