"""A pass over very many changes is made in stages; files that change meanwhile come first."""

from collections.abc import Callable

import pytest
from conftest import Clock, Tree, items, titles
from sites import Site

from feedsvc import reading
from feedsvc.changes import diff
from feedsvc.model import Changes, Signature
from feedsvc.refresh import stages
from feedsvc.refresh.backlog import Backlog

Open = Callable[..., Site]
MANY = 45


@pytest.fixture
def running(tree: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a site that has made its first pass, whose stages are of ten files."""
    monkeypatch.setattr(stages, "STAGE", 10)
    monkeypatch.setattr(reading, "PART", 5)
    monkeypatch.setattr(stages, "PART", 5)
    tree.write("first.md", "---\ntitle: First\n---\nIt was there.")
    site = open_site(feeds={"limit": 1000})
    site.refresh()
    return site


def drop(tree: Tree, clock: Clock, number: int, folder: str = "many") -> None:
    for n in range(number):
        clock.advance(seconds=1)
        tree.write(f"{folder}/{n:02}.md", f"---\ntitle: T{n:02}\n---\nIt is {n}.")


def finish(site: Site) -> int:
    """Make passes until there is nothing more to do, and return how many."""
    for passes in range(1, 100):
        if site.refresh(paths=(), one_stage=True).again_in is None:
            return passes
    raise AssertionError("the passes do not end")


def test_a_new_file_is_published_before_the_rest_of_a_long_pass(
    tree: Tree, clock: Clock, running: Site
) -> None:
    drop(tree, clock, MANY)
    report = running.refresh(one_stage=True)
    assert report.again_in == 0.0
    assert titles(running) == [*(f"T{n:02}" for n in range(44, 34, -1)), "First"]
    clock.advance(seconds=1)
    new = tree.write("new.md", "---\ntitle: New\n---\nIt is new.")
    running.refresh(paths=[new], one_stage=True)
    assert titles(running)[:2] == ["New", "T44"]
    assert len(titles(running)) == 12, "the new file does not wait for others"
    assert finish(running) == 4
    assert len(titles(running)) == MANY + 2


def test_a_waiting_file_may_be_changed_or_deleted(tree: Tree, clock: Clock, running: Site) -> None:
    drop(tree, clock, MANY)
    running.refresh(one_stage=True)
    clock.advance(seconds=1)
    changed = tree.write("many/00.md", "---\ntitle: Changed\n---\nIt is another.")
    tree.remove("many/01.md")
    running.refresh(paths=[changed, tree.root / "many/01.md"], one_stage=True)
    assert titles(running)[0] == "Changed"
    finish(running)
    assert len(titles(running)) == MANY
    assert not {"T00", "T01"} & set(titles(running))
    assert running.problems() == ()


def test_a_deletion_does_not_wait_for_the_backlog(tree: Tree, clock: Clock, running: Site) -> None:
    drop(tree, clock, MANY)
    running.refresh(one_stage=True)
    tree.remove("first.md")
    running.refresh(paths=[tree.root / "first.md"], one_stage=True)
    assert "First" not in titles(running)


def test_entries_keep_their_ids_while_very_many_files_are_renamed(
    tree: Tree, clock: Clock, running: Site
) -> None:
    drop(tree, clock, MANY)
    running.refresh()
    before = {item["title"]: item["id"] for item in items(running)}
    for n in range(MANY):
        tree.rename(f"many/{n:02}.md", f"moved/{n:02}.md")
    report = running.refresh(one_stage=True)
    while report.again_in is not None:
        assert {item["title"]: item["id"] for item in items(running)} == before
        clock.advance(seconds=1)
        report = running.refresh(paths=(), one_stage=True)
    assert {item["title"]: item["id"] for item in items(running)} == before


def test_a_rescan_and_a_restart_between_stages_lose_no_article(
    tree: Tree, clock: Clock, running: Site, open_site: Open
) -> None:
    drop(tree, clock, MANY)
    tree.remove("first.md")
    running.refresh(one_stage=True)
    running.refresh(one_stage=True)  # a scheduled one, over everything
    again = open_site(feeds={"limit": 1000})
    again.refresh(one_stage=True)
    assert "First" in titles(again), "a waiting file may be the same article"
    finish(again)
    assert titles(again) == [f"T{n:02}" for n in range(MANY - 1, -1, -1)]


def test_a_new_time_zone_has_all_files_read_again_even_after_a_crash(
    tree: Tree, clock: Clock, running: Site, open_site: Open
) -> None:
    drop(tree, clock, MANY)
    running.refresh()
    other = {"site": {"title": "Test", "base_url": "https://feeds.example.org",
                      "timezone": "America/New_York"}, "feeds": {"limit": 1000}}  # fmt: skip
    read = open_site(**other).refresh(one_stage=True).changes.modified
    site = open_site(**other)  # after a crash
    while (report := site.refresh(one_stage=True)).again_in == 0.0:
        read += report.changes.modified
    read += report.changes.modified
    assert sorted(read) == sorted(["first.md", *(f"many/{n:02}.md" for n in range(MANY))])


SIGNATURES = {name: Signature(mtime_ns=n, size=n) for n, name in enumerate("abcdef")}


def test_a_backlog_gives_each_file_once() -> None:
    backlog = Backlog()
    files = list(SIGNATURES.items())
    backlog.replace(files, diff({}, SIGNATURES))
    assert [source for source, _ in backlog.take(2)] == ["a", "b"]
    backlog.set_aside(files[:1], costly=True)
    backlog.set_aside(files[1:2], costly=False)
    again = Signature(mtime_ns=9, size=9)
    backlog.put_first([("e", again)], Changes(added=("e",)), within=("e", "f"), found={"e": again})
    assert backlog.take(9) == [("e", again)]
    assert backlog.take(9) == files[2:4]
    assert backlog.take(9) == files[1:2], "a file that seems to be edited in place comes last"
    assert backlog.is_costly
    assert backlog.take(9) == files[:1]
    assert not backlog.has_work
    assert backlog.total == backlog.read == 5
