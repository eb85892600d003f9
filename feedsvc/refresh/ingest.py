"""What was read goes into the index: ids, dates, feeds, problems; in batches."""

import posixpath
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from feedsvc import articles, content, feeds, identity
from feedsvc.config import Config
from feedsvc.index import Index, Writer
from feedsvc.model import UNREAD, Article, Identity, Problem, Published, Signature
from feedsvc.outcome import Outcome
from feedsvc.policies import digest

T = TypeVar("T")

_BATCH = 200  # articles held in memory at a time

LookAhead = Callable[[Collection[str]], Mapping[str, identity.Found | None]]
"""Returns what those of these files say that are still to be read, None for those that are gone."""


class Ingest:
    """Publishes what the files of one configuration say, within the transactions of one pass.

    `edited` are the ids of entries whose bytes changed: copies of them may differ now. `members`
    says how many articles each feed was given. `unsettled` are the files that the next pass is to
    read again, though they may not have changed.
    """

    def __init__(self, config: Config, now: datetime, look_ahead: LookAhead) -> None:
        self._config = config
        self.now = now
        self._look_ahead = look_ahead
        self._memberships = feeds.Memberships(config.categories, auto=config.feeds.auto_categories)
        footers = [
            config.content.footer,
            *(dict(c.cleaning).get("footer") for c in config.categories),
        ]
        self._relative_footer = any(content.depends_on_folder(f, "html") for f in footers if f)
        self.edited: set[str] = set()
        self.members: Counter[str] = Counter()
        self.unsettled: set[str] = set()

    def take(
        self, writer: Writer, outcomes: Iterable[Outcome], signatures: Mapping[str, Signature]
    ) -> None:
        """Publish what these articles say, or note what is wrong with them."""
        outcomes = list(outcomes)
        kept, waiting = self._empty(writer, outcomes)
        problems: dict[str, list[Problem]] = {}
        settled: dict[str, Signature] = {}
        found: list[identity.Found] = []
        drafts: list[str] = []
        for one in outcomes:
            problems[one.source] = list(one.problems)
            settled[one.source] = UNREAD if one.again else signatures[one.source]
            if one.found is not None:
                if one.source in kept:
                    problems[one.source].append(_emptied(one.source))
                elif one.source in waiting:
                    problems[one.source].append(_without_content(one.source))
                    settled[one.source] = UNREAD
                elif one.found.article.draft:
                    drafts.append(one.source)
                else:
                    found.append(one.found)
                    if articles.is_empty(one.found.article):
                        problems[one.source].append(_without_content(one.source))
        for source, problem in self._publish(writer, found):
            problems[source].append(problem)
        writer.remove_articles(drafts)
        writer.write_files(settled)
        self.unsettled.update(source for source, one in settled.items() if one is UNREAD)
        writer.write_problems(_with_standing(problems, writer))

    def _empty(
        self, writer: Writer, outcomes: Sequence[Outcome]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Return which files have no content: those with a last good version, and new ones.

        New ones are left out when they have waited for long enough.
        """
        empty = {
            one.source: one.found
            for one in outcomes
            if one.found and not one.found.article.draft and articles.is_empty(one.found.article)
        }
        known = frozenset(writer.known_articles(empty))
        wait = self._config.articles.settle_empty
        waiting = {
            source
            for source, found in empty.items()
            if source not in known and self.now - found.mtime < wait
        }
        return known, frozenset(waiting)

    def rejoin(self, writer: Writer, some: Iterable[Published]) -> None:
        """Put known articles into the feeds that they belong to now."""
        some = iter(some)
        while batch := list(islice(some, _BATCH)):
            writer.write_memberships([(one, self._memberships.of(one.article)) for one in batch])

    def take_over(self, writer: Writer, last_versions: Mapping[str, Published]) -> None:
        """Let these versions of copies tell their entries, by id: no file could be read for any."""
        known = writer.identities({"id": last_versions})
        new = {
            one.id: identity.taken_over(one, last_versions[one.id].article, self.now)
            for one in known
        }
        published = [
            self._published(one.article, new[id], new[id].seen_digest)
            for id, one in last_versions.items()
            if id in new
        ]
        writer.write_articles([(one, self._memberships.of(one.article)) for one in published])
        writer.write_identities(new.values())

    def preview(self, index: Index, found: identity.Found) -> Published:
        """Return what an article would be published as now."""
        known = index.ledger.identities(identity.candidates([found], self._config.site.id))
        assigned = self._assign([found], known)
        return self._published(found.article, assigned[found.article.source], found.seen_digest)

    def edited_in_place(self, writer: Writer, outcomes: Iterable[Outcome]) -> set[str]:
        """Return which of these files tell no entry that is known, but told one before."""
        found = [one.found for one in outcomes if one.found is not None]
        known = writer.identities(identity.candidates(found, self._config.site.id))
        return identity.edited_in_place(found, known, self._config.site.id)

    def _assign(
        self, found: Sequence[identity.Found], known: Sequence[Identity]
    ) -> dict[str, Identity]:
        # A file that has changed may not tell any more what the ledger says of it.
        here = {one.article.source for one in found}
        others = {one.source for one in known} - here
        return identity.assign(
            found,
            known,
            site_id=self._config.site.id,
            now=self.now,
            ahead=self._look_ahead(others),
        )

    def _publish(
        self, writer: Writer, found: Sequence[identity.Found]
    ) -> Iterator[tuple[str, Problem]]:
        """Write these articles, and yield what there is to say of them."""
        known = writer.identities(identity.candidates(found, self._config.site.id))
        assigned = self._assign(found, known)
        before = {one.id: one.file_digest for one in known}
        self.edited |= {
            one.id
            for one in assigned.values()
            if before.get(one.id, one.file_digest) != one.file_digest
        }
        published = [
            self._published(one.article, assigned[one.article.source], one.seen_digest)
            for one in found
        ]
        joined = [(one, self._memberships.of(one.article)) for one in published]
        writer.write_articles(joined)
        for shown, slugs in joined:
            if shown.held_until is None:
                self.members.update(slugs.keys())
        writer.write_identities(one for source, one in assigned.items() if one.source == source)
        for one in found:
            source, owner = one.article.source, assigned[one.article.source]
            if owner.source != source and owner.seen_digest != one.seen_digest:
                yield source, _twin(source, owner.source)

    def _published(self, article: Article, settled: Identity, seen: str) -> Published:
        # A clock that was ahead may have seen the file first at a time that has not come yet.
        moment = article.published or min(settled.first_seen, self.now)
        hold = self._config.articles.future == "hold" and moment > self.now
        return Published(
            article=article,
            id=settled.id,
            key=settled.key,
            published=moment,
            updated=settled.updated,
            version=self._version(settled, moment, article, seen),
            held_until=moment if hold else None,
        )

    def _version(self, settled: Identity, moment: datetime, article: Article, seen: str) -> str:
        # The folder counts where the article's media have their addresses from it: else a file that
        # is only moved would change every feed that shows it.
        folder = posixpath.dirname(article.source) if self._depends_on_folder(article) else ""
        # `seen` is of the file, and not what the ledger says of the entry: a copy may say something
        # else.
        return digest(settled.id, seen, str(moment), str(settled.updated), folder)

    def _depends_on_folder(self, article: Article) -> bool:
        if article.link is not None:
            return False  # its media are relative to the original's address
        image = article.lead_image
        return (
            self._relative_footer
            or (image is not None and content.is_relative(image))
            or content.depends_on_folder(article.body, article.markup)
        )


def _twin(source: str, owner: str) -> Problem:
    return Problem(
        source=source,
        reason=f"it is the same article as {owner}: the same id, or the same original",
        cure="remove one of the two, or give this one an id of its own",
        published=True,
    )


def _emptied(source: str) -> Problem:
    return Problem(
        source=source,
        reason="the file has neither title nor text any more; what was published of it stays",
        cure="write them again, or remove the file",
    )


def _without_content(source: str) -> Problem:
    return Problem(
        source=source,
        reason="the file has neither title nor text",
        cure="write them, or remove the file; it waits for them for articles.settle_empty",
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
