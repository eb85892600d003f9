"""How passes went, remembered for monitors: in the index, which web workers can read."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from feedsvc.config import Config
from feedsvc.errors import FeedsvcError, StateError
from feedsvc.republisher import Republisher
from feedsvc.schedule import seconds_until, trigger

logger = logging.getLogger(__name__)

_PASSES = 3  # that may fail or be missing before the service counts as not ready
_MARGIN = 5.0  # seconds that a pass over nothing new, and noting it, may take
_NEVER = timedelta(days=366).total_seconds()  # where the schedule names no more times


class PassNotes:
    """Notes in the index how each pass of this process went.

    Where the index cannot be written, the last note gets too old, which is as good for monitors.
    """

    def __init__(self, config: Config, republisher: Republisher, *, watched: bool) -> None:
        self._schedule = trigger(config.articles.rescan, config.site.timezone)
        self._republisher = republisher
        self._watched = watched
        self._failed = False

    def note_start(self) -> None:
        """Note that a watcher begins."""
        with self._trying():
            self._republisher.note_start(self._within())

    @contextmanager
    def noting(self) -> Iterator[list[str]]:
        """Return a context for one pass, which notes how it ended, and raises what it raised.

        The steps of the pass that failed are to be put into the list that it gives.
        """
        failures: list[str] = []
        try:
            yield failures
        except FeedsvcError as error:
            self._note(str(error))
            raise
        except Exception as error:
            # Whoever asks sees it, so nothing of what it says, which nobody foresaw.
            self._note(f"{type(error).__name__}; the log says more")
            raise
        self._note("; ".join(failures) or None)

    def _note(self, error: str | None) -> None:
        with self._trying():
            self._republisher.note_pass(error, self._within(), watched=self._watched)

    @contextmanager
    def _trying(self) -> Iterator[None]:
        try:
            yield
            self._failed = False
        except StateError as error:
            if not self._failed:
                logger.info("how the passes went is not noted: %s", error)
            self._failed = True

    def _within(self) -> float:
        seconds = seconds_until(self._schedule, self._republisher.now(), passes=_PASSES)
        return _MARGIN + (_NEVER if seconds is None else seconds)
