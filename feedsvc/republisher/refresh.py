"""One pass over the articles directory: gather, decide, apply."""

import logging
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from feedsvc import feeds, identity
from feedsvc.changes import diff
from feedsvc.cleaning import is_costly
from feedsvc.config import Config
from feedsvc.index import Content, Generation, Index, Writer, is_of_state
from feedsvc.model import Changes, Markup, Refresh, Signature
from feedsvc.outcome import Outcome
from feedsvc.reading import PART, File, Reading, failure
from feedsvc.republisher import sitelanguage
from feedsvc.republisher.backlog import Backlog
from feedsvc.republisher.contents import IMAGE_KEY, Contents
from feedsvc.republisher.gather import Gathered, Gatherer, Paths, unlisted
from feedsvc.republisher.ingest import Ingest
from feedsvc.republisher.policies import digest, needs_image_key, policies

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with how many files are done, and of how many."""

LIST, LIST_OF_ALL = "", "?"
"""The slugs under which the states of two lists of feeds are kept: that of the configured ones, and
that with those of terms. No feed can have them."""
READY = "ready"
"""Under which the index remembers that the first articles are known."""
PARTIAL = "partial"
"""Under which the index remembers, as `yes`, that the oldest articles have not been read yet."""

_CLEANED_AT_ONCE = 50  # articles
_CLEANING_SECONDS = 1.0  # of a pass
_FAR_AHEAD = 24 * 3600  # seconds
_PATIENCE = 5  # first passes that wait for files being written before anything is served
_STAGE = 1000  # files, read in about a second: a pass over more is made in stages of so many
_MOST_AT_FIRST = 10_000  # files in the first stage of all, should a category have too few


@dataclass(slots=True, kw_only=True)
class _Pass:
    """What is known of the pass under way."""

    now: datetime  # a whole second
    gathered: Gathered
    ingest: Ingest
    stale: set[str]  # of `policies`
    due: Sequence[str]  # sources of held articles whose time has come
    ready: bool  # what is known when its first stage is done may be served for the first time
    partial: bool  # the oldest articles have never been read yet
    progress: Progress | None
    changes: list[Changes] = field(default_factory=list)  # of each stage
    failures: list[str] = field(default_factory=list)


class Refresher:
    """Brings one index up to date with one directory."""

    def __init__(
        self,
        config: Config,
        index: Index,
        contents: Contents,
        *,
        processes: int = 0,
    ) -> None:
        self._config = config
        self._contents = contents
        self._index = index
        self._reading = Reading(config, processes=processes)
        # For single files that are needed while others are being read.
        self._reading_ahead = Reading(config, processes=min(1, processes))
        self._policies = policies(config)
        self._gatherer = Gatherer(config, index, self._reading.directory)
        self._backlog = Backlog()
        self._passes = 0
        self._interrupted = False
        self._counted: tuple[Generation, int] | None = None

    def close(self) -> None:
        """End the processes that read."""
        self._reading.close()
        self._reading_ahead.close()

    def refresh(
        self,
        now: datetime,
        progress: Progress | None = None,
        *,
        paths: Paths | None = None,
        accept_empty: bool = False,
        one_stage: bool = False,
    ) -> Refresh:
        """Make one pass, at the time `now`: over these paths, or over everything.

        With `one_stage`, of very many changes only some are read, and the report asks for another
        pass at once: what comes meanwhile is read before the others then.
        """
        started = time.perf_counter()
        known = self._index.meta.all()
        second = now.replace(microsecond=0)
        if self._index.feeds.changed_after(second, _FAR_AHEAD):
            # The clock was ahead when these feeds changed, and until that time comes readers that
            # compare dates alone would get all of them at each poll. A smaller distance heals by
            # itself; it may also mean that the clock is behind now, and then these times are right.
            with self._index.writing() as writer:
                writer.feeds.move_changes(second, _FAR_AHEAD)
        stale = {name for name, policy in self._policies.items() if known.get(name) != policy}
        first, partial = READY not in known, known.get(PARTIAL) == "yes"
        if self._interrupted:
            paths = None  # what it was about to read is not known any more
        if "articles" in stale:
            # The same bytes would be read as other articles now. An index that knows no file as
            # it is has all of them read, whatever happens to this process meanwhile.
            with self._index.writing() as writer:
                writer.forget_signatures()
                writer.set_meta("articles", self._policies["articles"])
            stale.discard("articles")
            paths = None
        gathered = self._gatherer.gather(
            now,
            # What is still to be read may be anywhere, unless this process knows where.
            None if partial and not self._backlog.has_files else paths,
            first=first,
            accept_empty=accept_empty,
        )
        # The first feeds that anyone sees must not lack what is only a second too young.
        self._passes += 1
        self._put(gathered, by_date=first or partial)
        many = len(self._backlog) > _STAGE
        due, next_due = self._index.articles.due(now)
        one = _Pass(
            now=second,
            gathered=gathered,
            ingest=Ingest(self._config, second, self._look_ahead),
            stale=stale,
            due=due,
            ready=first and (many or not gathered.pending or self._passes > _PATIENCE),
            partial=partial or (first and many),
            progress=progress,
        )
        unkeyed = needs_image_key(self._config) and IMAGE_KEY not in known
        if self._backlog.has_work or stale or due or one.ready or one.partial or unkeyed:
            self._interrupted = True
            try:
                self._apply(one, one_stage=one_stage, first=first)
            finally:
                self._reading.rest()
                self._reading_ahead.close()
            self._interrupted = False
            _, next_due = self._index.articles.due(now)
        more = known.get("content") != self._contents.stamp and self._clean_again(one)
        waits = [
            gathered.wait,
            (next_due - now).total_seconds() if next_due else None,
            0.0 if more or self._backlog.has_work else None,
        ]
        return Refresh(
            changes=_joined(one.changes),
            articles=self._count() if paths is None else None,
            seconds=time.perf_counter() - started,
            problems=(
                *(unlisted(folder, reason) for folder, reason in gathered.unreadable),
                *self._index.problems.all(),
            ),
            pending=gathered.pending,
            again_in=min((w for w in waits if w is not None), default=None),
            failures=tuple(one.failures),
        )

    def _put(self, gathered: Gathered, *, by_date: bool) -> None:
        """Put into the backlog what differs from what is known, in the order to read it."""
        changes = diff(gathered.known, gathered.found)
        # What the ledger names goes first: a new file may be a copy of it. What was modified comes
        # last: a new file may tell now what that one did, and an entry goes where its text is.
        named = self._index.ledger.named(changes.added)
        groups = [
            [(source, gathered.found[source]) for source in sources]
            for sources in (
                [source for source in changes.added if source in named],
                [source for source in changes.added if source not in named],
                changes.modified,
            )
        ]
        if len(changes.added) + len(changes.modified) > _STAGE:
            newest_first = self._reading.newest_first if by_date else _last_written_first
            groups = [newest_first(files) for files in groups]
        files = [file for files in groups for file in files]
        if gathered.within is None:
            self._backlog.replace(files, changes)
        else:
            self._backlog.put_first(files, changes, within=gathered.within, found=gathered.found)

    def _apply(self, one: _Pass, *, one_stage: bool, first: bool) -> None:
        """Write what has changed, in one transaction, or in one for each stage.

        The first stage of a first pass ends when each configured feed has all that it shows.
        """
        until = time.monotonic() + _CLEANING_SECONDS
        begun = False
        while not begun or self._backlog.has_work:
            if begun and one_stage and not (self._backlog.is_costly and time.monotonic() < until):
                return
            if self._backlog.is_costly:
                self._publish_costly(one, begin=not begun)
            else:
                self._stage(one, begin=not begun, first=first and not begun)
            begun = True

    def _stage(self, one: _Pass, *, begin: bool, first: bool) -> None:
        """Read the first files of the backlog, and publish what they say in one transaction."""
        until_full = first and one.partial
        files = self._backlog.take(_MOST_AT_FIRST if until_full else _STAGE)
        signatures = dict(files)
        removed = self._backlog.take_removed()
        read = 0
        outcomes = self._reading.all(files)
        with self._index.writing() as writer, closing(outcomes):
            if begin:
                self._begin(writer, one)
            with self._step(writer, one, "taking out what is gone"):
                writer.remove_files(removed)
            costly: set[str] = set()
            edited: set[str] = set()
            others: list[Outcome] = []
            for part in outcomes:
                costly.update(
                    outcome.source for outcome in part if self._is_costly(writer, outcome)
                )
                if self._backlog.has_more:
                    edited |= one.ingest.edited_in_place(writer, part) - costly
                later = costly | edited
                others += [outcome for outcome in part if outcome.source not in later]
                if until_full:
                    self._publish(writer, one, others, signatures)
                    others.clear()
                read = min(len(files), read + PART)
                if one.progress:
                    left = len(files) - read
                    one.progress(self._backlog.read - left, self._backlog.total)
                if until_full and read < len(files) and self._is_full(one):
                    break
            # Together, because one file may tell now what another one did.
            self._publish(writer, one, others, signatures)
            self._backlog.give_back(files[read:])
            self._backlog.set_aside((f for f in files if f[0] in costly), costly=True)
            self._backlog.set_aside((f for f in files if f[0] in edited), costly=False)
            self._finish(writer, one)
        skipped = costly | edited | one.ingest.unsettled
        published = [file for file in files[:read] if file[0] not in skipped]
        one.changes.append(self._backlog.changes(published, removed))

    def _publish_costly(self, one: _Pass, *, begin: bool) -> None:
        """Publish one article whose cleaning takes long, after it has been cleaned.

        So no request waits for it, nor any other article: its last version is shown meanwhile.
        """
        files = self._backlog.take(1)
        outcomes = [outcome for part in self._reading.all(files) for outcome in part]
        kept: dict[str, Content] = {}
        for outcome in outcomes:
            if outcome.found is not None:
                preview = one.ingest.preview(self._index, outcome.found)
                kept.update(self._contents.cleaned_of([preview]))
        removed = self._backlog.take_removed()
        with self._index.writing() as writer:
            if begin:
                self._begin(writer, one)
            with self._step(writer, one, "taking out what is gone"):
                writer.remove_files(removed)
            self._publish(writer, one, outcomes, dict(files))
            writer.keep_contents(kept)  # of a version that is published, or of none
            self._finish(writer, one)
        one.changes.append(self._backlog.changes(files, removed))
        if one.progress:
            one.progress(self._backlog.read, self._backlog.total)

    def _is_costly(self, writer: Writer, outcome: Outcome) -> bool:
        """Tell whether an article is to be cleaned before it is published."""
        if outcome.found is None or not is_costly(*_raw(outcome.found)):
            return False
        # A file that has only been renamed must not leave the feeds for as long.
        return not writer.identities({"file_digest": {outcome.found.file_digest}})

    def _publish(
        self,
        writer: Writer,
        one: _Pass,
        outcomes: Sequence[Outcome],
        signatures: Mapping[str, Signature],
    ) -> None:
        """Publish what these files say; one that makes this fail is named, and the others go on."""
        try:
            with writer.attempt():
                one.ingest.take(writer, outcomes, signatures)
        except Exception as error:  # whatever one file causes stays with that file
            if is_of_state(error):
                raise
            if len(outcomes) > 1:
                for outcome in outcomes:
                    self._publish(writer, one, [outcome], signatures)
                return
            logger.exception("%s could not be published", outcomes[0].source)
            failed = failure(outcomes[0].source, f"publishing it failed ({type(error).__name__})")
            one.ingest.take(writer, [failed], signatures)

    @contextmanager
    def _step(self, writer: Writer, one: _Pass, what: str) -> Iterator[None]:
        """Undo a step that fails for a reason nobody foresaw, and go on with the pass."""
        try:
            with writer.attempt():
                yield
        except Exception as error:  # the other steps do not depend on this one
            if is_of_state(error):
                raise
            logger.exception("%s failed; the pass goes on", what)
            one.failures.append(f"{what} failed ({type(error).__name__})")

    def _look_ahead(self, sources: Collection[str]) -> dict[str, identity.Found | None]:
        """Return what those of these files say that are still to be read; None: they are gone.

        These are files of the backlog, and those that have changed since the directory was looked
        at. What cannot be read is left out, as if it had not changed: its last good version stays.
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
            gone.update(source for source in others if source not in partial.signatures)
            waiting.update(
                (source, partial.signatures[source])
                for source in others
                if source in partial.signatures and partial.signatures[source] != known.get(source)
            )
        ahead: dict[str, identity.Found | None] = dict.fromkeys(gone)
        for part in self._reading_ahead.all(sorted(waiting.items())):
            ahead.update((one.source, one.found) for one in part if one.found is not None)
        return ahead

    def _begin(self, writer: Writer, one: _Pass) -> None:
        if needs_image_key(self._config) and writer.meta(IMAGE_KEY) is None:
            writer.set_meta(IMAGE_KEY, secrets.token_hex(32))
        if "memberships" in one.stale:
            with self._step(writer, one, "putting all articles into their feeds"):
                one.ingest.rejoin(writer, writer.all_articles())
        if one.due:
            with self._step(writer, one, "publishing the articles whose time has come"):
                writer.release(one.due)
                one.ingest.rejoin(writer, writer.all_articles(one.due))
        writer.set_meta("root", one.gathered.root)

    def _is_full(self, one: _Pass) -> bool:
        slugs = (feeds.ALL, *(category.slug for category in self._config.categories))
        return all(one.ingest.members[slug] >= self._config.feeds.limit for slug in slugs)

    def _finish(self, writer: Writer, one: _Pass) -> None:
        """Settle what follows from the articles that were published."""
        with self._step(writer, one, "reading the copies of changed articles"):
            self._reread(writer, one, writer.copies(one.ingest.edited))
        one.ingest.edited.clear()
        with self._step(writer, one, "choosing another file for an entry whose file is gone"):
            while copies := writer.copies_of_orphans():
                self._reread(writer, one, copies)
            one.ingest.take_over(writer, writer.last_versions())
        guessed = False
        with self._step(writer, one, "guessing the site's language"):
            guessed = sitelanguage.guess_again(writer, self._config)
        with self._step(writer, one, "noting which feeds have changed"):
            self._settle_feeds(writer, one.now, everything=bool(one.stale) or guessed)
        for name in one.stale:
            writer.set_meta(name, self._policies[name])
        one.stale.clear()
        if one.partial:
            one.partial = self._backlog.has_files
            writer.set_meta(PARTIAL, "yes" if one.partial else "no")
        if one.ready:
            writer.set_meta(READY, "yes")

    def _reread(self, writer: Writer, one: _Pass, sources: Sequence[str]) -> None:
        there = self._gatherer.elsewhere(sources, one.gathered)
        for part in self._reading.all(sorted(there.items())):
            self._publish(writer, one, part, there)

    def _count(self) -> int:
        """Return how many articles are published; counted again only when something has changed."""
        generation = self._index.database.generation()
        if self._counted is None or self._counted[0] != generation:
            self._counted = generation, self._index.articles.count()
        return self._counted[1]

    def _clean_again(self, one: _Pass) -> bool:
        """Clean some of what is kept by an older policy, newest first; tell whether more is.

        What was kept is served meanwhile. A pass does no more than a second's worth, or new
        articles would have to wait.
        """
        stamp = self._contents.stamp
        until = time.monotonic() + _CLEANING_SECONDS
        while True:
            outdated = self._index.contents.outdated(stamp, _CLEANED_AT_ONCE)
            fresh: dict[str, Content] = {}
            for article in outdated:
                fresh.update(self._contents.cleaned([article]))
                if time.monotonic() >= until:
                    break  # one of them may have taken all of the time
            with self._index.writing() as writer:
                writer.keep_contents(fresh)
                self._settle_feeds(writer, one.now, everything=False)
                if not fresh:
                    writer.set_meta("content", stamp)
            if not fresh:
                return False
            if time.monotonic() >= until:
                return True

    def _settle_feeds(self, writer: Writer, now: datetime, *, everything: bool) -> None:
        """Note what each feed that was touched shows now."""
        config = self._config
        configured = {category.slug: repr(category) for category in config.categories}
        touched = writer.feeds.touched | ({feeds.ALL, *configured} if everything else set())
        if everything:
            touched |= writer.feeds.all_slugs() - {LIST, LIST_OF_ALL}
        language = sitelanguage.declared(self._config, writer.meta(sitelanguage.KEY))
        view = digest(self._policies["view"], language)
        fingerprints = {
            slug: digest(
                view,
                configured.get(slug, slug),
                *writer.feeds.versions(slug, config.feeds.limit, self._contents.stamp),
            )
            for slug in touched
        }
        listed = (f"{slug}\n{term}" for slug, term in writer.feeds.term_slugs())
        fingerprints[LIST] = digest(view, *configured.values())
        fingerprints[LIST_OF_ALL] = digest(view, *configured.values(), *listed)
        writer.feeds.settle(fingerprints, now)


def _raw(found: identity.Found) -> tuple[str, Markup]:
    return found.article.body, found.article.markup


def _last_written_first(files: Sequence[File]) -> list[File]:
    return sorted(files, key=lambda file: (-file[1].mtime_ns, file[0]))


def _joined(changes: Sequence[Changes]) -> Changes:
    """Return the changes of all stages."""
    return Changes(
        added=tuple(sorted({source for stage in changes for source in stage.added})),
        modified=tuple(sorted({source for stage in changes for source in stage.modified})),
        removed=tuple(sorted({source for stage in changes for source in stage.removed})),
    )
