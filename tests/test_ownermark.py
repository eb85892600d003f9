"""The mark of a process that refreshes a state, which stays only after a crash."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from feedsvc.index import Index
from feedsvc.index.database import Database
from feedsvc.index.ownermark import OwnerMark


def test_a_mark_that_was_released_is_no_crash(tmp_path: Path) -> None:
    mark = OwnerMark(tmp_path / "mark")
    assert not mark.take()
    assert (tmp_path / "mark").exists()
    mark.release()
    assert not (tmp_path / "mark").exists()
    assert not mark.take()
    mark.release()


def test_a_mark_that_no_process_holds_means_a_crash(tmp_path: Path) -> None:
    (tmp_path / "mark").touch()
    mark = OwnerMark(tmp_path / "mark")
    assert mark.take()
    mark.release()


def test_a_second_owner_finds_no_crash_and_leaves_the_mark_of_the_first(
    tmp_path: Path,
) -> None:
    first, second = OwnerMark(tmp_path / "mark"), OwnerMark(tmp_path / "mark")
    assert not first.take()
    assert not second.take()
    second.release()
    assert (tmp_path / "mark").exists()
    first.release()
    assert not (tmp_path / "mark").exists()


def test_a_mark_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    mark = OwnerMark(tmp_path / "no" / "mark")
    assert not mark.take()
    mark.release()


OPEN = """
import sys
from feedsvc.index import Index
index = Index.open(sys.argv[1], owner=True)
print("open", flush=True)
sys.stdin.read()
index.close()
"""


@pytest.mark.parametrize("killed", [True, False])
def test_the_whole_database_is_checked_only_after_a_crash(
    tmp_path: Path, killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/index.db"
    checks: list[Index] = []

    def check(index: Index) -> None:
        checks.append(index)

    monkeypatch.setattr(Database, "check", check)
    running = subprocess.Popen(
        [sys.executable, "-c", OPEN, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert running.stdin is not None
    assert running.stdout is not None
    assert running.stdout.readline() == b"open\n"
    Index.open(url, owner=True).close()  # such as `feedsvc refresh` beside `serve`
    assert not checks, "the other process is at work"
    if killed:
        os.kill(running.pid, signal.SIGKILL)
    running.stdin.close()
    running.stdout.close()
    running.wait(60)
    Index.open(url, owner=True).close()
    assert len(checks) == killed
