"""Backing a state up and restoring it: the same ids on another machine."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedsvc.cli import main
from feedsvc.index import watchlock

CONFIG = "articles: {directory: articles, settle: 0s}\nstate: {url: 'sqlite:///state/x.db'}\n"


class Machine:
    """A folder with a configuration and articles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.articles = folder / "articles"
        self.state = folder / "state" / "x.db"
        self.articles.mkdir(parents=True)
        (folder / "config.yaml").write_text(CONFIG)

    def write(self, name: str, title: str) -> None:
        (self.articles / name).write_text(f"---\ntitle: {title}\n---\nText of {title}.")

    def run(self, *arguments: str, exit_code: int = 0) -> Result:
        command, *rest = arguments
        words = [command, "--config", str(self.folder / "config.yaml"), *rest]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == exit_code, result.output
        return result

    def ids(self) -> dict[str, str]:
        """Return the ids of articles by title."""
        with closing(sqlite3.connect(self.state)) as database:
            rows = database.execute("SELECT source, id FROM articles").fetchall()
        return {(self.articles / name).read_text().split("\n")[1]: id for name, id in rows}

    def beside(self) -> set[str]:
        """Return the names of the files that are the state, without those of an open database."""
        names = {file.name for file in self.state.parent.iterdir()}
        return {name for name in names if not name.endswith(("-wal", "-shm"))}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "first")
    machine.write("a.md", "A")
    machine.write("b.md", "B")
    machine.run("refresh")
    (machine.articles / "a.md").rename(machine.articles / "c.md")  # its id is not that of its name
    machine.run("refresh")
    return machine


def test_a_restored_state_gives_the_same_ids_on_another_machine(
    machine: Machine, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    assert "copy.db: 0." in machine.run("backup", str(copy)).output
    ids = machine.ids()
    other = Machine(tmp_path / "second")
    shutil.copytree(machine.articles, other.articles, dirs_exist_ok=True)
    assert other.run("restore", str(copy)).output == "restored: 2 articles, 2 ids\n"
    assert other.ids() == ids
    other.run("refresh")
    assert other.ids() == ids
    journal = (other.state.parent / "x.ledger.jsonl").read_text().splitlines()
    assert {json.loads(line)["id"] for line in journal} == set(ids.values())


def test_what_was_there_is_set_aside(machine: Machine, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    machine.run("backup", str(copy))
    before = machine.ids()
    machine.write("d.md", "D")
    machine.run("refresh")
    after = machine.ids()
    assert machine.run("restore", str(copy)).output == (
        "the state before is now called x.db.before-1\nrestored: 2 articles, 2 ids\n"
    )
    assert machine.ids() == before
    assert {"x.db.before-1", "x.ledger.jsonl.before-1", "x.ledger.jsonl"} <= machine.beside()
    machine.run("restore", str(machine.state.parent / "x.db.before-1"))
    assert machine.ids() == after


def test_a_copy_is_complete_while_others_write(machine: Machine, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(machine.state, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM articles")
        machine.run("backup", str(copy))
        writer.execute("ROLLBACK")
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT count(*) FROM articles").fetchone() == (2,)
        assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_nothing_is_restored_while_a_watcher_works(machine: Machine, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    machine.run("backup", str(copy))
    lock = watchlock.watcher_lock_of(f"sqlite:///{machine.state}")
    assert lock is not None
    assert watchlock.take(lock) is not None
    output = machine.run("restore", str(copy), exit_code=1).output
    assert "stop feedsvc first" in output


def damage(good: Path, file: Path) -> None:
    """Overwrite every page of a copy but the first ones."""
    data = good.read_bytes()
    file.write_bytes(data[: 4096 * 3] + b"\xff" * (len(data) - 4096 * 3))


def of_newer(good: Path, file: Path) -> None:
    """Make a copy that a later version might have made."""
    shutil.copy(good, file)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE meta SET value = '999' WHERE key = 'schema'")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda _, file: file.write_bytes(b""), "no copy of a state"),
        (lambda _, file: file.write_text("ids: none\n"), "cannot be put"),
        (lambda _, file: file.mkdir(), "no copy of a state"),
        (lambda _, file: None, "no copy of a state"),
        (damage, "cannot be put"),
        (of_newer, "of a newer feedsvc"),
    ],
    ids=["empty", "text", "directory", "missing", "damaged", "newer"],
)
def test_a_file_that_is_no_good_copy_changes_nothing(
    machine: Machine, tmp_path: Path, make: object, why: str
) -> None:
    good, bad = tmp_path / "good.db", tmp_path / "bad.db"
    machine.run("backup", str(good))
    assert callable(make)
    make(good, bad)
    before, ids = machine.beside(), machine.ids()
    assert why in machine.run("restore", str(bad), exit_code=1).output
    assert (machine.beside(), machine.ids()) == (before, ids)


def test_there_must_be_a_state_and_room_for_the_copy(machine: Machine, tmp_path: Path) -> None:
    empty = Machine(tmp_path / "empty")
    assert "there is no state" in empty.run("backup", str(tmp_path / "c.db"), exit_code=1).output
    output = machine.run("backup", str(tmp_path / "no folder" / "c.db"), exit_code=1).output
    assert "cannot be copied" in output
    assert not list(tmp_path.glob("*.new"))
