"""The republisher: the one place where the parts meet.

    refresh    files ──► scan, diff ──► parse, assign ids, choose feeds ──► index
    documents  index ──► clean ──► build ──► render ──► bytes

`Republisher` is what the web, the watcher and the command line hold.
"""

from collections.abc import Callable
from datetime import datetime

from feedsvc.config import Config
from feedsvc.index import Index
from feedsvc.model import Document, Entry, Feed, Problem, Refresh
from feedsvc.republisher.documents import Documents, Listing
from feedsvc.republisher.reading import check
from feedsvc.republisher.refresh import Progress, Refresher

__all__ = ["Listing", "Progress", "Republisher", "check"]


class Republisher:
    """One configuration and its index: refreshes it, and answers from it."""

    def __init__(self, config: Config, index: Index, clock: Callable[[], datetime]) -> None:
        self.config = config
        self._index = index
        self._clock = clock
        self._documents = Documents(config, index)
        self._refresher = Refresher(config, index)

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()

    def now(self) -> datetime:
        """Return the time by this republisher's clock."""
        return self._clock()

    def refresh(self, progress: Progress | None = None, *, accept_empty: bool = False) -> Refresh:
        """Bring the index up to date with the articles directory, in one transaction.

        With `accept_empty`, an empty directory at the place of another one means that all is gone.

        Raises ScanError when the directory cannot be read, StateError when the index cannot be
        written; what was known stays as it was then.
        """
        return self._refresher.refresh(self._clock(), progress, accept_empty=accept_empty)

    def problems(self) -> tuple[Problem, ...]:
        """Return every open problem."""
        return self._index.problems()

    def articles(self) -> int:
        """Return how many articles are published."""
        return self._index.count()

    def document(self, path: str) -> Document:
        """Return the bytes of `/feeds/<slug>.<format>` or `/opml.xml`.

        Raises NotFoundError where there is no such document, NotReadyError before the first pass.
        """
        return self._documents.document(path)

    def feed(self, slug: str) -> Feed:
        """Return one feed's newest entries; raises as `document` does."""
        return self._documents.feed(slug)

    def entry(self, key: str) -> Entry:
        """Return one entry in full; raises NotFoundError, or GoneError for one withdrawn."""
        return self._documents.entry(key)

    def listings(self) -> tuple[Listing, ...]:
        """Return every feed: the one of everything, the configured, those of terms."""
        return self._documents.listings()
