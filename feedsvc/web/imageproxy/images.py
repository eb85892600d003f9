"""Images by their addresses: from the cache, else from their hosts.

Each image is fetched by one thread, into a file; the requests for it wait until the file is whole.
A failure is remembered for a minute, so that not every reader of an article makes us ask for a
broken image. The number of fetches at a time is bounded. A request for one more waits a few
seconds, because browsers ask for all images of a page at once and do not ask twice.
"""

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from io import FileIO

from feedsvc.web.imageproxy import failure, targets
from feedsvc.web.imageproxy.cache import Cache, Draft, Image, name_of
from feedsvc.web.imageproxy.failure import ImageError
from feedsvc.web.imageproxy.fetch import Fetcher

logger = logging.getLogger(__name__)

MOST_FETCHES = 16  # at a time, in one process
_MOST_WAITING = 32  # requests for a fetch
_PATIENCE = 5.0  # seconds that each of them waits
_GRACE = 5.0  # seconds beyond the time limit: looking up a name cannot be cut short
_REMEMBERED_FOR = 60.0  # seconds
_MOST_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class _Download:
    """A file that one thread writes; `head` becomes the media type and the length of the image."""

    draft: Draft
    head: Future[tuple[str, int]] = field(default_factory=Future)


class Images:
    """All images that readers may ask this process for."""

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
        self._downloads: dict[str, _Download] = {}
        self._waiting = 0
        self._failures: OrderedDict[str, tuple[float, ImageError]] = OrderedDict()

    def get(self, address: str) -> Image:
        """Return the image at `address`, from the cache or its host. Raises ImageError."""
        name = name_of(address)
        return self._cache.open(name) or self._fetched(name, address)

    def _fetched(self, name: str, address: str) -> Image:
        """Wait for the download of an image; start it unless it is under way."""
        with self._changed:
            if not self._may_start(name):
                self._wait_for_turn(name)
            if name not in self._downloads:
                # Another thread may have fetched it since `get` looked in the cache.
                if image := self._cache.open(name):
                    return image
                self._start(name, address)
            download = self._downloads[name]
            # Each reader has its own, because the thread closes the draft.
            file = FileIO(os.dup(download.draft.file.fileno()))
        try:
            # A reader gets all of an image or an error, never a part: once the status is sent,
            # only a broken connection can tell a part from the whole.
            media_type, length = download.head.result(
                self._fetcher.timeout.total_seconds() + _GRACE
            )
        except BaseException as error:
            file.close()
            if isinstance(error, ImageError):
                raise error.again() from None
            if isinstance(error, TimeoutError):
                raise failure.too_slow("still under way") from None
            raise
        return Image(file, media_type, length)

    def _may_start(self, name: str) -> bool:
        return name in self._downloads or len(self._downloads) < self._fetches

    def _wait_for_turn(self, name: str) -> None:
        self._raise_if_failed(name)
        if self._waiting >= _MOST_WAITING:
            raise failure.busy("too many wait")
        self._waiting += 1
        try:
            if not self._changed.wait_for(lambda: self._may_start(name), self._patience):
                raise failure.busy("no fetch ended in time")
        finally:
            self._waiting -= 1

    def _raise_if_failed(self, name: str) -> None:
        until, error = self._failures.get(name, (0.0, None))
        if error is not None and self._clock() < until:
            raise error.again()

    def _start(self, name: str, address: str) -> None:
        self._raise_if_failed(name)
        try:
            draft = self._cache.draft(name)
        except OSError as error:
            raise failure.busy(f"cannot be written to disk: {error.strerror}") from error
        download = self._downloads[name] = _Download(draft)
        thread = threading.Thread(
            target=self._download, args=(download, name, address), name="feedsvc-image", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            del self._downloads[name]
            draft.discard()
            draft.file.close()
            raise failure.busy("no thread can be started") from error

    def _download(self, download: _Download, name: str, address: str) -> None:
        """Fetch one image; runs in a thread of its own."""
        head: tuple[str, int] | ImageError
        try:
            head = self._fetch(download.draft, name, address)
        except Exception as error:  # noqa: BLE001 - the requests that wait must get an answer
            head = _explained(error, address)
        with self._changed:
            del self._downloads[name]
            if isinstance(head, ImageError):
                self._failures[name] = (self._clock() + _REMEMBERED_FOR, head)
                self._failures.move_to_end(name)
                while len(self._failures) > _MOST_REMEMBERED:
                    self._failures.popitem(last=False)
            self._changed.notify_all()
        download.draft.file.close()
        if isinstance(head, ImageError):
            download.head.set_exception(head)
        else:
            download.head.set_result(head)

    def _fetch(self, draft: Draft, name: str, address: str) -> tuple[str, int]:
        """Write an image to `draft` and keep it; return its media type and its length."""
        length = 0
        try:
            with closing(self._fetcher.open(address)) as upstream:
                for chunk in upstream:
                    length += len(chunk)
                    rest = memoryview(chunk)
                    while rest:  # an unbuffered file may take less than it is given
                        rest = rest[draft.file.write(rest) :]
                self._cache.keep(draft, name)
                return upstream.media_type, length
        except BaseException:
            draft.discard()
            raise


def _explained(error: Exception, address: str) -> ImageError:
    """Log why an image cannot be had, and return it as an ImageError."""
    if isinstance(error, OSError):
        error = failure.busy(f"cannot be written to disk: {error.strerror}")
    if not isinstance(error, ImageError):
        logger.error("an image could not be fetched", exc_info=error)
        return failure.unreachable("fails")
    # The host alone: the rest of the address may be private.
    target = targets.parse(address)
    logger.info("no image from %s: %s", target and target.host, error.detail)
    return error
