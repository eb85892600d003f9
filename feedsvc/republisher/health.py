"""Whether passes are still made: what is remembered of them, and what a monitor is told.

Whoever makes passes remembers the last one in the index, which is all that web workers share with
him. A pass is due at a time that is remembered with the one before it. A pass that gets on may take
longer, unless the passes before it failed.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Self

PASSES = "passes"
"""Under which the index remembers the last pass, as JSON."""

_CUT_OFF = "the watcher ended in the middle of a pass and was started again; the log says more"
_GONE = "no watcher is running"
_LATE = "no pass over the articles has ended in time: the watcher hangs, or is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """What is remembered of the passes.

    The next good pass is due `within` so many seconds of `since`, in seconds since 1970: of the end
    of the last `good` one, or of the first attempt while none was good. `error` is why the last
    pass failed. `watched` tells that a watcher made it, `started` that one was started since then.
    """

    since: float
    within: float
    good: bool = False
    error: str | None = None
    watched: bool = False
    started: bool = False

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return what `text` remembers, None for nothing, or nothing that can be understood."""
        try:
            return None if text is None else cls(**json.loads(text))
        except (TypeError, ValueError):
            return None  # of another version of feedsvc

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    def after(self, now: float, error: str | None, within: float, *, watched: bool) -> Self:
        """Return what to remember after another pass, with an `error` if it failed."""
        if error is not None:
            return replace(self, error=error, watched=watched, started=False)
        return type(self)(since=now, within=within, good=True, watched=watched)

    def after_start(self) -> Self:
        """Return what to remember when a watcher begins, before its first pass."""
        # One that was started before and has not made a pass since was cut off, or killed.
        error = _CUT_OFF if self.started and self.error is None else self.error
        return replace(self, error=error, watched=True, started=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether passes are made: why not, if not, and when the last good one ended, if ever."""

    well: bool
    last_good: datetime | None = None
    error: str | None = None


class Judge:
    """Judges what is remembered of the passes, in one process.

    The wall clock counts only when something is seen for the first time, and then the monotonic
    one: while a clock is wrong, or set, a pass is neither late nor in time because of it.
    """

    def __init__(
        self, wall: Callable[[], float], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._seen: dict[str, tuple[float, float]] = {}  # what: a time, and when it is too old

    def health(self, text: str | None, *, alive: float, watched: bool | None) -> Health:
        """Judge by what the index remembers, and by when a pass last got on.

        `watched` tells whether a watcher is running, None if that cannot be seen.
        """
        passes = Passes.parse(text)
        if passes is None:
            return Health(well=True)  # nobody has made passes that are remembered
        in_time = self._is_young("pass", passes.since, passes.within)
        if passes.error is None and alive:
            in_time = self._is_young("alive", alive, passes.within) or in_time
        gone = passes.watched and watched is False
        error = passes.error or (_GONE if gone else None if in_time else _LATE)
        return Health(
            well=in_time and not gone,
            last_good=datetime.fromtimestamp(passes.since, UTC) if passes.good else None,
            error=error,
        )

    def _is_young(self, what: str, moment: float, seconds: float) -> bool:
        """Tell whether less than so many seconds have passed since this moment."""
        now = self._monotonic()
        seen = self._seen.get(what)
        if seen is None or seen[0] != moment:
            # A moment in the future, of a clock that has been set back since, is now.
            left = min(seconds, moment + seconds - self._wall())
            seen = self._seen[what] = (moment, now + left)
        return now < seen[1]
