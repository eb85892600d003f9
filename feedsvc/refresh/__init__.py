"""Refresh: files become the index. One pass: gather, decide, apply.

    gather   scan the directory, and read what the index knows of it (`gather`, `settling`)
    decide   which files have changed, and in which order to read them (`changes.diff`, `backlog`)
    apply    read the files and write what they say, a stage at a time (`stages`, `ingest`)

Not inside: entries, documents, and when a pass is made.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from feedsvc import feeds, fulltext
from feedsvc.changes import diff
from feedsvc.config import Config
from feedsvc.contents import IMAGE_KEY, Contents
from feedsvc.errors import StateDamagedError
from feedsvc.index import PARTIAL, READY, SEARCH, Generation, Index
from feedsvc.model import Changes, Progress, Refresh
from feedsvc.policies import policies
from feedsvc.reading import File, Reading
from feedsvc.refresh import stages
from feedsvc.refresh.backlog import Backlog
from feedsvc.refresh.fingerprints import Fingerprints
from feedsvc.refresh.gather import Gathered, Gatherer, Paths, unlisted
from feedsvc.refresh.ingest import Ingest
from feedsvc.refresh.stages import Pass, Stages
from feedsvc.refresh.withdrawals import Withdrawals

__all__ = ["Paths", "Refresher"]

_FAR_AHEAD = 24 * 3600  # seconds
_PATIENCE = 5  # first passes that wait for files being written before anything is served


class Refresher:
    """Brings one index up to date with one directory, whose files child `processes` read."""

    def __init__(
        self, config: Config, index: Index, contents: Contents, *, processes: int = 0
    ) -> None:
        self._config = config
        self._index = index
        self._reading = Reading(config, processes=processes)
        self._policies = policies(config)
        self._stamp = contents.stamp
        self._gatherer = Gatherer(config, index, self._reading.directory)
        self._backlog = Backlog()
        self._fingerprints = Fingerprints(config, index, contents)
        self._withdrawals = Withdrawals(config)
        self._stages = Stages(
            config,
            index,
            contents,
            reading=self._reading,
            backlog=self._backlog,
            gatherer=self._gatherer,
            fingerprints=self._fingerprints,
            processes=processes,
        )
        self._passes = 0
        self._interrupted = False  # whether the last pass failed in its stages
        self._counted: tuple[Generation, int] | None = None

    def close(self) -> None:
        """End the processes that read files."""
        self._reading.close()
        self._stages.close()

    def refresh(
        self,
        now: datetime,
        progress: Progress | None = None,
        *,
        paths: Paths | None = None,
        accept_empty: bool = False,
        one_stage: bool = False,
    ) -> Refresh:
        """Make one pass, at the time `now`.

        With `paths`, absolute ones, the pass scans these places alone, and the files that were
        still being written in the last pass.

        With `one_stage`, a pass over very many changes makes one stage. `again_in` is 0 then: the
        next pass goes on, after the files that have changed meanwhile.

        With `accept_empty`, an empty directory in the place of another one means that all articles
        are gone.

        Raises ScanError when the directory cannot be read, and StateError when the index cannot be
        written; then the index stays as it was.
        """
        make = partial(self._pass, now, progress, accept_empty=accept_empty)
        self._index.mend()
        try:
            return make(paths, one_stage=one_stage)
        except StateDamagedError:
            self._index.repair()
            return make(None, one_stage=False)

    def _pass(
        self,
        now: datetime,
        progress: Progress | None,
        paths: Paths | None,
        *,
        accept_empty: bool,
        one_stage: bool,
    ) -> Refresh:
        started = time.perf_counter()
        remembered = self._index.meta.all()
        stale = {name for name, value in self._policies.items() if remembered.get(name) != value}
        first, incomplete = READY not in remembered, remembered.get(PARTIAL) == "yes"
        self._correct_future_changes(now)
        if "articles" in stale:
            # Settings for reading have changed. This is committed before the files are read, so
            # that a later pass reads those that this one does not.
            with self._index.writing() as writer:
                writer.forget_signatures()
                writer.set_meta("articles", self._policies["articles"])
            stale.discard("articles")
            paths = None
        # Only a scan of everything finds the files that a failed pass took out of the backlog, and
        # those that the first pass of another process left.
        if self._interrupted or (incomplete and not self._backlog.has_files):
            paths = None
        if first:
            self._reading.prepare()
        gathered = self._gatherer.gather(now, paths, first=first, accept_empty=accept_empty)
        self._passes += 1
        self._fill_backlog(gathered, by_date=first or incomplete, urgent=bool(paths))
        many = len(self._backlog) > stages.STAGE
        due, next_due = self._index.articles.due(now)
        expired, _ = self._index.articles.expired(now)
        withdrawn, _ = self._withdrawals.due(self._index.ledger.withdrawals(), now)
        this_pass = Pass(
            ingest=Ingest(self._config, now.replace(microsecond=0), self._stages.look_ahead),
            gathered=gathered,
            stale=stale,
            due=due,
            expired=expired,
            withdrawn=withdrawn,
            # The first feeds that readers see must not lack an article that is a second too young.
            ready=first and (many or not gathered.pending or self._passes > _PATIENCE),
            partial=incomplete or (first and many),
            progress=progress,
        )
        unkeyed = IMAGE_KEY not in remembered
        has_work = self._backlog.has_work
        to_do = (
            *(has_work, stale, due, expired, withdrawn),
            *(this_pass.ready, this_pass.partial, unkeyed),
        )
        if any(to_do):
            self._interrupted = True
            self._stages.make(this_pass, one_stage=one_stage, first=first)
            self._interrupted = False
            _, next_due = self._index.articles.due(now)
            remembered = self._index.meta.all()
        _, next_expired = self._index.articles.expired(now)
        _, next_end = self._withdrawals.due(self._index.ledger.withdrawals(), now)
        more_to_clean = remembered.get("content") != self._stamp and (
            self._fingerprints.clean_again(this_pass.ingest.now, stages.CLEANING_SECONDS)
        )
        more_to_index = remembered.get(SEARCH) != fulltext.POLICY and (
            self._build_search(this_pass.ingest.now, stages.CLEANING_SECONDS)
        )
        waits = [
            gathered.wait,
            *(
                (moment - now).total_seconds() if moment else None
                for moment in (next_due, next_expired, next_end)
            ),
            0.0 if more_to_clean or more_to_index or self._backlog.has_work else None,
        ]
        changes = _joined(this_pass.changes)
        problems = (
            *(unlisted(folder, reason) for folder, reason in gathered.unreadable),
            *self._index.problems.all(),
        )
        return Refresh(
            changes=changes,
            articles=self._count() if paths is None else None,
            seconds=time.perf_counter() - started,
            problems=problems,
            pending=gathered.pending,
            again_in=min((wait for wait in waits if wait is not None), default=None),
            failures=tuple(this_pass.failures),
            unnamed=self._unnamed(
                [
                    *(*changes.added, *changes.modified, *changes.removed),
                    *(problem.source for problem in problems),
                ]
            ),
        )

    def _build_search(self, now: datetime, seconds: float) -> bool:
        """Index the articles of an older state, for so many seconds; tell whether more are left."""
        if not self._index.search.is_available():
            return False
        until = time.monotonic() + seconds
        while True:
            with self._index.writing() as writer:
                more = writer.search.build()
                writer.note_change(now)
            self._index.database.progress.note_alive()
            if not more or time.monotonic() >= until:
                return more

    def _correct_future_changes(self, now: datetime) -> None:
        """Let feeds that changed in the far future, by a clock that was ahead, say that it was now.

        Else readers that compare dates alone would get the whole feed at each poll until then. A
        feed that is less ahead is left alone: the clock may be behind now, and that time right.
        """
        second = now.replace(microsecond=0)
        if self._index.feeds.changed_after(second, _FAR_AHEAD):
            with self._index.writing() as writer:
                writer.feeds.move_changes(second, _FAR_AHEAD)

    def _fill_backlog(self, gathered: Gathered, *, by_date: bool, urgent: bool) -> None:
        """Put the files that have changed into the backlog, in the order in which to read them."""
        changes = diff(gathered.known, gathered.found)
        if not urgent and self._backlog.is_of(changes, gathered.found, gathered.within):
            return  # in the order of before
        # Files that the ledger names come first, because a new file may be a copy of one of them.
        # Modified files come last: a new file may have the old text of a modified one, and an entry
        # stays with its text.
        named = self._index.ledger.named(changes.added)
        known = [source for source in changes.added if source in named]
        new = [source for source in changes.added if source not in named]
        groups = [
            [(source, gathered.found[source]) for source in sources]
            for sources in (known, new, changes.modified)
        ]
        if len(changes.added) + len(changes.modified) > stages.STAGE:
            newest_first = self._guessed_newest_first if by_date else _last_written_first
            groups = [newest_first(files) for files in groups]
        files = [file for group in groups for file in group]
        if gathered.within is None:
            self._backlog.replace(files, changes)
        else:
            self._backlog.put_first(files, changes, within=gathered.within, found=gathered.found)

    def _guessed_newest_first(self, files: Sequence[File]) -> list[File]:
        return self._reading.newest_first(files, self._index.database.progress.note_alive)

    def _unnamed(self, sources: Iterable[str]) -> frozenset[str]:
        """Return the files that the log must not name: those not known to be public.

        A file that cannot be read may be of a private category.
        """
        if not self._config.private_slugs:
            return frozenset()
        named = set(sources)
        return frozenset(named - self._index.articles.members(feeds.ALL, named))

    def _count(self) -> int:
        """Return how many articles are published; count them only when the generation has moved."""
        generation = self._index.database.generation()
        if self._counted is None or self._counted[0] != generation:
            self._counted = generation, self._index.articles.count()
        return self._counted[1]


def _last_written_first(files: Sequence[File]) -> list[File]:
    return sorted(files, key=lambda file: (-file[1].mtime_ns, file[0]))


def _joined(changes: Sequence[Changes]) -> Changes:
    """Return the changes of all stages."""
    return Changes(
        added=tuple(sorted({source for stage in changes for source in stage.added})),
        modified=tuple(sorted({source for stage in changes for source in stage.modified})),
        removed=tuple(sorted({source for stage in changes for source in stage.removed})),
    )
