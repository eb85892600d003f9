"""When passes are made: never two at once, and no event is lost."""

import os
import threading
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from watchfiles._rust_notify import RustNotify

from feedsvc import watch
from feedsvc.errors import ConfigError, ScanError
from feedsvc.model import Changes, Problem, Refresh
from feedsvc.schedule import seconds_until, trigger
from feedsvc.watch import Clocks, Watcher

UTC = ZoneInfo("UTC")
RARELY = trigger(timedelta(days=1), UTC)
LIMIT = 20  # seconds that anything here may take before it has failed
NOTHING = Refresh(changes=Changes(), articles=0, seconds=0.0)


class Passes:
    """A refresh that counts its calls and can be held."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()
        self.running = self.most_running = self.count = 0
        self.paths: list[Collection[str] | None] = []

    def __call__(self, paths: Collection[str] | None) -> Refresh:
        self.paths.append(paths)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.count += 1
        self.begun.release()
        assert self.go.wait(LIMIT)
        self.running -= 1
        return NOTHING


def test_a_pass_is_made_at_once() -> None:
    passes = Passes()
    watcher = Watcher(passes, RARELY, None)
    watcher.start()
    assert passes.begun.acquire(timeout=LIMIT)
    watcher.stop()
    assert passes.count == 1


def test_passes_follow_the_schedule() -> None:
    passes = Passes()
    watcher = Watcher(passes, trigger(timedelta(seconds=1), UTC), None)
    watcher.start()
    for _ in range(2):
        assert passes.begun.acquire(timeout=LIMIT)
    watcher.stop()


def test_many_requests_during_a_pass_lead_to_one_more_pass() -> None:
    passes = Passes()
    passes.go.clear()
    watcher = Watcher(passes, RARELY, None)
    watcher.start()
    assert passes.begun.acquire(timeout=LIMIT)
    for _ in range(5):
        watcher.request(None)
    passes.go.set()
    assert passes.begun.acquire(timeout=LIMIT)
    assert not passes.begun.acquire(timeout=0.2)
    watcher.stop()
    assert (passes.count, passes.most_running) == (2, 1)


def next_event_paths(passes: Passes, directory: Path, name: str = "{}.md") -> Collection[str]:
    """Write files until a pass is made over some paths, not over everything; return the paths."""
    for n in range(LIMIT):  # events may begin only after another pass over everything
        (directory / name.format(n)).write_text("x")
        while passes.begun.acquire(timeout=1):
            if (paths := passes.paths[-1]) is not None:
                return paths
    pytest.fail("no pass over what was written")


def test_a_file_event_leads_to_a_pass(tmp_path: Path) -> None:
    passes = Passes()
    watcher = Watcher(passes, RARELY, tmp_path)
    watcher.start()
    assert passes.begun.acquire(timeout=LIMIT)
    assert passes.paths[0] is None, "the first pass is over everything"
    paths = next_event_paths(passes, tmp_path)
    watcher.stop()
    assert {Path(path).suffix for path in paths} == {".md"}


def test_events_are_told_between_the_stages_of_a_long_pass(tmp_path: Path) -> None:
    passes = Passes()
    told = threading.Event()

    def stage(paths: Collection[str] | None) -> Refresh:
        if paths:
            told.set()
        return replace(passes(paths), again_in=0.0)  # there is always more to read

    watcher = Watcher(stage, RARELY, tmp_path)
    watcher.start()
    for n in range(LIMIT):  # events may begin only after some stages
        (tmp_path / f"{n}.md").write_text("x")
        if told.wait(timeout=1):
            break
    watcher.stop()
    assert told.is_set(), "no stage was told of a file that came meanwhile"


def test_a_change_before_file_events_are_watched_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = threading.Event()

    def late(*args: Any) -> RustNotify:
        assert listen.wait(LIMIT)
        return RustNotify(*args)

    monkeypatch.setattr(watch, "RustNotify", late)
    passes = Passes()
    watcher = Watcher(passes, RARELY, tmp_path)
    watcher.start()
    assert passes.begun.acquire(timeout=LIMIT), "the first pass waits for nothing"
    listen.set()
    assert passes.begun.acquire(timeout=LIMIT)
    watcher.stop()
    assert passes.paths == [None, None]


def test_a_name_that_is_not_utf_8_leads_to_a_whole_pass_and_events_go_on(
    tmp_path: Path,
) -> None:
    passes = Passes()
    watcher = Watcher(passes, RARELY, tmp_path)
    watcher.start()
    assert passes.begun.acquire(timeout=LIMIT)
    try:
        next_event_paths(passes, tmp_path)
        for n in range(LIMIT):
            (tmp_path / os.fsdecode(b"%d-\xff.md" % n)).write_text("x")
            if passes.begun.acquire(timeout=1) and passes.paths[-1] is None:
                break
        else:
            pytest.fail("no pass over everything")
        paths = next_event_paths(passes, tmp_path, "{}-later.md")
    except OSError:
        pytest.skip("a file system without such names")
    finally:
        watcher.stop()
    assert {Path(path).suffix for path in paths} == {".md"}


def test_a_missing_directory_is_watched_once_it_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_MISSING_SECONDS", 0.01)
    passes = Passes()
    watcher = Watcher(passes, RARELY, tmp_path / "later")
    watcher.start()
    assert passes.begun.acquire(timeout=LIMIT)
    (tmp_path / "later").mkdir()
    assert passes.begun.acquire(timeout=LIMIT), "no event named the files in it"
    assert passes.paths == [None, None]
    next_event_paths(passes, tmp_path / "later")
    watcher.stop()


def test_a_directory_that_goes_and_comes_back_is_watched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_MISSING_SECONDS", 0.01)
    monkeypatch.setattr(watch, "_UNHEARD_MS", 100)
    (tmp_path / "news").mkdir()
    passes = Passes()
    watcher = Watcher(passes, RARELY, tmp_path / "news")
    watcher.start()
    next_event_paths(passes, tmp_path / "news")
    (tmp_path / "news").rename(tmp_path / "away")
    (tmp_path / "news").mkdir()
    while passes.paths[-1] is not None or len(passes.paths) < 3:
        assert passes.begun.acquire(timeout=LIMIT), "no pass over the other directory"
    next_event_paths(passes, tmp_path / "news", "again-{}.md")
    watcher.stop()


def test_the_files_of_the_service_itself_lead_to_no_pass(tmp_path: Path) -> None:
    passes = Passes()
    watcher = Watcher(passes, RARELY, tmp_path, own=[str(tmp_path / "feedsvc.db")])
    watcher.start()
    next_event_paths(passes, tmp_path)
    for name in ("feedsvc.db", "feedsvc.db-wal"):
        (tmp_path / name).write_text("x")
    next_event_paths(passes, tmp_path, "later-{}.md")
    watcher.stop()
    named = {Path(path).name for paths in passes.paths for path in paths or ()}
    assert not {"feedsvc.db", "feedsvc.db-wal"} & named


@pytest.mark.parametrize(
    ("requests", "expected"),
    [([{"b"}, {"c"}], {"b", "c"}), ([{"e"}, None, {"f"}], None)],
)
def test_requests_during_a_pass_are_joined_into_one(
    requests: list[set[str] | None], expected: set[str] | None
) -> None:
    passes = Passes()
    passes.go.clear()
    watcher = Watcher(passes, RARELY, None)
    watcher.start()
    assert passes.begun.acquire(timeout=LIMIT)
    for paths in requests:
        watcher.request(paths)
    passes.go.set()
    assert passes.begun.acquire(timeout=LIMIT)
    watcher.stop()
    assert passes.paths == [None, expected]


def test_the_pass_after_a_failed_one_scans_everything() -> None:
    seen: list[Collection[str] | None] = []

    def refresh(paths: Collection[str] | None) -> Refresh:
        seen.append(paths)
        if len(seen) == 1:
            raise ScanError("gone")
        return NOTHING

    watcher = Watcher(refresh, RARELY, None)
    for name in ("a", "b", "c"):
        watcher._pass({name})
    assert seen == [{"a"}, None, {"c"}]


def test_a_pass_with_pending_files_is_made_again() -> None:
    made = threading.Semaphore(0)
    answers = [replace(NOTHING, pending=("a.md",), again_in=0.05), NOTHING]

    def refresh(paths: Collection[str] | None) -> Refresh:
        made.release()
        return answers.pop(0)

    watcher = Watcher(refresh, RARELY, None)
    watcher.start()
    for _ in range(2):
        assert made.acquire(timeout=LIMIT)
    watcher.stop()
    assert answers == []


def test_a_pass_that_fails_is_logged_once_and_the_next_one_is_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failure = ScanError("seeds: No such file or directory")
    answers = [failure, failure, NOTHING, failure]

    def refresh(paths: Collection[str] | None) -> Refresh:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watcher = Watcher(refresh, RARELY, None)
    for _ in range(4):
        watcher._pass(None)
    assert answers == []
    message = "refresh failed: seeds: No such file or directory"
    assert caplog.text.count(message) == 2, "once for each series of failures"


def test_a_problem_is_logged_once_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    problem = Problem(source="a.md", line=2, reason="is broken", cure="mend it")
    reports = [
        Refresh(changes=Changes(), articles=0, seconds=0.0, problems=problems)
        for problems in ((problem,), (problem,), (), (problem,))
    ]
    watcher = Watcher(lambda paths: reports.pop(0), RARELY, None)
    for _ in range(4):
        watcher._pass(None)
    assert caplog.text.count("a.md:2: is broken; mend it") == 2


def test_a_cron_expression_is_a_schedule() -> None:
    assert "minute='*/5'" in str(trigger("*/5 * * * *", UTC))


def test_a_broken_cron_expression_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"articles\.rescan: no cron expression: 99 \* \* \* \*"):
        trigger("99 * * * *", UTC)


def test_the_log_shows_the_number_of_articles_if_they_were_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "feedsvc.watch")
    changes = Changes(added=("a", "b"), removed=("c",))
    reports = iter(Refresh(changes=changes, articles=n, seconds=0.5) for n in (7, None))
    watcher = Watcher(lambda _: next(reports), RARELY, None)
    watcher._pass(None)
    watcher._pass({"a"})
    messages = [record.getMessage() for record in caplog.records if record.name == "feedsvc.watch"]
    assert messages == [
        "refreshed: 2 added, 0 modified, 1 removed, 7 articles, 0 problems, 0.50 s"
        "; added a, b; removed c",
        "refreshed: 2 added, 0 modified, 1 removed, 0 problems, 0.50 s; added a, b; removed c",
    ]


def test_the_log_names_the_first_ten_files_of_each_kind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "feedsvc.watch")
    changes = Changes(added=tuple(f"{n:02}.md" for n in range(13)), modified=("odd\nname.md",))
    watcher = Watcher(lambda _: Refresh(changes=changes, articles=7, seconds=0.5), RARELY, None)
    watcher._pass(None)
    (record,) = caplog.records
    message = record.getMessage()
    assert "added 00.md, 01.md, 02.md" in message
    assert "09.md and 3 more; modified odd" in message
    assert "10.md" not in message
    assert "\n" not in message
    assert record.facts["added"] == 13  # type: ignore[attr-defined]


def broken(paths: Collection[str] | None) -> Refresh:
    raise ValueError("a bug")


def test_an_unexpected_error_in_a_pass_is_logged_once_and_the_watcher_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[Collection[str] | None] = []

    def refresh(paths: Collection[str] | None) -> Refresh:
        seen.append(paths)
        return broken(paths) if len(seen) < 4 else NOTHING

    watcher = Watcher(refresh, RARELY, None)
    for name in ("a", "b", "c", "d", "e"):
        watcher._pass({name})
    assert seen == [{"a"}, None, None, None, {"e"}], "any path may have made it fail"
    assert caplog.text.count("Traceback") == 1
    assert caplog.text.count("ValueError: a bug") == 1
    assert caplog.text.count("refresh failed as before: ValueError") == 2, "one line each"


def test_a_pass_that_failed_is_made_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_RETRY_SECONDS", 0.01)
    made = threading.Semaphore(0)

    def refresh(paths: Collection[str] | None) -> Refresh:
        made.release()
        return broken(paths)

    watcher = Watcher(refresh, RARELY, None)
    watcher.start()
    for _ in range(3):
        assert made.acquire(timeout=LIMIT)
    watcher.stop()


class Unforeseen(BaseException):
    """An error that is no Exception."""


class Failing:
    """A refresh whose nth call raises an error that ends its thread."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def __call__(self, paths: Collection[str] | None) -> Refresh:
        self.count += 1
        if self.count == self.at:
            raise Unforeseen
        return replace(NOTHING, again_in=0.01)


@pytest.mark.parametrize("thread", ["passes", "job", "timer", "events", "clock"])
def test_an_unexpected_error_in_any_thread_ends_the_process(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    thread: str,
) -> None:
    def fail(*_: Any) -> Any:
        raise Unforeseen

    refresh: Any = lambda paths: NOTHING  # noqa: E731
    schedule, directory, clocks = RARELY, None, Clocks()
    monkeypatch.setattr(watch, "_CLOCK_SECONDS", 0.01)
    if thread == "passes":
        refresh = Failing(at=1)
    elif thread == "timer":
        refresh = Failing(at=2)
    elif thread == "job":
        schedule, passes = trigger(timedelta(seconds=1), UTC), iter((lambda: NOTHING, fail))
        refresh = lambda paths: next(passes)()  # noqa: E731
    elif thread == "events":
        directory = tmp_path
        monkeypatch.setattr(watch, "RustNotify", fail)
    else:
        clocks.jump = fail  # type: ignore[method-assign]
    ended = threading.Event()
    watcher = Watcher(refresh, schedule, directory, fatal=ended.set, clocks=clocks)
    watcher.start()
    assert ended.wait(LIMIT), "the process would be ended, and another started"
    watcher.stop()
    assert "the watcher cannot go on" in caplog.text
    assert "Unforeseen" in caplog.text


def test_clocks_tell_by_how_much_the_wall_clock_was_set() -> None:
    wall, monotonic = [1000.0], [5.0]
    clocks = Clocks(lambda: wall[0], lambda: monotonic[0])
    for passed, set_by in ((2.0, 0.0), (1.0, -3600.0), (60.0, 0.0), (0.5, 7200.0)):
        wall[0] += passed + set_by
        monotonic[0] += passed
        assert clocks.jump() == set_by


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("rescan", [timedelta(minutes=30), "*/30 * * * *"])
def test_the_schedule_is_right_again_after_the_clock_was_set(
    monkeypatch: pytest.MonkeyPatch, rescan: timedelta | str, hours: int
) -> None:
    monkeypatch.setattr(watch, "_CLOCK_SECONDS", 0.01)
    passes = Passes()
    watcher = Watcher(passes, trigger(rescan, UTC), None)
    start = datetime(2026, 3, 1, 12, 10, tzinfo=UTC)
    with time_machine.travel(start) as now:
        watcher.start()
        assert passes.begun.acquire(timeout=LIMIT)
        for _ in range(2):  # the clock is set wrong, and right again
            now.shift(timedelta(hours=hours))
            assert passes.begun.acquire(timeout=LIMIT), "a pass at once"
            waits = (watcher._job.next_run_time - datetime.now(UTC)).total_seconds()
            assert 0 < waits <= 1800, "and the next one within a rescan"
            hours = -hours
        watcher.stop()


def test_a_schedule_that_makes_no_passes_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "_CLOCK_SECONDS", 0.01)
    ended = threading.Event()
    still = Clocks(lambda: 0.0, lambda: 0.0)
    watcher = Watcher(lambda _: NOTHING, RARELY, None, fatal=ended.set, clocks=still)
    with time_machine.travel(datetime(2026, 3, 1, tzinfo=UTC)) as now:
        watcher.start()
        now.shift(timedelta(days=2))  # and APScheduler, which sleeps, does not know
        assert ended.wait(LIMIT)
        watcher.stop()
    assert "the schedule of passes stands still" in caplog.text


def test_stop_waits_for_a_pass_only_so_long() -> None:
    passes = Passes()
    passes.go.clear()
    watcher = Watcher(passes, RARELY, None)
    watcher.start()
    assert passes.begun.acquire(timeout=LIMIT)
    assert not watcher.stop(0.01)
    passes.go.set()


def test_the_seconds_until_the_nth_pass_follow_the_schedule() -> None:
    now = datetime(2026, 3, 1, 12, 10, 20, tzinfo=UTC)
    assert seconds_until(trigger(timedelta(seconds=20), UTC), now, passes=3) == 60
    assert seconds_until(trigger("*/5 * * * *", UTC), now, passes=3) == 14 * 60 + 40
    assert seconds_until(trigger("0 0 30 2 *", UTC), now, passes=1) is None, "there is no such day"


def test_a_period_is_as_long_as_ever_when_summer_time_ends() -> None:
    zone = ZoneInfo("Europe/Berlin")
    before = datetime(2026, 10, 25, 2, 59, 30, tzinfo=zone)
    assert seconds_until(trigger(timedelta(seconds=60), zone), before, passes=1) == 60
