"""The parts that the WSGI applications in front of Flask share (PEP 3333)."""

from collections.abc import Callable
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
