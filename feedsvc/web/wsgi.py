"""The parts that the WSGI applications in front of Flask share (PEP 3333)."""

import ipaddress
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Header = tuple[str, str]


class Started:
    """A `start_response` that keeps the status and the headers that it is called with."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[Header] = []

    def __call__(
        self, status: str, headers: list[Header], _exc_info: "OptExcInfo | None" = None, /
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, headers
        return _write


def client_address(environ: "WSGIEnvironment") -> str:
    """Return the address of who asks.

    A proxy on this machine or in its network writes the address of its client at the end of
    X-Forwarded-For. What anybody else writes there is not believed.

    >>> client_address({"REMOTE_ADDR": "10.0.0.2", "HTTP_X_FORWARDED_FOR": "1.1.1.1, 192.0.2.7"})
    '192.0.2.7'
    >>> client_address({"REMOTE_ADDR": "8.8.8.8", "HTTP_X_FORWARDED_FOR": "1.1.1.1"})
    '8.8.8.8'
    """
    peer: str = environ.get("REMOTE_ADDR") or ""
    forwarded: str | None = environ.get("HTTP_X_FORWARDED_FOR")
    if forwarded and _is_near(peer):
        return forwarded.rpartition(",")[2].strip()
    return peer


@lru_cache(maxsize=256)
def _is_near(address: str) -> bool:
    """Tell whether an address is of this machine or a private network; "" is a Unix socket."""
    try:
        return not address or ipaddress.ip_address(address).is_private
    except ValueError:
        return False


def _write(_data: bytes) -> object:
    raise NotImplementedError("Flask returns a body and never calls `write`")


def answer_text(
    environ: "WSGIEnvironment",
    start: "StartResponse",
    status: str,
    *headers: Header,
    text: str = "",
) -> list[bytes]:
    """Answer with a line of text: the status, unless there is another `text`."""
    body = f"{text or status}\n".encode()
    start(
        status,
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *headers,
        ],
    )
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
