"""The rhythm of a stream, learnt from when its articles came; and the folders that have one."""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from feedsvc.silence.values import DAY, Arrival

WINDOW = timedelta(days=84)
"""The past from which rhythms are learnt."""

_SLOT = 900  # seconds; articles that come together are one arrival
_LEAST_SPAN = 14 * DAY  # from the first to the last arrival, to learn from them
_LEAST_PAUSES = 8
_MOST_REST_DAYS = 3  # of the week; a stream with more of them has another rhythm than the week's
_FAR_LONGER = 3.0
_DEPTH = 3  # of folders
# The name of a folder for a time: it has a year (also as 202405 or 20240531), or is a month or day.
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?:\d\d){0,2}(?!\d)")
_MONTH_OR_DAY = re.compile(r"\d{1,2}[月日]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """The rhythm of a stream: days of the week without articles, and how long it may be quiet.

    Monday is 0. `limit` is in seconds, None where the past is too short to know it.
    """

    rest: frozenset[int] = frozenset()
    limit: float | None = None


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
    return Rhythm(rest=rest, limit=max(DAY, _FAR_LONGER * pauses[-2]))


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
    return _folder(posixpath.dirname(source))


@lru_cache(maxsize=4096)
def _folder(folder: str) -> str:
    parts: list[str] = []
    for part in folder.split("/")[:_DEPTH]:
        if _YEAR.search(part) or _MONTH_OR_DAY.fullmatch(part):
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


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0
