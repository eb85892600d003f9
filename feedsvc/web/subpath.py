"""A service at a path, as behind a proxy: `https://example.org/my-feeds`.

The proxy may take the path away, or leave it there. Inside, a request has neither; SCRIPT_NAME
(PEP 3333) has it, from which Flask makes all addresses. `/healthz` and all other addresses can be
reached with the path and without it.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from feedsvc import weburl

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class SubPath:
    """A WSGI application around `app`, which is at the path of `base_url`, if that has one.

    `is_address` tells whether the application has an address (a path as WSGI gives it); it is asked
    only where the path begins like an address of the application, as `/feeds` does.
    """

    def __init__(
        self, app: "WSGIApplication", base_url: str, *, is_address: Callable[[str], bool]
    ) -> None:
        self._app = app
        # Percent-encoded, though PEP 3333 wants it decoded: Flask's addresses have it as it is.
        parts = weburl.split(base_url)
        self._script_name = parts.path.rstrip("/") if parts else ""
        self._path = unquote_to_bytes(self._script_name).decode("latin-1")
        self._is_address = is_address
        first_part = "/".join(self._path.split("/")[:2])
        self._is_ambiguous = bool(first_part) and is_address(f"{first_part}/x")

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        if self._path:
            environ["PATH_INFO"] = self._inner(environ["PATH_INFO"])
        environ["SCRIPT_NAME"] = self._script_name  # whatever the server says
        return self._app(environ, start)

    def _inner(self, asked: str) -> str:
        """Return the path without that of the service, which the proxy may have taken away."""
        if asked != self._path and not asked.startswith(f"{self._path}/"):
            return asked
        inner = asked[len(self._path) :] or "/"
        # At `https://example.org/feeds`, a request for `/feeds/all.atom` has lost the first
        # `/feeds`, because there is no address `/all.atom`.
        return asked if self._is_ambiguous and not self._is_address(inner) else inner
