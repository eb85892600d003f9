"""Fetches an image from its host, across redirects, and accepts nothing but an image.

Every host is resolved here, its IP addresses are checked, and the connection is made to one of the
checked addresses (`connection`); so a name server cannot answer differently the second time.
Redirects are followed here, each checked in the same way. A redirect from https to http is allowed,
because articles may name http addresses anyway.
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
from feedsvc.web.imageproxy.connection import Answer

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})  # RFC 9110 15.4
_CHUNK = 64 * 1024
# One copy serves every reader, so the formats that all readers can show come first.
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
            raise failure.unreachable("an address that must not be fetched")
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
        for pattern, referer in self._referers:
            if fnmatchcase(host, pattern.lower()):
                return referer
        return None

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()


class Upstream:
    """An image that its host is sending: its media type, told by its first bytes, and its bytes.

    Iterating raises ImageError when the image is cut short, too slow or too large.
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
        """Close the connection to the host."""
        self._answer.close()


def _joined(address: str, location: str) -> str:
    """Return the address that a Location names; it may be in UTF-8, against RFC 9110 10.2.2."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode("utf-8")
    joined = weburl.join(address, location)
    if joined is None:  # "//[" and the like
        raise failure.unreachable("redirects to what is no address")
    return joined
