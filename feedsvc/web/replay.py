"""The fast road: what was answered once is answered again from memory, while it holds.

A reader's request is nearly always one that was made before: the same address with the same
validators and codings. The application's answer to it is kept, status, headers and body, and given
again until the feed has changed; so both roads give the same answers by construction. Whether
anything has changed at all is told by a number in memory; only when it moves is the index asked
which of the kept answers still hold.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from feedsvc.errors import FeedsvcError

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

VERSION = "feedsvc.version"
"""Under which the application says, in the WSGI environment, of what version its answer is."""

_MOST_ANSWERS = 20_000
_MOST_BYTES = 64 * 1024 * 1024  # of bodies
_MOST_IN_KEY = 600  # characters of headers: what is longer is not what readers send
_LONGEST = 5.0  # seconds until the index is asked all the same, should the number have been lost

Key = tuple[str, str, str | None, str | None, str | None]
Answer = tuple[str, tuple[tuple[str, str], ...], bytes]


class _Held:
    """The answers that hold, with the version of the document that each path's are of."""

    def __init__(self, answers: dict[Key, Answer], versions: dict[str, str]) -> None:
        self.answers = answers
        self.versions = versions
        # By identity: the answers for one document share its bytes.
        self._bodies = {id(body): body for _, _, body in answers.values()}
        self._bytes = sum(map(len, self._bodies.values()))

    def full(self) -> bool:
        return len(self.answers) >= _MOST_ANSWERS or self._bytes > _MOST_BYTES

    def add(self, key: Key, answer: Answer, version: str) -> None:
        body = answer[2]
        if id(body) not in self._bodies:
            self._bodies[id(body)] = body
            self._bytes += len(body)
        self.versions[key[1]] = version
        self.answers[key] = answer

    def only(self, versions: Mapping[str, str]) -> "_Held":
        """Return what holds if these are the versions of all documents now."""
        if all(versions.get(path) == version for path, version in self.versions.items()):
            return self
        answers = {
            key: answer
            for key, answer in self.answers.items()
            if versions.get(key[1]) == self.versions[key[1]]
        }
        return _Held(answers, {key[1]: self.versions[key[1]] for key in answers})


class Replay:
    """A WSGI application in front of another one."""

    def __init__(
        self,
        app: "WSGIApplication",
        *,
        pulse: Callable[[], bytes],
        versions: Callable[[Iterable[str]], Mapping[str, str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._pulse = pulse
        self._versions = versions
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = b""
        self._until = 0.0
        self._held = _Held({}, {})

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        if self._pulse() == self._seen and self._clock() < self._until:
            answer = self._held.answers.get(_key(environ))
            if answer is not None:
                status, headers, body = answer
                start(status, list(headers))
                return [body] if body else []
        return self._slowly(environ, start)

    def _slowly(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return self._app(environ, start)
        self._look_again()
        seen, begun = self._seen, _Begun(start)
        parts = self._app(environ, begun)
        version = environ.get(VERSION)
        if version is None or not begun.status:
            return parts
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        self._keep(_key(environ), (begun.status, begun.headers, body), version, seen)
        return [body] if body else []

    def _keep(self, key: Key, answer: Answer, version: str, seen: bytes) -> None:
        if sum(len(one or "") for one in key) > _MOST_IN_KEY:
            return
        with self._lock:
            if self._seen != seen or self._held.versions.get(key[1], version) != version:
                return  # something changed meanwhile
            if self._held.full():
                self._held = _Held({}, {})
            self._held.add(key, answer, version)

    def _look_again(self) -> None:
        """Drop the answers that do not hold any more, if anything has changed."""
        pulse = self._pulse()
        if pulse == self._seen and self._clock() < self._until:
            return
        with self._lock:
            names = {path: _name(path) for path in self._held.versions}
            try:
                known = self._versions(names.values()) if names else {}
            except FeedsvcError:
                known = {}  # the application says what is wrong
            self._held = self._held.only(
                {path: known[name] for path, name in names.items() if name in known}
            )
            self._until = self._clock() + _LONGEST
            self._seen = pulse


class _Begun:
    """A `start_response` that remembers what it was called with."""

    def __init__(self, start: "StartResponse") -> None:
        self._start = start
        self.status = ""
        self.headers: tuple[tuple[str, str], ...] = ()

    def __call__(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: "OptExcInfo | None" = None,
        /,
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, tuple(headers)
        return self._start(status, headers, exc_info)


def _name(path: str) -> str:
    """Return the text of a path as WSGI gives it (PEP 3333, "Unicode Issues")."""
    return path.encode("latin-1").decode("utf-8", "replace")


def _key(environ: "WSGIEnvironment") -> Key:
    """Return all of a request that an answer depends on; a query does not count."""
    return (
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"],
        environ.get("HTTP_IF_NONE_MATCH"),
        environ.get("HTTP_IF_MODIFIED_SINCE"),
        environ.get("HTTP_ACCEPT_ENCODING"),
    )
