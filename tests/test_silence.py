"""Silence: folders and categories from which no article comes any more."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from feedsvc.silence import (
    WINDOW,
    Arrival,
    Silence,
    Silences,
    Stream,
    after,
    by_folder,
    counted,
    judge,
    rhythm,
)

HOUR, DAY = 3600, 86400
MONDAY = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
SHANGHAI = ZoneInfo("Asia/Shanghai")


def times(
    days: Iterable[int],
    hours: Sequence[float],
    *,
    chance: Callable[[int], float] = lambda _: 1.0,
    seed: int = 1,
) -> list[int]:
    """Return moments at these hours of these days, each with up to an hour of delay."""
    delays = random.Random(seed)
    return [
        MONDAY + day * DAY + int((hour + delays.random()) * HOUR)
        for day in days
        for hour in hours
        if delays.random() < chance(day)
    ]


def weekdays(day: int) -> float:
    return float(day % 7 < 5)


def files(folder: str, moments: Iterable[int], *slugs: str) -> list[Arrival]:
    return [
        Arrival(slug, f"{folder}/{n}.md", moment, moment)
        for slug in ("all", *slugs)
        for n, moment in enumerate(moments)
    ]


class Replay:
    """Judges again and again, as the watcher does, and remembers what was told."""

    def __init__(self, arrivals: Iterable[Arrival], **options: object) -> None:
        self._arrivals = sorted(arrivals, key=lambda arrival: arrival.first_seen)
        self._options = {"expected": {}, "categories": [], **options}
        self.silences = Silences(begun=MONDAY)
        self.told: list[tuple[Stream, float]] = []

    def until(self, end: float, *, start: float = MONDAY, step: float = HOUR) -> "Replay":
        now = start
        while now < end:
            known = [
                arrival
                for arrival in self._arrivals
                if arrival.first_seen <= now and arrival.published >= now - WINDOW.total_seconds()
            ]

            def last(stream: Stream, now: float = now) -> float | None:
                seen = [
                    a.first_seen
                    for a in self._arrivals
                    if a.first_seen <= now
                    and (
                        a.slug == stream.name
                        if stream.kind == "category"
                        else a.source.startswith(f"{stream.name}/")
                    )
                ]
                return max(seen, default=None)

            quiet, judged = judge(
                known,
                now,
                UTC,
                everything="all",
                begun=self.silences.begun,
                quiet=[s.name for s in self.silences.silent if s.kind == "folder"],
                last=last,
                **self._options,  # type: ignore[arg-type]
            )
            before = {one.stream for one in self.silences.silent}
            self.silences = after(self.silences, quiet, judged, last)
            self.told += [
                (one.stream, now) for one in self.silences.silent if one.stream not in before
            ]
            now += step
        return self


def month(stopped: int) -> list[Arrival]:
    """Return five weeks of four folders and two categories; `sina` stops on a day."""
    return [
        *files("sina", times(range(stopped), (8, 12, 17), chance=weekdays), "finance"),
        *files("blog", times(range(35), (9,), chance=weekdays, seed=2), "life"),
        *files("wire", times(range(35), range(0, 24, 2), seed=3), "finance"),
        *files("rare/2026/01", times(range(35), (20,), chance=lambda _: 0.3, seed=4)),
    ]


def test_a_month_with_one_folder_stopped_gives_one_alarm() -> None:
    stopped = 17  # a Thursday, the first day without an article
    replay = Replay(month(stopped), categories=["finance", "life"]).until(MONDAY + 35 * DAY)
    ((stream, moment),) = replay.told
    assert stream == Stream("folder", "sina")
    assert MONDAY + stopped * DAY + DAY < moment < MONDAY + (stopped + 7) * DAY


def test_a_month_in_which_nothing_stops_gives_no_alarm() -> None:
    replay = Replay(month(35), categories=["finance", "life"]).until(MONDAY + 35 * DAY)
    assert replay.told == []


def test_a_folder_with_weekends_that_stops_is_told_on_a_day_on_which_it_used_to_come() -> None:
    for stopped in range(21, 28):
        arrivals = files("sina", times(range(stopped), (8, 12, 17), chance=weekdays))
        ((_, moment),) = Replay(arrivals).until(MONDAY + 40 * DAY).told
        assert datetime.fromtimestamp(moment, UTC).weekday() < 5


def test_an_expected_time_holds_and_days_of_rest_do_not_count() -> None:
    expected = {Stream("folder", "sina"): float(DAY)}
    arrivals = files("sina", times(range(26), (8, 17), chance=weekdays))
    replay = Replay(arrivals, expected=expected)
    assert replay.until(MONDAY + 28 * DAY, start=MONDAY + 15 * DAY).told == []
    ((_, moment),) = replay.until(MONDAY + 40 * DAY, start=MONDAY + 28 * DAY).told
    # The last article came on Friday at 17 o'clock: Monday has 24 of its hours after 17.
    assert datetime.fromtimestamp(moment, UTC).strftime("%a %H") in {"Mon 18", "Mon 19"}


def test_a_category_may_be_expected_too_and_one_without_articles_is_told() -> None:
    expected = {Stream("category", "life"): float(DAY)}
    ((stream, moment),) = Replay([], expected=expected).until(MONDAY + 3 * DAY).told
    assert stream == Stream("category", "life")
    assert moment == MONDAY + DAY + HOUR


def test_a_category_whose_articles_are_all_old_is_told() -> None:
    old = MONDAY - 100 * DAY
    arrivals = [Arrival("life", "x.md", old, MONDAY - 2 * DAY)]
    expected = {Stream("category", "life"): float(DAY)}
    ((_, moment),) = Replay(arrivals, expected=expected).until(MONDAY + HOUR).told
    assert moment == MONDAY


def test_a_category_is_not_told_for_a_folder_that_is_silent() -> None:
    arrivals = [
        *files("sina", times(range(20), (8, 12, 17)), "finance"),
        *files("other", times(range(60), (9,), seed=5)),
    ]
    replay = Replay(arrivals, categories=["finance"]).until(MONDAY + 90 * DAY, step=6 * HOUR)
    assert [stream for stream, _ in replay.told if stream.name != "other"] == [
        Stream("folder", "sina")
    ], "also after there is nothing left to learn from"


def test_a_category_that_stops_in_a_folder_that_goes_on_is_told() -> None:
    arrivals = [
        *files("sina", times(range(40), (8, 12, 17))),
        *[
            arrival
            for arrival in files("sina", times(range(20), (8, 12, 17)), "finance")
            if arrival.slug == "finance"
        ],
    ]
    ((stream, _),) = Replay(arrivals, categories=["finance"]).until(MONDAY + 40 * DAY).told
    assert stream == Stream("category", "finance")


def test_a_stream_that_goes_on_is_silent_no_more_and_may_be_told_again() -> None:
    days = [*range(20), *range(30, 50)]
    replay = Replay(files("sina", times(days, (8, 12, 17)))).until(MONDAY + 31 * DAY)
    assert len(replay.told) == 1
    assert replay.silences.silent == ()
    replay.until(MONDAY + 60 * DAY, start=MONDAY + 31 * DAY)
    assert len(replay.told) == 2, "the first silence does not make the second one usual"


def test_what_is_imported_at_once_is_learnt_from_its_dates_and_gets_time() -> None:
    imported = MONDAY + 30 * DAY
    arrivals = [
        Arrival("all", f"sina/{n}.md", moment, imported)
        for n, moment in enumerate(times(range(28), (8, 12, 17)))
    ]
    ((_, moment),) = Replay(arrivals).until(imported + 9 * DAY, start=imported).told
    assert moment > imported + DAY


def test_irregular_streams_are_rarely_told_without_a_reason() -> None:
    told = 0
    for seed in range(20):
        moments = times(range(120), range(0, 24, 4), chance=lambda _: 0.1, seed=seed)
        told += len(Replay(files("x", moments)).until(max(moments), step=6 * HOUR).told)
    assert told <= 2


def test_too_little_is_no_rhythm() -> None:
    assert rhythm([], UTC).limit is None
    assert rhythm(times(range(10), (8, 12)), UTC).limit is None, "ten days"
    assert rhythm(times(range(0, 56, 7), (8,)), UTC).limit is None, "seven pauses"
    assert rhythm(times(range(20), (8,)), UTC).limit is not None


def test_one_failure_does_not_make_a_pause_usual() -> None:
    days = [*range(20), *range(30, 50)]
    assert rhythm(times(days, (8,)), UTC).limit == pytest.approx(3 * DAY, rel=0.1)


def test_days_of_rest_are_those_of_the_zone() -> None:
    known = rhythm(times(range(28), (1,), chance=weekdays), SHANGHAI)
    assert known.rest == {5, 6}
    known = rhythm(times(range(28), (20,), chance=weekdays), SHANGHAI)
    assert known.rest == {6, 0}, "Friday evening in UTC is Saturday in Shanghai"
    friday, monday = MONDAY + 4 * DAY + 18 * HOUR, MONDAY + 7 * DAY + 8 * HOUR
    assert counted(friday, monday, frozenset({5, 6}), UTC) == 14 * HOUR
    assert counted(friday, monday, frozenset(), UTC) == 62 * HOUR


def test_files_count_for_the_deepest_folder_that_has_a_rhythm() -> None:
    often, day = times(range(20), (8,)), times([3], (8,))
    folders = by_folder(
        [
            *files("a/b/2026/01", often),
            *files("a/c", often),
            *files("a", often),
            *[arrival for n in range(20) for arrival in files(f"posts/bundle-{n}", [often[n]])],
            *files("few", day),
        ],
        UTC,
    )
    assert set(folders) == {"a/b", "a/c", "posts"}
    assert set(by_folder(files("2026/01", often), UTC)) == {""}


def test_silences_are_kept_as_text() -> None:
    silence = Silence(kind="folder", name="新", since=5.0, limit=9.0, learnt=True, told=True)
    kept = Silences(begun=1.0, silent=(silence,))
    assert Silences.parse(str(kept)) == kept
    for text in (None, "", "[]", "{}", '{"begun": 1, "silent": [{"name": "x"}]}'):
        assert Silences.parse(text) is None


def test_a_silence_says_in_words_what_it_is() -> None:
    silence = Silence(kind="folder", name="sina", since=0.0, limit=DAY, learnt=False)
    assert str(silence) == (
        "no new article in folder sina since 1970-01-01 00:00 UTC (expected: 1 day)"
    )


def test_the_window_is_longer_than_what_is_learnt_from() -> None:
    assert timedelta(days=28) < WINDOW
