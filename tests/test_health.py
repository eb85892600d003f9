"""What monitors are told of the passes: whether they are made, and why not."""

import fcntl
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner
from conftest import NOW, Clock, Tree
from flask.testing import FlaskClient
from sites import Site

from feedsvc.cli import main
from feedsvc.errors import ScanError, StateError
from feedsvc.health import Judge, PassNotes, PassRecord
from feedsvc.index import Index, watchlock

Open = Callable[..., Site]
WITHIN = 3 * 60.0 + 5  # of a rescan every minute


class Moments:
    """A judge and its two clocks, in seconds."""

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


def test_a_pass_is_missed_when_three_are_late() -> None:
    moments = Moments()
    passes = moments.good()
    moments.pass_by(WITHIN - 1)
    assert moments.well(passes)
    moments.pass_by(2)
    assert not moments.well(passes)
    assert moments.judge.health(str(passes), alive=0, watched=True).error is not None
    assert moments.well(moments.good())


def test_passes_that_fail_count_from_the_last_good_one() -> None:
    moments = Moments()
    passes = moments.good()
    for _ in range(3):
        moments.pass_by(60)
        passes = passes.after(moments.wall, "the disk is gone", WITHIN, watched=True)
        assert moments.well(passes)
    moments.pass_by(60)
    passes = passes.after(moments.wall, "the disk is gone", WITHIN, watched=True)
    health = moments.judge.health(str(passes), alive=moments.wall, watched=True)
    assert not health.well, "though a pass was getting on just now"
    assert health.error == "the disk is gone"
    assert health.last_good is not None
    assert health.last_good.timestamp() == 1_000_000
    assert moments.well(passes.after(moments.wall, None, WITHIN, watched=True))


def test_first_passes_that_fail_count_from_the_first() -> None:
    moments = Moments()
    passes = PassRecord(since=moments.wall, within=WITHIN).after_start()
    for _ in range(4):
        passes = passes.after(moments.wall, "no such folder", WITHIN, watched=True)
        moments.pass_by(60)
    assert not moments.well(passes)


def test_a_long_pass_that_gets_on_is_not_missed() -> None:
    moments = Moments()
    passes = moments.good()
    moments.pass_by(10 * WITHIN)
    assert moments.well(passes, alive=moments.wall - 1)
    alive = moments.wall - 1
    moments.pass_by(WITHIN)
    assert not moments.well(passes, alive=alive), "it did not get on for as long"


def test_a_watcher_that_is_started_again_and_again_in_a_pass_is_not_well() -> None:
    moments = Moments()
    passes = moments.good().after_start()
    moments.pass_by(2 * WITHIN)
    assert moments.well(passes, alive=moments.wall), "the first pass after a start"
    passes = passes.after_start()
    assert not moments.well(passes, alive=moments.wall), "it hung, or was killed"
    assert "ended in the middle of a pass" in str(passes.error)
    passes = passes.after(moments.wall, None, WITHIN, watched=True)
    assert passes.error is None
    assert moments.well(passes.after_start())


def test_a_watcher_that_is_gone_is_told_at_once_where_it_can_be_seen() -> None:
    moments = Moments()
    assert not moments.well(moments.good(), watched=False)
    assert moments.well(moments.good(), watched=None)
    by_hand = PassRecord(since=moments.wall, within=WITHIN, good=True)
    assert moments.well(by_hand, watched=False), "nobody has said that there is a watcher"


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_is_set_makes_no_pass_late_and_none_young(jump: float) -> None:
    moments = Moments()
    passes = moments.good()
    assert moments.well(passes)
    moments.wall += jump
    assert moments.well(passes)
    moments.pass_by(WITHIN)
    assert not moments.well(passes)


def test_a_pass_in_the_future_is_not_fresh_for_longer_than_one_of_now() -> None:
    moments = Moments()
    passes = moments.good()
    moments.wall -= 365 * 24 * 3600
    assert moments.well(passes)
    moments.pass_by(WITHIN)
    assert not moments.well(passes)


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"since": 1, "other": 2}'])
def test_what_is_not_remembered_or_of_another_version_counts_as_nothing(text: str | None) -> None:
    assert Judge(lambda: 0.0).health(text, alive=0.0, watched=False).well


def notes_of(site: Site, *, watched: bool = True) -> PassNotes:
    return PassNotes(site.config, site.index, site.clock, watched=watched)


@pytest.fixture
def locked(site: Site) -> None:
    """Have the watcher's lock, for as long as this process runs."""
    file = watchlock.watcher_lock_of(site.config.state.url)
    assert file is not None
    assert not watchlock.is_taken(file)
    watchlock.take(file)


@pytest.mark.usefixtures("locked")
def test_monitors_see_the_last_error_and_the_last_good_pass(
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
    # As a monitor of another process sees it, that has not asked before.
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
def test_monitors_see_nothing_of_what_an_unforeseen_error_says(
    site: Site, client: FlaskClient
) -> None:
    site.refresh()
    with pytest.raises(ValueError, match="secret"), notes_of(site).noting():
        raise ValueError("postgresql://me:secret@db")
    assert client.get("/readyz").json["error"] == "ValueError; the log says more"


def test_monitors_see_that_the_watcher_is_gone(site: Site, client: FlaskClient) -> None:
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


def test_to_note_a_pass_tells_nobody_that_a_feed_has_changed_and_writes_one_row(
    site: Site, tree: Tree
) -> None:
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


def test_a_state_that_cannot_be_written_is_told_once_and_the_note_gets_old(
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


def test_a_pass_by_hand_is_noted_too(tree: Tree, open_site: Open) -> None:
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


def test_a_pass_gets_on_with_each_folder_article_and_document(
    site: Site, tree: Tree, clock: Clock
) -> None:
    assert site.index.database.progress.quiet_seconds() is None, "no pass is under way"
    for folder in ("a", "b"):
        tree.write(f"{folder}/1.md", folder)
    moments: list[float] = []

    def progress(done: int, total: int) -> None:
        quiet = site.index.database.progress.quiet_seconds()
        assert quiet is not None
        moments.append(quiet)

    clock.advance(hours=1)
    site.refresh(progress)
    assert moments
    assert site.index.database.progress.quiet_seconds() is None
    assert site.index.database.progress.read().alive == (NOW + timedelta(hours=1)).timestamp()
    clock.advance(hours=1)
    site.document("/feeds/all.atom")
    assert site.index.database.progress.read().alive == (NOW + timedelta(hours=1)).timestamp(), (
        "that was no pass"
    )


def test_a_long_statement_is_no_hang(tmp_path_factory: pytest.TempPathFactory) -> None:
    index = Index.open(f"sqlite:///{tmp_path_factory.mktemp('state')}/index.db")
    told: list[float] = []

    def clock() -> object:
        told.append(1)
        return NOW

    with index.database.progress.under_way(clock), index.database.reading() as connection:  # type: ignore[arg-type]
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)"
            " SELECT count(*) FROM n"
        ).all()
    assert told, "SQLite was busy, and said so"
    index.close()
