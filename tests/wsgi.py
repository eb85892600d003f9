"""Requests as a WSGI server makes them, with text that no client of a library can send."""

import io
import re
from typing import Any

import pytest
from flask import Flask

Environ = dict[str, Any]


def environ_of(method: str, path: str, query: str, headers: Environ) -> Environ:
    """Return the environment of a request, as a WSGI server makes it (PEP 3333)."""
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b"a body"),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **headers,
    }


def ask(app: Flask, environ: Environ) -> tuple[int, list[tuple[str, str]], bytes]:
    """Ask as a WSGI server does, and look at the answer as a strict one does."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append((status, headers))
        return lambda data: pytest.fail("the application writes past its answer")

    parts = app.wsgi_app(environ, start)
    body = b"".join(parts)
    if hasattr(parts, "close"):
        parts.close()
    ((status, answered),) = started
    code = int(status[:3])
    assert re.fullmatch(r"[1-5]\d\d [\x20-\x7e]*", status)
    for name, text in answered:
        assert re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII)
        # RFC 9110 5.5; not past ASCII, which granian does not send.
        assert re.fullmatch(r"[\x20-\x7e\t]*", text), (name, text)
    length = dict(answered).get("Content-Length")
    if environ["REQUEST_METHOD"] == "HEAD" or code in {204, 304}:
        assert body == b""
    elif length is not None:
        assert int(length) == len(body)
    return code, answered, body
