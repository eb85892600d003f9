"""One number for the files of a folder, by which to see that none of them has changed.

A pass that finds nothing new has to hold no more than that. The numbers are sums of the squares of
Python's own hashes, so they need no order, and mean nothing outside of this process. Squares,
because the hash of a tuple is nearly a sum itself: where two files take each other's names, the
plain sum stays the same three times in ten.
"""

from collections.abc import Iterable, Mapping

from feedsvc.scan.files import File


def folder_digest(files: Mapping[str, File]) -> int:
    """Return the number for the files of one folder, by name."""
    return sum(number * number for number in map(hash, files.items()))


def folder_digests(files: Iterable[tuple[str, File]]) -> dict[str, int]:
    """Return the number for each folder that has files, by its source; the files come by theirs.

    >>> folder_digests([("a/b.md", (1, 2, 3, 4)), ("c.md", (5, 6, 7, 8))]).keys()
    dict_keys(['a', ''])
    """
    sums: dict[str, int] = {}
    before = sums.get
    for source, file in files:
        folder, _, name = source.rpartition("/")
        sums[folder] = before(folder, 0) + hash((name, file)) ** 2
    return sums
