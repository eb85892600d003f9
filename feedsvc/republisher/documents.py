"""From the index to what is sent: choose, clean, build, render; made once while nothing changes."""

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from feedsvc import content, feeds, identity, mediatypes
from feedsvc.config import Config
from feedsvc.errors import GoneError, NotFoundError, NotReadyError
from feedsvc.formats import FORMATS, opml
from feedsvc.index import FeedState, Index, Kept
from feedsvc.model import Category, Document, Entry, Feed, Published
from feedsvc.republisher import contents
from feedsvc.republisher.contents import Contents
from feedsvc.republisher.refresh import LIST

_MOST_BYTES = 64 * 1024 * 1024  # of documents kept in memory
_MIN_GZIP = 512  # below this a gzip body is hardly smaller


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

    def __init__(self, config: Config, index: Index, contents: Contents) -> None:
        self._config = config
        self._contents = contents
        self._index = index
        site = config.site
        self._categories = {category.slug: category for category in config.categories}
        self._categories[feeds.ALL] = feeds.everything(site.title, site.description)
        self._kept = _Kept(_MOST_BYTES)
        self._rendering = threading.Lock()

    def document(self, path: str) -> Document:
        """Return the document at `path`; see Republisher.document."""
        if path == "/opml.xml":
            return self._made(path, self._state(LIST), self._opml, opml.MEDIA_TYPE)
        slug, _, suffix = path.removeprefix("/feeds/").rpartition(".")
        format = FORMATS.get(suffix)
        if not slug or format is None:
            raise NotFoundError(f"There is nothing at {path}.")
        state = self._state(slug)
        category = self._category(slug, state)
        return self._made(
            path, state, lambda: format.render(self._build(category)), format.media_type
        )

    def versions(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the versions of documents; see Republisher.versions."""
        self._check_ready()
        slugs = {path: _slug(path) for path in paths}
        fingerprints = self._index.fingerprints(set(slugs.values()))
        return {path: fingerprints[s] for path, s in slugs.items() if s in fingerprints}

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
            raise NotFoundError("There is no such article.")
        return self._entries((found,), full=True)[0]

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

    def _made(
        self, path: str, state: FeedState | None, body: Callable[[], bytes], media_type: str
    ) -> Document:
        """Return the document kept at `path` if it shows what `state` says, else a new one."""
        fingerprint = state.fingerprint if state else ""
        kept = self._kept.get(path)
        if kept is not None and kept[0] == fingerprint:
            return kept[1]
        with self._rendering:
            kept = self._kept.get(path)  # another thread may have made it meanwhile
            if kept is not None and kept[0] == fingerprint:
                return kept[1]
            changed = state.changed if state else feeds.EPOCH
            made = _document(body(), media_type, changed, fingerprint)
            if state is not None:
                self._kept.put(path, fingerprint, made)
            return made

    def _state(self, slug: str) -> FeedState | None:
        self._check_ready()
        return self._index.feed(slug)

    def _check_ready(self) -> None:
        # Asked each time: a damaged index may have been made anew since.
        if self._index.meta("ready") is None:
            raise NotReadyError("The articles are being read for the first time.")

    def _category(self, slug: str, state: FeedState | None) -> Category:
        configured = self._categories.get(slug)
        if configured is not None:
            return configured
        if state is None or state.term is None or not self._config.feeds.auto_categories:
            raise NotFoundError(f"There is no feed called “{slug[:100]}”.")
        return feeds.of_term(slug, state.term)

    def _build(self, category: Category) -> Feed:
        site, limits = self._config.site, self._config.feeds
        found = self._index.published(category.slug, limits.limit)
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
        return [self._entry(one, kept[one.article.source], full=full) for one in found]

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
    return LIST if path == "/opml.xml" else path.removeprefix("/feeds/").rpartition(".")[0]


class _Kept:
    """The documents last asked for, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._documents: OrderedDict[str, tuple[str, Document]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: str) -> tuple[str, Document] | None:
        with self._lock:
            found = self._documents.get(path)
            if found is not None:
                self._documents.move_to_end(path)
            return found

    def put(self, path: str, fingerprint: str, document: Document) -> None:
        with self._lock:
            before = self._documents.pop(path, None)
            self._bytes += _size(document) - (_size(before[1]) if before else 0)
            self._documents[path] = (fingerprint, document)
            while self._bytes > self._most_bytes and len(self._documents) > 1:
                _, (_, oldest) = self._documents.popitem(last=False)
                self._bytes -= _size(oldest)


def _size(document: Document) -> int:
    return len(document.body) + sum(len(body) for _, body in document.encoded)


def _document(body: bytes, media_type: str, changed: datetime, version: str) -> Document:
    encoded: tuple[tuple[str, bytes], ...] = ()
    if len(body) >= _MIN_GZIP:
        # mtime=0: the header would hold the clock, and equal feeds must give equal bytes.
        encoded = (("gzip", gzip.compress(body, compresslevel=6, mtime=0)),)
    return Document(
        body=body,
        media_type=media_type,
        etag=hashlib.sha256(body).hexdigest()[:32],
        last_modified=changed,
        version=version,
        encoded=encoded,
    )
