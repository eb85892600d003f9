"""Requests to addresses that the operator has configured, each within a time limit.

These addresses are secret: who knows them can send heartbeats and messages. So no error shows more
of them than the host.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

import urllib3
from urllib3.exceptions import (
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
    TimeoutError as Late,
)

from feedsvc import weburl
from feedsvc.errors import OutgoingError

logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings show whole addresses

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 10.0  # for the head of an answer; its body is not read
_MOST_REDIRECTS = 3


def fetch(address: str, *, agent: str) -> None:
    """Fetch an address, and drop what it answers. Raises OutgoingError."""
    _ask("GET", address, {"User-Agent": agent}, None)


def post(address: str, value: Mapping[str, Any], *, agent: str) -> None:
    """Post a value as JSON to an address. Raises OutgoingError."""
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    _ask("POST", address, {"User-Agent": agent, "Content-Type": "application/json"}, body)


def _ask(method: str, address: str, headers: dict[str, str], body: bytes | None) -> None:
    parts = weburl.split(address)
    host = (parts.hostname if parts else None) or "the address"
    try:
        answer = urllib3.request(
            method,
            address,
            body=body,
            headers=headers,
            preload_content=False,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_ANSWER_SECONDS),
            retries=urllib3.Retry(connect=0, read=0, status=0, other=0, redirect=_MOST_REDIRECTS),
        )
        answer.close()
    except (HTTPError, OSError, ValueError) as error:
        raise OutgoingError(f"{host}: {_reason(error)}") from None  # its text has the address
    if answer.status >= 400:
        raise OutgoingError(f"{host} answers {answer.status}")


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
    match cause:
        case NameResolutionError():
            return "there is no such host"
        case NewConnectionError():
            return "no connection"
        case SSLError():
            return "its certificate is not trusted"
        case Late():
            return f"no answer within {_ANSWER_SECONDS:.0f} s"
        case _:
            return type(cause).__name__
