"""What differs between two scans. Pure."""

from collections.abc import Mapping

from feedsvc.model import Changes, Signature


def diff(known: Mapping[str, Signature], found: Mapping[str, Signature]) -> Changes:
    """Compare what is known with what was found, by source.

    >>> one, two = Signature(mtime_ns=1, size=1), Signature(mtime_ns=2, size=1)
    >>> diff({"a": one, "b": one}, {"b": two, "c": one})
    Changes(added=('c',), modified=('b',), removed=('a',))
    """
    return Changes(
        added=tuple(sorted(found.keys() - known.keys())),
        modified=tuple(
            sorted(s for s, signature in found.items() if known.get(s, signature) != signature)
        ),
        removed=tuple(sorted(known.keys() - found.keys())),
    )
