"""One pass over the articles directory: gather, decide, apply."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from feedsvc import feeds
from feedsvc.changes import diff
from feedsvc.config import Config
from feedsvc.index import Index, Writer
from feedsvc.model import Changes, Refresh
from feedsvc.reading import Outcome, Reading
from feedsvc.republisher import clock, sitelanguage
from feedsvc.republisher.checking import unlisted
from feedsvc.republisher.contents import IMAGE_KEY, Contents
from feedsvc.republisher.ingest import Ingest
from feedsvc.republisher.policies import digest, needs_image_key, policies
from feedsvc.republisher.survey import Paths, Survey, Surveyor

Progress = Callable[[int, int], None]
"""Called with how many files are done, and of how many."""

LIST, LIST_OF_ALL = "", "?"
"""The slugs under which the states of two lists of feeds are kept: that of the configured ones, and
that with those of terms. No feed can have them."""
PARTIAL = "partial"
"""Under which the index remembers, as `yes`, that the oldest articles have not been read yet."""

_CLEANED_AT_ONCE = 50  # articles
_CLEANING_SECONDS = 1.0  # of a pass
_PATIENCE = 5  # first passes that wait for files being written before anything is served
_MANY = 100  # articles: what a first pass over fewer publishes is soon made
_STAGED = 1000  # articles: a first pass over more is published in stages
_MOST_AT_FIRST = 10_000  # articles in the first stage, should a category have too few


@dataclass(slots=True, kw_only=True)
class _Pass:
    """What is known of the pass under way."""

    now: datetime  # a whole second
    changes: Changes
    survey: Survey
    ingest: Ingest
    stale: set[str]  # of `policies`
    due: Sequence[str]  # sources of held articles whose time has come
    ready: bool  # what is known when it, or its first stage, is done may be served at last
    partial: bool  # an earlier pass has left off before the oldest articles
    staged: bool  # readers are waiting, and there is much to read
    progress: Progress | None
    done: int = 0  # files
    total: int = field(init=False)

    def __post_init__(self) -> None:
        self.total = len(self.changes.added) + len(self.changes.modified)


class Refresher:
    """Brings one index up to date with one directory.

    `served` is called when a first pass over many articles has published the newest ones, and the
    oldest may still have to be read: a moment for work that would have to wait otherwise.
    """

    def __init__(
        self,
        config: Config,
        index: Index,
        contents: Contents,
        *,
        served: Callable[[datetime], None],
        processes: int = 0,
    ) -> None:
        self._config = config
        self._contents = contents
        self._index = index
        self._served = served
        self._reading = Reading(config, processes=processes)
        self._policies = policies(config)
        self._surveyor = Surveyor(config, index, self._reading.directory)
        self._passes = 0
        self._counted: tuple[bytes, int] | None = None

    def refresh(
        self,
        now: datetime,
        progress: Progress | None = None,
        *,
        paths: Paths | None = None,
        accept_empty: bool = False,
    ) -> Refresh:
        """Make one pass, at the time `now`: over these paths, or over everything."""
        started = time.perf_counter()
        known = self._index.metas()
        second = now.replace(microsecond=0)
        if clock.must_set_right(known, now):
            with self._index.writing() as writer:
                ingest = Ingest(self._config, second)
                clock.set_entries_right(self._index, writer, ingest, known, second)
                if writer.touched:
                    self._settle_feeds(writer, second, everything=False)
                clock.set_feeds_right(writer, known, second)
        stale = {name for name, policy in self._policies.items() if known.get(name) != policy}
        first, partial = "ready" not in known, known.get(PARTIAL) == "yes"
        survey = self._surveyor.survey(
            now,
            None if partial else paths,  # what is still to be read may be anywhere
            first=first,
            anew="articles" in stale,  # the same bytes would be read as other articles now
            accept_empty=accept_empty,
        )
        # The first feeds that anyone sees must not lack what is only a second too young.
        self._passes += 1
        changes = diff(survey.known, survey.found)
        staged = (first or partial) and len(changes.added) > _STAGED
        due, next_due = self._index.due(now)
        one = _Pass(
            now=second,
            changes=changes,
            survey=survey,
            ingest=Ingest(self._config, second),
            stale=stale,
            due=due,
            ready=first and (staged or not survey.pending or self._passes > _PATIENCE),
            partial=partial,
            staged=staged,
            progress=progress,
        )
        unkeyed = needs_image_key(self._config) and IMAGE_KEY not in known
        if one.changes or stale or due or one.ready or one.partial or unkeyed:
            try:
                self._apply(one)
            finally:
                self._reading.rest()
            _, next_due = self._index.due(now)
        more = known.get("content") != self._contents.stamp and self._clean_again(one.now)
        waits = [
            survey.wait,
            (next_due - now).total_seconds() if next_due else None,
            0.0 if more else None,
        ]
        return Refresh(
            changes=one.changes,
            articles=self._count() if paths is None else None,
            seconds=time.perf_counter() - started,
            problems=(
                *(unlisted(folder, reason) for folder, reason in survey.unreadable),
                *self._index.problems(),
            ),
            pending=survey.pending,
            again_in=min((w for w in waits if w is not None), default=None),
        )

    def _apply(self, one: _Pass) -> None:
        """Write what has changed: in one transaction, or a first pass in stages.

        The first stage of these ends when each configured feed has all that it shows; the others
        are as large as all before.
        """
        outcomes = self._outcomes(one)
        stage, more = 0, True
        while more:
            with self._index.writing() as writer:
                if stage == 0:
                    self._begin(writer, one)
                more = self._read(writer, one, outcomes, first=stage == 0)
                self._finish(writer, one, partial=more)
            if stage == 0 and (more or (one.ready and one.total > _MANY)):
                self._served(one.now)
            stage += 1

    def _outcomes(self, one: _Pass) -> Iterator[list[Outcome]]:
        """Read what was changed and added."""
        changes, found = one.changes, one.survey.found
        # What is known goes first, and what the ledger names: a new file may be a copy of it.
        named = self._index.named(changes.added)
        first = [(source, found[source]) for source in changes.added if source in named]
        last = [(source, found[source]) for source in changes.added if source not in named]
        if one.staged:
            first, last = self._reading.newest_first(first), self._reading.newest_first(last)
        modified = [(source, found[source]) for source in changes.modified]
        return self._reading.all([*modified, *first, *last])

    def _begin(self, writer: Writer, one: _Pass) -> None:
        if needs_image_key(self._config) and writer.meta(IMAGE_KEY) is None:
            writer.set_meta(IMAGE_KEY, secrets.token_hex(32))
        writer.remove_files(one.changes.removed)
        if "memberships" in one.stale:
            one.ingest.rejoin(writer, writer.all_articles())
        if one.due:
            writer.release(one.due)
            one.ingest.rejoin(writer, writer.all_articles(one.due))
        writer.set_meta("root", one.survey.root)

    def _read(
        self, writer: Writer, one: _Pass, outcomes: Iterator[list[Outcome]], *, first: bool
    ) -> bool:
        """Publish all articles, or one stage of them; tell whether there are more."""
        most = _MOST_AT_FIRST if first else one.done
        end = one.done + most if one.staged else one.total
        for part in outcomes:
            one.ingest.take(writer, part, one.survey.found)
            one.done = min(one.total, one.done + len(part))
            if one.progress:
                one.progress(one.done, one.total)
            full = one.staged and first and self._full(one)
            if one.done < one.total and (one.done >= end or full):
                return True
        return False

    def _full(self, one: _Pass) -> bool:
        slugs = (feeds.ALL, *(category.slug for category in self._config.categories))
        return all(one.ingest.members[slug] >= self._config.feeds.limit for slug in slugs)

    def _finish(self, writer: Writer, one: _Pass, *, partial: bool) -> None:
        """Settle what follows from the articles that were published."""
        self._reread(writer, one, writer.copies(one.ingest.edited))
        one.ingest.edited.clear()
        while heirs := writer.heirs():
            self._reread(writer, one, heirs)
        writer.appoint()
        guessed = sitelanguage.guess_again(writer, self._config)
        self._settle_feeds(writer, one.now, everything=bool(one.stale) or guessed)
        for name in one.stale:
            writer.set_meta(name, self._policies[name])
        one.stale.clear()
        if partial or one.partial:
            writer.set_meta(PARTIAL, "yes" if partial else "no")
            one.partial = partial
        if one.ready:
            writer.set_meta("ready", "yes")

    def _reread(self, writer: Writer, one: _Pass, sources: Sequence[str]) -> None:
        there = self._surveyor.elsewhere(sources, one.survey)
        # Not by other processes: these may be in the middle of what is read after this.
        for part in self._reading.alone(sorted(there.items())):
            one.ingest.take(writer, part, there)

    def _count(self) -> int:
        """Return how many articles are published; counted again only when something has changed."""
        pulse = self._index.pulse()
        if self._counted is None or self._counted[0] != pulse:
            self._counted = pulse, self._index.count()
        return self._counted[1]

    def _clean_again(self, now: datetime) -> bool:
        """Clean some of what is kept by an older policy, newest first; tell whether more is.

        What was kept is served meanwhile. A pass does no more than a second's worth, or new
        articles would have to wait.
        """
        stamp = self._contents.stamp
        until = time.monotonic() + _CLEANING_SECONDS
        while True:
            outdated = self._index.outdated(stamp, _CLEANED_AT_ONCE)
            fresh = self._contents.cleaned(outdated)
            with self._index.writing() as writer:
                writer.keep_contents(fresh)
                self._settle_feeds(writer, now, everything=False)
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
        touched = writer.touched | ({feeds.ALL, *configured} if everything else set())
        if everything:
            touched |= writer.all_slugs() - {LIST, LIST_OF_ALL}
        language = sitelanguage.declared(self._config, writer.meta(sitelanguage.KEY))
        view = digest(self._policies["view"], language)
        fingerprints = {
            slug: digest(
                view,
                configured.get(slug, slug),
                *writer.versions(slug, config.feeds.limit, self._contents.stamp),
            )
            for slug in touched
        }
        listed = (f"{slug}\n{term}" for slug, term in writer.term_slugs())
        fingerprints[LIST] = digest(view, *configured.values())
        fingerprints[LIST_OF_ALL] = digest(view, *configured.values(), *listed)
        writer.settle_feeds(fingerprints, now)
