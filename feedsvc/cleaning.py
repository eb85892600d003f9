"""Cleaning within limits of time and memory; an article that exceeds them is a CleaningError.

`content` takes time linear in the size of its input, and can foretell it. An article that takes a
moment is cleaned at once, a costly one by a child process, which can be killed: some input may be
worse than all that we tried.
"""

import logging
import threading
import traceback
from dataclasses import dataclass

from feedsvc import content, plaindata, xmltext
from feedsvc.children import Child, limit_memory, work
from feedsvc.errors import ChildError, CleaningError
from feedsvc.model import Markup

_SHORT = 64 * 1024  # characters; a longer body is costly, whatever is in it
_AT_ONCE = 0.035  # seconds foretold; the worst input takes half as much again
_SECONDS = 10.0
_SECONDS_PER_MILLION = 4.0  # characters; the worst inputs take half of it
_MEMORY = 2 * 1024**3  # bytes of address space
_LONGEST_TRACE = 5000  # characters; an error's message may hold the whole article
_MOST_LOGGED = 1000  # bodies whose traceback is not logged again

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """A cleaned body, or the name and the traceback of the exception."""

    cleaned: content.Cleaned | None
    failed: str = ""
    trace: str = ""


def is_costly(body: str, markup: Markup) -> bool:
    """Tell whether a body takes so long to clean that no reader should wait for it.

    Any other takes some 50 milliseconds at most.
    """
    if len(body) > _SHORT:
        return True
    try:
        return content.seconds(body, markup) > _AT_ONCE
    except BaseException as error:
        if _is_crash(error):
            raise
        return True  # the child process meets the same error and reports it


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
        self._logged: set[int] = set()

    def clean(
        self, body: str, markup: Markup, policy: content.Policy, *, traces: bool = True
    ) -> content.Cleaned:
        """Clean as `content.clean` does. Any failure is a CleaningError.

        The log says which article failed, and where, unless it is to have no `traces`.
        """
        if len(body) > self._short or is_costly(body, markup):
            answer = self._answer_of_child(body, markup, policy)
        else:
            answer = _answer(body, markup, policy)
        if answer.cleaned is None:
            raise CleaningError(self._failure(answer, body, policy, traces=traces))
        return answer.cleaned

    def _answer_of_child(self, body: str, markup: Markup, policy: content.Policy) -> _Answer:
        seconds = self._seconds + len(body) / 1e6 * _SECONDS_PER_MILLION
        with self._lock:
            try:
                if self._child is None:
                    self._child = Child("feedsvc.cleaning", self._memory)
                self._child.send((body, markup, policy))
                answer: _Answer = plaindata.load(_Answer, self._child.receive(seconds))
            except OSError as error:
                self._close()
                raise CleaningError(
                    "the process that would clean its HTML did not start"
                ) from error
            except ChildError as error:
                self._close()
                raise CleaningError(f"cleaning its HTML {error}") from error
            except ValueError as error:
                self._close()
                raise CleaningError("the process that cleans HTML gave no answer") from error
            if answer.failed == MemoryError.__name__:
                self._close()  # the next article might need the memory that this one has taken
            return answer

    def _failure(self, answer: _Answer, body: str, policy: content.Policy, *, traces: bool) -> str:
        """Return why it failed; log that, once for each body."""
        if answer.failed == MemoryError.__name__:
            return "cleaning its HTML takes more memory than it may"
        if hash(body) not in self._logged:
            if len(self._logged) >= _MOST_LOGGED:
                self._logged.clear()
            self._logged.add(hash(body))
            where = policy.page or policy.link
            if traces:
                logger.error("the HTML of %s could not be cleaned:\n%s", where, answer.trace)
            else:
                logger.error("HTML could not be cleaned; `feedsvc check` says of which article")
        return f"cleaning its HTML failed ({answer.failed})"

    def close(self) -> None:
        """End the child process, if there is one; the next costly article starts another."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


def _answer(body: str, markup: Markup, policy: content.Policy) -> _Answer:
    try:
        return _Answer(cleaned=content.clean(body, markup, policy))
    except BaseException as error:
        if _is_crash(error):
            raise
        trace = xmltext.legal(traceback.format_exc())[-_LONGEST_TRACE:]
        return _Answer(cleaned=None, failed=type(error).__name__, trace=trace)


def _is_crash(error: BaseException) -> bool:
    """Tell whether an error ends the process, and is not the article's fault: an interrupt."""
    # A panic of a Rust library is no Exception (PyO3), but it is the article's fault.
    return not isinstance(error, Exception) and type(error).__name__ != "PanicException"


def main(descriptor: int, memory: int) -> None:
    """Clean the articles that come in through a socket."""
    limit_memory(memory)
    work(descriptor, lambda job: [plaindata.dump(_answer(*job))], niceness=5)
