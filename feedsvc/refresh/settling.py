"""Settling: files that may still be being written, or cannot be seen, are taken as they were. Pure,
but it remembers from one pass to the next which files had a time in the future.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from feedsvc.model import Scan, Signature

_SHORTEST_WAIT = 0.05  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The signatures to use in a pass.

    `pending` files may still be being written; the first of them is settled after `wait` seconds.
    `unseen` are known files that cannot be looked at now.
    """

    signatures: Mapping[str, Signature]
    pending: tuple[str, ...]
    unseen: frozenset[str]
    wait: float | None


class Settling:
    """Tells whole files from files that may still be being written.

    A file is settled when its last change is `period` ago; or, where its time is in the future,
    when its signature has been the same for so long.
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
        """Return the signatures of a scan, but the known ones of files not settled or unseen.

        The `named` files have changed, even where their signatures are the same.
        """
        signatures = dict(scan.signatures)
        noticed: dict[str, tuple[Signature, datetime]] = {}
        waits: dict[str, float] = {}
        changed = (
            (source, signature)
            for source, signature in scan.signatures.items()
            if known.get(source) != signature or source in named
        )
        for source, signature in changed if self._period else ():
            age = timedelta(seconds=now.timestamp() - signature.mtime_ns / 1e9)
            if age < timedelta():
                before = self._noticed.get(source)
                # The clock may have been set back since the file was noticed.
                since = min(before[1], now) if before and before[0] == signature else now
                noticed[source] = (signature, since)
                age = now - since
            if age < self._period:
                waits[source] = max(_SHORTEST_WAIT, (self._period - age).total_seconds())
                del signatures[source]
                if source in known:
                    signatures[source] = known[source]
        self._noticed = noticed
        unseen: set[str] = set()
        if scan.unreadable:
            places = {place for place, _ in scan.unreadable}
            below = tuple(place if place.endswith("/") else f"{place}/" for place in places)
            for source, signature in known.items():
                if source not in signatures and (source in places or source.startswith(below)):
                    signatures[source] = signature
                    unseen.add(source)
        return Settled(
            signatures=signatures,
            pending=tuple(waits),
            unseen=frozenset(unseen),
            wait=min(waits.values(), default=None),
        )
