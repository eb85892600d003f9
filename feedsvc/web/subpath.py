"""A service behind a proxy at a path: `https://example.org/my-feeds`.

The proxy may take the path away, or leave it there. Inside, a request has neither; SCRIPT_NAME
(PEP 3333) has it, from which Flask makes all addresses.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class SubPath:
    """A WSGI application around `app`, which is at `path`: "" or "/my-feeds"."""

    def __init__(self, app: "WSGIApplication", path: str) -> None:
        self._app = app
        self._path = path

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        if self._path:
            asked = environ["PATH_INFO"]
            if asked == self._path or asked.startswith(f"{self._path}/"):
                environ["PATH_INFO"] = asked[len(self._path) :] or "/"
            environ["SCRIPT_NAME"] = self._path
        return self._app(environ, start)
