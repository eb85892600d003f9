"""Which files to go by: those that are whole, and those that cannot be seen, as they were. Pure,
but for remembering from one pass to the next which files had a time later than ours.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from feedsvc.model import Scan, Signature

_SHORTEST_WAIT = 0.05  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What to go by; which files may still be being written; how many seconds they need.

    `unseen` are the files that were known and cannot be looked at now.
    """

    signatures: Mapping[str, Signature]
    pending: tuple[str, ...]
    unseen: frozenset[str]
    wait: float | None


class Settling:
    """Tells files that are whole from files that may still be being written.

    A file is settled when its last change is `period` ago; or, where its time is later than ours,
    when it has looked the same for so long.
    """

    def __init__(self, period: timedelta) -> None:
        self._period = period
        self._noticed: dict[str, tuple[Signature, datetime]] = {}

    def settle(
        self,
        scan: Scan,
        known: Mapping[str, Signature],
        now: datetime,
        *,
        named: Collection[str] = (),
    ) -> Settled:
        """Take what is not settled, and what cannot be looked at, as it was.

        The `named` files have changed, even where they look as they did.
        """
        found = dict(scan.signatures)
        noticed: dict[str, tuple[Signature, datetime]] = {}
        waits: dict[str, float] = {}
        new = (
            (source, signature)
            for source, signature in scan.signatures.items()
            if known.get(source) != signature or source in named
        )
        for source, signature in new if self._period else ():
            age = timedelta(seconds=now.timestamp() - signature.mtime_ns / 1e9)
            if age < timedelta():
                before = self._noticed.get(source)
                # A clock that was set back must not make it wait for the time that was noticed.
                since = min(before[1], now) if before and before[0] == signature else now
                noticed[source] = (signature, since)
                age = now - since
            if age < self._period:
                waits[source] = max(_SHORTEST_WAIT, (self._period - age).total_seconds())
                del found[source]
                if source in known:
                    found[source] = known[source]
        self._noticed = noticed
        unseen: set[str] = set()
        if scan.unreadable:
            places = {place for place, _ in scan.unreadable}
            below = tuple(place if place.endswith("/") else f"{place}/" for place in places)
            for source, signature in known.items():
                if source not in found and (source in places or source.startswith(below)):
                    found[source] = signature
                    unseen.add(source)
        return Settled(
            signatures=found,
            pending=tuple(waits),
            unseen=frozenset(unseen),
            wait=min(waits.values(), default=None),
        )
