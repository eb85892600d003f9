"""What differs between two scans. Pure."""

from collections.abc import Iterable, Mapping

from feedsvc.model import Changes, Signature


def diff(known: Mapping[str, Signature], found: Mapping[str, Signature]) -> Changes:
    """Compare what is known with what was found, by source.

    >>> one, two = Signature(mtime_ns=1, size=1), Signature(mtime_ns=2, size=1)
    >>> diff({"a": one, "b": one}, {"b": two, "c": one})
    Changes(added=('c',), modified=('b',), removed=('a',))
    """
    # Most passes find nothing new, which is seen at once.
    if known == found:
        return Changes()
    added: list[str] = []
    modified: list[str] = []
    before = known.get
    for source, signature in found.items():
        was = before(source)
        if was is not signature and was != signature:
            (added if was is None else modified).append(source)
    gone = len(known) + len(added) > len(found)
    return Changes(
        added=tuple(sorted(added)),
        modified=tuple(sorted(modified)),
        removed=tuple(sorted(known.keys() - found.keys())) if gone else (),
    )


def part(signatures: Mapping[str, Signature], within: Iterable[str]) -> dict[str, Signature]:
    """Choose the signatures at some places and below them.

    >>> one = Signature(mtime_ns=1, size=1)
    >>> list(part({"a/b": one, "a-b": one, "c": one}, ("a", "c")))
    ['c', 'a/b']
    """
    places = tuple(within)
    chosen = {place: signatures[place] for place in places if place in signatures}
    folders = tuple(f"{place}/" for place in places)
    chosen.update(
        (source, signature)
        for source, signature in signatures.items()
        if source.startswith(folders)
    )
    return chosen
