"""What the W3C Feed Validation Service would say about the feeds."""

from collections.abc import Iterator
from dataclasses import dataclass

from feedsvc.publish import Documents, Entries
from feedsvc.validator import JUDGES, KEPT, Warned

_LONGEST = 100  # characters of a value


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedWarning:
    """One warning of the service, with its name, and how often it applies.

    `value` is what it is about, in the element `place` of `feed`, the path of the first such feed.
    `kept` says why feedsvc writes this all the same, "" where it is a fault.
    """

    warning: str
    place: str
    value: str
    feed: str
    number: int
    kept: str


def feed_warnings(documents: Documents, entries: Entries) -> Iterator[FeedWarning]:
    """Yield the warnings about the configured feeds and that of all articles, faults first."""
    first: dict[Warned, str] = {}
    numbers: dict[Warned, int] = {}
    for listing in entries.listings():
        if listing.term is not None:
            continue
        for format, judge in JUDGES.items():
            path = f"/feeds/{listing.slug}.{format}"
            for warned in judge(documents.document(path).body):
                first.setdefault(warned, path)
                numbers[warned] = numbers.get(warned, 0) + 1
    found = [
        FeedWarning(
            warning=warned.warning,
            place=warned.place,
            value=warned.value[:_LONGEST],
            feed=first[warned],
            number=number,
            kept=KEPT.get((warned.warning, warned.value), ""),
        )
        for warned, number in numbers.items()
    ]
    yield from sorted(found, key=lambda one: (bool(one.kept), -one.number, one.warning, one.value))
