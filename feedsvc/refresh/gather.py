"""Gather: scan the directory, or the places that changed, and read what the index knows of them."""

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

_MOST_PLACES = 1000  # beyond, a scan of everything is as fast
_MOST_FOLDERS = 100  # beyond, they are most of the directory
_MOST_RENUMBERED = 100  # files that were really replaced by others with the same times and size


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Signatures to compare in a pass, by source: `known` to the index, and `found` on the disk.

    A file that is `known` as UNREAD is to be read. `within` are the places that were scanned, None
    where everything was. `root` tells which directory it was. `pending` files may still be being
    written; the first of them is settled after `wait` seconds.
    """

    known: Mapping[str, Signature]
    found: Mapping[str, Signature]
    within: tuple[str, ...] | None
    root: str
    unreadable: tuple[tuple[str, str], ...]
    pending: tuple[str, ...]
    wait: float | None


class Gatherer:
    """Scans one directory; remembers from one pass to the next which files were not settled."""

    def __init__(self, config: Config, index: Index, directory: Directory) -> None:
        self._config = config
        self._index = index
        self._directory = directory
        self._settling = Settling(config.articles.settle)
        self._note_alive = index.database.progress.note_alive
        self._pending: tuple[str, ...] = ()
        self._unreadable: tuple[tuple[str, str], ...] = ()  # in the last scan of everything
        # The digests of folders by what the index knows, at this generation.
        self._known_folders: tuple[Generation, Mapping[str, int]] | None = None

    def gather(
        self,
        now: datetime,
        paths: Paths | None,
        *,
        first: bool,
        accept_empty: bool,
    ) -> Gathered:
        """Scan at and below these absolute paths, or everything where `paths` is None.

        The `first` pass over a state scans everything. Raises ScanError, and ConfigError if there
        is no such directory.
        """
        # Files that an event names are read even if their signatures are the same: the clock of the
        # file system may not have moved between two changes. An event comes once, so pending files
        # stay named.
        named = self._directory.named(paths or ()).union(self._pending)
        partial = None
        if not first:
            if paths is not None:
                partial = self._scan_paths(paths)
            if partial is None:
                partial = self._scan_changed_folders(named)
        if partial is None:
            within = None
            known = self._index.articles.signatures()
            scan = self._scan()
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

    def _scan(self) -> Scan:
        try:
            return self._directory.scan(self._note_alive)
        except ScanError as error:
            if self._directory.root.is_dir():
                raise
            cure = "make it, mount it, or name the directory of your articles"
            raise self._config.mistake("articles.directory", f"{error}; {cure}") from error

    def _scan_changed_folders(self, named: set[str]) -> PartialScan | None:
        """Scan the folders whose digests differ from those in the index, and the `named` files.

        Return None if only a scan of everything will do.
        """
        if len(named) > _MOST_PLACES:
            return None
        generation = self._index.database.generation()
        digests = self._directory.digest_folders(self._note_alive)
        known, found = self._digests_at(generation), digests.folders
        self._unreadable = digests.unreadable
        if known and not found:
            return None
        # A folder that cannot be listed is taken as it was.
        unlisted = tuple(place for place, _ in digests.unreadable if place.endswith("/"))
        differing = {
            folder
            for folder in known.keys() | found.keys()
            if known.get(folder) != found.get(folder) and not f"{folder}/".startswith(unlisted)
        }
        if len(differing) > _MOST_FOLDERS:
            return None
        return self._directory.scan_places(differing | named, self._note_alive)

    def _digests_at(self, generation: Generation) -> Mapping[str, int]:
        """Return the digests of folders by what the index knows."""
        if self._known_folders is None or self._known_folders[0] != generation:
            known = self._index.articles.signatures()
            if not self._directory.inodes:
                known = _without_inodes(known)
            self._known_folders = generation, folder_digests(known.items())
        return self._known_folders[1]

    def _without_changing_inodes(
        self, known: dict[str, Signature], found: dict[str, Signature]
    ) -> tuple[dict[str, Signature], dict[str, Signature]]:
        """Leave the inodes out of both where the file system does not keep them.

        Some file systems (network, FUSE) give a file another inode after they have forgotten it, so
        that each pass would read all files again. A file that was really replaced has another ctime
        too, but for the few that were made within one tick of the clock. So inodes are compared
        until very many files differ in nothing else.
        """
        if self._directory.inodes and known != found:
            renumbered = sum(
                signature.inode != before.inode and signature[:3] == before[:3]
                for source, signature in found.items()
                if (before := known.get(source)) is not None
            )
            if renumbered > _MOST_RENUMBERED:
                self._directory.inodes = False
                self._known_folders = None
        if self._directory.inodes:
            return known, found
        return _without_inodes(known), _without_inodes(found)

    def elsewhere(self, sources: Collection[str], gathered: Gathered) -> dict[str, Signature]:
        """Return the signatures of those of these sources that exist, also outside of `within`."""
        found = {source: gathered.found[source] for source in sources if source in gathered.found}
        if gathered.within is None or len(found) == len(sources):
            return found
        known = self._index.articles.signatures(tuple(set(sources) - found.keys()))
        for source in part(known, gathered.within):
            del known[source]
        return {**known, **found}

    def _scan_paths(self, paths: Paths) -> PartialScan | None:
        """Scan at and below these paths; None if only a scan of everything will do."""
        if len(paths) > _MOST_PLACES:
            return None
        places = {
            source for path in paths if (source := self._directory.source_of(path)) is not None
        }
        partial = self._directory.scan_places((*places, *self._pending), self._note_alive)
        return None if partial is None or partial.unreadable else partial

    def _check_root(self, scan: Scan, known: Mapping[str, Signature]) -> None:
        """Raise ScanError for an empty directory that is not the one that held the articles."""
        if known and not scan.signatures and self._index.meta.get("root") not in {None, scan.root}:
            raise ScanError(
                f"{self._config.articles.directory}: it is empty, and not the directory that held"
                f" {len(known)} articles: is a disk not mounted? All that was published stays."
                " If it is meant to be empty, run `feedsvc refresh --accept-empty`"
            )


def unlisted(place: str, reason: str) -> Problem:
    """Return the problem of a folder (with a slash at its end) or file that cannot be looked at."""
    is_file = place and not place.endswith("/")
    failed = "it cannot be looked at" if is_file else "the folder cannot be listed"
    return Problem(
        source=place,
        reason=f"{failed} ({reason}); its published version stays",
        cure="check its owner, its permissions and its disk",
    )


def _without_inodes(signatures: Mapping[str, Signature]) -> dict[str, Signature]:
    return {source: Signature(*signature[:3], inode=0) for source, signature in signatures.items()}
