"""What is there, and what was known of it: in the whole directory, or where something changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from feedsvc.changes import part
from feedsvc.config import Config
from feedsvc.errors import ScanError
from feedsvc.index import Index
from feedsvc.model import Look, Scan, Signature
from feedsvc.republisher.settling import Settling
from feedsvc.scan import Directory

Paths = Collection[str | Path]

_MOST_PLACES = 1000  # from here on, a walk over everything is as quick
_NEVER = Signature(mtime_ns=-1, size=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What to go by in a pass, by source.

    `within` are the places that were looked at, None where all was. `root` tells which directory it
    was. `pending` files may still be being written, and need so many seconds (`wait`).
    """

    known: Mapping[str, Signature]
    found: Mapping[str, Signature]
    within: tuple[str, ...] | None
    root: str
    unreadable: tuple[tuple[str, str], ...]
    pending: tuple[str, ...]
    wait: float | None


class Surveyor:
    """Surveys one directory; remembers from one pass to the next which files were not settled."""

    def __init__(self, config: Config, index: Index, directory: Directory) -> None:
        self._config = config
        self._index = index
        self._directory = directory
        self._settling = Settling(config.articles.settle)
        self._pending: tuple[str, ...] = ()
        self._last: Scan | None = None  # of everything
        # What the index knew when everything was as it knew it, while its pulse is this.
        self._known: tuple[bytes, Mapping[str, Signature]] | None = None

    def survey(
        self, now: datetime, paths: Paths | None, *, anew: bool, accept_empty: bool
    ) -> Survey:
        """Look at what is at and below these absolute paths, or, without any, at everything.

        With `anew`, nothing counts as known. Raises ScanError.
        """
        # A state that was made anew knows nothing of the other places.
        all_of_it = paths is None or anew or self._index.meta("ready") is None
        look = None if all_of_it or paths is None else self._look(paths)
        if look is None or self._last is None:
            within = None
            pulse = self._index.pulse()
            known = self._known_by(pulse)
            scan = self._directory.scan()
            if not accept_empty:
                self._check_root(scan, known)
            self._last = scan
            if scan.signatures == known:
                self._known = pulse, scan.signatures
        else:
            within = look.within
            known = part(self._index.signatures(within), within)
            scan = Scan(signatures=look.signatures, unreadable=(), root=self._last.root)
        if anew:
            known = dict.fromkeys(known, _NEVER)
        settled = self._settling.settle(scan, known, now)
        self._pending = settled.pending
        return Survey(
            known=known,
            found=settled.signatures,
            within=within,
            root=scan.root,
            unreadable=self._last.unreadable,
            pending=settled.pending,
            wait=settled.wait,
        )

    def _known_by(self, pulse: bytes) -> Mapping[str, Signature]:
        if self._known is not None and self._known[0] == pulse:
            return self._known[1]
        self._known = None
        return self._index.signatures()

    def elsewhere(self, sources: Collection[str], survey: Survey) -> dict[str, Signature]:
        """Return those of these sources that are there, wherever the survey has looked."""
        there = {source: survey.found[source] for source in sources if source in survey.found}
        if survey.within is None or len(there) == len(sources):
            return there
        known = self._index.signatures(tuple(set(sources) - there.keys()))
        gone = part(known, survey.within)
        return {**{source: one for source, one in known.items() if source not in gone}, **there}

    def _look(self, paths: Paths) -> Look | None:
        if len(paths) > _MOST_PLACES:
            return None
        places = {
            source for path in paths if (source := self._directory.source_of(path)) is not None
        }
        look = self._directory.look((*places, *self._pending))
        return None if look is None or look.unreadable else look

    def _check_root(self, scan: Scan, known: Mapping[str, Signature]) -> None:
        """Refuse to take an unmounted disk for the deletion of everything."""
        if known and not scan.signatures and self._index.meta("root") not in {None, scan.root}:
            raise ScanError(
                f"{self._config.articles.directory}: it is empty, and not the directory that held"
                f" {len(known)} articles: is a disk not mounted? All that was published stays."
                " If it is meant to be empty, run `feedsvc refresh --accept-empty`"
            )
