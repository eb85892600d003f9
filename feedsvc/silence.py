"""Which folders and categories have been quiet for far longer than they used to be. Pure.

A *stream* is a folder or a category into which articles come. The operator says how long it may be
quiet (`expect`), or its past does: three times the longest pause of the last twelve weeks (four and
a half times for a category), but a day at least. One pause may be longer: it was a failure.

Days of the week on which a stream never has articles do not count, in its pauses and in its
silence: so nothing is reported because of a weekend.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Literal, NamedTuple, Self

KEY = "silence"
"""The key under which the index remembers the `Silences`, as JSON."""

WINDOW = timedelta(days=84)
"""The past from which rhythms are learnt."""

_DAY = 86400.0
_UNITS = ((_DAY, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))
_SLOT = 900  # seconds; articles that come together are one arrival
_LEAST_SPAN = 14 * _DAY  # from the first to the last arrival, to learn from them
_LEAST_PAUSES = 8
_MOST_REST_DAYS = 3  # of the week; a stream with more of them has another rhythm than the week's
_FAR_LONGER = 3.0
_CATEGORY_FACTOR = 1.5  # the folder behind a category is named first, and then only the folder
_DEPTH = 3  # of folders
# The name of a folder for a time: it has a year (also as 202405 or 20240531), or is a month or day.
_DATE = re.compile(r".*(?<!\d)(?:19|20)\d\d(?:\d\d){0,2}(?!\d).*|\d{1,2}[月日]?")


class Stream(NamedTuple):
    """A folder, by its path in the articles directory ("" for all of it), or a category's slug."""

    kind: Literal["folder", "category"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else "the articles directory"


class Arrival(NamedTuple):
    """One article of one feed: its date, and when it was first seen, in seconds since 1970."""

    slug: str
    source: str
    published: int
    first_seen: int

    @property
    def moment(self) -> int:
        """When it came: an article that is much older than its file was imported later."""
        late = self.first_seen - self.published > _DAY
        return self.published if late else self.first_seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A stream that is quiet: since when, and for how many `limit` seconds it may be.

    Days of rest do not count for the limit. `learnt` tells that the limit comes from its past.
    """

    kind: Literal["folder", "category"]
    name: str
    since: float
    limit: float
    learnt: bool
    told: bool = False  # whether the webhook has got it

    @property
    def stream(self) -> Stream:
        """The stream."""
        return Stream(self.kind, self.name)

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.since, UTC)
        limit = span(self.limit)
        why = f"more than {limit}, far longer than usual" if self.learnt else f"expected: {limit}"
        return f"no new article in {self.stream} since {moment:%Y-%m-%d %H:%M} UTC ({why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silences:
    """The streams that are quiet. Streams without any article are judged from `begun` on."""

    begun: float
    silent: tuple[Silence, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return what is in `text`; None without a text, or for one of another feedsvc."""
        try:
            if text is None:
                return None
            values = json.loads(text)
            return cls(
                begun=values["begun"], silent=tuple(Silence(**one) for one in values["silent"])
            )
        except (KeyError, TypeError, ValueError):
            return None

    def __str__(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """The rhythm of a stream: days of the week without articles, and how long it may be quiet.

    Monday is 0. `limit` is in seconds, None where the past is too short to know it.
    """

    rest: frozenset[int] = frozenset()
    limit: float | None = None


def span(seconds: float) -> str:
    """Return a span of time in words, roughly.

    >>> span(86400), span(250_000), span(5000), span(90), span(3.2)
    ('1 day', '2.9 days', '1.4 hours', '1.5 minutes', '3.2 seconds')
    """
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    shown = f"{seconds / size:.1f}".removesuffix(".0")
    return f"{shown} {unit}" if shown == "1" else f"{shown} {unit}s"


def rhythm(moments: Iterable[float], zone: tzinfo) -> Rhythm:
    """Learn the rhythm of a stream from the moments at which articles came."""
    slots = sorted({int(moment) // _SLOT * _SLOT for moment in moments})
    if not slots or slots[-1] - slots[0] < _LEAST_SPAN:
        return Rhythm()
    busy = {datetime.fromtimestamp(slot, zone).weekday() for slot in slots}
    rest = frozenset(range(7)) - busy
    if len(rest) > _MOST_REST_DAYS:
        rest = frozenset()
    pauses = sorted(counted(start, end, rest, zone) for start, end in pairwise(slots))
    if len(pauses) < _LEAST_PAUSES:
        return Rhythm(rest=rest)
    return Rhythm(rest=rest, limit=max(_DAY, _FAR_LONGER * pauses[-2]))


def counted(start: float, end: float, rest: frozenset[int], zone: tzinfo) -> float:
    """Return the seconds from `start` to `end` that are not on days of rest."""
    if not rest:
        return end - start
    seconds, moment = 0.0, start
    while moment < end:
        local = datetime.fromtimestamp(moment, zone)
        midnight = datetime.combine(local.date() + timedelta(days=1), time(), zone).timestamp()
        if local.weekday() not in rest:
            seconds += min(midnight, end) - moment
        moment = midnight
    return seconds


def folder_of(source: str) -> str:
    """Return the folder that a file counts for: three levels at most, and none that is a date.

    >>> folder_of("sina/tech/2024/05/a.md"), folder_of("2024/a.md"), folder_of("a/b/c/d/e.md")
    ('sina/tech', '', 'a/b/c')
    >>> folder_of("163/a.md"), folder_of("x/12月/a.md"), folder_of("x/may-2024/a.md")
    ('163', 'x', 'x')
    """
    parts: list[str] = []
    for part in source.split("/")[:-1][:_DEPTH]:
        if _DATE.fullmatch(part):
            break
        parts.append(part)
    return "/".join(parts)


def by_folder(arrivals: Iterable[Arrival], zone: tzinfo) -> dict[str, Rhythm]:
    """Return the rhythms of the folders that have one.

    The articles of a folder with too few of them count for the folder above. A folder is left out
    if one below it has a rhythm.
    """
    moments: dict[str, list[float]] = {"": []}
    for arrival in arrivals:
        moments.setdefault(folder_of(arrival.source), []).append(arrival.moment)
    known: dict[str, Rhythm] = {}
    for depth in range(_DEPTH, -1, -1):
        for folder in [name for name in moments if _depth(name) == depth]:
            learnt = rhythm(moments[folder], zone)
            if learnt.limit is None and folder:
                above = folder.rpartition("/")[0]
                moments.setdefault(above, []).extend(moments.pop(folder))
            elif learnt.limit is not None and not any(is_below(name, folder) for name in known):
                known[folder] = learnt
    return known


def is_below(folder: str, other: str) -> bool:
    """Tell whether a folder is another one, or below it."""
    return not other or folder == other or folder.startswith(f"{other}/")


def judge(
    arrivals: Sequence[Arrival],
    now: float,
    zone: tzinfo,
    *,
    everything: str,
    expected: Mapping[Stream, float],
    categories: Iterable[str] = (),
    begun: float = 0.0,
    learn: bool = True,
    quiet: Iterable[str] = (),
    last: Callable[[Stream], float | None] = lambda _: None,
) -> tuple[tuple[Silence, ...], set[Stream]]:
    """Return the streams that are quiet for too long, and all streams that could be judged.

    `arrivals` are those of the last WINDOW in the feed `everything` and in `categories`. `expected`
    has the limits that the operator gives, in seconds. `quiet` are folders that were quiet before:
    a category is not named for what a folder has stopped to send. `last` returns when the last
    article of a stream was first seen; it is asked where `arrivals` seem to say that it is quiet.
    """
    of_all = [arrival for arrival in arrivals if arrival.slug == everything]
    by_slug: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        by_slug.setdefault(arrival.slug, []).append(arrival)
    silent: list[Silence] = []
    judged: set[Stream] = set()

    def examine(
        stream: Stream, own: Sequence[Arrival], known: Rhythm, limit: float | None, *, learnt: bool
    ) -> None:
        if limit is None:
            return
        judged.add(stream)
        seen = max((arrival.first_seen for arrival in own), default=None)
        # None: its articles are all older, or it never had any.
        since = last(stream) or begun if seen is None else float(seen)
        if counted(since, now, known.rest, zone) <= limit:
            return
        since = max(since, last(stream) or 0.0)
        if counted(since, now, known.rest, zone) > limit:
            silent.append(
                Silence(kind=stream.kind, name=stream.name, since=since, limit=limit, learnt=learnt)
            )

    for stream, limit in expected.items():
        if stream.kind == "folder":
            own = [a for a in of_all if is_below(a.source.rpartition("/")[0], stream.name)]
        else:
            own = by_slug.get(stream.name, [])
        known = rhythm((arrival.moment for arrival in own), zone)
        examine(stream, own, known, limit, learnt=False)
    if learn:
        for folder, known in by_folder(of_all, zone).items():
            stream = Stream("folder", folder)
            told = any(s.kind == "folder" and is_below(folder, s.name) for s in silent)
            if stream not in expected and not told:
                own = [a for a in of_all if is_below(folder_of(a.source), folder)]
                examine(stream, own, known, known.limit, learnt=True)
        quiet = {*quiet, *(silence.name for silence in silent if silence.kind == "folder")}
        for slug in categories:
            stream = Stream("category", slug)
            if stream not in expected:
                own = [
                    arrival
                    for arrival in by_slug.get(slug, [])
                    if not any(is_below(arrival.source.rpartition("/")[0], f) for f in quiet)
                ]
                known = rhythm((arrival.moment for arrival in own), zone)
                limit_of = None if known.limit is None else known.limit * _CATEGORY_FACTOR
                examine(stream, own, known, limit_of, learnt=True)
    return tuple(silent), judged


def after(
    before: Silences,
    now_silent: Iterable[Silence],
    judged: Collection[Stream],
    last: Callable[[Stream], float | None],
) -> Silences:
    """Return the streams that are quiet, after those `before`.

    A stream that has been quiet for so long that nothing is left to learn from stays quiet, until
    an article comes or its last one is deleted.
    """
    told = {(silence.stream, silence.since) for silence in before.silent if silence.told}
    silent = [
        replace(silence, told=(silence.stream, silence.since) in told) for silence in now_silent
    ]
    streams = {silence.stream for silence in silent}
    for silence in before.silent:
        if silence.stream in streams or not silence.learnt or silence.stream in judged:
            continue
        newest = last(silence.stream)
        if newest is not None and newest <= silence.since:
            silent.append(silence)
    return Silences(begun=before.begun, silent=tuple(silent))


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0
