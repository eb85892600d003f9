"""Without a configured `base_url`, pages show the address by which their visitor reached them.

Feeds have one address for all, that at which `serve` listens. A page may be asked for by any name
of the machine; then the page shows addresses that begin with this name, to copy and to follow.

X-Forwarded-Host and the like are never believed: anybody can send them. Behind a proxy, `base_url`
says what they would say.
"""

import re
from collections.abc import Iterable
from contextlib import closing
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.wsgi import ClosingIterator

from feedsvc.web.wsgi import Header, Started

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?",
    re.IGNORECASE,
)
_LONGEST = 270  # characters of a host with its port
_TYPES = ("text/html", "text/markdown")
_HEADERS = frozenset({"link", "location"})


def host_address(environ: "WSGIEnvironment") -> str:
    """Return the address by which a request reached the service; "" if its host is no valid one.

    >>> host_address({"HTTP_HOST": "desk.local:8080", "wsgi.url_scheme": "http"})
    'http://desk.local:8080'
    >>> host_address({"HTTP_HOST": "evil/<b>", "wsgi.url_scheme": "http"})
    ''
    """
    host = environ.get("HTTP_HOST", "")
    if len(host) > _LONGEST:
        return ""
    return _address(environ["wsgi.url_scheme"], host, environ.get("SCRIPT_NAME", ""))


@lru_cache(maxsize=64)
def _address(scheme: str, host: str, script_name: str) -> str:
    if not _HOST.fullmatch(host):
        return ""
    path = quote(script_name.encode("latin-1", "replace"), safe="/%").rstrip("/")
    return f"{scheme}://{host.lower()}{path}"


class HostAddress:
    """A WSGI application around `app`, whose pages show the visitor's address for `base_url`.

    Feeds stay as they are.
    """

    def __init__(self, app: "WSGIApplication", base_url: str) -> None:
        self._app = app
        self._base_url = base_url
        forms = "|".join(map(re.escape, _forms(base_url)))
        self._pattern = re.compile(rf"(?:{forms})(?![\w.:-])")

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        address = host_address(environ)
        if not address or address == self._base_url:
            return self._app(environ, start)
        started = Started()
        pieces = self._app(environ, started)
        if not _is_page(started.headers):
            start(started.status, started.headers)
            return pieces
        with closing(ClosingIterator(pieces)) as body_pieces:
            text = b"".join(body_pieces).decode("utf-8", "surrogateescape")
        body = self._replaced(text, address).encode("utf-8", "surrogateescape")
        headers = [
            (name, self._replaced(value, address) if name.lower() in _HEADERS else value)
            for name, value in started.headers
            if name.lower() != "content-length"
        ]
        if environ["REQUEST_METHOD"] != "HEAD":
            headers.append(("Content-Length", str(len(body))))
        start(started.status, headers)
        return [body]

    def _replaced(self, text: str, address: str) -> str:
        forms = dict(zip(_forms(self._base_url), _forms(address), strict=True))
        return self._pattern.sub(lambda match: forms[match[0]], text)


def _forms(address: str) -> tuple[str, ...]:
    """Return an address as it is, and as it stands in addresses of other sites."""
    return address, quote(address, safe=""), quote(address)


def _is_page(headers: Iterable[Header]) -> bool:
    by_name = {name.lower(): value for name, value in headers}
    is_plain = "content-encoding" not in by_name
    return is_plain and by_name.get("content-type", "").startswith(_TYPES)
