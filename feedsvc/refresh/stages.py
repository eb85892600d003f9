"""The stages of a pass: each reads some files of the backlog and publishes their articles.

A stage is one transaction. A costly article, whose cleaning may be slow, has a stage of its own
after all others. It is cleaned before it is published, so that no request waits for it.
"""

import logging
import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from feedsvc import identity, sitelanguage
from feedsvc.cleaning import is_costly
from feedsvc.config import Config
from feedsvc.contents import IMAGE_KEY, Contents
from feedsvc.index import PARTIAL, READY, Index, Writer, is_of_state
from feedsvc.model import Changes, Progress, Signature
from feedsvc.outcome import Outcome
from feedsvc.policies import policies
from feedsvc.reading import PART, Reading, failure
from feedsvc.refresh.backlog import Backlog
from feedsvc.refresh.fingerprints import Fingerprints
from feedsvc.refresh.gather import Gathered, Gatherer
from feedsvc.refresh.ingest import Ingest

logger = logging.getLogger(__name__)

STAGE = 1000  # files in a stage, which are read in about a second
CLEANING_SECONDS = 1.0  # of a pass; new articles must not wait for longer
FIRST_STAGE = 200  # of a first pass over more files, so that the first feeds are there soon


@dataclass(slots=True, kw_only=True)
class Pass:
    """The state of the pass under way.

    `stale` are names of `policies` that have changed; `due` are the sources of held articles whose
    time has come, `expired` of those whose time is over; `withdrawn` are ids of entries that are to
    be withdrawn, or whose notices have been there for long enough. `ready` tells that the index may
    be served after the first stage, `partial` that the oldest articles have never been read yet.
    """

    ingest: Ingest
    gathered: Gathered
    stale: set[str]
    due: Sequence[str]
    expired: Sequence[str]
    withdrawn: Sequence[str]
    ready: bool
    partial: bool
    progress: Progress | None
    begun: bool = False
    changes: list[Changes] = field(default_factory=list)  # of each stage
    failures: list[str] = field(default_factory=list)


class Stages:
    """Makes the stages of the passes over one directory."""

    def __init__(
        self,
        config: Config,
        index: Index,
        contents: Contents,
        *,
        reading: Reading,
        backlog: Backlog,
        gatherer: Gatherer,
        fingerprints: Fingerprints,
        processes: int,
    ) -> None:
        self._config = config
        self._index = index
        self._contents = contents
        self._reading = reading
        # Reads single files while `reading` is at work.
        self._reading_ahead = Reading(config, processes=min(1, processes))
        self._backlog = backlog
        self._gatherer = gatherer
        self._fingerprints = fingerprints
        self._policies = policies(config)

    def close(self) -> None:
        """End the process that reads single files."""
        self._reading_ahead.close()

    def make(self, this_pass: Pass, *, one_stage: bool, first: bool) -> None:
        """Make all stages; or `one_stage`, and stages of costly articles for a second."""
        until = time.monotonic() + CLEANING_SECONDS
        try:
            while not this_pass.begun or self._backlog.has_work:
                costly = self._backlog.is_costly
                if this_pass.begun and one_stage and not (costly and time.monotonic() < until):
                    return
                if costly:
                    self._publish_costly(this_pass)
                else:
                    self._publish_next(
                        this_pass, FIRST_STAGE if first and this_pass.partial else STAGE
                    )
                    first = False
        finally:
            self._reading.rest()
            self._reading_ahead.close()

    def _publish_next(self, this_pass: Pass, number: int) -> None:
        """Read the first files of the backlog, so many, and publish their articles."""
        files = self._backlog.take(number)
        signatures = dict(files)
        removed = self._backlog.take_removed()
        read = 0
        costly: set[str] = set()
        edited: set[str] = set()
        others: list[Outcome] = []
        outcomes = self._reading.all(files)
        with self._writing(this_pass, removed) as writer, closing(outcomes):
            for part in outcomes:
                costly |= self._costly(writer, part)
                if self._backlog.has_more:
                    edited |= this_pass.ingest.edited_in_place(writer, part) - costly
                others += [o for o in part if o.source not in costly and o.source not in edited]
                read = min(len(files), read + PART)
                if this_pass.progress:
                    left = len(files) - read
                    this_pass.progress(self._backlog.read - left, self._backlog.total)
            # All at once, because a file may have the old text of another one.
            self._publish(writer, this_pass, others, signatures)
            self._backlog.set_aside((file for file in files if file[0] in costly), costly=True)
            self._backlog.set_aside((file for file in files if file[0] in edited), costly=False)
        skipped = costly | edited | this_pass.ingest.unsettled
        published = [file for file in files if file[0] not in skipped]
        this_pass.changes.append(self._backlog.changes(published, removed))

    def _publish_costly(self, this_pass: Pass) -> None:
        """Clean one costly article, then publish it; its last version is shown meanwhile."""
        files = self._backlog.take(1)
        outcomes = [outcome for part in self._reading.all(files) for outcome in part]
        cleaned = self._contents.cleaned_of(
            this_pass.ingest.preview(self._index, outcome.file)
            for outcome in outcomes
            if outcome.file is not None
        )
        removed = self._backlog.take_removed()
        with self._writing(this_pass, removed) as writer:
            self._publish(writer, this_pass, outcomes, dict(files))
            # If another version was published than was cleaned, this content is not used.
            writer.keep_contents(cleaned)
        this_pass.changes.append(self._backlog.changes(files, removed))
        if this_pass.progress:
            this_pass.progress(self._backlog.read, self._backlog.total)

    def _costly(self, writer: Writer, outcomes: Sequence[Outcome]) -> set[str]:
        """Return the sources of new or edited articles whose cleaning may be slow.

        A renamed file is none of them: its article must not leave the feeds until it is cleaned.
        """
        return {
            outcome.source
            for outcome in outcomes
            if outcome.file is not None
            and outcome.file.article.withdrawn is None
            and is_costly(outcome.file.article.body, outcome.file.article.markup)
            and not writer.identities({"file_digest": {outcome.file.file_digest}})
        }

    def _publish(
        self,
        writer: Writer,
        this_pass: Pass,
        outcomes: Sequence[Outcome],
        signatures: Mapping[str, Signature],
    ) -> None:
        """Publish the articles of files; a file that makes this fail is named as a problem."""
        try:
            with writer.attempt():
                this_pass.ingest.take(writer, outcomes, signatures)
        except Exception as error:  # an error because of one file must not concern the others
            if is_of_state(error):
                raise
            if len(outcomes) > 1:
                for outcome in outcomes:
                    self._publish(writer, this_pass, [outcome], signatures)
                return
            if self._config.private_slugs:  # it may be a private article
                logger.error(  # noqa: TRY400 - nor is what the error says of it for the log
                    "a file could not be published (%s); `feedsvc check` names it",
                    type(error).__name__,
                )
            else:
                logger.exception("%s could not be published", outcomes[0].source)
            failed = failure(outcomes[0].source, f"publishing it failed ({type(error).__name__})")
            this_pass.ingest.take(writer, [failed], signatures)

    @contextmanager
    def _step(self, writer: Writer, this_pass: Pass, name: str) -> Iterator[None]:
        """Undo the step in this block if it raises, note that, and go on with the pass."""
        try:
            with writer.attempt():
                yield
        except Exception as error:  # the other steps do not depend on this one
            if is_of_state(error):
                raise
            logger.exception("%s failed; the pass goes on", name)
            this_pass.failures.append(f"{name} failed ({type(error).__name__})")

    @contextmanager
    def _writing(self, this_pass: Pass, removed: Sequence[str]) -> Iterator[Writer]:
        """Open the transaction of a stage: remove files that are gone, run the block, finish."""
        with self._index.writing() as writer:
            if not this_pass.begun:
                self._begin(writer, this_pass)
                this_pass.begun = True
            with self._step(writer, this_pass, "removing files that are gone"):
                writer.remove_files(removed)
            yield writer
            self._finish(writer, this_pass)

    def _begin(self, writer: Writer, this_pass: Pass) -> None:
        ingest = this_pass.ingest
        if writer.meta(IMAGE_KEY) is None:
            writer.set_meta(IMAGE_KEY, secrets.token_hex(32))
        if "memberships" in this_pass.stale:
            with self._step(writer, this_pass, "putting all articles into their feeds"):
                ingest.rejoin(writer, writer.all_articles())
        if this_pass.due:
            with self._step(writer, this_pass, "publishing the articles whose time has come"):
                writer.release(this_pass.due)
                ingest.rejoin(writer, writer.all_articles(this_pass.due))
        if this_pass.expired:
            with self._step(writer, this_pass, "removing the articles whose time is over"):
                writer.remove_articles(this_pass.expired)
        if this_pass.withdrawn:
            with self._step(writer, this_pass, "withdrawing articles"):
                # Read again: a command may have changed them since.
                identities = writer.identities({"id": this_pass.withdrawn})
                ingest.withdrawals.apply(
                    writer, [row for row in identities if row.withdrawn], ingest.now
                )
        writer.set_meta("root", this_pass.gathered.root)

    def _finish(self, writer: Writer, this_pass: Pass) -> None:
        """Bring copies, fingerprints and remembered values up to date with what was published."""
        ingest = this_pass.ingest
        with self._step(writer, this_pass, "reading the copies of changed articles"):
            self._reread(writer, this_pass, writer.copies(ingest.edited))
        ingest.edited.clear()
        with self._step(writer, this_pass, "choosing another file for an entry whose file is gone"):
            while copies := writer.copies_of_orphans():
                self._reread(writer, this_pass, copies)
            ingest.take_over(writer, writer.last_versions())
        guessed = False
        with self._step(writer, this_pass, "guessing the site's language"):
            guessed = sitelanguage.guess_again(writer, self._config)
        with self._step(writer, this_pass, "noting which feeds have changed"):
            everything = bool(this_pass.stale) or guessed
            self._fingerprints.note(writer, ingest.now, everything=everything)
        for name in this_pass.stale:
            writer.set_meta(name, self._policies[name])
        this_pass.stale.clear()
        if this_pass.partial:
            this_pass.partial = self._backlog.has_files
            writer.set_meta(PARTIAL, "yes" if this_pass.partial else "no")
        if this_pass.ready:
            writer.set_meta(READY, "yes")

    def _reread(self, writer: Writer, this_pass: Pass, sources: Sequence[str]) -> None:
        signatures = self._gatherer.elsewhere(sources, this_pass.gathered)
        for part in self._reading.all(sorted(signatures.items())):
            self._publish(writer, this_pass, part, signatures)

    def look_ahead(self, sources: Collection[str]) -> dict[str, identity.ReadFile | None]:
        """Read those of these files that have changed and are not in the index yet.

        That are files of the backlog, and files that have changed since the scan. Return None for
        files that are gone, and nothing for files that cannot be read: the index keeps their last
        good versions.
        """
        gone = set(filter(self._backlog.is_gone, sources))
        waiting = {
            source: signature
            for source in sources
            if (signature := self._backlog.waiting(source)) is not None
        }
        others = sorted(set(sources) - gone - waiting.keys())
        partial = self._reading.directory.scan_places(others) if others else None
        if partial is not None and not partial.unreadable:
            known = self._index.articles.signatures(others)
            for source in others:
                signature = partial.signatures.get(source)
                if signature is None:
                    gone.add(source)
                elif signature != known.get(source):
                    waiting[source] = signature
        ahead: dict[str, identity.ReadFile | None] = dict.fromkeys(gone)
        for part in self._reading_ahead.all(sorted(waiting.items())):
            ahead.update((o.source, o.file) for o in part if o.file is not None)
        return ahead
