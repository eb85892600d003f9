"""The backlog: changed files that are still to be read, in the order in which to read them.

A pass over very many changes is made in stages, each with its own transaction, and files that
change meanwhile are read first. The other files wait here. The index does not know them: a process
that starts finds them by its first scan.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, takewhile

from feedsvc.changes import part
from feedsvc.model import UNREAD, Changes, Signature
from feedsvc.reading import File


class Backlog:
    """The files to be read, in three queues, and the files that are gone.

    The first queue has most files. The second has files that seem to be edited in place: another
    changed file may have the old text of such a file. The third has files whose cleaning is slow.

    Articles of files that are gone stay in the feeds until all files have been read, because one of
    these may be the same article under another name. Where nothing but deletions was found, the
    articles are removed at once.
    """

    def __init__(self) -> None:
        self.read = 0  # files that were read since the backlog was empty
        self._clear()

    def _clear(self) -> None:
        self._files: dict[str, Signature] = {}
        self._edited: dict[str, Signature] = {}
        self._costly: dict[str, Signature] = {}
        self._modified: set[str] = set()
        self._removed: set[str] = set()  # gone, perhaps because they were renamed
        self._deleted: set[str] = set()  # gone when nothing else had changed
        self._urgent: set[str] = set()  # the files that came last; they are first in their queue

    @property
    def _queues(self) -> tuple[dict[str, Signature], ...]:
        return self._files, self._edited, self._costly

    def __len__(self) -> int:
        return sum(map(len, self._queues))

    @property
    def total(self) -> int:
        """The number of files that were put into the backlog since it was empty."""
        return self.read + len(self)

    def replace(self, files: Sequence[File], changes: Changes) -> None:
        """Replace all that is in the backlog by these files, in this order."""
        if not len(self):
            self.read = 0
        self._clear()
        self._add(dict(files), changes)

    def is_of(
        self, changes: Changes, found: Mapping[str, Signature], within: Sequence[str] | None
    ) -> bool:
        """Tell whether it holds just these changes, which were `found` at and below some places."""
        waiting = {
            source: signature for queue in self._queues for source, signature in queue.items()
        }
        gone = dict.fromkeys(self._removed | self._deleted, UNREAD)
        if within is not None:
            waiting, gone = part(waiting, within), part(gone, within)
        changed = {source: found[source] for source in (*changes.added, *changes.modified)}
        return waiting == changed and gone.keys() == set(changes.removed)

    def put_first(
        self,
        files: Sequence[File],
        changes: Changes,
        *,
        within: Iterable[str],
        found: Mapping[str, Signature],
    ) -> None:
        """Put these changed files before all others; `found` are all files `within` some places."""
        for queue in self._queues:
            for source in part(queue, within):
                if source not in found:
                    del queue[source]
        self._removed -= found.keys()
        if len(self):
            self._urgent.update(source for source, _ in files)
        else:
            self.read = 0
        self._add(dict(files), changes)

    def _add(self, files: dict[str, Signature], changes: Changes) -> None:
        for queue in self._queues:
            for source in files.keys() & queue.keys():
                del queue[source]
        self._files = {**files, **self._files}
        self._modified.difference_update(changes.added)
        self._modified.update(changes.modified)
        (self._removed if files else self._deleted).update(changes.removed)

    def take(self, most: int) -> list[File]:
        """Remove the first files from the backlog, `most` at most, and return them.

        Urgent files come alone, so that they need not wait for others. Costly files come last, one
        at a time.
        """
        queue = next(filter(None, self._queues), self._files)
        number = 1 if queue is self._costly else most
        sources = list(islice(queue, number))
        if self._urgent:
            sources = list(takewhile(self._urgent.__contains__, sources)) or sources
        files = [(source, queue.pop(source)) for source in sources]
        self._urgent.difference_update(sources)
        self.read += len(files)
        return files

    def set_aside(self, files: Iterable[File], *, costly: bool) -> None:
        """Put back files whose cleaning is slow, or which seem to be edited in place."""
        for source, signature in files:
            self.read -= 1
            (self._costly if costly else self._edited)[source] = signature

    @property
    def has_more(self) -> bool:
        """Whether the first queue holds a file."""
        return bool(self._files)

    @property
    def is_costly(self) -> bool:
        """Whether all files that are left are slow to clean."""
        return bool(self._costly) and not self.has_files

    @property
    def has_files(self) -> bool:
        """Whether files are left that are not slow to clean."""
        return bool(self._files or self._edited)

    @property
    def has_work(self) -> bool:
        """Whether files are left to be read or to be removed."""
        return bool(len(self) or self._removed or self._deleted)

    def take_removed(self) -> tuple[str, ...]:
        """Return, sorted, the files that are gone and can be removed now; forget them."""
        removed, self._deleted = self._deleted, set()
        if not len(self):
            removed |= self._removed
            self._removed = set()
        return tuple(sorted(removed))

    def waiting(self, source: str) -> Signature | None:
        """Return the signature of a file that is still to be read, None for any other."""
        return next((queue[source] for queue in self._queues if source in queue), None)

    def is_gone(self, source: str) -> bool:
        """Tell whether a file is gone, but still to be removed from the index."""
        return source in self._removed or source in self._deleted

    def changes(self, files: Iterable[File], removed: tuple[str, ...]) -> Changes:
        """Return the changes that these files, which were taken, and those `removed` are."""
        sources = {source for source, _ in files}
        return Changes(
            added=tuple(sorted(sources - self._modified)),
            modified=tuple(sorted(sources & self._modified)),
            removed=removed,
        )
