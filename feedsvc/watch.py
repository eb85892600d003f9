"""When to refresh: on a schedule, and when the disk tells of a change.

APScheduler and the file events request passes, and one thread makes them, one at a time. Requests
that come during a pass lead to one more pass after it. The schedule goes on beside the events:
network file systems send none, and any system may lose some.
"""

import logging
import math
import os
import stat
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from watchfiles._rust_notify import RustNotify  # documented; `watch` does not tell its start

from feedsvc import xmltext
from feedsvc.errors import FeedsvcError
from feedsvc.model import Problem, Refresh

logger = logging.getLogger(__name__)

# A burst of events ends when 25 ms pass without one, after 400 ms at most. watchfiles looks for
# events at each step: at 10 ms that takes 0.7 % of a core, at 25 ms 0.3 %, and an idle service
# costs little else.
_STEP_MS, _DEBOUNCE_MS = 25, 400
# After which the call returns without events; then the directory may be gone, or another one.
_UNHEARD_MS = 1000
_MISSING_SECONDS = 0.5  # between two looks for a directory that is missing
_NO_TEXT = "Unable to decode path"  # the error of watchfiles for a name that is not UTF-8
_RETRY_SECONDS = 60  # after a pass that failed, and where there are no file events
_MOST_PROBLEMS_LOGGED = 20
_MOST_NAMED = 10  # files of a pass that were added, modified or removed, each
_CLOCK_SECONDS = 2.0  # between two looks at the clocks
_JUMP_SECONDS = 1.5  # by which the clocks move apart only when one is set
_OVERDUE_SECONDS = 60.0  # by which a pass may be late that the schedule asks for


class Clocks:
    """Tells when the wall clock was set: then it and the monotonic clock move apart."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._distance = wall() - monotonic()

    def jump(self) -> float:
        """Return by how many seconds the wall clock was set since the last call."""
        before, self._distance = self._distance, self._wall() - self._monotonic()
        return self._distance - before


def _first(sources: Sequence[str]) -> str:
    """Return the first names, in one line, and how many more there are."""
    names = ", ".join(map(xmltext.shown, sources[:_MOST_NAMED]))
    more = len(sources) - _MOST_NAMED
    return f"{names} and {more} more" if more > 0 else names


def _lines(problems: Sequence[Problem], unnamed: frozenset[str]) -> Iterator[str]:
    """Yield a line of the log for each problem, and one for all of files that it must not name."""
    named = [problem for problem in problems if problem.source not in unnamed]
    yield from map(str, named)
    others = len(problems) - len(named)
    if others:
        number = "1 problem" if others == 1 else f"{others} problems"
        yield f"{number} of files that are not public; `feedsvc check` names them"


def _identity(directory: Path) -> tuple[int, int] | None:
    """Return the device and inode of a directory, None if there is none."""
    try:
        status = directory.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None


def _end_process() -> None:
    os._exit(1)


class Watcher:
    """Calls `refresh` at once, on the schedule and, with a `directory`, on its events.

    `refresh` gets the paths of the events, or None for everything. Its exceptions are logged, and
    the next pass is over everything. Events of paths that begin with one of `own` are ignored: a
    pass writes these files, so in the directory each pass would lead to the next. A thread of the
    watcher that fails calls `fatal`, which ends the process: a watcher with a dead thread would
    only seem to work.
    """

    def __init__(
        self,
        refresh: Callable[[Collection[str] | None], Refresh],
        schedule: BaseTrigger,
        directory: Path | None,
        *,
        own: Collection[str] = (),
        fatal: Callable[[], None] = _end_process,
        clocks: Clocks | None = None,
    ) -> None:
        self._refresh = refresh
        self._schedule = schedule
        self._fatal = fatal
        self._clocks = clocks or Clocks()
        self._stopping = threading.Event()
        self._requested = threading.Event()
        self._lock = threading.Lock()
        self._paths: set[str] | None = set()  # of the next pass; None means everything
        self._again_at = math.inf  # by the monotonic clock: when the last pass asked for another
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._job = self._scheduler.add_job(
            self.request, schedule, args=(None,), coalesce=True, misfire_grace_time=1
        )
        self._own = tuple(own)
        self._threads = [self._thread(self._make_passes, "passes")]
        if directory is not None:
            self._threads.append(self._thread(lambda: self._listen(directory), "events"))
        self._problems: frozenset[str] = frozenset()
        self._failure: str | None = None  # of the last pass, to tell it from the next failure

    def start(self) -> None:
        """Begin, in threads of its own."""
        self.request(None)
        self._scheduler.start()
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float | None = None) -> bool:
        """Stop after the pass under way; tell whether its threads ended, each within `seconds`."""
        self._stopping.set()
        self._requested.set()
        self._scheduler.shutdown(wait=False)
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def request(self, paths: Collection[str] | None) -> None:
        """Have a pass made over these paths, or over everything, after the pass under way."""
        with self._lock:
            if paths is None:
                self._paths = None
            elif self._paths is not None:
                self._paths.update(paths)
            self._requested.set()

    def _make_passes(self) -> None:
        while not self._stopping.is_set():
            until_again = self._again_at - time.monotonic()
            self._requested.wait(max(0.0, min(until_again, _CLOCK_SECONDS)))
            self._check_clock()
            if time.monotonic() >= self._again_at:
                self._again_at = math.inf
                self.request(())
            if self._requested.is_set() and not self._stopping.is_set():
                with self._lock:
                    paths, self._paths = self._paths, set()
                    self._requested.clear()
                self._pass(paths)

    def _check_clock(self) -> None:
        """Keep the schedule right when the wall clock is set, by which APScheduler sleeps.

        Raises RuntimeError where the schedule stands still: a job of APScheduler 3.11 that is due
        and replaced at the same moment ends the scheduler's thread.
        """
        jump = self._clocks.jump()
        if abs(jump) > _JUMP_SECONDS:
            logger.warning("the clock was set by %+.0f s: looking at everything", jump)
            self._job.reschedule(self._schedule)
            self.request(None)
            return
        due = self._job.next_run_time  # None: the schedule names no more times
        if due is not None and (datetime.now(UTC) - due).total_seconds() > _OVERDUE_SECONDS:
            raise RuntimeError("the schedule of passes stands still")

    def _pass(self, paths: Collection[str] | None) -> None:
        if self._failure is not None:
            paths = None  # the paths of the failed pass are not known any more
        try:
            report = self._refresh(paths)
        except Exception as error:  # noqa: BLE001 - one pass must not end the watcher
            self._log_failure(error)
            self._again_at = time.monotonic() + _RETRY_SECONDS
            return
        if self._failure is not None:
            logger.info("refresh works again")
            self._failure = None
        self._log(report)
        if report.again_in is not None:
            self._again_at = time.monotonic() + report.again_in

    def _log_failure(self, error: Exception) -> None:
        """Log why a pass failed: unexpected errors with a traceback, and each only once."""
        if isinstance(error, FeedsvcError):
            failure = str(error)
            if failure != self._failure:
                logger.error("refresh failed: %s", error)
        else:
            stack = traceback.extract_tb(error.__traceback__)
            failure = f"{type(error).__name__} at {stack[-1].filename}:{stack[-1].lineno}"
            if failure != self._failure:
                logger.error("refresh failed, and is tried again:", exc_info=error)
            else:
                logger.error("refresh failed as before: %s", failure)
        self._failure = failure

    def _log(self, report: Refresh) -> None:
        """Log the changes of a pass, and the problems that the pass before did not have."""
        changes, unnamed = report.changes, report.unnamed
        problems = frozenset(_lines(report.problems, unnamed))
        if changes or problems != self._problems:
            groups = {name: getattr(changes, name) for name in ("added", "modified", "removed")}
            named = [
                f"; {name} {_first([source for source in sources if source not in unnamed])}"
                for name, sources in groups.items()
                if not unnamed.issuperset(sources)
            ]
            logger.info(
                "refreshed: %d added, %d modified, %d removed, %s%d problems, %.2f s%s",
                *map(len, groups.values()),
                "" if report.articles is None else f"{report.articles} articles, ",
                len(report.problems),
                report.seconds,
                "".join(named),
                extra={
                    "facts": {  # for a log in JSON
                        **{name: len(sources) for name, sources in groups.items()},
                        "articles": report.articles,
                        "problems": len(report.problems),
                        "seconds": round(report.seconds, 3),
                    }
                },
            )
        new = sorted(problems - self._problems)
        for problem in new[:_MOST_PROBLEMS_LOGGED]:
            logger.warning("%s", problem)
        if len(new) > _MOST_PROBLEMS_LOGGED:
            logger.warning("%d more; `feedsvc check` lists all", len(new) - _MOST_PROBLEMS_LOGGED)
        self._problems = problems

    def _listen(self, directory: Path) -> None:
        """Request passes over the paths of file events; where there are none, try again later."""
        warned = False
        while not self._stopping.is_set():
            try:
                if (root := _identity(directory)) is None:
                    self._stopping.wait(_MISSING_SECONDS)  # the first pass has told of it
                    continue
                with RustNotify([str(directory)], False, False, 0, True, True) as events:
                    # For changes before this moment, which the first pass may have missed. The
                    # first pass does not wait for this, which takes 3 s for a million files.
                    self.request(None)
                    while not self._stopping.is_set():
                        batch = events.watch(_DEBOUNCE_MS, _STEP_MS, _UNHEARD_MS, self._stopping)
                        if not isinstance(batch, str):
                            paths = {path for _, path in batch if not self._is_own(path)}
                            if paths:
                                self.request(paths)
                        elif batch == "timeout" and _identity(directory) != root:
                            self.request(None)
                            break
            except (OSError, RuntimeError) as error:
                if _NO_TEXT in str(error):
                    continue  # the rest of the burst is lost, too; the new RustNotify requests all
                if not warned:
                    logger.warning("no file events (%s); the schedule goes on", error)
                warned = True
                self._stopping.wait(_RETRY_SECONDS)

    def _is_own(self, path: str) -> bool:
        absolute = os.path.abspath(path)  # noqa: PTH100 - links are not to be resolved
        return bool(self._own) and absolute.startswith(self._own)

    def _thread(self, run: Callable[[], None], name: str) -> threading.Thread:
        """Return a thread that calls `fatal` when `run` raises."""

        def guarded() -> None:
            try:
                run()
            except BaseException:
                logger.critical("the watcher cannot go on (feedsvc-%s)", name, exc_info=True)
                if not self._stopping.is_set():
                    self._fatal()

        # A daemon, or a process that has not called `stop` would never end.
        return threading.Thread(target=guarded, name=f"feedsvc-{name}", daemon=True)
