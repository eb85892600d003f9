"""Asks an image's host for it, wherever that sends us, and takes nothing but an image.

Every host is resolved here, its IP addresses are checked, and the connection is made to one of
those that passed (`connection`), so that no second answer of its name server counts. Redirects are
followed by hand, each checked in the same way. From https to http is allowed: articles may name
http addresses anyway, and what comes is an image or nothing.
"""

import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property

from feedsvc import weburl
from feedsvc.web.imageproxy import failure, sniff, targets
from feedsvc.web.imageproxy.connection import Answer, tls_context

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})  # RFC 9110 15.4
_CHUNK = 64 * 1024
# One copy serves every reader, so what all can show comes first.
_ACCEPT = "image/jpeg,image/png,image/gif,image/webp;q=0.9,image/*;q=0.5"


class Fetcher:
    """Fetches images from public hosts. `resolve`, `allowed`, `tls` and `clock` are for tests."""

    def __init__(
        self,
        *,
        user_agent: str,
        max_bytes: int,
        timeout: timedelta,
        referers: tuple[tuple[str, str], ...] = (),
        resolve: targets.Resolve = targets.resolve,
        allowed: Callable[[targets.IPAddress], bool] = targets.public,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.timeout = timeout
        self._user_agent = user_agent
        self._max_bytes = max_bytes
        self._referers = referers
        self._resolve = resolve
        self._allowed = allowed
        self._given_tls = tls
        self._clock = clock

    def open(self, address: str) -> "Upstream":
        """Return the image at `address` as it comes in; close it. Raises ImageError."""
        end = self._clock() + self.timeout.total_seconds()

        def left() -> float:
            seconds = end - self._clock()
            if seconds <= 0:
                raise TimeoutError
            return seconds

        for _ in range(1 + _MOST_REDIRECTS):
            answer = self._ask(address, left)
            if answer.status not in _REDIRECTS or not answer.location:
                try:
                    return Upstream(answer, self._max_bytes)
                except BaseException:
                    answer.close()
                    raise
            answer.close()
            address = _joined(address, answer.location)
        raise failure.unreachable(f"more than {_MOST_REDIRECTS} redirects")

    def _ask(self, address: str, left: Callable[[], float]) -> Answer:
        target = targets.parse(address)
        if target is None:
            raise failure.unreachable("an address that is never asked")
        try:
            ips = targets.choose(self._resolve(target.host, target.port), self._allowed)
        except (OSError, ValueError) as error:
            raise failure.unreachable(f"{target.host} has no IP address") from error
        if not ips:
            raise failure.unreachable(f"{target.host} has no public IP address")
        headers = {
            "Host": target.authority,
            "Accept": _ACCEPT,
            "Accept-Encoding": "identity",
            "User-Agent": self._user_agent,
        }
        referer = self._referer(target.host)
        if referer is not None:
            headers["Referer"] = referer
        return Answer(target, ips, headers, left=left, tls=self._tls if target.secure else None)

    def _referer(self, host: str) -> str | None:
        fitting = (
            referer for pattern, referer in self._referers if fnmatchcase(host, pattern.lower())
        )
        return next(fitting, None)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or tls_context()


class Upstream:
    """One image on its way from its host: its media type, then its bytes.

    The type is that of its first bytes, never what the host says. Iterating raises ImageError
    when it is cut short, too slow or too large.
    """

    def __init__(self, answer: Answer, max_bytes: int) -> None:
        if answer.status != http.client.OK:
            raise failure.unreachable(f"answers {answer.status}")
        if answer.length is not None and answer.length > max_bytes:
            raise failure.too_large(max_bytes)
        head = b""
        while len(head) < sniff.NEEDED and (more := answer.read(_CHUNK)):
            head += more
        media_type = sniff.media_type(head)
        if media_type is None:
            raise failure.no_image("sends no image")
        self.media_type = media_type
        self._answer = answer
        self._head = head
        self._max_bytes = max_bytes

    def __iter__(self) -> Iterator[bytes]:
        chunk, total = self._head, 0
        while chunk:
            total += len(chunk)
            if total > self._max_bytes:
                raise failure.too_large(self._max_bytes)
            yield chunk
            chunk = self._answer.read(_CHUNK)

    def close(self) -> None:
        """Let go of the host."""
        self._answer.close()


def _joined(address: str, location: str) -> str:
    """Return where a Location leads; its bytes may be UTF-8, against the rules."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode("utf-8")
    joined = weburl.join(address, location)
    if joined is None:  # "//[" and the like
        raise failure.unreachable("redirects to what is no address")
    return joined
