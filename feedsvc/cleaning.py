"""Cleaning that ends, and that fails for one article alone.

`content` takes time linear in the size of its input, and tells how much. An article that takes a
moment is cleaned at once. A costly one is given to a child process with a limit of time and of
memory, in case some input is found that is worse than all that were tried; the child may be killed
or die without loss. Whatever goes wrong in either, the caller gets a CleaningError.
"""

import json
import logging
import threading
import traceback
from collections.abc import Iterator
from typing import Any

from feedsvc import content, xmltext
from feedsvc.children import Child, limit_memory, work
from feedsvc.errors import CleaningError
from feedsvc.model import Markup, SafeHTML

_SHORT = 64 * 1024  # characters; whatever is longer is not even weighed
_AT_ONCE = 0.035  # seconds foreseen; at the worst that was found, it takes half as much again
_SECONDS = 10.0
_SECONDS_PER_MILLION = 4.0  # characters; twice what the worst inputs take
_MEMORY = 2 * 1024**3  # bytes of address space
_LONGEST_TRACE = 5000  # characters; what an error says may hold the whole article
_MOST_LOGGED = 1000  # bodies whose traceback is not logged again

logger = logging.getLogger(__name__)


def is_costly(body: str, markup: Markup) -> bool:
    """Tell whether a body takes so long to clean that no reader should wait for it.

    What is not costly takes some 50 milliseconds at the worst.
    """
    if len(body) > _SHORT:
        return True
    try:
        return content.seconds(body, markup) > _AT_ONCE
    except BaseException as error:
        if _is_crash(error):
            raise
        return True  # the process that cleans will say what is wrong with it


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

    def clean(self, body: str, markup: Markup, policy: content.Policy) -> content.Cleaned:
        """Clean as `content.clean` does. Raises CleaningError, and nothing else, where it fails."""
        if len(body) > self._short or is_costly(body, markup):
            answer = self._answer_of_child(body, markup, policy)
        else:
            answer = _answer(body, markup, policy)
        if "failed" in answer:
            raise CleaningError(self._failure(answer, body, policy))
        return content.Cleaned(
            html=SafeHTML(answer["html"]),  # `content.clean` made it, here or over there
            summary=answer["summary"],
            removed=tuple((what, number) for what, number in answer["removed"]),
            formatted=answer["formatted"],
        )

    def _answer_of_child(self, body: str, markup: Markup, policy: content.Policy) -> dict[str, Any]:
        seconds = self._seconds + len(body) / 1e6 * _SECONDS_PER_MILLION
        with self._lock:
            try:
                if self._child is None:
                    self._child = Child("feedsvc.cleaning", self._memory)
                answer = _ask(self._child, (body, markup, policy), seconds)
            except OSError as error:
                self._close()
                raise CleaningError(
                    "the process that would clean its HTML did not start"
                ) from error
            except CleaningError:
                self._close()
                raise
            if answer.get("failed") == MemoryError.__name__:
                self._close()  # what is left of its memory may not do for the next article
            return answer

    def _failure(self, answer: dict[str, Any], body: str, policy: content.Policy) -> str:
        """Return why it failed; log the traceback, once for each body."""
        if answer["failed"] == MemoryError.__name__:
            return "cleaning its HTML takes more memory than it may"
        if hash(body) not in self._logged:
            if len(self._logged) >= _MOST_LOGGED:
                self._logged.clear()
            self._logged.add(hash(body))
            where = policy.page or policy.link
            logger.error("the HTML of %s could not be cleaned:\n%s", where, answer["trace"])
        return f"cleaning its HTML failed ({answer['failed']})"

    def close(self) -> None:
        """End the child process, if there is one; the next long article starts another."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


def _ask(child: Child, job: Any, seconds: float) -> dict[str, Any]:
    """Have the child do one job. Raises CleaningError where no good answer comes in time."""
    try:
        child.connection.send(job)
        if not child.connection.poll(seconds):
            raise CleaningError(f"cleaning its HTML takes more than {seconds:.0f} seconds")
        # Not a pickle: what comes from there has dealt with what strangers wrote.
        answer = json.loads(child.connection.recv_bytes())
    except (EOFError, OSError) as error:
        raise CleaningError("cleaning its HTML ended the process that did it") from error
    except (ValueError, RecursionError) as error:
        raise CleaningError("the process that cleans HTML gave no answer") from error
    if not _is_answer(answer):
        raise CleaningError("the process that cleans HTML gave no answer")
    return dict(answer)


def _is_answer(answer: Any) -> bool:
    """Tell whether an answer has the shape that `_answer` gives."""
    if not isinstance(answer, dict):
        return False
    if answer.keys() == {"failed", "trace"}:
        return all(isinstance(text, str) for text in answer.values())
    return (
        answer.keys() == {"html", "summary", "removed", "formatted"}
        and isinstance(answer["formatted"], bool)
        and isinstance(answer["html"], str)
        and isinstance(answer["summary"], str)
        and isinstance(answer["removed"], list)
        and all(
            isinstance(pair, list) and list(map(type, pair)) == [str, int]
            for pair in answer["removed"]
        )
    )


def _answer(body: str, markup: Markup, policy: content.Policy) -> dict[str, Any]:
    """Clean, and return what came out or what went wrong, as JSON has it."""
    try:
        cleaned = content.clean(body, markup, policy)
    except BaseException as error:
        if _is_crash(error):
            raise
        trace = xmltext.legal(traceback.format_exc())
        return {"failed": type(error).__name__, "trace": trace[-_LONGEST_TRACE:]}
    return {
        "html": cleaned.html,
        "summary": cleaned.summary,
        "removed": cleaned.removed,
        "formatted": cleaned.formatted,
    }


def _is_crash(error: BaseException) -> bool:
    """Tell whether an error is not of the article: an interrupt, the end of the process."""
    # A panic of a library in Rust is no Exception (PyO3), but it is of the article.
    return not isinstance(error, Exception) and type(error).__name__ != "PanicException"


def _answers(job: Any) -> Iterator[bytes]:
    yield json.dumps(_answer(*job)).encode()


def main(descriptor: int, memory: int) -> None:
    """Clean what comes in, until nobody sends any more."""
    limit_memory(memory)
    work(descriptor, _answers, niceness=5)
