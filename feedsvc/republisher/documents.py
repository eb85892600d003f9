"""From feeds to what is sent: rendered, compressed, kept; made once while nothing changes."""

import hashlib
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from feedsvc import feeds, memory
from feedsvc.codings import encoded
from feedsvc.config import Config
from feedsvc.errors import NotFoundError, NotReadyError, StateError
from feedsvc.formats import FORMATS, Format, opml
from feedsvc.index import FeedState, Index
from feedsvc.model import Document, Entry, Feed
from feedsvc.republisher.entries import Entries, Listing
from feedsvc.republisher.policies import policies
from feedsvc.republisher.refresh import LIST, LIST_OF_ALL

logger = logging.getLogger(__name__)

_MOST_BYTES = 4 * 1024 * 1024  # of documents kept in memory: the index has them all
_FEEDS = "/feeds/"
# The lists of feeds: whether the feed of everything, and those of terms, are in them.
_LISTS = {
    "/opml.xml": (False, False),
    "/opml.xml?all=1": (True, False),
    "/opml.xml?topics=1": (False, True),
    "/opml.xml?all=1&topics=1": (True, True),
}
_MANY = 50  # documents; making fewer is soon done
_SOON = timedelta(seconds=30)  # for which readers may get what was served before
_TELLING_SECONDS = 0.25  # between two times that workers are told of new documents
_A_DAY, _A_WHILE = timedelta(days=1), timedelta(minutes=10)
_LATELY = timedelta(days=7)  # what was asked for since then is made anew before it is asked for


class Documents:
    """Answers from one index under one configuration; safe to share between threads."""

    def __init__(
        self, config: Config, index: Index, entries: Entries, clock: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._entries = entries
        self._clock = clock
        self._view = policies(config)["view"]
        self._index = index
        self._kept = _Kept(_MOST_BYTES)

    def document(self, path: str) -> Document:
        """Return the document at `path`; see Republisher.document."""
        state = self._entries.state(_slug(path))
        version = state.fingerprint if state else ""
        if kept := self._kept.get(path, version):
            return kept
        found = self._found(path)
        if found is not None and state is not None:
            document, asked = found
            if document.version == version:
                self._kept.put(path, document)
                return document
            if self._is_being_made(state.changed) and asked >= _lately(self._clock()):
                return document
        with self._index.turn("document", path):  # one rendering, however many ask
            made = (
                self._kept.get(path, version)
                or self._current(path, version)
                or self._make(path, state, self._clock())
            )
            if state is not None:
                self._kept.put(path, made)
            return made

    def holding(self, versions: Mapping[str, str]) -> set[str]:
        """Return which documents are still served as they are; see Republisher.holding."""
        self._entries.check_ready()
        slugs = {path: _slug(path) for path in versions}
        known = self._index.feeds(set(slugs.values()))
        hold = set()
        outdated: list[str] = []
        for path, version in versions.items():
            state = known.get(slugs[path])
            if state and state.fingerprint == version:
                hold.add(path)
            elif state and self._is_being_made(state.changed):
                outdated.append(path)
        if outdated:
            since = _lately(self._clock())
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
        asked = _lately(now) + _A_WHILE
        for slug in reversed(self._entries.configured()):
            for suffix in FORMATS:
                path = f"{_FEEDS}{slug}.{suffix}"
                state = self._index.feed(slug)
                self._index.note_alive()
                if time.monotonic() >= until:
                    return
                with suppress(NotReadyError), self._index.turn("document", path):
                    if state and self._current(path, state.fingerprint) is None:
                        self._make_alone(path, state, asked)

    def warm(self, now: datetime, seconds: float) -> bool:
        """Make anew what has changed of what was asked for lately, for so many seconds at most.

        Return whether there is more to make. Nothing of it is held in memory here.
        """
        until, told, more = time.monotonic() + seconds, -math.inf, False
        outdated = self._index.outdated_documents(self._view, _lately(now))
        for number, (path, asked) in enumerate(outdated):
            self._index.note_backlog(len(outdated) - number)
            self._index.note_alive()
            self._make_alone(path, self._entries.state(_slug(path)), asked)
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

    def _current(self, path: str, version: str) -> Document | None:
        """Return the document that the index keeps, if it is of this version."""
        found = self._index.document(path, self._view)
        return found[0] if found and found[0].version == version else None

    def _found(self, path: str) -> tuple[Document, datetime] | None:
        """Return the document that the index keeps, and when it was asked for before."""
        found = self._index.document(path, self._view)
        if found is not None:
            now = self._clock()
            if now - found[1] > _A_DAY:
                self._index.ask_again(path, now)
                self._index.forget_documents(_lately(now))
        return found

    def _make_alone(self, path: str, state: FeedState | None, asked: datetime) -> None:
        """Make a document; where that fails, the others are made all the same."""
        try:
            self._make(path, state, asked)
        except (NotReadyError, StateError):
            raise
        except NotFoundError:
            self._index.drop_document(path)
        except Exception:
            logger.exception("%s could not be made", path)
            self._index.drop_document(path)  # or each pass would try it again

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
            body = self._rendered(format, self._entries.built(slug, state))
            media_type = format.media_type
        if state is None:
            return _document(body, media_type, self._entries.changed(None), "")
        made = _document(body, media_type, state.changed, state.fingerprint)
        self._index.keep_document(path, slug, made, view=self._view, asked=asked)
        memory.give_back()
        return made

    def _rendered(self, format: Format, feed: Feed) -> bytes:
        """Render a feed; an entry that makes this fail is left out and named."""
        try:
            return format.render(feed)
        except Exception as error:
            sound = [entry for entry in feed.entries if self._renders(format, feed, entry)]
            if len(sound) == len(feed.entries):
                raise
            logger.info(
                "%s of %s is rendered without some entries: %r", format.label, feed.slug, error
            )
            return format.render(replace(feed, entries=tuple(sound)))

    def try_formats(self, entries: Iterable[Entry]) -> None:
        """Write each of these entries in every format; what fails is named."""
        feed = self._entries.feed(feeds.ALL)
        for entry in entries:
            for format in FORMATS.values():
                self._renders(format, feed, entry)

    def _renders(self, format: Format, feed: Feed, entry: Entry) -> bool:
        try:
            format.render(replace(feed, entries=(entry,)))
        except Exception as error:  # noqa: BLE001 - whatever one entry causes stays with it
            self._entries.failed(entry, f"writing it as {format.label}", error)
            return False
        return True

    def _opml(self, *, everything: bool, topics: bool) -> bytes:
        site = self._config.site
        listings = self._entries.listings()
        own = [one for one in listings if one.articles is None and one.slug != feeds.ALL]
        if everything or not own:
            own = [*(one for one in listings if one.slug == feeds.ALL), *own]
        # What a category is about is in its feed.
        claimed = {term for one in self._config.categories for term in feeds.folded(one.terms)}
        topical = [
            one
            for one in listings
            if topics and one.term is not None and one.term.casefold() not in claimed
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


def _lately(now: datetime) -> datetime:
    """Return since when documents that were asked for are made again, whatever the clock says."""
    return max(now, feeds.EPOCH + _LATELY) - _LATELY


def _slug(path: str) -> str:
    """Return the slug under which the index knows what the document at `path` shows."""
    if path in _LISTS:
        return LIST_OF_ALL if _LISTS[path][1] else LIST
    return path.removeprefix(_FEEDS).rpartition(".")[0]


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
