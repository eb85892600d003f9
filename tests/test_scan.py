"""The articles directory: which files are articles."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Tree
from hypothesis import given, settings, strategies as st
from sites import Site
from wcmatch import glob

from feedsvc.changes import diff, part
from feedsvc.errors import ScanError
from feedsvc.model import Changes, PartialScan
from feedsvc.scan import Directory, Links, folder_digests

INCLUDE = ("**/*.md", "**/*.txt", "news/*.html")


def scan(root: Path, *sources: str) -> list[str]:
    for source in sources:
        file = root / source
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    return list(Directory(root, INCLUDE).scan().signatures)


def test_files_are_found_at_any_depth_by_pattern(tmp_path: Path) -> None:
    files = ["a.md", "b/c/d.txt", "news/e.html", "news/f/g.html", "h.pdf", "Makefile"]
    assert scan(tmp_path, *files) == ["a.md", "b/c/d.txt", "news/e.html"]


def test_names_may_hold_anything_a_file_system_allows(tmp_path: Path) -> None:
    names = ["100%.md", "a b.md", "a#b.md", "a\nb.md", "中文－名.md", "🙂.md"]
    assert sorted(scan(tmp_path, *names)) == sorted(names)


@pytest.mark.parametrize(
    "name",
    [".hidden.md", ".git/a.md", "a.md~", "#a.md#", ".#a.md", ".a.md.swp", "a.md.swp", "a.md.part",
     "b.tmp", "~$a.md", "~$office.MD", "a.md.filepart", ".DS_Store", "._a.md", "4913"],
)  # fmt: skip
def test_temporary_files_of_editors_and_downloads_are_ignored(tmp_path: Path, name: str) -> None:
    root = tmp_path / "articles"
    assert scan(root, name, "a.txt") == ["a.txt"]


def test_the_case_of_an_extension_does_not_matter(tmp_path: Path) -> None:
    names = ["a.MD", "b.Md", "c.md", "d/E.TXT", "news/f.HTML"]
    assert scan(tmp_path, *names, "News/g.html", "news/h/i.HTML", "j.mdx", "md", ".MD") == names
    directory = Directory(tmp_path, INCLUDE)
    directory.scan()
    assert list(scan_places(directory, "a.MD", "d").signatures) == ["a.MD", "d/E.TXT"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**/*.[m]d", ["a.md"]),
        (r"**/*.\md", ["a.md"]),
        ("**/*.m?", ["a.MD", "a.md"]),
        ("**/A.tar.md", []),
        ("a.md", ["a.MD", "a.md"]),
        ("**/b.d/*", ["b.d/x"]),
        ("**/*", ["4913", "a.MD", "a.md", "b.d/x"]),
    ],
)
def test_only_a_plain_extension_matches_in_any_case(
    tmp_path: Path, pattern: str, expected: list[str]
) -> None:
    scan(tmp_path, "a.md", "a.MD", "b.d/x", "~$a.md", "4913")
    assert list(Directory(tmp_path, (pattern,)).scan().signatures) == expected


def test_a_folder_named_like_a_temporary_file_is_scanned(tmp_path: Path) -> None:
    assert scan(tmp_path, "4913/a.md", "~x/b.md", "~c.md") == ["4913/a.md", "~c.md", "~x/b.md"]


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ("never", ["a.md", "b/c.md"]),
        ("inside", ["a.md", "b/c.md", "link.md"]),
        ("anywhere", ["a.md", "b/c.md", "link.md", "out.md", "outfolder/d.md"]),
    ],
)
def test_links_are_followed_as_configured_and_circles_end(
    tmp_path: Path, links: Links, expected: list[str]
) -> None:
    root = tmp_path / "articles"
    scan(root, "a.md", "b/c.md")
    scan(tmp_path / "outside", "d.md")
    (root / "link.md").symlink_to("b/c.md")
    (root / "out.md").symlink_to(tmp_path / "outside" / "d.md")
    (root / "outfolder").symlink_to(tmp_path / "outside")
    (root / "again").symlink_to("b")
    (root / "round").symlink_to(root)
    (root / "b" / "up").symlink_to("..")
    (root / "self.md").symlink_to("self.md")
    (root / "nowhere.md").symlink_to("gone.md")
    assert list(Directory(root, INCLUDE, links).scan().signatures) == expected


def test_pipes_and_folders_are_no_articles(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()
    assert scan(tmp_path, "a.md") == ["a.md"]


def test_a_changed_file_has_another_signature(tmp_path: Path) -> None:
    directory = Directory(tmp_path, INCLUDE)
    scan(tmp_path, "a.md")
    before = directory.scan().signatures
    assert directory.scan().signatures == before
    (tmp_path / "a.md").write_text("longer")
    assert directory.scan().signatures != before


def test_a_missing_directory_is_an_error_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="No such file"):
        Directory(tmp_path / "gone", INCLUDE).scan()


def test_a_file_is_read_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xff\r\n\0")
    assert Directory(tmp_path, INCLUDE).read("a.md") == b"\xff\r\n\0"


def test_a_name_that_is_not_utf_8_is_written_out_and_read_back(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"b\xff")).mkdir()
    (tmp_path / os.fsdecode(b"b\xff/\xe4.md")).write_text("odd")
    directory = Directory(tmp_path, INCLUDE)
    assert list(directory.scan().signatures) == [r"b\xff/\xe4.md"]
    assert directory.read(r"b\xff/\xe4.md") == b"odd"


def test_a_literal_name_counts_before_an_escaped_name_that_looks_the_same(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xe4.md")).write_text("odd")
    (tmp_path / r"\xe4.md").write_text("literal")
    directory = Directory(tmp_path, INCLUDE)
    assert directory.scan().signatures[r"\xe4.md"].size == len("literal")
    assert directory.read(r"\xe4.md") == b"literal"
    assert scan_places(directory, r"\xe4.md").signatures == directory.scan().signatures


NAME = st.text(alphabet=".~$#-*[]ax\n中\\", max_size=4)
ENDING = st.sampled_from([".md", ".MD", ".tar.md", ".swp", ".part", ".md~", ".md\n", ".txt.tmp"])


@given(st.lists(st.tuples(NAME, ENDING).map("".join), max_size=8))
@settings(deadline=None, max_examples=60)
def test_matching_by_extension_agrees_with_the_whole_pattern(names: list[str]) -> None:
    include = ("**/*.md", "**/*.swp", "**/*.tar.md", "**/*.tmp", "**/*~")
    wanted, _ = glob.translate(list(include), flags=glob.GLOBSTAR | glob.FORCEUNIX)
    hidden = re.compile(
        r"^[.#]|^~\$|~$|\.(?:sw[nopx]|part|partial|filepart|tmp|crdownload)$", re.IGNORECASE
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            Path(folder, name).write_text("x")
        assert list(Directory(Path(folder), include).scan().signatures) == sorted(
            name
            for name in set(names)
            if not hidden.search(name)
            and any(re.match(pattern, name, re.IGNORECASE) for pattern in wanted)
        )


def scanned_digests(directory: Directory) -> dict[str, int]:
    return folder_digests(directory.scan().signatures.items())


def test_the_folder_digests_change_only_when_a_file_changes(tmp_path: Path) -> None:
    directory = Directory(tmp_path, INCLUDE)
    (tmp_path / "link.md").symlink_to("b/c.md")
    (tmp_path / "again").symlink_to("d")
    scan(tmp_path, "a.md", "b/c.md", "d/e.md", "b/中文.md", "d/" + os.fsdecode(b"\xff.md"))
    before = directory.digest_folders().folders
    assert directory.digest_folders().folders == before == scanned_digests(directory)
    assert before.keys() == {"", "b", "d"}
    changes: list[Callable[[], object]] = [
        lambda: (tmp_path / "b" / "c.md").write_text("longer"),
        lambda: os.utime(tmp_path / "b" / "c.md", ns=(1, 1)),
        lambda: (tmp_path / "b" / "f.md").write_text("new"),
        lambda: (tmp_path / "b" / "f.md").rename(tmp_path / "b" / "g.md"),
        (tmp_path / "a.md").unlink,
        lambda: (tmp_path / "d").rename(tmp_path / "e"),
        (tmp_path / "link.md").unlink,
        lambda: shutil.rmtree(tmp_path / "b"),
    ]
    for change in changes:
        change()
        after = directory.digest_folders().folders
        assert after == scanned_digests(directory) != before
        before = after


def test_a_later_pass_scans_only_the_folders_that_changed(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for source in ("a/b.md", "a/c/d.md", "e/f.md"):
        tree.write(source, "text")
    site.refresh()
    monkeypatch.setattr(Directory, "scan", None)  # to ask for every signature would be an error
    assert not site.refresh().changes
    tree.write("a/c/d.md", "another text")
    tree.write("e/g/h.md", "text")
    tree.rename("a/b.md", "e/b.md")
    changes = Changes(added=("e/b.md", "e/g/h.md"), modified=("a/c/d.md",), removed=("a/b.md",))
    assert site.refresh().changes == changes
    assert not site.refresh().changes
    shutil.rmtree(tree.root / "e")
    assert site.refresh().changes == Changes(removed=("e/b.md", "e/f.md", "e/g/h.md"))


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Refuse the status of files with these names; root would be refused nothing."""
    names: set[str] = set()
    real_lstat, real_scandir = os.lstat, os.scandir

    class Entry:
        def __init__(self, entry: Any) -> None:
            self._entry = entry

        def __getattr__(self, name: str) -> Any:
            return getattr(self._entry, name)

        def stat(self, **options: bool) -> os.stat_result:
            if self._entry.name in names:
                raise PermissionError(13, "Permission denied")
            result: os.stat_result = self._entry.stat(**options)
            return result

    @contextmanager
    def listed(descriptor: int) -> Iterator[Iterator[Entry]]:
        with real_scandir(descriptor) as entries:
            yield map(Entry, entries)

    def lstat(path: str) -> os.stat_result:
        if Path(path).name in names:
            raise PermissionError(13, "Permission denied")
        return real_lstat(path)

    monkeypatch.setattr(os, "scandir", listed)
    monkeypatch.setattr(os, "lstat", lstat)
    return names


def test_a_file_whose_status_cannot_be_read_is_named(tmp_path: Path, refused: set[str]) -> None:
    scan(tmp_path, "a.md", "b/c.md", "b/d.md")
    directory = Directory(tmp_path, INCLUDE)
    directory.scan()
    refused.add("c.md")
    unreadable = (("b/c.md", "Permission denied"),)
    scanned = directory.scan()
    assert list(scanned.signatures) == ["a.md", "b/d.md"]
    assert scanned.unreadable == directory.digest_folders().unreadable == unreadable
    for place in ("b", "b/c.md"):
        assert scan_places(directory, place).unreadable == unreadable
    assert scan_places(directory, "b/d.md").unreadable == ()


def test_an_article_whose_status_cannot_be_read_stays_published(
    site: Site, tree: Tree, refused: set[str]
) -> None:
    for source in ("a.md", "b/c.md", "b/d.md", "e/f.md"):
        tree.write(source, f"---\ntitle: {source}\n---\ntext")
    site.refresh()
    refused |= {"c.md", "f.md"}
    for paths in (None, [tree.root / "b"], [tree.root / "b/c.md"], None):
        report = site.refresh(paths=paths)
        assert not report.changes
        assert report.articles == (4 if paths is None else None)
        assert {problem.source for problem in report.problems} == {"b/c.md", "e/f.md"}
    (tree.root / "b/d.md").unlink()
    assert site.refresh().changes == Changes(removed=("b/d.md",))
    refused.clear()
    tree.remove("b/c.md")
    report = site.refresh()
    assert report.changes == Changes(removed=("b/c.md",))
    assert report.problems == ()


def scan_places(directory: Directory, *sources: str) -> PartialScan:
    partial = directory.scan_places(sources)
    assert partial is not None
    return partial


def test_a_partial_scan_finds_the_files_at_a_place_and_below(tmp_path: Path) -> None:
    scan(tmp_path, "a.md", "b/c.md", "b/d/e.md", "b/.f/g.md", "b/h.pdf", "bb.md", "news/i.html")
    directory = Directory(tmp_path, INCLUDE)
    directory.scan()
    assert list(scan_places(directory, "b").signatures) == ["b/c.md", "b/d/e.md"]
    assert list(scan_places(directory, "a.md", "news/i.html").signatures) == ["a.md", "news/i.html"]
    for place in ("gone.md", "gone/a.md", "b/h.pdf", "b/.f", "b/.f/g.md", "a.md/x.md", "../a.md"):
        assert scan_places(directory, place).signatures == {}


def test_a_partial_scan_names_no_place_below_another(tmp_path: Path) -> None:
    scan(tmp_path, "a.md")
    directory = Directory(tmp_path, INCLUDE)
    directory.scan()
    assert scan_places(directory, "b/c/d.md", "b", "b-c", "b/e.md", "a.md").within == (
        "a.md",
        "b",
        "b-c",
    )


def test_a_partial_scan_needs_an_earlier_scan_and_a_place(tmp_path: Path) -> None:
    scan(tmp_path, "a.md")
    directory = Directory(tmp_path, INCLUDE)
    assert directory.scan_places(["a.md"]) is None
    assert directory.source_of(tmp_path / "a.md") == ""
    directory.scan()
    assert directory.scan_places(["a.md"]) is not None
    assert directory.scan_places(["a.md", ""]) is None


def test_there_is_no_partial_scan_of_a_directory_that_was_replaced(tmp_path: Path) -> None:
    root = tmp_path / "articles"
    scan(root, "a.md")
    directory = Directory(root, INCLUDE)
    directory.scan()
    root.rename(tmp_path / "unmounted")
    assert directory.scan_places(["a.md"]) is None
    root.mkdir()
    assert directory.scan_places(["a.md"]) is None


def test_there_is_no_partial_scan_of_new_links(tmp_path: Path) -> None:
    scan(tmp_path, "a.md", "b/c.md")
    directory, never = Directory(tmp_path, INCLUDE), Directory(tmp_path, INCLUDE, "never")
    directory.scan(), never.scan()
    (tmp_path / "again").symlink_to("b")
    (tmp_path / "link.md").symlink_to("a.md")
    scan(tmp_path, "new/d.md")
    (tmp_path / "new" / "up").symlink_to("..")
    for place in ("again", "again/c.md", "link.md", "new", "new/up/a.md"):
        assert directory.scan_places([place]) is None
        assert [s for s in scan_places(never, place).signatures if s != "new/d.md"] == []
    assert list(scan_places(directory, "new/d.md").signatures) == ["new/d.md"]


def test_source_of_returns_the_source_of_a_path(tmp_path: Path) -> None:
    root = tmp_path / "articles"
    scan(root, "a.md", "b/c.md")
    (tmp_path / "linked").symlink_to(root)
    for directory in (Directory(root, INCLUDE), Directory(tmp_path / "linked", INCLUDE)):
        directory.scan()
        for base in (root, tmp_path / "linked"):
            assert directory.source_of(base / "b/c.md") == "b/c.md"
            assert directory.source_of(str(base / "b") + "/") == "b"
            assert directory.source_of(base / "gone/far/d.md") == "gone/far/d.md"
            assert directory.source_of(base / os.fsdecode(b"b/\xff.md")) == r"b/\xff.md"
            for hidden in (".git/a.md", "b/.a.md.swp", "b/a.md~", "b/.tmp"):
                assert directory.source_of(base / hidden) is None
        assert directory.source_of(tmp_path / "articles2" / "a.md") is None
        assert directory.source_of(directory.root) == ""
        assert directory.source_of(root) == ""
        assert directory.source_of(tmp_path) == ""


def test_source_of_asks_for_a_whole_scan_of_paths_behind_links(tmp_path: Path) -> None:
    root, outside = tmp_path / "articles", tmp_path / "outside"
    scan(root, "a.md", "b/c.md", "d/e.md", "d/f/g.md")
    scan(outside, "h.md")
    (root / "link.md").symlink_to("b/c.md")
    (root / "folder").symlink_to("d/f")
    (root / "out").symlink_to(outside)
    (root / "nowhere.md").symlink_to("x/y.md")
    directory = Directory(root, INCLUDE, "anywhere")
    directory.scan()
    concerned = "link.md b/c.md b d d/f d/f/g.md folder/g.md out x x/y.md"
    for path in concerned.split():
        assert directory.source_of(root / path) == ""
    assert directory.source_of(root / ".hidden" / "may-be-led-to.md") == ""
    assert directory.source_of(root / "out" / "h.md") == ""
    assert directory.source_of(outside / "h.md") == ""
    assert directory.source_of(root / "a.md") == "a.md"
    assert directory.source_of(root / "d/e.md") == "d/e.md"
    assert directory.source_of(tmp_path / "other") is None


def test_a_partial_scan_names_unreadable_folders_like_a_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan(tmp_path, "a.md", "b/c.md", "b/d/e.md")
    directory = Directory(tmp_path, INCLUDE)
    directory.scan()
    real_open = os.open

    def refuse(path: str, flags: int, *rest: int) -> int:
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, flags, *rest)

    monkeypatch.setattr(os, "open", refuse)  # root may list every folder
    unreadable = directory.scan().unreadable
    assert unreadable == (("b/", "Permission denied"),)
    for place in ("b", "b/c.md", "b/d", "b/gone.md"):
        assert scan_places(directory, place).unreadable == unreadable
        assert scan_places(directory, place).signatures == {}
    assert scan_places(directory, "a.md").unreadable == ()


ODD = os.fsdecode(b"\xff.md")
NAMES = st.sampled_from(["a.md", "b", "c", ".h", "中.md", r"\xff.md", ODD, "d.md~"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
ACTIONS = st.tuples(st.sampled_from(["write", "mkdir", "remove", "link", "move"]), PATHS, PATHS)


def do(root: Path, action: str, source: str, other: str) -> set[str]:
    """Do this, if it is possible, and return the paths that file events would name."""
    path, target = root / source, root / other
    missing = (folder for folder in path.parents if not folder.exists())
    changed = {path, target} if action == "move" else {path, *missing}
    events = {*map(str, changed), *map(os.path.realpath, changed)}  # a link may be written through
    try:
        if action == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write("x")
        elif action == "mkdir":
            path.mkdir(parents=True, exist_ok=True)
        elif action == "remove":
            path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)
        elif action == "link":
            path.symlink_to(target)
        else:
            path.rename(target)
    except OSError:
        pass
    return events


@given(st.lists(ACTIONS, max_size=12), st.lists(ACTIONS, max_size=4), st.lists(PATHS, max_size=2))
@settings(deadline=None, max_examples=80)
@pytest.mark.parametrize("links", ["inside", "anywhere", "never"])
def test_a_partial_scan_of_all_events_finds_every_change(
    links: Links,
    before: list[tuple[str, str, str]],
    after: list[tuple[str, str, str]],
    unchanged: list[str],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "articles")
        root.mkdir()
        for action in before:
            do(root, *action)
        directory = Directory(root, INCLUDE, links)
        known = directory.scan().signatures
        events = {str(root / path) for path in unchanged}.union(*(do(root, *a) for a in after))
        sources = {directory.source_of(path) for path in events} - {None}
        partial = directory.scan_places(source for source in sources if source is not None)
        whole = Directory(root, INCLUDE, links).scan().signatures
        if partial is None:
            assert links != "never"
            assert "link" in {action for action, _, _ in before + after}
        else:
            assert partial.signatures == part(whole, partial.within)
            replaced = part(known, partial.within)
            kept = {source: known[source] for source in known if source not in replaced}
            assert not diff(kept | partial.signatures, whole)


def test_a_scan_reports_progress_at_each_folder_and_within_large_ones(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    for n in range(2500):
        (tmp_path / "b" / f"{n}.md").touch()
    directory = Directory(tmp_path, INCLUDE)
    for walk in (
        directory.scan,
        directory.digest_folders,
        lambda progress: directory.scan_places(["a", "b"], progress),
    ):
        reports: list[None] = []
        walk(lambda reports=reports: reports.append(None))
        # Each folder once; the names in `b` at the first, the 1001st and the 2001st.
        assert len(reports) >= 2 + 3
