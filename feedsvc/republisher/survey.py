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
from feedsvc.scan import Directory, tallies

Paths = Collection[str | Path]

_MOST_PLACES = 1000  # from here on, a walk over everything is as quick
_MOST_FOLDERS = 100  # that are looked at again
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
        # Of the last pass over everything.
        self._unreadable: tuple[tuple[str, str], ...] = ()
        # What the index knows of each folder, while its pulse is this.
        self._known: tuple[bytes, Mapping[str, int]] | None = None

    def survey(
        self,
        now: datetime,
        paths: Paths | None,
        *,
        first: bool,
        anew: bool,
        accept_empty: bool,
    ) -> Survey:
        """Look at what is at and below these absolute paths, or, without any, at everything.

        The `first` pass over a state looks at everything; with `anew`, nothing counts as known.
        Raises ScanError.
        """
        look = None
        # A state that was made anew knows nothing of the other places.
        if not anew and not first:
            look = None if paths is None else self._look(paths)
            if look is None:
                look = self._look_where_it_differs()
        if look is None:
            within = None
            known = self._index.signatures()
            scan = self._directory.scan(self._index.note_alive)
            if not accept_empty:
                self._check_root(scan, known)
            self._unreadable = scan.unreadable
        else:
            within = look.within
            known = part(self._index.signatures(within), within)
            root = self._directory.last_root
            scan = Scan(signatures=look.signatures, unreadable=look.unreadable, root=root)
        if anew:
            known = dict.fromkeys(known, _NEVER)
        settled = self._settling.settle(scan, known, now)
        self._pending = settled.pending
        return Survey(
            known=known,
            found=settled.signatures,
            within=within,
            root=scan.root,
            unreadable=self._unreadable,
            pending=settled.pending,
            wait=settled.wait,
        )

    def _look_where_it_differs(self) -> Look | None:
        """Walk over everything, and look again at the folders that are not as the index knows them.

        None where that would be most of it, or the files beside all folders.
        """
        pulse = self._index.pulse()
        tally = self._directory.tally(self._index.note_alive)
        known, there = self._known_by(pulse), tally.folders
        self._unreadable = tally.unreadable
        if known and not there:
            return None
        # What cannot be listed is as it was.
        unlisted = tuple(place for place, _ in tally.unreadable if place.endswith("/"))
        differing = {
            folder
            for folder in known.keys() | there.keys()
            if known.get(folder) != there.get(folder) and not f"{folder}/".startswith(unlisted)
        }
        if len(differing) > _MOST_FOLDERS:
            return None
        return self._directory.look(differing, self._index.note_alive)

    def _known_by(self, pulse: bytes) -> Mapping[str, int]:
        if self._known is None or self._known[0] != pulse:
            known = self._index.signatures().items()
            self._known = (
                pulse,
                tallies((source, (one.mtime_ns, one.size)) for source, one in known),
            )
        return self._known[1]

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
        look = self._directory.look((*places, *self._pending), self._index.note_alive)
        return None if look is None or look.unreadable else look

    def _check_root(self, scan: Scan, known: Mapping[str, Signature]) -> None:
        """Refuse to take an unmounted disk for the deletion of everything."""
        if known and not scan.signatures and self._index.meta("root") not in {None, scan.root}:
            raise ScanError(
                f"{self._config.articles.directory}: it is empty, and not the directory that held"
                f" {len(known)} articles: is a disk not mounted? All that was published stays."
                " If it is meant to be empty, run `feedsvc refresh --accept-empty`"
            )
