"""Documents: rendered once from a feed, and served until the feed's next version is rendered.

After a pass, `publish` makes the documents of the configured feeds once, and those that somebody
has asked for within a week whenever their feeds change. A document that nobody has asked for is
dropped when its feed changes. `document` makes a document that is not stored.
"""

import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from feedsvc import feeds
from feedsvc.codings import encoded
from feedsvc.config import Config
from feedsvc.errors import NotFoundError, NotReadyError, StateError
from feedsvc.formats import FORMATS, Format, opml
from feedsvc.index import LIST, LIST_OF_ALL, NEVER, FeedState, Index
from feedsvc.model import Document, Entry, Feed
from feedsvc.policies import policies
from feedsvc.publish.entries import Entries, Listing
from feedsvc.stopwatch import Stopwatch

logger = logging.getLogger(__name__)

_FEEDS = "/feeds/"
# The lists of feeds, and whether the feed of everything and the feeds of terms are in them.
_LISTS = {
    "/opml.xml": (False, False),
    "/opml.xml?all=1": (True, False),
    "/opml.xml?topics=1": (False, True),
    "/opml.xml?all=1&topics=1": (True, True),
}
_A_DAY = timedelta(days=1)
_LATELY = timedelta(days=7)  # documents that were asked for longer ago are not made again


class Documents:
    """Answers from one index under one configuration; safe to share between threads.

    Without pages, the documents that it returns have no links to older entries: a host of files
    would answer such an address, which has a query, with the same document again.
    """

    def __init__(
        self,
        config: Config,
        index: Index,
        entries: Entries,
        clock: Callable[[], datetime],
        *,
        has_pages: bool = True,
    ) -> None:
        self._config = config
        self._entries = entries
        self._clock = clock
        self._has_pages = has_pages
        self._view = policies(config)["view"]
        self._index = index
        self.stopwatch = Stopwatch()  # of rendering
        self._making = threading.Lock()
        self._configured_made = False  # by this process
        self._failed: dict[str, str] = {}  # versions that could not be published, by path

    def document(self, path: str) -> Document:
        """Return the document at `/feeds/<slug>.<format>` or `/opml.xml`, stored or made now.

        Longer lists are at `/opml.xml?all=1`, `?topics=1` and `?all=1&topics=1`. Raises
        NotFoundError where there is no such document, NotReadyError before the first pass.
        """
        document = self._stored(path)
        if document is None:
            with self._making:  # rendered once, however many threads ask
                document = self._stored(path) or self._make(
                    path, self._entries.state(_slug(path)), self._clock()
                )
        return (
            document if self._has_pages or path in _LISTS else self._without_pages(path, document)
        )

    def _without_pages(self, path: str, document: Document) -> Document:
        feed = self._entries.feed(_slug(path))
        if feed.paging is None:
            return document
        format = FORMATS[path.rpartition(".")[2]]
        body = self.rendered(format, replace(feed, paging=None))
        return as_document(body, format.media_type, document.last_modified, document.version)

    def versions(self, paths: Collection[str]) -> dict[str, str]:
        """Return the versions of those of these documents that are stored, by path.

        Raises NotReadyError before the first pass over a new state.
        """
        self._entries.check_ready()
        return self._index.documents.versions(paths, self._view)

    def publish(self, now: datetime, seconds: float | None) -> bool:
        """Make the documents that are missing or outdated, for so many seconds at most.

        Return whether there are more to make.
        """
        until = math.inf if seconds is None else time.monotonic() + seconds
        # The clock may be wrong, and no time is before 1970.
        self._index.documents.forget(max(now, feeds.EPOCH + _LATELY) - _LATELY)
        for path, asked in self._to_make():
            if time.monotonic() >= until:
                return True
            self._index.database.progress.note_alive()
            with suppress(NotReadyError):  # the feed may lack articles that are still to be read
                state = self._entries.state(_slug(path))
                if state is None or self._failed.get(path) != state.fingerprint:
                    self._make_alone(path, state, asked)
        self._configured_made = self._index.meta.is_whole()
        return False

    def _to_make(self) -> Iterator[tuple[str, datetime]]:
        """Yield the documents to be made, and when they were asked for."""
        if not self._configured_made:
            configured = [
                f"{_FEEDS}{slug}.{suffix}"
                for slug in self._entries.configured()
                for suffix in FORMATS
            ]
            known = self.versions(configured)
            yield from ((path, NEVER) for path in configured if path not in known)
        for path, asked in self._index.documents.outdated(self._view):
            # With hubs, it is made: only its bytes tell whether to tell them.
            if asked == NEVER and not self._entries.hubs(_slug(path)):
                self._index.documents.drop(path)
            else:
                yield path, asked

    def _stored(self, path: str) -> Document | None:
        """Return the document that the index keeps, and remember that somebody asked for it."""
        stored = self._index.documents.read(path, self._view)
        if stored is None:
            return None
        document, asked = stored
        now = self._clock()
        if asked == NEVER or now - asked > _A_DAY:
            self._index.documents.note_asked(path, now)
        return document

    def _make_alone(self, path: str, state: FeedState | None, asked: datetime) -> None:
        """Make a document; log an error, so that the others are made all the same."""
        try:
            self._make(path, state, asked)
        except (NotReadyError, StateError):
            raise
        except NotFoundError:
            self._index.documents.drop(path)
        except Exception:
            slug = _slug(path)
            if slug in self._config.private_slugs:  # neither its name nor what it says is logged
                logger.error("a private feed could not be made")  # noqa: TRY400
            else:
                logger.exception("%s could not be made", path)
            self._index.documents.drop(path)
            if state is not None:
                self._failed[path] = state.fingerprint  # so that not each pass tries it again

    def _make(self, path: str, state: FeedState | None, asked: datetime) -> Document:
        """Render the document at `path`, and have the index keep it."""
        slug = _slug(path)
        if path in _LISTS:
            self._entries.check_whole()
            everything, topics = _LISTS[path]
            body = self._opml(everything=everything, topics=topics)
            media_type = opml.MEDIA_TYPE
        else:
            format = FORMATS.get(path.rpartition(".")[2])
            if format is None or not path.startswith(_FEEDS):
                raise NotFoundError(f"There is nothing at {path}.")
            feed = self._entries.built(slug, state)
            with self.stopwatch.measuring():
                body = self.rendered(format, feed)
            media_type = format.media_type
        if state is None:
            return as_document(body, media_type, self._entries.changed(None), "")
        document = as_document(body, media_type, state.changed, state.fingerprint)
        self._index.documents.keep(
            path,
            slug,
            document,
            view=self._view,
            asked=asked,
            hubs=() if path in _LISTS else self._entries.hubs(slug),
            now=self._clock(),
        )
        return document

    def rendered(self, format: Format, feed: Feed) -> bytes:
        """Render a feed; an entry that makes this fail is left out and named."""
        try:
            return format.render(feed)
        except Exception as error:
            sound = [entry for entry in feed.entries if self._renders(format, feed, entry)]
            if len(sound) == len(feed.entries):
                raise
            private = feed.slug in self._config.private_slugs
            name, reason = ("a private feed", "") if private else (feed.slug, f": {error!r}")
            logger.info("%s of %s is rendered without some entries%s", format.label, name, reason)
            return format.render(replace(feed, entries=tuple(sound)))

    def try_formats(self, entries: Iterable[Entry]) -> None:
        """Render each of these entries in every format; an entry that fails is named."""
        feed = self._entries.feed(feeds.ALL)
        for entry in entries:
            for format in FORMATS.values():
                self._renders(format, feed, entry)

    def _renders(self, format: Format, feed: Feed, entry: Entry) -> bool:
        try:
            format.render(replace(feed, entries=(entry,)))
        except Exception as error:  # noqa: BLE001 - the other entries are rendered
            self._entries.failed(entry, f"writing it as {format.label}", error)
            return False
        return True

    def _opml(self, *, everything: bool, topics: bool) -> bytes:
        site = self._config.site
        listings = self._entries.listings()
        own = [feed for feed in listings if feed.term is None and feed.slug != feeds.ALL]
        if everything or not own:
            own = [*(feed for feed in listings if feed.slug == feeds.ALL), *own]
        # The feed of a category has the articles of its terms.
        claimed = {
            term
            for category in self._config.public_categories
            for term in feeds.folded(category.terms)
        }
        topical = [
            feed
            for feed in listings
            if topics and feed.term is not None and feed.term.casefold() not in claimed
        ]
        return opml.render(site.title, map(_outline, own), topics=map(_outline, topical))


def _outline(listing: Listing) -> opml.Outline:
    return opml.Outline(
        name=listing.slug,
        title=listing.title,
        xml_url=f"{listing.link}.atom",
        html_url=listing.link,
        description=listing.description,
    )


def _slug(path: str) -> str:
    """Return the slug of the feed, or of the list, that the document at `path` shows."""
    if path in _LISTS:
        return LIST_OF_ALL if _LISTS[path][1] else LIST
    return path.removeprefix(_FEEDS).rpartition(".")[0]


def as_document(body: bytes, media_type: str, changed: datetime, version: str) -> Document:
    """Return a body as a document, in all its codings."""
    return Document(
        body=body,
        media_type=media_type,
        etag=hashlib.sha256(body).hexdigest()[:32],
        last_modified=changed,
        version=version,
        encoded=encoded(body),
    )
