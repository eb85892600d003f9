"""Images by their addresses: from the cache, else from their hosts, each fetched once.

A failure is remembered for a minute, so that a broken image is not asked for by every reader of an
article. A bounded number is fetched at a time; one more waits a little for its turn, because
browsers ask for all images of a page at once and never ask again for one that was refused.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from feedsvc.web.imageproxy import failure, targets
from feedsvc.web.imageproxy.cache import Cache, name_of
from feedsvc.web.imageproxy.download import Download
from feedsvc.web.imageproxy.failure import ImageError
from feedsvc.web.imageproxy.fetch import Fetcher

logger = logging.getLogger(__name__)

MOST_FETCHES = 16  # at a time, in one process
_MOST_WAITING = 32  # requests for their turn
_PATIENCE = 5.0  # seconds that each of them waits
_GRACE = 5.0  # seconds beyond the time limit: looking up a name cannot be cut short
_REMEMBERED_FOR = 60.0  # seconds
_MOST_REMEMBERED = 1000


class Source(Protocol):
    """An image that is on disk, or on its way there."""

    def head(self) -> tuple[str, int]:
        """Return its media type and its length."""

    def read(self, offset: int) -> bytes:
        """Return its next bytes."""

    def release(self) -> None:
        """Let go of it."""


class Body:
    """The bytes of an image, piece by piece; breaks off with ImageError rather than end early."""

    def __init__(self, source: Source, length: int) -> None:
        self._source = source
        self._length = length
        self._offset = 0
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._source.read(self._offset)
        if not chunk and self._offset < self._length:
            raise failure.unreachable("is shorter than it said")
        if not chunk:
            raise StopIteration
        self._offset += len(chunk)
        return chunk

    def close(self) -> None:
        """Let go of the image."""
        if not self._closed:
            self._closed = True
            self._source.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What is sent for one request; close the body."""

    media_type: str
    length: int
    body: Body


class Images:
    """All images that may be asked for, in this process."""

    def __init__(
        self,
        cache: Cache,
        fetcher: Fetcher,
        *,
        fetches: int = MOST_FETCHES,
        patience: float = _PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache = cache
        self._fetcher = fetcher
        self._fetches = fetches
        self._patience = patience
        self._clock = clock
        self._changed = threading.Condition()  # guards all below
        self._downloads: dict[str, Download] = {}
        self._waiting = 0
        self._failures: OrderedDict[str, tuple[float, ImageError]] = OrderedDict()

    def get(self, address: str) -> Image:
        """Return the image at `address`, from the cache or its host. Raises ImageError."""
        name = name_of(address)
        source = self._cache.open(name) or self._join(name, address)
        try:
            media_type, length = source.head()
        except BaseException:
            source.release()
            raise
        return Image(media_type=media_type, length=length, body=Body(source, length))

    def _join(self, name: str, address: str) -> Source:
        """Return the download of an image: one that is under way, or a new one."""
        with self._changed:
            if not self._may_start(name):
                self._wait_for_turn(name)
            if name in self._downloads:
                download = self._downloads[name]
                download.hold()
                return download
            # It may have landed since it was looked for.
            if kept := self._cache.open(name):
                return kept
            self._raise_if_failed(name)
            download = Download(self._fetcher.timeout.total_seconds() + _GRACE)
            download.hold()
            thread = threading.Thread(
                target=self._download,
                args=(download, name, address),
                name="feedsvc-image",
                daemon=True,
            )
            try:
                thread.start()
            except RuntimeError as error:
                raise failure.busy("no thread is to be had") from error
            self._downloads[name] = download
            return download

    def _may_start(self, name: str) -> bool:
        return name in self._downloads or len(self._downloads) < self._fetches

    def _wait_for_turn(self, name: str) -> None:
        self._raise_if_failed(name)
        if self._waiting >= _MOST_WAITING:
            raise failure.busy("too many wait")
        self._waiting += 1
        try:
            if not self._changed.wait_for(lambda: self._may_start(name), self._patience):
                raise failure.busy("none of those under way ended in time")
        finally:
            self._waiting -= 1

    def _raise_if_failed(self, name: str) -> None:
        until, error = self._failures.get(name, (0.0, None))
        if error is not None and self._clock() < until:
            raise error.again()

    def _download(self, download: Download, name: str, address: str) -> None:
        """Bring one image in; runs in a thread of its own."""
        error = self._failure_of(download, name, address)
        with self._changed:
            del self._downloads[name]
            if error is not None:
                self._failures[name] = (self._clock() + _REMEMBERED_FOR, error)
                self._failures.move_to_end(name)
                while len(self._failures) > _MOST_REMEMBERED:
                    self._failures.popitem(last=False)
            self._changed.notify_all()
        download.end(error)
        download.release()

    def _failure_of(self, download: Download, name: str, address: str) -> ImageError | None:
        """Fetch an image; return why it cannot be had, None once it is there."""
        try:
            self._carry(download, name, address)
        except ImageError as failed:
            error = failed
        except OSError as failed:
            error = failure.busy(f"cannot be written to disk: {failed.strerror}")
        except Exception:
            # Nobody foresaw this: it must not leave those who wait without an answer.
            logger.exception("an image could not be fetched")
            return failure.unreachable("fails")
        else:
            return None
        # The host alone: what is behind it may be nobody's business.
        target = targets.parse(address)
        logger.info("no image from %s: %s", target and target.host, error.detail)
        return error

    def _carry(self, download: Download, name: str, address: str) -> None:
        with closing(self._fetcher.open(address)) as upstream:
            draft = self._cache.draft(name)
            try:
                download.begin(draft.file, upstream.media_type)
                for chunk in upstream:
                    download.write(chunk)
                self._cache.keep(draft, name)
            except BaseException:
                draft.discard()
                raise
