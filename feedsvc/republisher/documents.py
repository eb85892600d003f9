"""From the index to what is sent: choose, clean, build, render; made once while nothing changes."""

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from feedsvc import content, feeds, identity, mediatypes, memory
from feedsvc.codings import encoded
from feedsvc.config import Config
from feedsvc.errors import GoneError, NotFoundError, NotReadyError
from feedsvc.formats import FORMATS, opml
from feedsvc.index import FeedState, Index, Kept
from feedsvc.model import Category, Document, Entry, Feed, Published
from feedsvc.republisher import contents
from feedsvc.republisher.contents import Contents
from feedsvc.republisher.policies import policies
from feedsvc.republisher.refresh import LIST, PARTIAL

_MOST_BYTES = 4 * 1024 * 1024  # of documents kept in memory: the index has them all
_FEEDS = "/feeds/"
_MANY = 50  # documents; making fewer is soon done
_SOON = timedelta(seconds=30)  # for which readers may get what was served before
_TELLING_SECONDS = 0.25  # between two times that workers are told of new documents
_A_DAY, _A_WHILE = timedelta(days=1), timedelta(minutes=10)
_LATELY = timedelta(days=7)  # what was asked for since then is made anew before it is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A feed as a list shows it; `articles` is None for feeds that are not of a term."""

    slug: str
    title: str
    description: str
    link: str
    articles: int | None = None


class Documents:
    """Answers from one index under one configuration; safe to share between threads."""

    def __init__(
        self, config: Config, index: Index, contents: Contents, clock: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._contents = contents
        self._clock = clock
        self._view = policies(config)["view"]
        self._index = index
        site = config.site
        self._categories = {category.slug: category for category in config.categories}
        self._categories[feeds.ALL] = feeds.everything(site.title, site.description)
        self._kept = _Kept(_MOST_BYTES)
        self._last: tuple[tuple[str, str], Feed] | None = None

    def document(self, path: str) -> Document:
        """Return the document at `path`; see Republisher.document."""
        state = self._state(_slug(path))
        version = state.fingerprint if state else ""
        if kept := self._kept.get(path, version):
            return kept
        found = self._found(path)
        if found is not None and state is not None:
            document, asked = found
            if document.version == version:
                self._kept.put(path, document)
                return document
            if self._is_being_made(state.changed) and asked >= self._clock() - _LATELY:
                return document
        with self._index.turn("document", path):  # one rendering, however many ask
            if kept := self._kept.get(path, version):
                return kept
            found = self._found(path)
            if found is None or found[0].version != version:
                made = self._make(path, state, self._clock())
            else:
                made, _ = found
            if state is not None:
                self._kept.put(path, made)
            return made

    def holding(self, versions: Mapping[str, str]) -> set[str]:
        """Return which documents are still served as they are; see Republisher.holding."""
        self._check_ready()
        slugs = {path: _slug(path) for path in versions}
        known = self._index.fingerprints(set(slugs.values()))
        hold = set()
        outdated: list[str] = []
        for path, version in versions.items():
            fingerprint, changed = known.get(slugs[path], ("", feeds.EPOCH))
            if fingerprint == version:
                hold.add(path)
            elif self._is_being_made(changed):
                outdated.append(path)
        if outdated:
            since = self._clock() - _LATELY
            kept = self._index.document_versions(outdated, self._view, since)
            hold.update(path for path in outdated if kept.get(path) == versions[path])
        return hold

    def _is_being_made(self, changed: datetime) -> bool:
        """Tell whether one of very many documents is being made anew by who refreshes.

        Until it is, what was asked for before is served as it was: if all of them were made when
        they are asked for, all readers would wait.
        """
        return self._index.backlog() >= _MANY and self._clock() - changed < _SOON

    def prepare(self, now: datetime, seconds: float) -> None:
        """Make the feeds of the configured categories, for so many seconds at most.

        The first that are asked for are at the other end, so readers that come meanwhile make
        others. Nothing is held in memory here.
        """
        until = time.monotonic() + seconds
        # They are kept for long enough to be asked for, and made again only if they were.
        asked = now - _LATELY + _A_WHILE
        for slug in reversed(self._categories):
            for suffix in FORMATS:
                path = f"{_FEEDS}{slug}.{suffix}"
                state = self._index.feed(slug)
                if time.monotonic() >= until:
                    return
                with suppress(NotReadyError), self._index.turn("document", path):
                    found = self._index.document(path, self._view)
                    if state and (found is None or found[0].version != state.fingerprint):
                        self._make(path, state, asked)

    def warm(self, now: datetime, seconds: float) -> bool:
        """Make anew what has changed of what was asked for lately, for so many seconds at most.

        Return whether there is more to make. Nothing of it is held in memory here.
        """
        until, told, more = time.monotonic() + seconds, -math.inf, False
        outdated = self._index.outdated_documents(self._view, now - _LATELY)
        for number, (path, asked) in enumerate(outdated):
            self._index.note_backlog(len(outdated) - number)
            try:
                self._make(path, self._state(_slug(path)), asked)
            except NotFoundError:
                self._index.drop_document(path)
            elapsed = time.monotonic()
            if elapsed >= told + _TELLING_SECONDS:
                self._index.beat()
                told = elapsed
            if more := elapsed >= until:
                break
        if not more:
            self._index.note_backlog(0)
        if told > -math.inf:
            self._index.beat()
        return more

    def _found(self, path: str) -> tuple[Document, datetime] | None:
        """Return the document that the index keeps, and when it was asked for before."""
        found = self._index.document(path, self._view)
        if found is not None:
            now = self._clock()
            if now - found[1] > _A_DAY:
                self._index.ask_again(path, now)
                self._index.forget_documents(now - _LATELY)
        return found

    def _make(self, path: str, state: FeedState | None, asked: datetime) -> Document:
        """Render the document at `path`, and have the index keep it."""
        slug = _slug(path)
        if slug == LIST:
            self._check_whole()
            body, media_type = self._opml(), opml.MEDIA_TYPE
        else:
            format = FORMATS.get(path.rpartition(".")[2])
            if format is None or not path.startswith(_FEEDS):
                raise NotFoundError(f"There is nothing at {path}.")
            body = format.render(self._built(slug, state))
            media_type = format.media_type
        if state is None:
            return _document(body, media_type, feeds.EPOCH, "")
        made = _document(body, media_type, state.changed, state.fingerprint)
        self._index.keep_document(path, slug, made, view=self._view, asked=asked)
        memory.give_back()
        return made

    def _built(self, slug: str, state: FeedState | None) -> Feed:
        """Build a feed, or return the one built last: its other formats are mostly wanted next."""
        version, last = state.fingerprint if state else "", self._last
        if version and last is not None and last[0] == (slug, version):
            return last[1]
        feed = self._build(self._category(slug, state))
        self._last = ((slug, version), feed)
        return feed

    def feed(self, slug: str) -> Feed:
        """Return one feed; see Republisher.feed."""
        return self._build(self._category(slug, self._state(slug)))

    def entry(self, key: str) -> Entry:
        """Return one entry; see Republisher.entry."""
        found = self._index.article(key)
        if found is None:
            self._check_ready()
            if self._index.was_known(key):
                raise GoneError("This article has been withdrawn.")
            self._check_whole()
            raise NotFoundError("There is no such article.")
        entries = self._entries((found,), full=True)
        if not entries:
            raise GoneError("This article has been withdrawn.")
        return entries[0]

    def listings(self) -> tuple[Listing, ...]:
        """Return every feed worth listing; see Republisher.listings."""
        self._check_ready()
        base_url = self._config.site.base_url
        first = (self._categories[feeds.ALL], *self._config.categories)
        own = [
            Listing(
                slug=category.slug,
                title=category.title,
                description=category.description,
                link=feeds.address(base_url, category.slug),
            )
            for category in first
        ]
        if self._config.feeds.auto_categories:
            own += [
                Listing(
                    slug=state.slug,
                    title=feeds.of_term(state.slug, state.term or state.slug).title,
                    description="",
                    link=feeds.address(base_url, state.slug),
                    articles=count,
                )
                for state, count in self._index.term_feeds()
                if state.slug not in self._categories
            ]
        return tuple(own)

    def _state(self, slug: str) -> FeedState | None:
        self._check_ready()
        return self._index.feed(slug)

    def _check_ready(self) -> None:
        # Asked each time: a damaged index may have been made anew since.
        if self._index.meta("ready") is None:
            raise NotReadyError("The articles are being read for the first time.")

    def _check_whole(self) -> None:
        """Raise NotReadyError where what is missing may be among the articles still to be read."""
        if self._index.meta(PARTIAL) == "yes":
            raise NotReadyError("The older articles are being read for the first time.")

    def _category(self, slug: str, state: FeedState | None) -> Category:
        configured = self._categories.get(slug)
        if configured is not None:
            return configured
        if state is None or state.term is None or not self._config.feeds.auto_categories:
            self._check_whole()
            raise NotFoundError(f"There is no feed called “{slug[:100]}”.")
        return feeds.of_term(slug, state.term)

    def _build(self, category: Category) -> Feed:
        site, limits = self._config.site, self._config.feeds
        found = self._index.published(category.slug, limits.limit)
        if len(found) < limits.limit:
            self._check_whole()
        return feeds.build(
            category,
            self._entries(found, full=limits.content == "full"),
            id=identity.feed_id(site.id, category.slug),
            site_title=site.title,
            base_url=site.base_url,
            language=site.language,
            limit=limits.limit,
        )

    def _entries(self, found: tuple[Published, ...], *, full: bool) -> list[Entry]:
        kept = self._contents.of(found)
        # What was withdrawn since it was found has no content any more.
        return [
            self._entry(one, kept[one.article.source], full=full)
            for one in found
            if one.article.source in kept
        ]

    def _entry(self, one: Published, kept: Kept, *, full: bool) -> Entry:
        article, policy = one.article, self._contents.policy(one.article, one.key)
        image = content.image(article.lead_image, policy) if article.lead_image else None
        return feeds.entry(
            replace(one, article=replace(article, title=content.converted(article.title, policy))),
            link=policy.link,
            summary=kept.summary,
            content=contents.safe(kept) if full else None,
            lead_image=None if image is None or image.startswith("data:") else image,
            # By way of a proxy, the address does not tell any more.
            lead_image_type=mediatypes.of(article.lead_image or ""),
        )

    def _opml(self) -> bytes:
        return opml.render(
            self._config.site.title,
            (
                opml.Outline(
                    title=one.title,
                    xml_url=f"{one.link}.atom",
                    html_url=one.link,
                    description=one.description,
                )
                for one in self.listings()
            ),
        )


def _slug(path: str) -> str:
    """Return the slug under which the index knows what the document at `path` shows."""
    return LIST if path == "/opml.xml" else path.removeprefix(_FEEDS).rpartition(".")[0]


class _Kept:
    """The documents last asked for, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: str, version: str) -> Document | None:
        with self._lock:
            found = self._documents.get(path)
            if found is None or found.version != version:
                return None
            self._documents.move_to_end(path)
            return found

    def put(self, path: str, document: Document) -> None:
        with self._lock:
            before = self._documents.pop(path, None)
            self._bytes += _size(document) - (_size(before) if before else 0)
            self._documents[path] = document
            while self._bytes > self._most_bytes and len(self._documents) > 1:
                _, oldest = self._documents.popitem(last=False)
                self._bytes -= _size(oldest)


def _size(document: Document) -> int:
    return len(document.body) + sum(len(body) for _, body in document.encoded)


def _document(body: bytes, media_type: str, changed: datetime, version: str) -> Document:
    return Document(
        body=body,
        media_type=media_type,
        etag=hashlib.sha256(body).hexdigest()[:32],
        last_modified=changed,
        version=version,
        encoded=encoded(body),
    )
