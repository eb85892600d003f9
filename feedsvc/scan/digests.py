"""A digest of the files of a folder: a number that changes when any of them changes.

A pass that finds no change holds no more than these numbers. They are sums, so they do not depend
on the order of files, and of Python's own hashes, so they are good for one process only. The hashes
are squared, because the hash of a tuple is nearly a sum itself: when two files swap their names,
the plain sum stays the same three times in ten.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from feedsvc.scan.files import File


def folder_digest(files: Mapping[str, File]) -> int:
    """Return the digest of the files of one folder, which are given by name."""
    return sum(number * number for number in map(hash, files.items()))


def folder_digests(files: Iterable[tuple[str, File]]) -> dict[str, int]:
    """Return the digest of each folder that has files, by source, from all files by source.

    >>> folder_digests([("a/b.md", (1, 2, 3, 4)), ("c.md", (5, 6, 7, 8))]).keys()
    dict_keys(['a', ''])
    """
    digests: defaultdict[str, int] = defaultdict(int)
    for source, file in files:
        folder, _, name = source.rpartition("/")
        digests[folder] += hash((name, file)) ** 2
    return dict(digests)
