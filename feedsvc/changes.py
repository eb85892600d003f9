"""The differences between two scans. Pure."""

from collections.abc import Iterable, Mapping

from feedsvc.model import Changes, Signature


def diff(known: Mapping[str, Signature], found: Mapping[str, Signature]) -> Changes:
    """Compare the known signatures with those that a scan found, by source.

    >>> old, new = Signature(mtime_ns=1, size=1), Signature(mtime_ns=2, size=1)
    >>> diff({"a": old, "b": old}, {"b": new, "c": old})
    Changes(added=('c',), modified=('b',), removed=('a',))
    """
    if known == found:  # in most passes, and quickly told
        return Changes()
    added: list[str] = []
    modified: list[str] = []
    for source, signature in found.items():
        before = known.get(source)
        if before is not signature and before != signature:
            (added if before is None else modified).append(source)
    return Changes(
        added=tuple(sorted(added)),
        modified=tuple(sorted(modified)),
        removed=tuple(sorted(known.keys() - found.keys())),
    )


def part(signatures: Mapping[str, Signature], within: Iterable[str]) -> dict[str, Signature]:
    """Choose the signatures of some files, and of all files in some folders.

    >>> signature = Signature(mtime_ns=1, size=1)
    >>> list(part({"a/b": signature, "a-b": signature, "c": signature}, ("a", "c")))
    ['a/b', 'c']
    """
    places = set(within)
    folders = tuple(f"{place}/" for place in places)
    return {
        source: signature
        for source, signature in signatures.items()
        if source in places or source.startswith(folders)
    }
