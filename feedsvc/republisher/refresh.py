"""One pass over the articles directory: gather, decide, apply."""

import posixpath
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from feedsvc import feeds, identity
from feedsvc.changes import diff
from feedsvc.config import Config
from feedsvc.index import Index, Writer
from feedsvc.model import Article, Changes, Identity, Problem, Published, Refresh, Signature
from feedsvc.republisher.contents import IMAGE_KEY, Contents
from feedsvc.republisher.policies import needs_image_key, policies
from feedsvc.republisher.reading import Reading, digest, unlisted
from feedsvc.republisher.survey import Paths, Survey, Surveyor

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with how many files are done, and of how many."""

LIST = ""
"""The slug under which the state of the list of feeds is kept; no feed can have it."""

_BATCH = 200  # articles held in memory at a time
_CLEANED_AT_ONCE = 50  # articles
_CLEANING_SECONDS = 1.0  # of a pass
_PATIENCE = 5  # first passes that wait for files being written before anything is served


class Refresher:
    """Brings one index up to date with one directory."""

    def __init__(self, config: Config, index: Index, contents: Contents) -> None:
        self._config = config
        self._contents = contents
        self._index = index
        self._reading = Reading(config)
        self._policies = policies(config)
        self._surveyor = Surveyor(config, index, self._reading.directory)
        self._passes = 0
        self._counted: tuple[bytes, int] | None = None
        self._edited: set[str] = set()  # ids of entries whose bytes changed: copies may differ now

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
        second = now.replace(microsecond=0)
        stale = {
            name for name, policy in self._policies.items() if self._index.meta(name) != policy
        }
        survey = self._surveyor.survey(
            now,
            paths,
            anew="articles" in stale,  # the same bytes would be read as other articles now
            accept_empty=accept_empty,
        )
        pending = survey.pending
        changes = diff(survey.known, survey.found)
        due, _ = self._index.due(now)
        # The first feeds that anyone sees must not lack what is only a second too young.
        self._passes += 1
        ready = not pending or self._passes > _PATIENCE
        ready_now = ready and self._index.meta("ready") is None
        unkeyed = needs_image_key(self._config) and self._index.meta(IMAGE_KEY) is None
        if changes or stale or due or ready_now or unkeyed:
            with self._index.writing() as writer:
                if unkeyed:
                    writer.set_meta(IMAGE_KEY, secrets.token_hex(32))
                self._apply(
                    writer, changes, survey, second, stale=stale, due=due, progress=progress
                )
                writer.set_meta("root", survey.root)
                if ready_now:
                    writer.set_meta("ready", "yes")
        more = self._clean_again(second)
        _, next_due = self._index.due(now)
        waits = [
            survey.wait,
            (next_due - now).total_seconds() if next_due else None,
            0.0 if more else None,
        ]
        return Refresh(
            changes=changes,
            articles=self._count(),
            seconds=time.perf_counter() - started,
            problems=(
                *(unlisted(folder, reason) for folder, reason in survey.unreadable),
                *self._index.problems(),
            ),
            pending=pending,
            again_in=min((w for w in waits if w is not None), default=None),
        )

    def _apply(
        self,
        writer: Writer,
        changes: Changes,
        survey: Survey,
        now: datetime,
        *,
        stale: set[str],
        due: Sequence[str],
        progress: Progress | None,
    ) -> None:
        writer.remove_files(changes.removed)
        if "memberships" in stale:
            self._rejoin(writer, writer.all_articles())
        if due:
            writer.release(due)
            self._rejoin(writer, writer.all_articles(due))
        # What is known goes first, and what the ledger names: a new file may be a copy of it.
        named = writer.named(changes.added)
        added = sorted(changes.added, key=lambda source: source not in named)
        self._edited.clear()
        self._read(writer, (*changes.modified, *added), survey.found, now, progress)
        copies = self._surveyor.elsewhere(writer.copies(self._edited), survey)
        self._read(writer, sorted(copies), copies, now)
        while heirs := writer.heirs():
            there = self._surveyor.elsewhere(heirs, survey)
            self._read(writer, sorted(there), there, now)
        writer.appoint()
        self._settle_feeds(writer, now, everything=bool(stale))
        for name in stale:
            writer.set_meta(name, self._policies[name])

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
        if self._index.meta("content") == stamp:
            return False
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

    def _read(
        self,
        writer: Writer,
        sources: Sequence[str],
        signatures: Mapping[str, Signature],
        now: datetime,
        progress: Progress | None = None,
    ) -> None:
        done = 0
        for batch in _batches(sources, _BATCH):
            self._read_batch(writer, batch, signatures, now)
            done += len(batch)
            if progress:
                progress(done, len(sources))

    def _read_batch(
        self,
        writer: Writer,
        sources: Sequence[str],
        signatures: Mapping[str, Signature],
        now: datetime,
    ) -> None:
        problems: dict[str, list[Problem]] = {}
        settled: dict[str, Signature] = {}
        found: list[identity.Found] = []
        drafts: list[str] = []
        for source in sources:
            outcome = self._reading.read(source, signatures[source])
            if outcome is None:
                continue  # gone since the scan: the next one says so
            one, problems[source], try_again = outcome
            if not try_again:
                settled[source] = signatures[source]
            if one is not None:
                if one.article.draft:
                    drafts.append(source)
                else:
                    found.append(one)
        for source, problem in self._publish(writer, found, now):
            problems[source].append(problem)
        writer.remove_articles(drafts)
        writer.write_files(settled)
        writer.write_problems(_with_standing(problems, writer))

    def _publish(
        self, writer: Writer, found: Sequence[identity.Found], now: datetime
    ) -> Iterator[tuple[str, Problem]]:
        """Write these articles, and yield what there is to say of them."""
        site_id = self._config.site.id
        known = writer.identities(identity.candidates(found, site_id))
        assigned = identity.assign(found, known, site_id=site_id, now=now)
        before = {one.id: one.file_digest for one in known}
        self._edited |= {
            one.id
            for one in assigned.values()
            if before.get(one.id, one.file_digest) != one.file_digest
        }
        published = []
        for one in found:
            settled = assigned[one.article.source]
            moment = one.article.published or settled.first_seen
            hold = self._config.articles.future == "hold" and moment > now
            published.append(
                Published(
                    article=one.article,
                    id=settled.id,
                    key=settled.key,
                    published=moment,
                    updated=settled.updated,
                    version=_version(settled, moment, one.article.source),
                    held_until=moment if hold else None,
                )
            )
        writer.write_articles([(one, self._memberships(one.article)) for one in published])
        writer.write_identities(one for source, one in assigned.items() if one.source == source)
        for one in found:
            source, owner = one.article.source, assigned[one.article.source]
            if owner.source != source and owner.seen_digest != one.seen_digest:
                yield source, _twin(source, owner.source)

    def _memberships(self, article: Article) -> dict[str, str | None]:
        return feeds.memberships(
            article, self._config.categories, auto=self._config.feeds.auto_categories
        )

    def _rejoin(self, writer: Writer, some: Iterable[Published]) -> None:
        """Put known articles into the feeds that they belong to now."""
        for batch in _batches(some, _BATCH):
            writer.write_memberships([(one, self._memberships(one.article)) for one in batch])

    def _settle_feeds(self, writer: Writer, now: datetime, *, everything: bool) -> None:
        """Note what each feed that was touched shows now."""
        config = self._config
        configured = {category.slug: repr(category) for category in config.categories}
        touched = writer.touched | ({feeds.ALL, *configured} if everything else set())
        if everything:
            touched |= writer.all_slugs() - {LIST}
        view = self._policies["view"]
        fingerprints = {
            slug: digest(
                view,
                configured.get(slug, slug),
                *writer.versions(slug, config.feeds.limit, self._contents.stamp),
            )
            for slug in touched
        }
        listed = (f"{slug}\n{term}" for slug, term in writer.term_slugs())
        fingerprints[LIST] = digest(view, *configured.values(), *listed)
        writer.settle_feeds(fingerprints, now)


def _version(settled: Identity, moment: datetime, source: str) -> str:
    # The folder counts, because relative images have their addresses from it.
    folder = posixpath.dirname(source)
    return digest(settled.id, settled.seen_digest, str(moment), str(settled.updated), folder)


def _twin(source: str, owner: str) -> Problem:
    return Problem(
        source=source,
        reason=f"it is the same article as {owner}: the same id, or the same original",
        cure="remove one of the two, or give this one an id of its own",
        published=True,
    )


def _with_standing(
    problems: Mapping[str, Sequence[Problem]], writer: Writer
) -> dict[str, list[Problem]]:
    """Say of each problem whether its article is in the feeds, as it is or as it was."""
    known = writer.known_articles(source for source, found in problems.items() if found)
    return {
        source: [replace(one, published=source in known) for one in found]
        for source, found in problems.items()
    }


def _batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    values = iter(values)
    while batch := list(islice(values, size)):
        yield batch
