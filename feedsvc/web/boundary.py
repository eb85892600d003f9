"""The outermost WSGI application: whatever a request says or breaks, it harms that request alone.

An exception that nobody foresaw becomes a plain 500 and one traceback in the log.

An answer is handed to the server whole, unless it is large: a server that is given pieces needs a
thread until the reader has taken the last one, and readers may take as long as they like. Whether
the service is alive is answered here, without waiting for anything.
"""

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers

from feedsvc.web.response_cache import Header

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

WHOLE_BYTES = 4 * 1024 * 1024
"""How large an answer may be to be handed to the server whole.

The server holds a copy for each reader until it is taken: images of articles are smaller, films and
episodes are larger.
"""

# RFC 9110 9.3 and RFC 5789. 9.1: methods are case-sensitive; 15.6.2: 501 for those not recognised.
_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
)
_HEALTH, _ALIVE = "/healthz", b"ok\n"


class Boundary:
    """A WSGI application around another one."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        method = environ["REQUEST_METHOD"]
        if method not in _METHODS:
            return _plain(method, start, "501 Not Implemented")
        if environ["PATH_INFO"] == _HEALTH:
            if method not in {"GET", "HEAD"}:
                return _plain(method, start, "405 Method Not Allowed", ("Allow", "GET, HEAD"))
            return _plain(method, start, "200 OK", body=_ALIVE)
        begun = _Begun()
        try:
            body = _whole(begun, self._app(environ, begun))
        except Exception:
            logger.exception("%s %.200r failed", method, environ["PATH_INFO"])
            return _plain(method, start, "500 Internal Server Error")
        start(begun.status, begun.headers)
        return body


class _Begun:
    """A `start_response` that holds what it was called with until the body is known, too."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[Header] = []
        self.pieces: list[bytes] = []

    def __call__(
        self,
        status: str,
        headers: list[tuple[str, str]],
        _exc_info: "OptExcInfo | None" = None,
        /,
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, headers
        return self.pieces.append


class _Pieces:
    """The pieces of an answer that is too large to be handed over whole."""

    def __init__(self, pieces: Iterator[bytes], close: Callable[[], None]) -> None:
        self._pieces = pieces
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


def _whole(begun: _Begun, parts: Iterable[bytes]) -> Iterable[bytes]:
    """Return a body in one piece, or in its own pieces if it is larger than `WHOLE_BYTES`."""
    if isinstance(parts, list):  # from the response cache
        return parts
    close: Callable[[], None] = getattr(parts, "close", lambda: None)
    try:
        rest = iter(parts)
        ended = _taken(begun, rest)
    except BaseException:
        close()
        raise
    if not ended:
        return _Pieces(itertools.chain(begun.pieces, rest), close)
    close()
    body = b"".join(begun.pieces)
    return [body] if body else []


def _taken(begun: _Begun, rest: Iterator[bytes]) -> bool:
    """Take all pieces, unless they are more than `WHOLE_BYTES`; tell whether they were taken."""
    if Headers(begun.headers).get("Content-Length", 0, type=int) > WHOLE_BYTES:
        return False
    taken = 0
    for piece in rest:
        begun.pieces.append(piece)
        taken += len(piece)
        if taken > WHOLE_BYTES:
            return False
    return True


def _plain(
    method: str, start: "StartResponse", status: str, *more: Header, body: bytes = b""
) -> Iterable[bytes]:
    """Answer with a line of text, the status unless there is another."""
    body = body or f"{status}\n".encode()
    start(status, [*_headers_of(body), *more])
    return [] if method == "HEAD" else [body]


def _headers_of(text: bytes) -> list[Header]:
    return [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(text))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
