"""The articles directory: which files are articles."""

import os
from pathlib import Path

import pytest

from feedsvc.errors import ScanError
from feedsvc.scan import Directory, Links

INCLUDE = ("**/*.md", "**/*.txt", "news/*.html")


def scan(root: Path, *sources: str) -> list[str]:
    for source in sources:
        file = root / source
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    return list(Directory(root, INCLUDE).scan().signatures)


def test_files_are_found_at_any_depth_by_pattern(tmp_path: Path) -> None:
    found = scan(tmp_path, "a.md", "b/c/d.txt", "news/e.html", "news/f/g.html", "h.pdf", "Makefile")
    assert found == ["a.md", "b/c/d.txt", "news/e.html"]


def test_names_may_hold_anything_a_file_system_allows(tmp_path: Path) -> None:
    names = ["100%.md", "a b.md", "a#b.md", "a\nb.md", "中文－名.md", "🙂.md"]
    assert sorted(scan(tmp_path, *names)) == sorted(names)


@pytest.mark.parametrize(
    "name", [".hidden.md", ".git/a.md", "a.md~", "#a.md#", ".a.md.swp", "a.md.part", "b.tmp"]
)
def test_what_editors_and_downloads_leave_behind_is_passed_over(tmp_path: Path, name: str) -> None:
    root = tmp_path / "articles"
    assert scan(root, name, "a.txt") == ["a.txt"]


@pytest.mark.parametrize(
    ("links", "found"),
    [
        ("never", ["a.md", "b/c.md"]),
        ("inside", ["a.md", "b/c.md", "link.md"]),
        ("anywhere", ["a.md", "b/c.md", "link.md", "out.md", "outfolder/d.md"]),
    ],
)
def test_links_are_followed_as_far_as_allowed_and_circles_end(
    tmp_path: Path, links: Links, found: list[str]
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
    assert list(Directory(root, INCLUDE, links).scan().signatures) == found


def test_what_is_no_file_is_no_article(tmp_path: Path) -> None:
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


def test_a_directory_that_is_not_there_is_an_error_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="No such file"):
        Directory(tmp_path / "gone", INCLUDE).scan()


def test_an_article_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xff\r\n\0")
    assert Directory(tmp_path, INCLUDE).read("a.md") == b"\xff\r\n\0"
