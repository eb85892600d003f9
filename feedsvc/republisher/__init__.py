"""The republisher: the one place where the parts meet.

    refresh    files ──► scan, diff ──► parse, assign ids, choose feeds ──► index
    entries    index ──► clean ──► build ──► feeds, entries
    documents  feeds ──► render, compress ──► bytes
    explain    the same for one article, step by step, in words

`Republisher` is what the web, the watcher and the command line hold.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from feedsvc.cleaning import Cleaner
from feedsvc.config import Config
from feedsvc.errors import LedgerError, StateDamagedError
from feedsvc.index import Generation, Index, journal
from feedsvc.model import Document, Entry, Feed, Problem, Refresh
from feedsvc.republisher.checking import check
from feedsvc.republisher.contents import Contents
from feedsvc.republisher.documents import Documents
from feedsvc.republisher.entries import Entries, Listing
from feedsvc.republisher.explain import Explainer, Explanation
from feedsvc.republisher.gather import Paths
from feedsvc.republisher.health import PASSES, Health, Judge, Passes
from feedsvc.republisher.ignored import Ignored, ignored
from feedsvc.republisher.policies import needs_image_key
from feedsvc.republisher.refresh import Progress, Refresher

__all__ = [
    "Ignored", "Listing", "Paths", "Progress", "Republisher", "check", "ignored",
    "needs_image_key",
]  # fmt: skip


_PUBLISHING_SECONDS = 1.0  # of a stage; new articles must not wait for longer


class Republisher:
    """One configuration and its index: refreshes it, and answers from it.

    Where there are many articles to read, so many `processes` beside this one help.
    """

    def __init__(
        self,
        config: Config,
        index: Index,
        clock: Callable[[], datetime],
        *,
        cleaner: Cleaner | None = None,
        processes: int = 0,
    ) -> None:
        self.config = config
        self._index = index
        self._clock = clock
        self._cleaner = cleaner or Cleaner()
        self._contents = Contents(config, index, self._cleaner)
        self._entries = Entries(config, index, self._contents)
        self._documents = Documents(config, index, self._entries, clock)
        self._refresher = Refresher(config, index, self._contents, processes=processes)
        self._judge = Judge(lambda: clock().timestamp())

    def close(self) -> None:
        """Let go of the index, and of the process that cleans long articles."""
        self._refresher.close()
        self._cleaner.close()
        self._index.close()

    def now(self) -> datetime:
        """Return the time by this republisher's clock."""
        return self._clock()

    def refresh(
        self,
        progress: Progress | None = None,
        *,
        paths: Paths | None = None,
        accept_empty: bool = False,
        one_stage: bool = False,
    ) -> Refresh:
        """Bring the index up to date with the articles directory, and documents with the index.

        With `paths`, absolute ones, only what is at them and below them is looked at, and files
        that were still being written.

        With `one_stage`, some of very many changes are left for the next pass, which is to be made
        at once (`again_in`): what comes meanwhile is published first then.

        With `accept_empty`, an empty directory at the place of another one means that all is gone.

        Raises ScanError when the directory cannot be read, StateError when the index cannot be
        written; what was known stays as it was then.
        """
        now = self._clock()

        def note(done: int, total: int) -> None:
            self._index.database.progress.note_alive()
            self._index.database.progress.note(done, total)
            if progress:
                progress(done, total)

        with self._index.database.progress.under_way(self._clock):
            self._index.database.progress.note_alive()
            self._index.mend()
            try:
                report = self._refresher.refresh(
                    now, note, paths=paths, accept_empty=accept_empty, one_stage=one_stage
                )
            except StateDamagedError:
                self._index.repair()
                report = self._refresher.refresh(now, note, accept_empty=accept_empty)
            self._index.database.progress.note(0, 0)
            seconds = _PUBLISHING_SECONDS if one_stage else None
            more = self.ready() and self._documents.publish(now, seconds)
        return replace(report, again_in=0.0) if more else report

    def quiet_seconds(self) -> float | None:
        """Return for how long the pass under way here has not got on; None if there is none."""
        return self._index.database.progress.quiet_seconds()

    def note_start(self, within: float) -> None:
        """Remember that a watcher begins, whose first pass is due within so many seconds.

        Raises StateError, as `note_pass` does.
        """
        before = self._passes(within)
        self._index.meta.note(PASSES, str(before.after_start()))

    def note_pass(self, error: str | None, within: float, *, watched: bool) -> None:
        """Remember how a pass went, and within how many seconds another good one is due.

        An `error` is shown to whoever asks. `watched` tells that a watcher made the pass.
        """
        now = self._clock().timestamp()
        after = self._passes(within).after(now, error, within, watched=watched)
        self._index.meta.note(PASSES, str(after))

    def _passes(self, within: float) -> Passes:
        known = Passes.parse(self._index.meta.get(PASSES))
        return known or Passes(since=self._clock().timestamp(), within=within)

    def health(self) -> Health:
        """Tell whether passes over the articles are made, as they should be."""
        return self._judge.health(
            self._index.meta.get(PASSES),
            alive=self._index.database.progress.read().alive,
            watched=self._index.database.is_watched(),
        )

    def explain(self, file: str) -> Explanation:
        """Return what becomes of one article and why, a heading and lines for each step.

        Raises NotFoundError where there is no such file.
        """
        return Explainer(self.config, self._index, self._contents).explain(file, self._clock())

    def export_ledger(self) -> Iterator[str]:
        """Yield the ledger as lines of JSON, by id."""
        return map(journal.line, self._index.ledger.all())

    def import_ledger(self, lines: Iterable[str]) -> int:
        """Take over the identities in lines of JSON, all or none; return how many.

        Raises LedgerError, with the line, for what is no line of a ledger.
        """
        found = []
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    found.append(journal.parse(line))
                except ValueError as error:
                    raise LedgerError(f"line {number} is not one of a ledger: {error}") from error
        return self._index.import_ledger(found)

    def image_key(self) -> bytes | None:
        """Return the key of our image proxy, None where no image goes by way of it."""
        return self._contents.image_key() if needs_image_key(self.config) else None

    def problems(self) -> tuple[Problem, ...]:
        """Return every open problem."""
        return self._index.problems.all()

    def ready(self) -> bool:
        """Tell whether the first pass has been made, so that there is something to serve."""
        return self._entries.is_ready()

    def progress(self) -> tuple[int, int]:
        """Return how many articles the pass under way has read, and of how many; 0, 0 if none."""
        progress = self._index.database.progress.read()
        return progress.done, progress.total

    def articles(self) -> int:
        """Return how many articles are published."""
        return self._index.articles.count()

    def document(self, path: str) -> Document:
        """Return the bytes of `/feeds/<slug>.<format>` or `/opml.xml`: those stored, or new ones.

        The lists with more in them are `/opml.xml?all=1`, `?topics=1` and `?all=1&topics=1`.

        Raises NotFoundError where there is no such document, NotReadyError before the first pass.
        """
        return self._documents.document(path)

    def versions(self, paths: Collection[str]) -> dict[str, str]:
        """Return the versions of those of these documents that are stored, by path.

        Raises NotReadyError before the first pass over a new state.
        """
        self._entries.check_ready()
        return self._documents.versions(paths)

    def generation(self) -> Generation:
        """Return a value that is another one after articles or documents have changed."""
        return self._index.database.generation()

    def feed(self, slug: str) -> Feed:
        """Return one feed's newest entries; raises as `document` does."""
        return self._entries.feed(slug)

    def entry(self, key: str) -> Entry:
        """Return one entry in full; raises NotFoundError, or GoneError for one withdrawn."""
        return self._entries.entry(key)

    def language(self) -> str:
        """Return the language that feeds declare, "" where it is not known."""
        return self._entries.language()

    def listings(self) -> tuple[Listing, ...]:
        """Return every feed: the one of everything, the configured, those of terms."""
        return self._entries.listings()
