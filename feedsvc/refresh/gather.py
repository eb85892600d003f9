"""What is there, and what was known of it: in the whole directory, or where something changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from feedsvc.changes import part
from feedsvc.config import Config
from feedsvc.errors import ScanError
from feedsvc.index import Generation, Index
from feedsvc.model import UNREAD, PartialScan, Problem, Scan, Signature
from feedsvc.refresh.settling import Settling
from feedsvc.scan import Directory, folder_digests

Paths = Collection[str | Path]

_MOST_PLACES = 1000  # from here on, a walk over everything is as quick
_MOST_FOLDERS = 100  # that are looked at again
_MOST_RENUMBERED = 100  # files that another one replaced with the same times and size


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What to go by in a pass, by source.

    What is `known` as UNREAD is to be read, though it looks as it did. `within` are the places that
    were looked at, None where all was. `root` tells which directory it was. `pending` files may
    still be being written, and need so many seconds (`wait`).
    """

    known: Mapping[str, Signature]
    found: Mapping[str, Signature]
    within: tuple[str, ...] | None
    root: str
    unreadable: tuple[tuple[str, str], ...]
    pending: tuple[str, ...]
    wait: float | None


class Gatherer:
    """Surveys one directory; remembers from one pass to the next which files were not settled."""

    def __init__(self, config: Config, index: Index, directory: Directory) -> None:
        self._config = config
        self._index = index
        self._directory = directory
        self._settling = Settling(config.articles.settle)
        self._pending: tuple[str, ...] = ()
        # Of the last pass over everything.
        self._unreadable: tuple[tuple[str, str], ...] = ()
        # What the index knows of each folder, at this generation.
        self._known: tuple[Generation, Mapping[str, int]] | None = None

    def gather(
        self,
        now: datetime,
        paths: Paths | None,
        *,
        first: bool,
        accept_empty: bool,
    ) -> Gathered:
        """PartialScan at what is at and below these absolute paths, or, without any, at everything.

        The `first` pass over a state looks at everything. Raises ScanError.
        """
        # An event is reason enough to read a file again: the file system's clock may not have moved
        # between two changes. Nobody repeats an event, so files that must wait stay named.
        named = self._directory.named(paths or ()).union(self._pending)
        partial = None
        # A state that was made anew knows nothing of the other places.
        if not first:
            partial = None if paths is None else self._scan_places(paths)
            if partial is None:
                partial = self._scan_where_it_differs(named)
        if partial is None:
            within = None
            known = self._index.articles.signatures()
            scan = self._directory.scan(self._index.database.progress.note_alive)
            if not accept_empty:
                self._check_root(scan, known)
            self._unreadable = scan.unreadable
        else:
            within = partial.within
            known = part(self._index.articles.signatures(within), within)
            root = self._directory.last_root
            scan = Scan(signatures=partial.signatures, unreadable=partial.unreadable, root=root)
        known, signatures = self._without_changing_inodes(known, scan.signatures)
        scan = replace(scan, signatures=signatures)
        settled = self._settling.settle(scan, known, now, named=named)
        self._pending = settled.pending
        as_before = settled.unseen.union(settled.pending)
        unread = (known.keys() & named) - as_before
        if unread:
            known = {**known, **dict.fromkeys(unread, UNREAD)}
        return Gathered(
            known=known,
            found=settled.signatures,
            within=within,
            root=scan.root,
            unreadable=self._unreadable,
            pending=settled.pending,
            wait=settled.wait,
        )

    def _scan_where_it_differs(self, named: set[str]) -> PartialScan | None:
        """Walk over everything, and look again at the folders that are not as the index knows them.

        And at the `named` files. None where that would be most of it, or the files beside all
        folders.
        """
        if len(named) > _MOST_PLACES:
            return None
        generation = self._index.database.generation()
        digests = self._directory.digest_folders(self._index.database.progress.note_alive)
        known, there = self._known_by(generation), digests.folders
        self._unreadable = digests.unreadable
        if known and not there:
            return None
        # What cannot be listed is as it was.
        unlisted = tuple(place for place, _ in digests.unreadable if place.endswith("/"))
        differing = {
            folder
            for folder in known.keys() | there.keys()
            if known.get(folder) != there.get(folder) and not f"{folder}/".startswith(unlisted)
        }
        if len(differing) > _MOST_FOLDERS:
            return None
        alive = self._index.database.progress.note_alive
        return self._directory.scan_places(differing | named, alive)

    def _known_by(self, generation: Generation) -> Mapping[str, int]:
        if self._known is None or self._known[0] != generation:
            known = self._index.articles.signatures()
            if not self._directory.inodes:
                known = _without_inodes(known)
            self._known = generation, folder_digests(known.items())
        return self._known[1]

    def _without_changing_inodes(
        self, known: dict[str, Signature], found: dict[str, Signature]
    ) -> tuple[dict[str, Signature], dict[str, Signature]]:
        """Leave the inodes out of both where the file system does not keep them.

        Some that come over a network or by FUSE number a file anew whenever they have forgotten it:
        then all files would be read again in each pass. A file that was really replaced has another
        ctime too, but for those that were made within one tick of the clock, and these are few. So
        inodes count until they alone tell very many files from what was known.
        """
        if self._directory.inodes and known != found:
            renumbered = sum(
                signature.inode != before.inode and signature[:3] == before[:3]
                for source, signature in found.items()
                if (before := known.get(source)) is not None
            )
            if renumbered > _MOST_RENUMBERED:
                self._directory.inodes = False
                self._known = None
        if self._directory.inodes:
            return known, found
        return _without_inodes(known), _without_inodes(found)

    def elsewhere(self, sources: Collection[str], gathered: Gathered) -> dict[str, Signature]:
        """Return those of these sources that are there, wherever was looked."""
        there = {source: gathered.found[source] for source in sources if source in gathered.found}
        if gathered.within is None or len(there) == len(sources):
            return there
        known = self._index.articles.signatures(tuple(set(sources) - there.keys()))
        gone = part(known, gathered.within)
        return {**{source: one for source, one in known.items() if source not in gone}, **there}

    def _scan_places(self, paths: Paths) -> PartialScan | None:
        if len(paths) > _MOST_PLACES:
            return None
        places = {
            source for path in paths if (source := self._directory.source_of(path)) is not None
        }
        alive = self._index.database.progress.note_alive
        partial = self._directory.scan_places((*places, *self._pending), alive)
        return None if partial is None or partial.unreadable else partial

    def _check_root(self, scan: Scan, known: Mapping[str, Signature]) -> None:
        """Refuse to take an unmounted disk for the deletion of everything."""
        if known and not scan.signatures and self._index.meta.get("root") not in {None, scan.root}:
            raise ScanError(
                f"{self._config.articles.directory}: it is empty, and not the directory that held"
                f" {len(known)} articles: is a disk not mounted? All that was published stays."
                " If it is meant to be empty, run `feedsvc refresh --accept-empty`"
            )


def unlisted(place: str, reason: str) -> Problem:
    """Return the problem of a folder (with a slash at its end) or file that cannot be looked at."""
    file = place and not place.endswith("/")
    what = "it cannot be looked at" if file else "the folder cannot be listed"
    return Problem(
        source=place,
        reason=f"{what} ({reason}); what was published of it stays",
        cure="check its owner, its permissions and its disk",
    )


def _without_inodes(signatures: Mapping[str, Signature]) -> dict[str, Signature]:
    return {source: Signature(*one[:3], inode=0) for source, one in signatures.items()}
