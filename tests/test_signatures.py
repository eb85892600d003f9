"""How changed files are recognised, whatever times, sizes and inodes a file system reports."""

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from conftest import NOW, Clock, Tree, items, site_in, titles
from hypothesis import given, settings, strategies as st
from sites import Site

from feedsvc.changes import diff
from feedsvc.diagnosis import check
from feedsvc.model import LATEST_NS, UNREAD, Changes, Scan, Signature
from feedsvc.refresh.settling import Settling
from feedsvc.scan import Directory, folder_digests, walk
from feedsvc.scan.digests import folder_digest
from feedsvc.scan.files import File, file_of

Open = Callable[..., Site]
ONE = "---\ntitle: One\n---\ntext"
TWO = ONE.replace("One", "Two")
ODD_TIME = (
    "the file's time is not a time that an article can have: it is before 1970, or after 2261"
)
CHANGED = Changes(modified=("a.md",))


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Path]:
    """Make a directory whose file system keeps any time, where there is one."""
    memory = Path("/dev/shm")  # tmpfs, on most Linux systems
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.parametrize(
    "seconds",
    [
        datetime(2300, 1, 1, tzinfo=UTC).timestamp(),
        datetime(9999, 12, 31, tzinfo=UTC).timestamp() + 10**6,
        datetime(1600, 1, 1, tzinfo=UTC).timestamp(),
        2**62,
        -(2**62),
    ],
    ids=["2300", "10000", "1600", "2^62", "-2^62"],
)
def test_a_file_with_an_impossible_time_is_published_and_named(
    open_site: Open, wide: Path, seconds: float
) -> None:
    file = wide / "a.md"
    file.write_text(ONE)
    os.utime(file, ns=(0, int(seconds) * 10**9))
    (wide / "b.md").write_text(TWO)
    os.utime(wide / "b.md", (1, 1))
    site = open_site(articles={"directory": str(wide)})
    report = site.refresh()
    assert sorted(titles(site)) == ["One", "Two"]
    (problem,) = report.problems
    assert (problem.source, problem.what, problem.published) == ("a.md", ODD_TIME, True)
    assert check(site.config, NOW).problems == (problem,)
    assert site.refresh().changes == Changes()
    assert site.refresh(paths=[wide / "c.md"]).changes == Changes()
    file.write_text(ONE.replace("text", "more"))
    os.utime(file, ns=(0, int(seconds) * 10**9))
    assert site.refresh().changes == CHANGED
    file.touch()
    assert site.refresh().problems == ()


@pytest.mark.parametrize(
    ("settle", "published"),
    [("0s", "2026-03-01T12:00:00+00:00"), ("1s", "2026-03-01T12:00:01+00:00")],
)
def test_a_file_from_the_far_future_is_dated_now(
    open_site: Open, wide: Path, clock: Clock, settle: str, published: str
) -> None:
    (wide / "a.md").write_text(ONE)
    os.utime(wide / "a.md", ns=(0, 2**62 * 10**9))
    site = open_site(articles={"directory": str(wide), "settle": settle})
    site.refresh()
    clock.advance(seconds=1)
    site.refresh()
    (item,) = items(site)
    assert item["date_published"] == published


@pytest.mark.parametrize("by_event", [True, False])
def test_new_content_with_the_same_size_and_time_is_read(
    site: Site, tree: Tree, by_event: bool
) -> None:
    file = tree.write("a.md", ONE)
    site.refresh()
    before = file.stat()
    tree.write("a.md", TWO)  # as rsync -t and cp -p do; the clock stands still
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert site.refresh(paths=[file] if by_event else None).changes == CHANGED
    assert titles(site) == ["Two"]


def test_a_file_that_took_the_name_of_another_with_the_same_times_is_read(
    site: Site, tree: Tree, frozen_ctime: None
) -> None:
    tree.write("a/x.md", ONE)
    tree.write("b/x.md", TWO)
    site.refresh()
    tree.rename("a", "c")
    tree.rename("b", "a")
    tree.rename("c", "b")
    assert site.refresh().changes == Changes(modified=("a/x.md", "b/x.md"))


@pytest.fixture
def frozen_ctime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file system's clock stand still."""
    monkeypatch.setattr(
        walk, "file_of", lambda status: (*file_of(status)[:2], 0, file_of(status)[3])
    )


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files look alike that have the same mtime and size."""
    monkeypatch.setattr(walk, "file_of", lambda status: (*file_of(status)[:2], 0, 0))


@pytest.mark.usefixtures("alike")
def test_a_file_named_by_an_event_is_read_even_with_the_same_signature(
    site: Site, tree: Tree
) -> None:
    file = tree.write("a.md", ONE)
    tree.write("b.md", "---\ntitle: B\n---\n")
    site.refresh()
    tree.write("a.md", TWO)
    assert site.refresh().changes == Changes()
    assert site.refresh(paths=[tree.root / "b.md", tree.root]).changes == Changes(
        modified=("b.md",)
    )
    assert site.refresh(paths=[file]).changes == CHANGED
    assert sorted(titles(site)) == ["B", "Two"]


@pytest.mark.usefixtures("alike")
@pytest.mark.parametrize("links", ["inside", "never"])
def test_an_event_counts_even_when_links_cause_a_whole_scan(
    open_site: Open, tree: Tree, links: str
) -> None:
    file = tree.write("a.md", ONE)
    (tree.root / "link.md").symlink_to("a.md")
    site = open_site(articles={"links": links})
    site.refresh()
    tree.write("a.md", TWO)
    assert site.refresh(paths=[file]).changes == CHANGED


@pytest.mark.usefixtures("alike")
@pytest.mark.parametrize("paths", [None, ()])
def test_an_event_is_not_forgotten_while_its_file_settles(
    open_site: Open, tree: Tree, clock: Clock, paths: tuple[str, ...] | None
) -> None:
    site = open_site(articles={"settle": "1s"})
    file = tree.write("a.md", ONE)
    clock.advance(seconds=1)
    site.refresh()
    tree.write("a.md", TWO)
    site.refresh()  # the file is read with this time
    clock.advance(seconds=1)
    site.refresh()
    tree.write("a.md", ONE)
    os.utime(file, (clock.now.timestamp() - 1,) * 2)  # the time that the last pass but one saw
    site.refresh(paths=[file])
    tree.write("a.md", ONE.replace("One", "New"))
    report = site.refresh(paths=[file])
    assert (report.changes, report.pending) == (Changes(), ("a.md",))
    clock.advance(seconds=1)
    assert site.refresh(paths=paths).changes == CHANGED
    assert titles(site) == ["New"]
    assert site.refresh(paths=paths).changes == Changes()


def test_a_change_of_metadata_alone_changes_no_feed(site: Site, tree: Tree, clock: Clock) -> None:
    file = tree.write("a.md", ONE)
    site.refresh()
    before = [site.document(f"/feeds/all.{suffix}") for suffix in ("atom", "rss", "json")]
    changes: list[Callable[[], object]] = [
        lambda: file.chmod(0o600),
        lambda: (tree.root / "a.backup").hardlink_to(file),
        lambda: shutil.copy2(file, tree.root / "aside") and (tree.root / "aside").rename(file),
    ]
    for change in changes:
        clock.advance(hours=1)
        change()
        assert site.refresh().changes == CHANGED
        assert [
            site.document(f"/feeds/all.{suffix}") for suffix in ("atom", "rss", "json")
        ] == before
        assert site.refresh().changes == Changes()


def renumbering(start: int) -> Callable[[os.stat_result], File]:
    numbers = iter(range(start, start + 10**6))
    return lambda status: (*file_of(status)[:2], 0, next(numbers))


@pytest.mark.parametrize("folders", [1, 150])
def test_new_inode_numbers_cause_no_reading(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch, folders: int
) -> None:
    for number in range(150):
        tree.write(f"{number % folders}/{number}.md", ONE)
    site.refresh()
    with monkeypatch.context() as patched:
        patched.setattr(walk, "file_of", renumbering(1))
        patched.setattr(walk, "file_without_inode", lambda status: (*file_of(status)[:2], 0, 0))
        patched.setattr(Directory, "read", lambda *_: b"")
        site.refresh()  # the inodes of the real file system are no longer seen
    monkeypatch.setattr(walk, "file_of", renumbering(1000))
    monkeypatch.setattr(walk, "file_without_inode", lambda status: (*file_of(status)[:2], 0, 0))
    for _ in range(2):
        assert site.refresh().changes == Changes()
    file = tree.write("0/0.md", ONE + " and more")
    for paths in ([file], None):
        assert site.refresh(paths=paths).changes == Changes(modified=("0/0.md",) if paths else ())


def test_files_of_an_older_state_are_read_once_more_and_no_feed_changes(
    open_site: Open, tree: Tree, tmp_path: Path, clock: Clock
) -> None:
    tree.write("a.md", ONE)
    site = open_site()
    site.refresh()
    before = site.document("/feeds/all.atom")
    site.close()
    with sqlite3.connect(tmp_path / "state" / "index.db") as database:
        database.execute("UPDATE files SET ctime_ns = -1, inode = -1")
    clock.advance(hours=1)
    site = open_site()
    assert site.refresh().changes == CHANGED
    assert site.document("/feeds/all.atom") == before
    assert site.refresh().changes == Changes()


# --- any result of stat, any time of the clock

NS = st.one_of(
    st.integers(-(2**62), 2**62).map(lambda seconds: seconds * 10**9),
    st.integers(-(2**65), 2**65),
    st.sampled_from([0, -1, LATEST_NS, LATEST_NS + 1, -LATEST_NS - 1]),
)


@st.composite
def stats(draw: st.DrawFn) -> os.stat_result:
    """Draw any status that a file system may report of a regular file."""
    size = draw(st.one_of(st.integers(0, 200), st.integers(0, 2**63 - 1)))
    inode = draw(st.integers(0, 2**64 - 1))
    times = {"st_atime_ns": 0, "st_mtime_ns": draw(NS), "st_ctime_ns": draw(NS)}
    return os.stat_result((0o100644, inode, 1, 1, 0, 0, size, 0, 0, 0), times)


MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(stats())
def test_any_signature_fits_into_64_bits(status: os.stat_result) -> None:
    assert all(-(2**63) < value < 2**63 for value in file_of(status))
    assert Signature(*file_of(status)) != UNREAD


@given(st.lists(st.tuples(st.dictionaries(st.sampled_from("abc"), stats()), MOMENTS), max_size=5))
def test_files_settle_whatever_their_times_and_the_clock_say(
    passes: list[tuple[dict[str, os.stat_result], datetime]],
) -> None:
    settling = Settling(timedelta(seconds=1))
    known: dict[str, Signature] = {}
    scanned: dict[str, Signature] = {}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for files, moment in [*passes, *passes[-1:]]:
        now = moment
        scanned = {source: Signature(*file_of(status)) for source, status in files.items()}
        scan = Scan(signatures=scanned, unreadable=(), root="")
        settled = settling.settle(scan, known, now)
        assert settled.wait is None or 0 < settled.wait <= 1
        assert set(settled.pending) == {
            s for s in scanned if settled.signatures.get(s) != scanned[s]
        }
        changes = diff(known, settled.signatures)
        assert bool(changes) == (known != settled.signatures)
        assert (folder_digests(known.items()) == folder_digests(settled.signatures.items())) >= (
            not changes
        )
        known = dict(settled.signatures)
    # After the settle time no file waits any more, unless its time is still to come.
    later = now + timedelta(seconds=1)
    settled = settling.settle(Scan(signatures=scanned, unreadable=(), root=""), known, later)
    assert (
        settled.signatures == scanned
        or min(s.mtime_ns for s in scanned.values()) // 10**9
        >= (now - timedelta(seconds=1)).timestamp()
    )


class Entry:
    """An entry of a folder with another result of `stat`."""

    def __init__(self, entry: Any, results: dict[str, os.stat_result]) -> None:
        self._entry = entry
        self._results = results

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    def stat(self, **options: bool) -> os.stat_result:
        real: os.stat_result = self._entry.stat(**options)
        return self._results.get(self._entry.name, real)


@contextmanager
def reported(results: dict[str, os.stat_result]) -> Iterator[None]:
    """Let the file system report these results of `stat`, by the names of files."""
    really = os.scandir

    @contextmanager
    def listed(descriptor: int) -> Iterator[Iterator[Entry]]:
        with really(descriptor) as entries:
            yield (Entry(entry, results) for entry in entries)

    with mock.patch.object(os, "scandir", listed):
        yield


@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from(["a.md", "b.md"]), stats()), MOMENTS),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(["0s", "1s"]),
)
@settings(deadline=None, max_examples=20)
def test_a_pass_works_after_any_stat_result_and_any_clock_jump(
    passes: list[tuple[dict[str, os.stat_result], datetime]], settle: str
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        site_in(Path(folder), articles={"settle": settle}) as (site, tree),
    ):
        clock = tree.clock
        tree.write("a.md", ONE)
        tree.write("b.md", TWO)
        tree.write("c/d.md", ONE.replace("One", "Other"))
        clock.advance(seconds=1)
        right = clock.now
        site.refresh()
        for results, clock.now in passes:
            with reported(results):
                site.refresh()
                site.refresh(paths=[tree.root / "a.md"])
                site.refresh()
        clock.now = right + timedelta(days=1)
        tree.write("new.md", ONE.replace("One", "New"))
        site.refresh()
        clock.advance(seconds=1)
        site.refresh()
        assert sorted(titles(site)) == ["New", "One", "Other", "Two"]
        assert site.problems() == ()


# --- files that change after their folder was listed and before their status is read


@pytest.mark.parametrize("kind", ["gone", "folder", "pipe", "link", "broken link"])
def test_a_file_replaced_during_the_scan_does_not_affect_other_files(
    site: Site, tree: Tree, kind: str
) -> None:
    for source in ("a.md", "b.md", "c/d.md"):
        tree.write(source, ONE.replace("One", source))
    (tree.root.parent / "outside.md").write_text(ONE.replace("One", "secret"))
    site.refresh()
    tree.write("new.md", ONE.replace("One", "new.md"))
    file = tree.root / "b.md"
    put: dict[str, Callable[[], object]] = {
        "gone": lambda: None,
        "folder": file.mkdir,
        "pipe": lambda: os.mkfifo(file),
        "link": lambda: file.symlink_to("../outside.md"),
        "broken link": lambda: file.symlink_to("nowhere"),
    }
    really = os.scandir

    @contextmanager
    def listed(descriptor: int) -> Iterator[Iterator[os.DirEntry[str]]]:
        with really(descriptor) as entries:
            listing = list(entries)
        if any(entry.name == "b.md" for entry in listing) and file.is_file():
            file.unlink()
            put[kind]()
        yield iter(listing)

    with mock.patch.object(os, "scandir", listed):
        site.refresh()
    assert set(titles(site)) - {"b.md"} == {"a.md", "c/d.md", "new.md"}
    report = site.refresh()
    assert sorted(titles(site)) == ["a.md", "c/d.md", "new.md"]
    assert report.problems == ()


@pytest.mark.parametrize("error", [PermissionError(13, "no"), OSError(116, "Stale file handle")])
def test_a_file_whose_status_cannot_be_read_does_not_affect_other_files(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    for source in ("a.md", "b.md", "c/d.md"):
        tree.write(source, ONE.replace("One", source))
    site.refresh()
    tree.write("a.md", ONE.replace("One", "changed"))
    tree.write("new.md", ONE.replace("One", "new.md"))

    def stat(entry: Entry, **_: bool) -> os.stat_result:
        if entry.name == "b.md":
            raise error
        result: os.stat_result = entry._entry.stat(follow_symlinks=False)
        return result

    monkeypatch.setattr(Entry, "stat", stat)
    with reported({}):
        report = site.refresh()
    assert sorted(titles(site)) == ["b.md", "c/d.md", "changed", "new.md"]
    assert [problem.source for problem in report.problems] == ["b.md"]


def test_a_deleted_file_is_no_longer_named_as_unreadable(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    file = tree.write("a.md", ONE)
    with monkeypatch.context() as patched:
        patched.setattr(Directory, "read", refuse)
        assert [problem.source for problem in site.refresh().problems] == ["a.md"]
    file.unlink()
    assert site.refresh().problems == ()


def test_a_folder_digest_changes_when_two_files_swap_names() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        names = [f"{chance.randrange(10**6)}.md" for _ in range(2)]
        first, second = (tuple(chance.randrange(2**60) for _ in range(4)) for _ in range(2))
        before = folder_digest(dict(zip(names, (first, second), strict=True)))
        assert folder_digest(dict(zip(names, (second, first), strict=True))) != before
