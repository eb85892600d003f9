"""A whole pass: bring the index up to date with the files, and documents with the index."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from feedsvc.cleaning import Cleaner
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.index import Index
from feedsvc.model import Progress, Refresh
from feedsvc.publish import Documents, Entries
from feedsvc.refresh import Paths, Refresher

_PUBLISHING_SECONDS = 1.0  # of a stage; new articles must not wait for longer


class Passes:
    """Makes the passes of one configuration; child `processes` read the files."""

    def __init__(
        self,
        config: Config,
        index: Index,
        clock: Callable[[], datetime],
        *,
        cleaner: Cleaner | None = None,
        processes: int = 0,
    ) -> None:
        self._index = index
        self._clock = clock
        self._cleaner = cleaner or Cleaner()
        self.contents = Contents(config, index, self._cleaner)
        self.entries = Entries(config, index, self.contents)
        self.documents = Documents(config, index, self.entries, clock)
        self._refresher = Refresher(config, index, self.contents, processes=processes)

    def close(self) -> None:
        """End the processes that read and clean. The index stays open."""
        self._refresher.close()
        self._cleaner.close()

    def make(
        self,
        progress: Progress | None = None,
        *,
        paths: Paths | None = None,
        accept_empty: bool = False,
        one_stage: bool = False,
    ) -> Refresh:
        """Make one pass; the parameters and the errors are those of `Refresher.refresh`."""
        now = self._clock()
        status = self._index.database.progress

        def note(done: int, total: int) -> None:
            status.note_alive()
            status.note(done, total)
            if progress:
                progress(done, total)

        with status.under_way(self._clock):
            status.note_alive()
            report = self._refresher.refresh(
                now, note, paths=paths, accept_empty=accept_empty, one_stage=one_stage
            )
            status.note(0, 0)
            seconds = _PUBLISHING_SECONDS if one_stage else None
            more = self._index.meta.is_ready() and self.documents.publish(now, seconds)
            if not more:
                self._index.forget_log()
        return replace(
            report,
            again_in=0.0 if more else report.again_in,
            cleaned=self.contents.stopwatch.take(),
            rendered=self.documents.stopwatch.take(),
        )
