"""Which streams are quiet for too long, and which of them are still quiet."""

import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import tzinfo

from feedsvc.silence.rhythms import Rhythm, by_folder, counted, folder_of, is_below, rhythm
from feedsvc.silence.values import Arrival, Silence, Silences, Stream

_CATEGORY_FACTOR = 1.5  # the folder behind a category is named first, and then only the folder


class _Examination:
    """What is found out at one moment; the parameters are those of `judge`."""

    def __init__(
        self, now: float, zone: tzinfo, begun: float, last: Callable[[Stream], float | None]
    ) -> None:
        self._now, self._zone, self._begun, self._last = now, zone, begun, last
        self.silent: list[Silence] = []
        self.judged: set[Stream] = set()

    def examine(
        self, stream: Stream, seen: int | None, known: Rhythm, limit: float | None, *, learnt: bool
    ) -> None:
        """Judge a stream by the last article that is known to have come, None without one."""
        if limit is None:
            return
        self.judged.add(stream)
        # None: its articles are all older, or it never had any.
        since = self._last(stream) or self._begun if seen is None else float(seen)
        if not self._is_long(since, known, limit):
            return
        since = max(since, self._last(stream) or 0.0)
        if self._is_long(since, known, limit):
            self.silent.append(
                Silence(kind=stream.kind, name=stream.name, since=since, limit=limit, learnt=learnt)
            )

    def _is_long(self, since: float, known: Rhythm, limit: float) -> bool:
        return counted(since, self._now, known.rest, self._zone) > limit

    def silent_folders(self) -> list[str]:
        """Return the folders that are quiet."""
        return [silence.name for silence in self.silent if silence.kind == "folder"]


def judge(
    arrivals: Iterable[Arrival],
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
    by_slug: dict[str, list[Arrival]] = {everything: []}
    for arrival in arrivals:
        by_slug.setdefault(arrival.slug, []).append(arrival)
    of_all = by_slug[everything]
    examination = _Examination(now, zone, begun, last)
    for stream, limit in expected.items():
        own = by_slug.get(stream.name, [])
        if stream.kind == "folder":
            own = [a for a in of_all if is_below(posixpath.dirname(a.source), stream.name)]
        known = rhythm((arrival.moment for arrival in own), zone)
        examination.examine(stream, _seen(own), known, limit, learnt=False)
    if learn:
        told = examination.silent_folders()
        newest: dict[str, int] = {}
        for arrival in of_all:
            folder = folder_of(arrival.source)
            newest[folder] = max(newest.get(folder, 0), arrival.first_seen)
        for folder, known in by_folder(of_all, zone).items():
            stream = Stream("folder", folder)
            if stream not in expected and not any(is_below(folder, above) for above in told):
                seen = max(newest[name] for name in newest if is_below(name, folder))
                examination.examine(stream, seen, known, known.limit, learnt=True)
        quiet = {*quiet, *examination.silent_folders()}
        for slug in categories:
            stream = Stream("category", slug)
            if stream not in expected:
                own = [
                    arrival
                    for arrival in by_slug.get(slug, [])
                    if not any(is_below(posixpath.dirname(arrival.source), f) for f in quiet)
                ]
                known = rhythm((arrival.moment for arrival in own), zone)
                limit_of = None if known.limit is None else known.limit * _CATEGORY_FACTOR
                examination.examine(stream, _seen(own), known, limit_of, learnt=True)
    return tuple(examination.silent), examination.judged


def _seen(arrivals: Iterable[Arrival]) -> int | None:
    return max((arrival.first_seen for arrival in arrivals), default=None)


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
