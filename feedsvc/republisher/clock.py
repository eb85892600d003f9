"""Dates in the future, left behind by a clock that was ahead for a while: found, and set right.

Where the clock is behind the time at which the index was last written, it was ahead then, or is
behind now; nobody can tell which. Either way no feed may say that it changed, and no entry that it
was written, at a time that has not come: readers that compare dates would miss changes until then,
and such entries top every list. Ids stay as they are.

If the clock was right before, it will be again: what the ledger said is kept until then and comes
back. Some readers have been told later dates than the feeds have then, so the feeds concerned have
changed once more when the clock passes that time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from feedsvc.index import CLOCK, Index, Writer
from feedsvc.model import Identity, Published
from feedsvc.republisher.ingest import Ingest

_AHEAD = "clock_ahead"
"""Under which the index remembers when dates were set right, and how late the latest could be."""
_TOLERANCE = timedelta(seconds=2)  # clocks are set by so much all the time
_BATCH = 200  # articles held in memory at a time


def must_set_right(known: Mapping[str, str], now: datetime) -> bool:
    """Tell by what the index remembers whether there is something to set right."""
    written = known.get(CLOCK)
    if written is None or _moment(written) > now + _TOLERANCE:
        return True
    return _is_over(known, now)


def _is_over(known: Mapping[str, str], now: datetime) -> bool:
    """Tell whether the clock has passed the latest of the dates that were set right."""
    return _AHEAD in known and _second(now) > int(known[_AHEAD].split()[1])


def set_entries_right(
    index: Index, writer: Writer, ingest: Ingest, known: Mapping[str, str], now: datetime
) -> None:
    """Let no entry or identity have a date after `now` but one that its article declares.

    `known` is what the index remembered before this pass.
    """
    right: dict[str, Identity] = {}
    if _is_over(known, now):
        since, latest = map(int, known[_AHEAD].split())
        # Where the clock went from near the one to beyond the other at once, it was behind.
        written = int(known.get(CLOCK, since))
        if written - since < latest - written:
            right = _as_before(writer, now)
            writer.write_identities(right.values())
        writer.forget_redated()
    identities = {one.id: one for one in writer.identities_after(now)}
    sources = {one.source for one in (*identities.values(), *right.values())}
    sources.update(writer.sources_after(now))
    articles = {one.article.source: one for one in writer.all_articles(sorted(sources))}
    redated = [
        (one, new)
        for one in identities.values()
        if (new := _identity(one, articles.get(one.source), now)) != one
    ]
    writer.redate(redated)
    right.update((new.id, new) for _, new in redated)
    for batch in _batches(list(articles.values())):
        bodies = index.bodies([one.article.source for one in batch])
        whole = [_with_body(one, bodies) for one in batch if one.article.source in bodies]
        ingest.redate(writer, whole, right)


def _as_before(writer: Writer, now: datetime) -> dict[str, Identity]:
    """Return the identities that were given other dates, with those that they had at first."""
    before = writer.redated()
    return {
        one.id: replace(
            one,
            first_seen=min(before[one.id][0], now),
            updated=min(_updated(one.updated, *before[one.id][1:]), now),
        )
        for one in writer.identities({"id": before})
    }


def _updated(updated: datetime, before: datetime, became: datetime) -> datetime:
    # A change that came meanwhile was one after all that went before it.
    return before if updated == became else max(updated, before + timedelta(seconds=1))


def set_feeds_right(writer: Writer, known: Mapping[str, str], now: datetime) -> None:
    """Let no feed say that it changed after `now`; `known` is as in `set_entries_right`."""
    since, latest = map(int, known.get(_AHEAD, f"{_second(now)} 0").split())
    written = int(known.get(CLOCK, 0))
    if _is_over(known, now):
        # Readers may have been told any time up to now.
        writer.move_changes(since=_moment(since), to=now)
        writer.forget_meta(_AHEAD)
        since, latest = _second(now), 0
    if written > _second(now):
        writer.set_meta(_AHEAD, f"{min(since, _second(now))} {max(latest, written)}")
    writer.set_meta(CLOCK, str(_second(now)))
    writer.move_changes(since=now + timedelta(seconds=1), to=now)
    writer.forget_requests_after(now)


def _identity(identity: Identity, published: Published | None, now: datetime) -> Identity:
    declared = published.article.published if published and published.id == identity.id else None
    return replace(
        identity,
        first_seen=min(identity.first_seen, now),
        # An entry is not updated before it is published, and an article may name any date for that.
        updated=min(identity.updated, max(now, declared or now)),
    )


def _with_body(published: Published, bodies: Mapping[str, str]) -> Published:
    body = bodies[published.article.source]
    return replace(published, article=replace(published.article, body=body))


def _batches(some: list[Published]) -> Iterator[list[Published]]:
    for start in range(0, len(some), _BATCH):
        yield some[start : start + _BATCH]


def _moment(second: str | int) -> datetime:
    return datetime.fromtimestamp(int(second), tz=UTC)


def _second(moment: datetime) -> int:
    return int(moment.timestamp())
