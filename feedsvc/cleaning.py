"""Cleaning that ends: what is long is cleaned in a process of its own, which can be killed.

`content` takes time linear in the size of its input, so a short article cannot hold anybody up, and
is cleaned at once. A long one is given to a child process with a limit of time and of memory, in
case some input is found that is worse than all that were tried; it may also die there in peace.
"""

import json
import threading
from collections.abc import Iterator
from typing import Any

from feedsvc import content
from feedsvc.children import Child, limit_memory, work
from feedsvc.errors import CleaningError
from feedsvc.model import Markup, SafeHTML

_SHORT = 64 * 1024  # characters: at the worst that were found, a fifth of a second
_SECONDS = 10.0
_SECONDS_PER_MILLION = 4.0  # characters; twice what the worst inputs take
_MEMORY = 2 * 1024**3  # bytes of address space


def is_costly(body: str, markup: Markup) -> bool:  # noqa: ARG001 - both will count
    """Tell whether cleaning may take so long that nobody should wait for it."""
    return len(body) > _SHORT


class Cleaner:
    """Cleans articles, one at a time; safe to share between threads."""

    def __init__(
        self, *, short: int = _SHORT, seconds: float = _SECONDS, memory: int = _MEMORY
    ) -> None:
        self._short = short
        self._seconds = seconds
        self._memory = memory
        self._lock = threading.Lock()
        self._child: Child | None = None

    def clean(self, body: str, markup: Markup, policy: content.Policy) -> content.Cleaned:
        """Clean as `content.clean` does. Raises CleaningError where that cannot be done in time."""
        if len(body) <= self._short:
            return content.clean(body, markup, policy)
        seconds = self._seconds + len(body) / 1e6 * _SECONDS_PER_MILLION
        with self._lock:
            if self._child is None:
                self._child = Child("feedsvc.cleaning", self._memory)
            try:
                return _answer(self._child, (body, markup, policy), seconds)
            except CleaningError:
                self._close()
                raise

    def close(self) -> None:
        """End the child process, if there is one; the next long article starts another."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


def _answer(child: Child, job: Any, seconds: float) -> content.Cleaned:
    try:
        child.connection.send(job)
        if not child.connection.poll(seconds):
            raise CleaningError(f"cleaning its HTML takes more than {seconds:.0f} seconds")
        # Not a pickle: what comes from there has dealt with what strangers wrote.
        answer = json.loads(child.connection.recv_bytes())
    except (EOFError, OSError) as error:
        raise CleaningError("cleaning its HTML ended the process that did it") from error
    if "html" not in answer:
        raise CleaningError("cleaning its HTML takes more memory than it may")
    return content.Cleaned(
        html=SafeHTML(answer["html"]),  # `content.clean` made it, over there
        summary=answer["summary"],
        removed=tuple((what, number) for what, number in answer["removed"]),
    )


def _clean(job: Any) -> Iterator[bytes]:
    try:
        cleaned = content.clean(*job)
        answer = {"html": cleaned.html, "summary": cleaned.summary, "removed": cleaned.removed}
    except MemoryError:
        answer = {}
    yield json.dumps(answer).encode()


def main(descriptor: int, memory: int) -> None:
    """Clean what comes in, until nobody sends any more."""
    limit_memory(memory)
    work(descriptor, _clean, niceness=5)
