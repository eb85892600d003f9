"""The fast road: what was answered once is answered again from memory, while it holds.

A reader's request is nearly always one that was made before: the same address with the same
validators and codings. The application's answer to it is kept, status, headers and body, and given
again until the feed has changed; so both roads give the same answers by construction. Whether
anything has changed at all is told by a number in memory; only when it moves is the index asked
which of the kept answers still hold.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from feedsvc.errors import FeedsvcError
from feedsvc.web.bodies import Bodies, Body

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

VERSION = "feedsvc.version"
"""Under which the application says, in the WSGI environment, of what version its answer is."""

_OPML = "/opml.xml"
_MOST_ANSWERS = 10_000  # with a body; and as many without
_MOST_HELD = 8 * 1024 * 1024  # bytes of bodies in memory
_MOST_FILED = 256 * 1024 * 1024  # bytes of bodies in a file
_MOST_IN_KEY = 600  # characters of headers: what is longer is not what readers send
_LONGEST = 5.0  # seconds until the index is asked all the same, should the number have been lost

Key = tuple[str, str, str | None, str | None, str | None]
Header = tuple[str, str]
Response = tuple[int, tuple[Header, ...], bytes]
"""Status, headers and body."""


class _Answer:
    """One answer, and whether it was given again since it was last thought of dropping it."""

    __slots__ = ("body", "code", "headers", "key", "status", "used")

    def __init__(
        self, key: Key, status: str, headers: tuple[Header, ...], body: Body | None
    ) -> None:
        self.key = key
        self.status = status
        self.code = int(status[:3])
        self.headers = headers
        self.body = body
        self.used = False


class _Held:
    """The answers that hold, with the version of the document that each path's are of.

    When they are too many, one goes that was not used since all others were looked at. Those with a
    body and those without are counted apart, so that neither drive out the others.
    """

    def __init__(self) -> None:
        self.answers: dict[Key, _Answer] = {}
        self.versions: dict[str, str] = {}
        self.bodies = Bodies(_MOST_HELD, _MOST_FILED)
        self._headers: dict[Header, Header] = {}  # nearly all answers have the same ones
        self._queues: tuple[deque[_Answer], deque[_Answer]] = deque(), deque()

    def add(
        self, key: Key, status: str, headers: Iterable[Header], body: bytes, version: str
    ) -> None:
        """Hold one more answer, in the place of the one to the same request."""
        if key in self.answers:
            self._drop(self.answers[key])
        queue = self._queues[bool(body)]
        while len(queue) >= _MOST_ANSWERS:
            oldest = queue.popleft()
            if oldest.used:
                oldest.used = False
                queue.append(oldest)
            elif self.answers.get(oldest.key) is oldest:
                self._drop(oldest)
        said = tuple(self._headers.setdefault(one, one) for one in headers)
        answer = _Answer(key, status, said, self.bodies.share(body) if body else None)
        self.versions[key[1]] = version
        self.answers[key] = answer
        queue.append(answer)

    def keep_only(self, paths: Collection[str]) -> None:
        """Drop the answers for all other paths."""
        gone = self.versions.keys() - paths
        if not gone:
            return
        for answer in [one for key, one in self.answers.items() if key[1] in gone]:
            self._drop(answer)
        for path in gone:
            del self.versions[path]
        for queue in self._queues:
            left = [one for one in queue if self.answers.get(one.key) is one]
            queue.clear()
            queue.extend(left)
        self._headers = {one: one for answer in self.answers.values() for one in answer.headers}

    def _drop(self, answer: _Answer) -> None:
        del self.answers[answer.key]
        if answer.body is not None:
            self.bodies.release(answer.body)


class Replay:
    """A WSGI application in front of another one."""

    def __init__(
        self,
        app: "WSGIApplication",
        *,
        pulse: Callable[[], bytes],
        holding: Callable[[Mapping[str, str]], Collection[str]],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._pulse = pulse
        self._holding = holding
        self._clock = clock
        self._wall = wall
        self._latest = 0.0  # by the wall clock
        self._set_back = False
        self._lock = threading.Lock()
        self._seen = b""
        self._until = 0.0
        self._held = _Held()

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        if self._may_have_changed():
            self._look_again()
        found = self._found(environ)
        if found is None:
            return self._slowly(environ, start)
        answer, body = found
        start(answer.status, list(answer.headers))
        return [body] if body else []

    def at_once(self, environ: "WSGIEnvironment") -> Response | None:
        """Return the answer to a request if that needs no waiting; else this is to be called."""
        # While a thread looks what has changed, the others go on with what is held.
        if self._may_have_changed() and not self._lock.locked():
            return None
        found = self._found(environ)
        return found and (found[0].code, found[0].headers, found[1])

    def _may_have_changed(self) -> bool:
        now = self._wall()
        if now < self._latest:
            self._set_back = True  # some answers may say that they are of a time to come
        self._latest = now
        return self._set_back or self._pulse() != self._seen or self._clock() >= self._until

    def _found(self, environ: "WSGIEnvironment") -> tuple[_Answer, bytes] | None:
        answer = self._held.answers.get(_key(environ))
        if answer is None:
            return None
        answer.used = True
        if answer.body is None:
            return answer, b""
        body = self._held.bodies.read(answer.body)
        return None if body is None else (answer, body)

    def _slowly(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return self._app(environ, start)
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
        key = _key(environ)
        if sum(len(one or "") for one in key) <= _MOST_IN_KEY:
            with self._lock:
                # Else something changed meanwhile.
                if self._seen == seen and self._held.versions.get(key[1], version) == version:
                    self._held.add(key, begun.status, begun.headers, body, version)
        return [body] if body else []

    def _look_again(self) -> None:
        """Drop the answers that do not hold any more; something may have changed.

        While one thread looks, which takes milliseconds, the others go on with what is held.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            pulse = self._pulse()
            set_back, self._set_back = self._set_back, False
            if pulse == self._seen and self._clock() < self._until and not set_back:
                return
            held = {_name(path): version for path, version in self._held.versions.items()}
            try:
                hold = self._holding(held) if held and not set_back else ()
            except FeedsvcError:
                hold = ()  # the application says what is wrong
            self._held.keep_only({path for path in self._held.versions if _name(path) in hold})
            self._until = self._clock() + _LONGEST
            self._seen = pulse
        finally:
            self._lock.release()


class _Begun:
    """A `start_response` that remembers what it was called with."""

    def __init__(self, start: "StartResponse") -> None:
        self._start = start
        self.status = ""
        self.headers: tuple[Header, ...] = ()

    def __call__(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: "OptExcInfo | None" = None,
        /,
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, tuple(headers)
        return self._start(status, headers, exc_info)


def opml_path(query: str) -> str:
    """Return the path of the list of feeds that a query asks for; all else in it is ignored.

    >>> opml_path("topics=1&_=5&all=1"), opml_path("all=0")
    ('/opml.xml?all=1&topics=1', '/opml.xml')
    """
    named = set(query.split("&"))
    wanted = "&".join(flag for flag in ("all=1", "topics=1") if flag in named)
    return f"{_OPML}?{wanted}" if wanted else _OPML


def _path(environ: "WSGIEnvironment") -> str:
    """Return the path of a request; only the list of feeds looks at the query."""
    path: str = environ["PATH_INFO"]
    return opml_path(environ.get("QUERY_STRING", "")) if path == _OPML else path


def _name(path: str) -> str:
    """Return the text of a path as WSGI gives it (PEP 3333, "Unicode Issues")."""
    return path.encode("latin-1").decode("utf-8", "replace")


def _key(environ: "WSGIEnvironment") -> Key:
    """Return all of a request that an answer depends on."""
    return (
        environ["REQUEST_METHOD"],
        _path(environ),
        environ.get("HTTP_IF_NONE_MATCH"),
        environ.get("HTTP_IF_MODIFIED_SINCE"),
        environ.get("HTTP_ACCEPT_ENCODING"),
    )
