"""Health, for monitors: whether passes are made in time, and if not, why."""

import fcntl
import json
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner
from conftest import NOW, Clock, Tree
from flask.testing import FlaskClient
from sites import Open, Site

from feedsvc.cli import main
from feedsvc.errors import ScanError, StateError
from feedsvc.health import Judge, PassNotes, PassRecord
from feedsvc.index import Index, watchlock

WITHIN = 3 * 60.0 + 5  # seconds, with a rescan every minute


class Clocks:
    """A judge with its wall clock and its monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 1_000_000.0, 7.0
        self.judge = Judge(lambda: self.wall, lambda: self.monotonic)

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def well(self, passes: PassRecord, *, alive: float = 0.0, watched: bool | None = True) -> bool:
        return self.judge.health(str(passes), alive=alive, watched=watched).well

    def good(self) -> PassRecord:
        return PassRecord(since=self.wall, within=WITHIN, good=True, watched=True)


def test_health_is_bad_when_three_passes_are_late() -> None:
    clocks = Clocks()
    passes = clocks.good()
    clocks.pass_by(WITHIN - 1)
    assert clocks.well(passes)
    clocks.pass_by(2)
    assert not clocks.well(passes)
    assert clocks.judge.health(str(passes), alive=0, watched=True).error is not None
    assert clocks.well(clocks.good())


def test_health_is_bad_three_passes_after_the_last_good_one() -> None:
    clocks = Clocks()
    passes = clocks.good()
    for _ in range(3):
        clocks.pass_by(60)
        passes = passes.after(clocks.wall, "the disk is gone", WITHIN, watched=True)
        assert clocks.well(passes)
    clocks.pass_by(60)
    passes = passes.after(clocks.wall, "the disk is gone", WITHIN, watched=True)
    health = clocks.judge.health(str(passes), alive=clocks.wall, watched=True)
    assert not health.well, "although a pass made progress just now"
    assert health.error == "the disk is gone"
    assert health.last_good is not None
    assert health.last_good.timestamp() == 1_000_000
    assert clocks.well(passes.after(clocks.wall, None, WITHIN, watched=True))


def test_health_is_bad_when_the_first_passes_all_fail() -> None:
    clocks = Clocks()
    passes = PassRecord(since=clocks.wall, within=WITHIN).after_start()
    for _ in range(4):
        passes = passes.after(clocks.wall, "no such folder", WITHIN, watched=True)
        clocks.pass_by(60)
    assert not clocks.well(passes)


def test_a_long_pass_that_makes_progress_is_not_late() -> None:
    clocks = Clocks()
    passes = clocks.good()
    clocks.pass_by(10 * WITHIN)
    assert clocks.well(passes, alive=clocks.wall - 1)
    alive = clocks.wall - 1
    clocks.pass_by(WITHIN)
    assert not clocks.well(passes, alive=alive), "it made no progress for so long"


def test_health_is_bad_when_the_watcher_is_restarted_twice_in_a_pass() -> None:
    clocks = Clocks()
    passes = clocks.good().after_start()
    clocks.pass_by(2 * WITHIN)
    assert clocks.well(passes, alive=clocks.wall), "the first pass after a start"
    passes = passes.after_start()
    assert not clocks.well(passes, alive=clocks.wall), "the first pass hung, or was killed"
    assert "ended in the middle of a pass" in str(passes.error)
    passes = passes.after(clocks.wall, None, WITHIN, watched=True)
    assert passes.error is None
    assert clocks.well(passes.after_start())


def test_health_is_bad_as_soon_as_the_watcher_is_gone() -> None:
    clocks = Clocks()
    assert not clocks.well(clocks.good(), watched=False)
    assert clocks.well(clocks.good(), watched=None)
    by_hand = PassRecord(since=clocks.wall, within=WITHIN, good=True)
    assert clocks.well(by_hand, watched=False), "no watcher was noted"


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_setting_the_clock_makes_no_pass_late_or_fresh(jump: float) -> None:
    clocks = Clocks()
    passes = clocks.good()
    assert clocks.well(passes)
    clocks.wall += jump
    assert clocks.well(passes)
    clocks.pass_by(WITHIN)
    assert not clocks.well(passes)


def test_a_pass_dated_in_the_future_gets_late_too() -> None:
    clocks = Clocks()
    passes = clocks.good()
    clocks.wall -= 365 * 24 * 3600
    assert clocks.well(passes)
    clocks.pass_by(WITHIN)
    assert not clocks.well(passes)


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"since": 1, "other": 2}'])
def test_an_unreadable_pass_record_is_ignored(text: str | None) -> None:
    assert Judge(lambda: 0.0).health(text, alive=0.0, watched=False).well


def notes_of(site: Site, *, watched: bool = True) -> PassNotes:
    return PassNotes(site.config, site.index, site.clock, watched=watched)


@pytest.fixture
def locked(site: Site) -> None:
    """Hold the watcher's lock until this process ends."""
    file = watchlock.watcher_lock_of(site.config.state.url)
    assert file is not None
    assert not watchlock.is_taken(file)
    watchlock.take(file)


@pytest.mark.usefixtures("locked")
def test_readyz_shows_the_last_error_and_the_last_good_pass(
    site: Site, client: FlaskClient, open_site: Open, tree: Tree, clock: Clock
) -> None:
    notes = notes_of(site)
    tree.write("a.md", "Hi")
    with notes.noting():
        site.refresh()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["last_pass"]) == (200, "2026-03-01T12:00:00+00:00")
    assert "error" not in answer.json
    clock.advance(minutes=2)
    tree.root.rename(tree.root.with_name("gone"))
    with pytest.raises(ScanError), notes.noting():
        site.refresh()
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert "No such file or directory" in answer.json["error"]
    clock.advance(minutes=2)
    with pytest.raises(ScanError), notes.noting():
        site.refresh()
    # Another process, which has not seen the earlier records, reports the same.
    answer = open_site().app().test_client().get("/readyz")
    assert (answer.status_code, answer.json["ready"]) == (503, False)
    assert "No such file or directory" in answer.json["error"]
    assert answer.json["last_pass"] == "2026-03-01T12:00:00+00:00"
    assert answer.json["articles"] == 1
    tree.root.with_name("gone").rename(tree.root)
    with notes.noting():
        site.refresh()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["last_pass"]) == (200, "2026-03-01T12:04:00+00:00")


@pytest.mark.usefixtures("locked")
def test_readyz_hides_the_message_of_an_unforeseen_error(site: Site, client: FlaskClient) -> None:
    site.refresh()
    with pytest.raises(ValueError, match="secret"), notes_of(site).noting():
        raise ValueError("postgresql://me:secret@db")
    assert client.get("/readyz").json["error"] == "ValueError; the log says more"


def test_readyz_reports_that_no_watcher_is_running(site: Site, client: FlaskClient) -> None:
    notes = notes_of(site)
    notes.note_start()
    with notes.noting():
        site.refresh()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["error"]) == (503, "no watcher is running")
    file = watchlock.watcher_lock_of(site.config.state.url)
    assert file is not None
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert client.get("/readyz").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_noting_a_pass_writes_one_row_and_changes_no_generation(site: Site, tree: Tree) -> None:
    tree.write("a.md", "Hi")
    site.refresh()
    before, generation = site.index.meta.all(), site.index.database.generation()
    notes = notes_of(site)
    for _ in range(2):
        with notes.noting():
            site.refresh()
    after = site.index.meta.all()
    assert site.index.database.generation() == generation
    assert {key for key in after if after[key] != before.get(key)} == {"passes"}
    assert json.loads(after["passes"])["since"] == NOW.timestamp()


def test_a_pass_note_that_cannot_be_written_is_logged_once(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StateError("no room on the disk")

    monkeypatch.setattr(site.index.meta, "note", full)
    notes = notes_of(site)
    caplog.set_level("INFO")
    for _ in range(3):
        with notes.noting():
            site.refresh()
    assert caplog.text.count("no room on the disk") == 1
    assert site.index.meta.get("passes") is None


def test_a_pass_of_the_refresh_command_is_noted(tree: Tree, open_site: Open) -> None:
    site = open_site()
    config = tree.root.with_name("config.yaml")
    config.write_text(
        f"articles: {{directory: '{tree.root}'}}\nstate: {{url: '{site.config.state.url}'}}\n"
    )
    tree.write("a.md", "Hi")
    ended = CliRunner().invoke(main, ["refresh", "--config", str(config)])
    assert ended.exit_code == 0, ended.output
    passes = PassRecord.parse(site.index.meta.get("passes"))
    assert passes is not None
    assert (passes.good, passes.watched, passes.within) == (True, False, WITHIN)


def test_a_pass_notes_its_progress(site: Site, tree: Tree, clock: Clock) -> None:
    assert site.index.database.progress.quiet_seconds() is None, "no pass is under way"
    for folder in ("a", "b"):
        tree.write(f"{folder}/1.md", folder)
    quiet_seconds: list[float] = []

    def progress(done: int, total: int) -> None:
        quiet = site.index.database.progress.quiet_seconds()
        assert quiet is not None
        quiet_seconds.append(quiet)

    clock.advance(hours=1)
    site.refresh(progress)
    assert quiet_seconds
    assert site.index.database.progress.quiet_seconds() is None
    assert site.index.database.progress.read().alive == (NOW + timedelta(hours=1)).timestamp()
    clock.advance(hours=1)
    site.document("/feeds/all.atom")
    assert site.index.database.progress.read().alive == (NOW + timedelta(hours=1)).timestamp(), (
        "a request is no pass"
    )


def test_a_long_statement_counts_as_progress(tmp_path_factory: pytest.TempPathFactory) -> None:
    index = Index.open(f"sqlite:///{tmp_path_factory.mktemp('state')}/index.db")
    calls = 0

    def clock() -> datetime:
        nonlocal calls
        calls += 1
        return NOW

    with index.database.progress.under_way(clock), index.database.reading() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)"
            " SELECT count(*) FROM n"
        ).all()
    assert calls, "SQLite reported progress"
    index.close()
