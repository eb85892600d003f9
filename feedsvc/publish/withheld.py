"""Media files that readers do not get, because the articles that showed them were withdrawn."""

import os
import threading
from pathlib import Path

from feedsvc.index import Index


class WithheldMedia:
    """The withheld files of one index; safe to share between threads."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._known: tuple[str, frozenset[str]] | None = None

    def has(self, root: Path, source: str) -> bool:
        """Tell whether a file below `root` is withheld, whatever links lead to it."""
        withheld = self._files(root)
        return bool(withheld) and os.path.realpath(root / source) in withheld

    def _files(self, root: Path) -> frozenset[str]:
        """Return the real paths of the withheld files, read again after each change."""
        edition = str(self._index.meta.edition())
        with self._lock:
            if self._known is None or self._known[0] != edition:
                paths = {
                    path
                    for identity in self._index.ledger.withdrawals()
                    if identity.withdrawn
                    for path in identity.withdrawn.media
                }
                real = frozenset(os.path.realpath(root / path) for path in paths)
                self._known = edition, real
            return self._known[1]
