"""Changed files that are still to be read, in the order in which to read them.

A pass over very many changes is made in stages, each with its own transaction, and what comes
meanwhile is taken first. So the files that a stage leaves are remembered here until the next one;
the index knows nothing of them, and a process that starts finds them by its first scan.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, takewhile

from feedsvc.changes import part
from feedsvc.model import Changes, Signature
from feedsvc.reading import File


class Backlog:
    """The files to be read, in three queues, and the files that are gone.

    First come most files; then those that seem to be edited in place, because any other that has
    changed may tell now what such a file told; and last those whose cleaning takes long.

    Files that are gone are taken out of the feeds when nothing is left to be read: one of those
    that are read may be the same article under another name. Where files were deleted and nothing
    else has changed, that happens at once.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._files: dict[str, Signature] = {}
        self._edited: dict[str, Signature] = {}
        self._costly: dict[str, Signature] = {}
        self._queues = (self._files, self._edited, self._costly)
        self._modified: set[str] = set()
        self._removed: set[str] = set()
        self._deleted: set[str] = set()
        self._urgent: set[str] = set()  # what came last; it stands first
        self.read = 0  # files, since the backlog was empty

    def __len__(self) -> int:
        return sum(map(len, self._queues))

    @property
    def total(self) -> int:
        """How many files there were to be read since the backlog was empty."""
        return self.read + len(self)

    def replace(self, files: Sequence[File], changes: Changes) -> None:
        """Take these files, in this order, for all that there is to be read."""
        read = self.read if len(self) else 0
        self._clear()
        self.read = read
        self._add(dict(files), changes)

    def put_first(
        self,
        files: Sequence[File],
        changes: Changes,
        *,
        within: Iterable[str],
        found: Mapping[str, Signature],
    ) -> None:
        """Put these files before all others.

        They are what has changed at some places: `found` is all that there is `within` them.
        """
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
        self._put_first(files)
        self._modified.difference_update(changes.added)
        self._modified.update(changes.modified)
        (self._removed if files else self._deleted).update(changes.removed)

    def _put_first(self, files: Mapping[str, Signature]) -> None:
        others = dict(self._files)
        self._files.clear()
        self._files.update({**files, **others})

    def take(self, most: int) -> list[File]:
        """Take away the first files, so many at most.

        What came last comes alone, so that it need not wait for more; and after all others, costly
        files one at a time.
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

    def give_back(self, files: Sequence[File]) -> None:
        """Put back files that were taken and not read."""
        self.read -= len(files)
        self._put_first(dict(files))

    def set_aside(self, files: Iterable[File], *, costly: bool) -> None:
        """Put back files whose cleaning takes long, or which seem to be edited in place."""
        for source, signature in files:
            self.read -= 1
            (self._costly if costly else self._edited)[source] = signature

    @property
    def has_more(self) -> bool:
        """Whether the first queue holds a file."""
        return bool(self._files)

    @property
    def is_costly(self) -> bool:
        """Whether only files are left whose cleaning takes long."""
        return bool(self._costly) and not self.has_files

    @property
    def has_files(self) -> bool:
        """Whether files are left but for those whose cleaning takes long."""
        return bool(self._files or self._edited)

    @property
    def has_work(self) -> bool:
        """Whether anything is left to be read or to be taken out."""
        return bool(len(self) or self._removed or self._deleted)

    def take_removed(self) -> tuple[str, ...]:
        """Take away the files that are gone and need not wait for others to be read, sorted."""
        removed, self._deleted = self._deleted, set()
        if not len(self):
            removed |= self._removed
            self._removed = set()
        return tuple(sorted(removed))

    def waiting(self, source: str) -> Signature | None:
        """Return the signature of a file that is still to be read, None for any other."""
        return next((queue[source] for queue in self._queues if source in queue), None)

    def is_gone(self, source: str) -> bool:
        """Tell whether a file that is known is gone, and still to be taken out."""
        return source in self._removed or source in self._deleted

    def changes(self, files: Iterable[File], removed: tuple[str, ...]) -> Changes:
        """Return what has changed with these files that were taken, and with those removed."""
        sources = [source for source, _ in files]
        return Changes(
            added=tuple(sorted(s for s in sources if s not in self._modified)),
            modified=tuple(sorted(s for s in sources if s in self._modified)),
            removed=removed,
        )
