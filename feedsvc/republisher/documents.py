"""From feeds to what is sent: rendered, compressed, kept; made once while nothing changes."""

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from feedsvc import feeds, memory
from feedsvc.codings import encoded
from feedsvc.config import Config
from feedsvc.errors import NotFoundError, NotReadyError
from feedsvc.formats import FORMATS, opml
from feedsvc.index import FeedState, Index
from feedsvc.model import Document
from feedsvc.republisher.entries import Entries
from feedsvc.republisher.policies import policies
from feedsvc.republisher.refresh import LIST

_MOST_BYTES = 4 * 1024 * 1024  # of documents kept in memory: the index has them all
_FEEDS = "/feeds/"
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
            if self._is_being_made(state.changed) and asked >= self._clock() - _LATELY:
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
        for slug in reversed(self._entries.configured()):
            for suffix in FORMATS:
                path = f"{_FEEDS}{slug}.{suffix}"
                state = self._index.feed(slug)
                self._index.note_alive()
                if time.monotonic() >= until:
                    return
                with suppress(NotReadyError), self._index.turn("document", path):
                    if state and self._current(path, state.fingerprint) is None:
                        self._make(path, state, asked)

    def warm(self, now: datetime, seconds: float) -> bool:
        """Make anew what has changed of what was asked for lately, for so many seconds at most.

        Return whether there is more to make. Nothing of it is held in memory here.
        """
        until, told, more = time.monotonic() + seconds, -math.inf, False
        outdated = self._index.outdated_documents(self._view, now - _LATELY)
        for number, (path, asked) in enumerate(outdated):
            self._index.note_backlog(len(outdated) - number)
            self._index.note_alive()
            try:
                self._make(path, self._entries.state(_slug(path)), asked)
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
                self._index.forget_documents(now - _LATELY)
        return found

    def _make(self, path: str, state: FeedState | None, asked: datetime) -> Document:
        """Render the document at `path`, and have the index keep it."""
        slug = _slug(path)
        if slug == LIST:
            self._entries.check_whole()
            body, media_type = self._opml(), opml.MEDIA_TYPE
        else:
            format = FORMATS.get(path.rpartition(".")[2])
            if format is None or not path.startswith(_FEEDS):
                raise NotFoundError(f"There is nothing at {path}.")
            body = format.render(self._entries.built(slug, state))
            media_type = format.media_type
        if state is None:
            return _document(body, media_type, feeds.EPOCH, "")
        made = _document(body, media_type, state.changed, state.fingerprint)
        self._index.keep_document(path, slug, made, view=self._view, asked=asked)
        memory.give_back()
        return made

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
                for one in self._entries.listings()
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
