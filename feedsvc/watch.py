"""When to refresh: on a schedule, and when the disk says that something changed.

One pass at a time. An event during a pass leads to one more pass after it; a scheduled pass that
was missed is not made up for. The schedule stays on beside the events: network file systems send
none, and any system may lose some.
"""

import errno
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta, tzinfo
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from watchfiles._rust_notify import RustNotify  # documented: it tells when it has begun

from feedsvc.errors import ConfigError, FeedsvcError, Mistake
from feedsvc.model import Refresh

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


def trigger(rescan: timedelta | str, zone: tzinfo) -> BaseTrigger:
    """Return the schedule that `articles.rescan` names; raises ConfigError."""
    if isinstance(rescan, timedelta):
        return IntervalTrigger(seconds=int(rescan.total_seconds()), timezone=zone)
    try:
        return CronTrigger.from_crontab(rescan, timezone=zone)
    except ValueError as error:
        mistake = Mistake(
            where="", path="articles.rescan", reason=f"no cron expression: {rescan} ({error})"
        )
        raise ConfigError((mistake,)) from error


class Watcher:
    """Calls `refresh` at once, on the schedule and, with a `directory`, on its events.

    `refresh` is told which paths there were events of, or None when it is to look at everything.
    """

    def __init__(
        self,
        refresh: Callable[[Collection[str] | None], Refresh],
        schedule: BaseTrigger,
        directory: Path | None,
    ) -> None:
        self._refresh = refresh
        self._directory = directory
        self._scheduler = BackgroundScheduler(timezone=schedule.timezone)
        self._scheduler.add_job(
            self.pass_now, schedule, max_instances=1, coalesce=True, misfire_grace_time=1
        )
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._passing = threading.Lock()
        self._noting = threading.Lock()
        self._paths: set[str] | None = None
        self._threads = [_thread(self.pass_now, "first-pass")]
        if directory is not None:
            self._threads.append(_thread(self._listen, "events"))
        self._timer = threading.Timer(0, self.pass_over, ((),))
        self._problems: frozenset[str] = frozenset()
        self._failure: str | None = None

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._scheduler.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop; a pass under way is finished first, so that nothing is left half done."""
        self._stopping.set()
        self._scheduler.shutdown(wait=True)
        self._timer.cancel()
        for thread in self._threads:
            thread.join()
        with self._passing:
            pass  # whoever was in a pass has ended it

    def pass_now(self) -> None:
        """Make a pass over everything, or have one made after the one under way."""
        with self._noting:
            self._paths = None
            self._wanted.set()
        self._pass_when_free()

    def pass_over(self, paths: Iterable[str]) -> None:
        """Make a pass over these paths, or have one made after the one under way."""
        with self._noting:
            if not self._wanted.is_set():
                self._paths = set(paths)
            elif self._paths is not None:
                self._paths |= set(paths)
            self._wanted.set()
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
        except FeedsvcError as error:
            # What was known stays; the next pass tries again.
            if str(error) != self._failure:
                logger.error("refresh failed: %s", error)  # noqa: TRY400 - it says all there is
            self._failure = str(error)
            return
        if self._failure is not None:
            logger.info("refresh works again")
            self._failure = None
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
        if report.again_in is not None:
            self._again(report.again_in)
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
            self._timer = threading.Timer(min(seconds, _LONGEST_WAIT), self.pass_over, ((),))
            self._timer.daemon = True
            self._timer.start()

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
                    self.pass_now()
                    self._pass_over(events)
            except (OSError, RuntimeError) as error:
                if _NO_TEXT in str(error):
                    continue  # and with that name, the others of its burst were lost
                if not said:
                    logger.warning("no file events (%s); the schedule goes on", error)
                said = True
                self._stopping.wait(_RETRY_SECONDS)

    def _pass_over(self, events: RustNotify) -> None:
        while not self._stopping.is_set():
            found = events.watch(_DEBOUNCE_MS, _STEP_MS, _UNHEARD_MS, self._stopping)
            if not isinstance(found, str):
                self.pass_over({path for _, path in found})


def _thread(target: Callable[[], None], name: str) -> threading.Thread:
    # A daemon, or a process that has not called `stop` would never end.
    return threading.Thread(target=target, name=f"feedsvc-{name}", daemon=True)
