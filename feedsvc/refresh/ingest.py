"""Ingest: articles that were read go into the index, with their ids, dates, feeds and problems."""

import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from feedsvc import articles, content, feeds, identity
from feedsvc.config import Config
from feedsvc.index import Index, Writer
from feedsvc.model import UNREAD, Article, Identity, Problem, Published, Signature
from feedsvc.outcome import Outcome
from feedsvc.policies import digest
from feedsvc.refresh.withdrawals import Withdrawals

_BATCH = 200  # articles held in memory at a time

LookAhead = Callable[[Collection[str]], Mapping[str, identity.ReadFile | None]]
"""Reads those of these files that are still in the backlog; returns None for deleted files."""


class Ingest:
    """Publishes the articles of files, within the transactions of one pass.

    `edited` are the ids of entries whose bytes changed: their copies may be other entries now.
    `unsettled` are the files that the next pass reads again even if they do not change.
    """

    def __init__(self, config: Config, now: datetime, look_ahead: LookAhead) -> None:
        self._config = config
        self.now = now
        self._look_ahead = look_ahead
        self._memberships = feeds.Memberships(config.categories, auto=config.feeds.auto_categories)
        footers = [
            config.content.footer,
            *(dict(category.cleaning).get("footer") for category in config.categories),
        ]
        self._relative_footer = any(
            content.depends_on_folder(footer, "html") for footer in footers if footer
        )
        self.withdrawals = Withdrawals(config)
        self.edited: set[str] = set()
        self.unsettled: set[str] = set()

    def take(
        self, writer: Writer, outcomes: Iterable[Outcome], signatures: Mapping[str, Signature]
    ) -> None:
        """Publish the articles of these files, and note problems.

        An article without title and text never replaces a good one. A new one is left out while its
        file is younger than `articles.settle_empty`.
        """
        outcomes = list(outcomes)
        empty = {
            outcome.source
            for outcome in outcomes
            if outcome.file
            and not self._is_left_out(outcome.file.article)
            and outcome.file.article.withdrawn is None
            and articles.is_empty(outcome.file.article)
        }
        known = writer.known_articles(empty)
        problems: dict[str, list[Problem]] = {}
        settled: dict[str, Signature] = {}
        complete: list[identity.ReadFile] = []
        left_out: list[str] = []
        for outcome in outcomes:
            source = outcome.source
            problems[source] = list(outcome.problems)
            settled[source] = UNREAD if outcome.again else signatures[source]
            if outcome.file is None:
                continue
            if self._is_left_out(outcome.file.article):
                left_out.append(source)
            elif source not in empty:
                complete.append(outcome.file)
            elif source in known:
                problems[source].append(_emptied(source))
            else:
                problems[source].append(_without_content(source))
                if self.now - outcome.file.mtime < self._config.articles.settle_empty:
                    settled[source] = UNREAD
                else:
                    complete.append(outcome.file)
        for source, problem in self._publish(writer, complete):
            problems[source].append(problem)
        writer.remove_articles(left_out)
        writer.write_files(settled)
        self.unsettled.update(
            source for source, signature in settled.items() if signature is UNREAD
        )
        writer.write_problems(problems)

    def _is_left_out(self, article: Article) -> bool:
        """Tell whether an article is in no feed: a draft, or one whose time is over."""
        if article.withdrawn is not None:
            return False  # readers are told that it is gone
        return article.draft or (article.expires is not None and article.expires <= self.now)

    def rejoin(self, writer: Writer, articles: Iterator[Published]) -> None:
        """Put known articles into the feeds that they belong to now."""
        while batch := list(islice(articles, _BATCH)):
            writer.write_memberships(self._with_feeds(batch))

    def take_over(self, writer: Writer, last_versions: Mapping[str, Published]) -> None:
        """Publish the last versions of copies, by id, in the place of canonical files that went."""
        identities = [
            identity.taken_over(known, last_versions[known.id].article, self.now)
            for known in writer.identities({"id": last_versions})
        ]
        published = [
            self._published(last_versions[owner.id].article, owner, owner.seen_digest)
            for owner in identities
        ]
        writer.write_articles(self._with_feeds(published))
        writer.write_identities(identities)

    def preview(self, index: Index, file: identity.ReadFile) -> Published:
        """Return what an article would be published as now."""
        known = index.ledger.identities(identity.candidates([file], self._config.site.id))
        assigned = self._assign([file], known)
        return self._published(file.article, assigned[file.article.source], file.seen_digest)

    def edited_in_place(self, writer: Writer, outcomes: Iterable[Outcome]) -> set[str]:
        """Return the files that were a known entry before and, as they are now, are none."""
        files = [outcome.file for outcome in outcomes if outcome.file is not None]
        known = writer.identities(identity.candidates(files, self._config.site.id))
        return identity.edited_in_place(files, known, self._config.site.id)

    def _assign(
        self, files: Sequence[identity.ReadFile], known: Sequence[Identity]
    ) -> dict[str, Identity]:
        # Other files that the ledger names may have changed, and may be other entries now.
        others = {row.source for row in known} - {file.article.source for file in files}
        return identity.assign(
            files,
            known,
            site_id=self._config.site.id,
            now=self.now,
            ahead=self._look_ahead(others),
        )

    def _publish(
        self, writer: Writer, files: Sequence[identity.ReadFile]
    ) -> Iterator[tuple[str, Problem]]:
        """Write these articles; yield the problems of copies that differ from their originals."""
        known = writer.identities(identity.candidates(files, self._config.site.id))
        assigned = self._assign(files, known)
        digests = {row.id: row.file_digest for row in known}
        self.edited |= {
            owner.id
            for owner in assigned.values()
            if digests.get(owner.id, owner.file_digest) != owner.file_digest
        }
        withdrawn = {owner.id: owner for owner in assigned.values() if owner.withdrawn}
        owners = {owner.id for owner in assigned.values()}
        for row in known:
            if row.withdrawn and row.id in owners and row.id not in withdrawn:
                # It is shown again, but perhaps not in the feeds that say it is gone.
                writer.feeds.touched.update(row.withdrawn.feeds)
        shown = [file for file in files if assigned[file.article.source].id not in withdrawn]
        published = self._with_feeds(
            self._published(file.article, assigned[file.article.source], file.seen_digest)
            for file in shown
        )
        writer.write_articles(published)
        writer.write_identities(
            owner for source, owner in assigned.items() if owner.source == source
        )
        if withdrawn:
            self.withdrawals.apply(writer, list(withdrawn.values()), self.now)
        for file in shown:
            source, owner = file.article.source, assigned[file.article.source]
            if owner.source != source and owner.seen_digest != file.seen_digest:
                # The log has the problems of public files, and not the names of private ones.
                private = bool(self._config.private_slugs)
                yield source, _twin(source, "another file" if private else owner.source)

    def _with_feeds(
        self, articles: Iterable[Published]
    ) -> list[tuple[Published, Mapping[str, str | None]]]:
        return [(published, self._memberships.of(published.article)) for published in articles]

    def _published(self, article: Article, owner: Identity, seen_digest: str) -> Published:
        # `first_seen` may be in the future, if the clock was ahead then.
        moment = article.published or min(owner.first_seen, self.now)
        hold = self._config.articles.future == "hold" and moment > self.now
        # The folder is part of the version only where addresses of media depend on it: else a file
        # that is moved would change every feed that shows it. The digest is that of this file, not
        # of the ledger: a copy may differ from its canonical file.
        folder = posixpath.dirname(article.source) if self._depends_on_folder(article) else ""
        return Published(
            article=article,
            id=owner.id,
            key=owner.key,
            published=moment,
            updated=owner.updated,
            version=digest(owner.id, seen_digest, str(moment), str(owner.updated), folder),
            held_until=moment if hold else None,
        )

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
        reason="the file has neither title nor text any more; its published version stays",
        cure="write them again, or remove the file",
    )


def _without_content(source: str) -> Problem:
    return Problem(
        source=source,
        reason="the file has neither title nor text",
        cure="write them, or remove the file; it waits for them for articles.settle_empty",
    )
