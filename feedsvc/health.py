"""Health: whether passes are still made, for monitors.

The process that makes passes writes a record of the last one into the index, where web workers read
it. The record tells when the next pass is due. A pass that makes progress may take longer, unless
the one before it failed.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from feedsvc.config import Config
from feedsvc.errors import FeedsvcError, StateError
from feedsvc.index import Index
from feedsvc.model import Refresh
from feedsvc.schedule import schedule_of, seconds_until

logger = logging.getLogger(__name__)

PASSES = "passes"
"""The key under which the index remembers the record of the last pass, as JSON."""

CONFIG_REFUSED = "config_refused"
"""The key under which the index remembers why the configuration file is not the one in use."""

_MISSED = 3  # passes that may fail or be missing before the service counts as not ready
_MARGIN = 5.0  # seconds that a pass without changes may take, with writing its record
_NEVER = timedelta(days=366).total_seconds()  # where the schedule has no more times

_CUT_OFF = "the watcher ended in the middle of a pass and was started again; the log says more"
_GONE = "no watcher is running"
_LATE = "no pass over the articles has ended in time: the watcher hangs, or is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRecord:
    """What is remembered of the passes.

    `since` is when the last `good` pass ended or, while none was good, when the first record was
    made, in seconds since 1970. The next good pass is due `within` so many seconds after that.
    `error` is why the last pass failed, `watched` whether a watcher made it, `started` whether a
    watcher has started since then. The last good pass took `seconds`. The last pass with changes
    ended at `changed`, 0 if there was none, and it `added`, `modified` and `removed` so many files.

    The others are sums over all passes, since the state began: `passes` that were good and their
    `all_seconds`, `failed` ones, and the articles `cleaned` and documents `rendered` by good ones,
    each with its seconds.
    """

    since: float
    within: float
    good: bool = False
    error: str | None = None
    watched: bool = False
    started: bool = False
    seconds: float = 0.0
    changed: float = 0.0
    added: int = 0
    modified: int = 0
    removed: int = 0
    passes: int = 0
    all_seconds: float = 0.0
    failed: int = 0
    cleaned: int = 0
    clean_seconds: float = 0.0
    rendered: int = 0
    render_seconds: float = 0.0

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return the record in `text`; None without a text, or for one of another feedsvc."""
        try:
            return None if text is None else cls(**json.loads(text))
        except (TypeError, ValueError):
            return None

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    def after(
        self,
        now: float,
        error: str | None,
        within: float,
        *,
        watched: bool,
        report: Refresh | None = None,
    ) -> Self:
        """Return the record after another pass, which had an `error` if it failed."""
        if error is not None:
            return replace(
                self, error=error, watched=watched, started=False, failed=self.failed + 1
            )
        record = replace(
            self,
            since=now,
            within=within,
            good=True,
            error=None,
            watched=watched,
            started=False,
            passes=self.passes + 1,
        )
        if report is None:
            return record
        record = replace(
            record,
            seconds=round(report.seconds, 3),
            all_seconds=round(self.all_seconds + report.seconds, 3),
            cleaned=self.cleaned + report.cleaned.number,
            clean_seconds=round(self.clean_seconds + report.cleaned.seconds, 3),
            rendered=self.rendered + report.rendered.number,
            render_seconds=round(self.render_seconds + report.rendered.seconds, 3),
        )
        if not report.changes:
            return record
        changes = report.changes
        return replace(
            record,
            changed=now,
            added=len(changes.added),
            modified=len(changes.modified),
            removed=len(changes.removed),
        )

    def after_start(self) -> Self:
        """Return the record when a watcher starts, before its first pass."""
        # The watcher before this one started too, and ended before it had made a pass.
        error = _CUT_OFF if self.started and self.error is None else self.error
        return replace(self, error=error, watched=True, started=True)


@dataclass(slots=True)
class PassNote:
    """What the process that makes a pass tells about it: its `report`, when it has ended."""

    report: Refresh | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether passes are made, the `error` if they are not, and when the last good one ended.

    `result` is that of the last pass, None before the first one.
    """

    well: bool
    last_good: datetime | None = None
    error: str | None = None
    result: Literal["good", "failed"] | None = None


class PassNotes:
    """Writes the record of each pass of this process, which is a watcher if `watched`.

    Where the index cannot be written, the last record gets too old, which monitors see as well.
    """

    def __init__(
        self, config: Config, index: Index, clock: Callable[[], datetime], *, watched: bool
    ) -> None:
        self._schedule = schedule_of(config)
        self._index = index
        self._clock = clock
        self._watched = watched
        self._failed = False

    def note_start(self) -> None:
        """Note that a watcher starts."""
        self._note(lambda record, _: record.after_start())

    @contextmanager
    def noting(self) -> Iterator[PassNote]:
        """Note how the pass in this block ended, and raise its error.

        The caller adds the report of the pass.
        """
        note = PassNote()
        try:
            yield note
        except FeedsvcError as error:
            self._note_pass(None, str(error))
            raise
        except Exception as error:
            # /readyz shows it to everybody, so it must not contain the text of an unforeseen error.
            self._note_pass(None, f"{type(error).__name__}; the log says more")
            raise
        failures = note.report.failures if note.report else ()
        self._note_pass(note.report, "; ".join(failures) or None)

    def _note_pass(self, report: Refresh | None, error: str | None) -> None:
        now = self._clock().timestamp()
        self._note(
            lambda record, within: record.after(
                now, error, within, watched=self._watched, report=report
            )
        )

    def _note(self, change: Callable[[PassRecord, float], PassRecord]) -> None:
        now = self._clock()
        seconds = seconds_until(self._schedule, now, passes=_MISSED)
        within = _MARGIN + (_NEVER if seconds is None else seconds)
        try:
            record = PassRecord.parse(self._index.meta.get(PASSES))
            record = record or PassRecord(since=now.timestamp(), within=within)
            self._index.meta.note(PASSES, str(change(record, within)))
            self._failed = False
        except StateError as error:
            if not self._failed:
                logger.info("the record of the passes cannot be written: %s", error)
            self._failed = True


class Judge:
    """Judges the record of the passes, in one process.

    A time is compared with the wall clock when it is first seen, then with the monotonic clock: so
    a clock that is set meanwhile makes no pass late or in time.
    """

    def __init__(
        self, wall: Callable[[], float], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._seen: dict[str, tuple[float, float]] = {}  # a time, and the monotonic time of its end

    def health_of(self, index: Index) -> Health:
        """Judge by one index and the processes that use it. Raises StateError."""
        return self.health(
            index.meta.get(PASSES),
            alive=index.database.progress.read().alive,
            watched=index.database.is_watched(),
        )

    def health(self, text: str | None, *, alive: float, watched: bool | None) -> Health:
        """Judge by the `text` of a record, and by the time `alive` when a pass last made progress.

        `watched` tells whether a watcher is running, None if that cannot be seen.
        """
        record = PassRecord.parse(text)
        if record is None:
            return Health(well=True)  # no process that writes records has made a pass
        in_time = self._is_young("pass", record.since, record.within)
        if record.error is None and alive:
            in_time = self._is_young("alive", alive, record.within) or in_time
        gone = record.watched and watched is False
        error = record.error or (_GONE if gone else None if in_time else _LATE)
        return Health(
            well=in_time and not gone,
            last_good=datetime.fromtimestamp(record.since, UTC) if record.good else None,
            error=error,
            result="failed" if record.error is not None else "good" if record.good else None,
        )

    def _is_young(self, name: str, moment: float, seconds: float) -> bool:
        """Tell whether less than so many seconds have passed since this moment."""
        now = self._monotonic()
        seen = self._seen.get(name)
        if seen is None or seen[0] != moment:
            # A moment in the future counts as now: the clock has been set back since then.
            left = min(seconds, moment + seconds - self._wall())
            seen = self._seen[name] = (moment, now + left)
        return now < seen[1]
