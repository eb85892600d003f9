"""The texts that commands print about the service. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime

from feedsvc import xmltext
from feedsvc.health import Health, PassRecord
from feedsvc.publish.status import DAYS, LATELY, Status
from feedsvc.silence import Silences, span

_MOST_PROBLEMS = 10
_MOST_FEEDS = 20
_HEADINGS = ("articles", "requests", "unchanged", "subscribers", "last change (UTC)", "feed")


def status_lines(
    status: Status | None,
    *,
    title: str,
    address: str,
    ready: bool,
    health: Health,
    record: PassRecord | None,
    silences: Silences | None,
    reading: tuple[int, int],
    now: datetime,
) -> Iterator[str]:
    """Yield the lines of `feedsvc status`; `status` is None before the first articles are known.

    `reading` is how many files a long pass has read, and of how many.
    """
    yield f"{xmltext.shown(title)}, {address}"
    yield "ready" if ready else f"not ready: {health.error or 'no feed can be served yet'}"
    yield from _passes(record, now)
    if reading[1]:
        yield f"a pass is under way: {reading[0]:,} of {reading[1]:,} files are read"
    if status is None:
        return
    newest = f", the newest {_age(status.newest, now)} old" if status.newest else ""
    yield f"{_number(status.articles, 'article')}{newest}"
    yield from _problems(status)
    yield from (xmltext.shown(str(one)) for one in (silences.silent if silences else ()))
    today = status.days[-1]
    asked = status.sent + status.unchanged
    share = f", {status.unchanged / asked:.0%} of them answered by 304" if asked else ""
    yield (
        f"today: {_number(asked, 'request')} for feeds{share}; about"
        f" {_number(today.clients, 'reader')}; {_number(status.subscribers, 'subscriber')}"
        " of reading services"
    )
    yield from _days(status)
    yield from _feeds(status)


def _passes(record: PassRecord | None, now: datetime) -> Iterator[str]:
    if record is None:
        yield "no pass over the files has been made"
        return
    if record.good:
        ago = _age(datetime.fromtimestamp(record.since, UTC), now)
        yield f"the last good pass took {record.seconds} s and ended {ago} ago"
    if record.error is not None:
        yield f"the last pass failed: {xmltext.shown(record.error)}"
    if record.changed:
        ago = _age(datetime.fromtimestamp(record.changed, UTC), now)
        yield (
            f"the last changes came {ago} ago: {_number(record.added, 'file')} added,"
            f" {record.modified:,} modified, {record.removed:,} removed"
        )


def _problems(status: Status) -> Iterator[str]:
    files = len({problem.source for problem in status.problems})
    yield f"{_number(files, 'file')} with problems" if files else "no problems"
    yield from (f"  {problem}" for problem in status.problems[:_MOST_PROBLEMS])
    if len(status.problems) > _MOST_PROBLEMS:
        yield f"  {len(status.problems) - _MOST_PROBLEMS:,} more; `feedsvc check` lists all"


def _days(status: Status) -> Iterator[str]:
    """Yield the sums of all days."""
    articles = sum(day.articles for day in status.days)
    kinds: dict[str, int] = {}
    for day in status.days:
        for kind, number in day.requests.items():
            kinds[kind] = kinds.get(kind, 0) + number
    numbers = "".join(f", {number:,} × {kind}" for kind, number in sorted(kinds.items()))
    requests = _number(sum(kinds.values()), "request")
    yield f"in {DAYS} days: {_number(articles, 'article')}, {requests}{numbers}"


def _feeds(status: Status) -> Iterator[str]:
    """Yield a table; the names come last, because their width on a terminal is not sure."""
    rows = [
        (
            f"{feed.articles:,}",
            f"{feed.requests:,}",
            f"{feed.unchanged / feed.requests:.0%}" if feed.requests else "",
            f"{sum(feed.subscribers.values()):,}" if feed.subscribers else "",
            f"{feed.changed:%Y-%m-%d %H:%M}" if feed.changed else "",
            xmltext.shown(feed.slug),
        )
        for feed in status.feeds[:_MOST_FEEDS]
    ]
    widths = [max(len(row[n]) for row in (_HEADINGS, *rows)) for n in range(len(_HEADINGS) - 1)]
    yield f"feeds, with their requests and subscribers of {LATELY} days:"
    for row in (_HEADINGS, *rows):
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join(("", *cells, row[-1]))
    if len(status.feeds) > _MOST_FEEDS:
        yield f"  {len(status.feeds) - _MOST_FEEDS} more; /status shows them"


def _age(moment: datetime, now: datetime) -> str:
    return span(max(0.0, (now - moment).total_seconds()))


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
