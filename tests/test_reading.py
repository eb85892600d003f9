"""Reading within limits: trouble with one file does not affect the others."""

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Tree
from sites import Site

from feedsvc import plaindata, reading
from feedsvc.outcome import Outcome
from feedsvc.reading import Reading

Open = Callable[..., Site]


@pytest.fixture
def read_tree(
    tree: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], dict[str, Outcome]]]:
    """Return a function that reads the tree in a child to which some file names are trouble."""
    monkeypatch.setattr(reading, "_MODULE", "reading_child")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr(reading, "_CPU_SECONDS", 1)
    reader = Reading(open_site().config, processes=1)

    def read() -> dict[str, Outcome]:
        files = list(reader.directory.scan().signatures.items())
        return {result.source: result for part in reader.all(files) for result in part}

    yield read
    reader.close()


def write(tree: Tree, *names: str) -> None:
    for name in names:
        tree.write(f"{name}.md", f"---\ntitle: {name}\n---\nIt tells of {name}.")


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("loop", "reading it takes too much of the processor's time"),
        ("end", "reading it ended the process that did it"),
        ("raise", "reading it failed (KeyError)"),
        ("memory", "reading it failed (MemoryError)"),
    ],
)
def test_a_file_that_cannot_be_read_within_limits_is_named_and_the_others_are_read(
    tree: Tree, read_tree: Callable[[], dict[str, Outcome]], trouble: str, reason: str
) -> None:
    write(tree, "a", trouble, "z")
    outcomes = read_tree()
    assert [source for source, result in outcomes.items() if result.file] == ["a.md", "z.md"]
    (problem,) = outcomes[f"{trouble}.md"].problems
    assert problem.reason == reason
    assert not outcomes[f"{trouble}.md"].again, "it would take as long at the next pass"


def test_an_unexpected_error_is_logged_once_with_its_traceback(
    tree: Tree, read_tree: Callable[[], dict[str, Outcome]], caplog: pytest.LogCaptureFixture
) -> None:
    write(tree, "raise")
    with caplog.at_level(logging.ERROR):
        read_tree()
    (record,) = caplog.records
    assert "raise.md could not be read" in record.getMessage()
    assert "KeyError: 'what nobody foresaw'" in record.getMessage()


def test_a_file_is_read_again_when_the_process_ended_once(
    tree: Tree, read_tree: Callable[[], dict[str, Outcome]]
) -> None:
    write(tree, "a", "once", "z")
    assert all(result.file for result in read_tree().values())


def test_a_process_that_does_not_answer_is_given_up(
    tree: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, "a")
    reader = Reading(open_site().config, processes=1)
    files = list(reader.directory.scan().signatures.items())
    assert [result.file is not None for part in reader.all(files) for result in part] == [True]
    os.kill(reader._children[0]._process.pid, signal.SIGSTOP)
    monkeypatch.setattr(reading, "_SECONDS", 0.0)
    (given_up,) = [result for part in reader.all(files) for result in part]
    assert given_up.problems[0].reason == "reading it takes more than 0 seconds"
    monkeypatch.setattr(reading, "_SECONDS", 60.0)
    assert [result.file is not None for part in reader.all(files) for result in part] == [True]
    reader.close()


def test_an_outcome_is_the_same_after_its_way_from_a_child(tree: Tree, open_site: Open) -> None:
    tree.write(
        "all.html",
        "---\ntitle: 全部\nid: x\nauthors: [{name: A, url: 'https://a.example/'}, B]\n"
        "date: 1955-02-03\nupdated: 2022-01-02\nlink: https://x.example/a\nlang: zh\n"
        "thumbnail: a.png\nsummary: s\ntags: [one, 二]\nfoo: [\n---\n<p>\U0001f600</p>",
    )
    tree.write("bad.md", b"\0\0\0")
    site = open_site()
    here = Reading(site.config)
    files = list(here.directory.scan().signatures.items())
    for source, signature in files:
        read = here.read(source, signature)
        assert load(source, plaindata.dump(read)) == read
    assert load("gone.md", plaindata.dump(None)) is None


def load(source: str, data: bytes) -> Outcome | None:
    loaded: Outcome | None = plaindata.load(Outcome | None, data, source=source)
    return loaded


@pytest.mark.parametrize(
    "change",
    [
        {"file": []},
        {"file": {}},
        {"problems": [{"reason": "x", "cure": 1, "published": True}]},
        {"problems": None},
        {"again": "yes"},
        {"trace": 1},
    ],
)
def test_an_answer_of_another_shape_is_refused(change: dict[str, object]) -> None:
    right = {"file": None, "problems": [], "again": False, "trace": None}
    assert load("a", json.dumps(right).encode()) is not None
    with pytest.raises(ValueError, match="is not"):
        load("a", json.dumps({**right, **change}).encode())
