"""When to refresh: on a schedule, and when the disk says that something changed.

One pass at a time. An event during a pass leads to one more pass after it; a scheduled pass that
was missed is not made up for. The schedule stays on beside the events: network file systems send
none, and any system may lose some.
"""

import errno
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from watchfiles._rust_notify import RustNotify  # documented: it tells when it has begun

from feedsvc.errors import FeedsvcError
from feedsvc.model import Refresh
from feedsvc.schedule import trigger

__all__ = ["Clocks", "Watcher", "end_process", "trigger"]

logger = logging.getLogger(__name__)

# A burst of events is gathered until 25 ms pass without one, for 400 ms at most; what comes later
# during a pass is gathered by the pass. watchfiles looks every so often whether there are any, and
# at 10 ms that is most of what an idle service costs: 0.7 % of a core, and 0.3 % at 25 ms.
_STEP_MS, _DEBOUNCE_MS = 25, 400
_UNHEARD_MS = 5000  # after which it is asked again, for nothing
_NO_TEXT = "Unable to decode path"  # what watchfiles says of a name that is not UTF-8
_RETRY_SECONDS = 60  # until events are asked for again of a directory that was not there
_MOST_PROBLEMS_LOGGED = 20
_LONGEST_WAIT = 24 * 3600.0  # seconds; later than that is looked at again in between
_CLOCK_SECONDS = 2.0  # between two looks at the clocks
_JUMP_SECONDS = 1.5  # by which the clocks move apart only when one is set
_OVERDUE_SECONDS = 60.0  # after which a pass that is due and not begun will never be
_JOB = "rescan"


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


def end_process() -> None:
    """End this process with an error, at once and whatever its other threads do."""
    os._exit(1)


class Watcher:
    """Calls `refresh` at once, on the schedule and, with a `directory`, on its events.

    `refresh` is told which paths there were events of, or None when it is to look at everything.
    Whatever it raises is logged, and the next pass is over everything. A thread of the watcher that
    cannot go on calls `fatal`: a watcher that only seems to work is worse than one that has ended.
    """

    def __init__(
        self,
        refresh: Callable[[Collection[str] | None], Refresh],
        schedule: BaseTrigger,
        directory: Path | None,
        *,
        fatal: Callable[[], None] = end_process,
        clocks: Clocks | None = None,
    ) -> None:
        self._refresh = refresh
        self._schedule = schedule
        self._directory = directory
        self._fatal = fatal
        self._clocks = clocks or Clocks()
        self._scheduler = BackgroundScheduler(timezone=schedule.timezone)
        self._scheduler.add_job(
            self._guarded(self._request_all),
            schedule,
            id=_JOB,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=1,
        )
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._requested = threading.Event()
        self._passing = threading.Lock()
        self._noting = threading.Lock()
        self._paths: set[str] | None = None
        self._threads = [
            self._thread(self._make_passes, "passes"),
            self._thread(self._follow_clock, "clock"),
        ]
        if directory is not None:
            self._threads.append(self._thread(self._listen, "events"))
        self._timer = threading.Timer(0, self._request, ((),))
        self._problems: frozenset[str] = frozenset()
        self._failure: str | None = None  # of the last pass: what tells it from another failure

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._request(None)
        self._scheduler.start()
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float | None = None) -> bool:
        """Stop, once the pass under way has ended; tell whether it has, within so many seconds."""
        self._stopping.set()
        self._requested.set()
        self._timer.cancel()
        self._scheduler.shutdown(wait=seconds is None)
        if not self._passing.acquire(timeout=-1 if seconds is None else seconds):
            return False
        self._passing.release()
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def pass_now(self) -> None:
        """Make a pass over everything, or have one made after the one under way."""
        self._note(None)
        self._pass_when_free()

    def pass_over(self, paths: Iterable[str]) -> None:
        """Make a pass over these paths, or have one made after the one under way."""
        self._note(paths)
        self._pass_when_free()

    def _note(self, paths: Iterable[str] | None) -> None:
        with self._noting:
            if paths is None:
                self._paths = None
            elif not self._wanted.is_set():
                self._paths = set(paths)
            elif self._paths is not None:
                self._paths |= set(paths)
            self._wanted.set()

    def _request(self, paths: Iterable[str] | None) -> None:
        """Have another thread make a pass: whoever listens or waits must not be held up by it."""
        self._note(paths)
        self._requested.set()

    def _request_all(self) -> None:
        self._request(None)

    def _make_passes(self) -> None:
        while not self._stopping.is_set():
            self._requested.wait()
            self._requested.clear()
            self._pass_when_free()

    def _pass_when_free(self) -> None:
        while self._wanted.is_set() and not self._stopping.is_set():
            if not self._passing.acquire(blocking=False):
                return  # whoever holds it looks at `_wanted` again before it is done
            try:
                with self._noting:
                    wanted, paths = self._wanted.is_set(), self._paths
                    self._wanted.clear()
                if wanted:
                    self._pass(paths)
            finally:
                self._passing.release()

    def _pass(self, paths: Collection[str] | None) -> None:
        if self._failure is not None:
            paths = None  # what the failed pass was to look at is not known any more
        try:
            report = self._refresh(paths)
        except Exception as error:  # noqa: BLE001 - one pass must not end the watcher
            # What was known stays; the next pass tries again.
            self._note_failure(error)
            self._again(_RETRY_SECONDS)
            return
        if self._failure is not None:
            logger.info("refresh works again")
            self._failure = None
        self._tell(report)
        if report.again_in is not None:
            self._again(report.again_in)

    def _note_failure(self, error: Exception) -> None:
        """Log why a pass failed: a traceback only of what nobody foresaw, and only once."""
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

    def _tell(self, report: Refresh) -> None:
        """Log what a pass has changed, and the problems that the one before did not have."""
        changes = report.changes
        problems = frozenset(map(str, report.problems))
        if changes or problems != self._problems:
            logger.info(
                "refreshed: %d added, %d modified, %d removed, %s%d problems, %.2f s",
                len(changes.added),
                len(changes.modified),
                len(changes.removed),
                "" if report.articles is None else f"{report.articles} articles, ",
                len(report.problems),
                report.seconds,
            )
        new = sorted(problems - self._problems)
        for problem in new[:_MOST_PROBLEMS_LOGGED]:
            logger.warning("%s", problem)
        if len(new) > _MOST_PROBLEMS_LOGGED:
            logger.warning("%d more; `feedsvc check` lists all", len(new) - _MOST_PROBLEMS_LOGGED)
        self._problems = problems

    def _again(self, seconds: float) -> None:
        """Have a pass made after so many seconds, for files being written and articles due."""
        # A timer, not a job: a job of APScheduler 3.11 that is due and replaced at the same moment
        # ends the scheduler's thread (JobLookupError).
        if self._scheduler.running and not self._stopping.is_set():
            self._timer.cancel()
            self._timer = threading.Timer(
                min(seconds, _LONGEST_WAIT), self._guarded(self._request_more)
            )
            self._timer.daemon = True
            self._timer.start()

    def _request_more(self) -> None:
        self._request(())

    def _follow_clock(self) -> None:
        """Keep the schedule right while the wall clock is set, to which APScheduler sleeps."""
        while not self._stopping.wait(_CLOCK_SECONDS):
            jump = self._clocks.jump()
            if abs(jump) > _JUMP_SECONDS:
                logger.warning("the clock was set by %+.0f s: looking at everything", jump)
                self._scheduler.reschedule_job(_JOB, trigger=self._schedule)
                self._request(None)
            elif self._is_overdue():
                raise RuntimeError("the schedule of passes stands still")

    def _is_overdue(self) -> bool:
        """Tell whether a scheduled pass was not even begun, though its time has long passed."""
        job = self._scheduler.get_job(_JOB)
        if job is None or job.next_run_time is None:
            return False  # a cron expression that names no time any more
        late = (datetime.now(UTC) - job.next_run_time).total_seconds()
        return bool(late > _OVERDUE_SECONDS)

    def _listen(self) -> None:
        assert self._directory is not None
        said = False
        while not self._stopping.is_set():
            try:
                if not self._directory.is_dir():
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                with RustNotify([str(self._directory)], False, False, 0, True, True) as events:
                    # Nobody has told what changed before, and the first pass may have looked there
                    # already. It does not wait for this, which takes 3 s for a million files.
                    self._request(None)
                    self._follow_events(events)
            except (OSError, RuntimeError) as error:
                if _NO_TEXT in str(error):
                    continue  # and with that name, the others of its burst were lost
                if not said:
                    logger.warning("no file events (%s); the schedule goes on", error)
                said = True
                self._stopping.wait(_RETRY_SECONDS)

    def _follow_events(self, events: RustNotify) -> None:
        while not self._stopping.is_set():
            found = events.watch(_DEBOUNCE_MS, _STEP_MS, _UNHEARD_MS, self._stopping)
            if not isinstance(found, str):
                self._request({path for _, path in found})

    def _thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        # A daemon, or a process that has not called `stop` would never end.
        return threading.Thread(target=self._guarded(target), name=f"feedsvc-{name}", daemon=True)

    def _guarded(self, run: Callable[[], None]) -> Callable[[], None]:
        """Return `run` as a thread is to run it: it does not die in silence."""

        def guarded() -> None:
            try:
                run()
            except BaseException:
                name = threading.current_thread().name
                logger.critical("the watcher cannot go on (%s)", name, exc_info=True)
                if not self._stopping.is_set():
                    self._fatal()

        return guarded
