"""Files are opened only as the scan saw them: no pipe is waited for, no link leads outside."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Tree, titles
from flask.testing import FlaskClient
from sites import Site

from feedsvc import scan
from feedsvc.scan import Directory, Links, opening

INCLUDE = ("**/*.md",)
SECRET = b"what nobody may read"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make articles, some in a folder, beside a folder with the same names that is outside."""
    for folder, text in (("articles", b"inside"), ("outside", SECRET)):
        for source in ("a.md", "b/c.md"):
            file = tmp_path / folder / source
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
    return tmp_path / "articles"


@pytest.fixture(params=["by /proc of Linux", "step by step"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with the path of an open file from /proc, and on a system without /proc."""
    if request.param == "step by step":
        readlink = os.readlink

        def unknown(path: str) -> str:
            if path.startswith("/proc/"):
                raise FileNotFoundError
            return readlink(path)

        monkeypatch.setattr(os, "readlink", unknown)


def put_pipe(file: Path) -> None:
    os.mkfifo(file)


def put_folder(file: Path) -> None:
    file.mkdir()


def put_socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(file))


@pytest.mark.parametrize("put", [put_pipe, put_folder, put_socket])
@pytest.mark.parametrize("links", ["inside", "anywhere", "never"])
@pytest.mark.usefixtures("_both_ways")
def test_a_pipe_folder_or_socket_in_the_place_of_a_file_is_not_read(
    root: Path, put: Callable[[Path], None], links: Links
) -> None:
    directory = Directory(root, INCLUDE, links)
    assert list(directory.scan().signatures) == ["a.md", "b/c.md"]
    (root / "a.md").unlink()
    put(root / "a.md")
    in_time(lambda: reads(directory, "a.md") == b"nothing")
    assert directory.read("b/c.md") == b"inside"


def reads(directory: Directory, source: str) -> bytes:
    try:
        return directory.read(source)
    except FileNotFoundError:
        return b"nothing"


def in_time(work: Callable[[], object]) -> None:
    """Fail if `work` does not end within ten seconds, or returns nothing that is true."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    thread.join(10)
    assert results, "it waits"
    assert results[0]


def before_opening(patch: pytest.MonkeyPatch, change: Callable[[str], object]) -> None:
    """Call `change` with the name of each file just before it is opened."""
    open_file = scan.open_file

    def change_first(root: str, name: str, *more: Any) -> int:
        change(name)
        return open_file(root, name, *more)

    patch.setattr(scan, "open_file", change_first)


def test_a_device_in_the_place_of_a_file_is_not_read(root: Path) -> None:
    (root / "a.md").unlink()
    (root / "a.md").symlink_to("/dev/zero")
    with pytest.raises(FileNotFoundError):
        Directory(root, INCLUDE, "anywhere").read("a.md")


@pytest.mark.parametrize("links", ["inside", "never"])
@pytest.mark.usefixtures("_both_ways")
def test_a_link_in_the_place_of_a_file_does_not_lead_outside(root: Path, links: Links) -> None:
    directory = Directory(root, INCLUDE, links)
    directory.scan()
    (root / "a.md").unlink()
    (root / "a.md").symlink_to("../outside/a.md")
    with pytest.raises(FileNotFoundError):
        directory.read("a.md")
    assert directory.read("b/c.md") == b"inside"


@pytest.mark.parametrize("links", ["inside", "never"])
@pytest.mark.usefixtures("_both_ways")
def test_a_link_in_the_place_of_a_folder_does_not_lead_outside(root: Path, links: Links) -> None:
    directory = Directory(root, INCLUDE, links)
    directory.scan()
    (root / "b").rename(root / "d")
    (root / "b").symlink_to(root.parent / "outside" / "b")
    with pytest.raises(FileNotFoundError):
        directory.read("b/c.md")
    assert directory.read("d/c.md") == b"inside"


@pytest.mark.parametrize(
    ("links", "near", "far"),
    [
        ("inside", b"inside", b"nothing"),
        ("never", b"nothing", b"nothing"),
        ("anywhere", b"inside", SECRET),
    ],
)
@pytest.mark.usefixtures("_both_ways")
def test_reading_follows_the_same_links_as_the_scan(
    root: Path, links: Links, near: bytes, far: bytes
) -> None:
    (root / "near.md").symlink_to("b/c.md")
    (root / "folder").symlink_to("b")
    (root / "far.md").symlink_to("../outside/a.md")
    directory = Directory(root, INCLUDE, links)
    scanned = directory.scan().signatures
    assert ("near.md" in scanned, "far.md" in scanned) == (near != b"nothing", far != b"nothing")
    assert reads(directory, "near.md") == reads(directory, "folder/c.md") == near
    assert reads(directory, "far.md") == far


@pytest.mark.parametrize("links", ["inside", "never"])
@pytest.mark.usefixtures("_both_ways")
def test_the_articles_directory_may_be_a_link(root: Path, links: Links) -> None:
    (root.parent / "link").symlink_to(root)
    directory = Directory(root.parent / "link", INCLUDE, links)
    assert [directory.read(source) for source in directory.scan().signatures] == [b"inside"] * 2


@pytest.mark.parametrize("links", ["inside", "never"])
@pytest.mark.usefixtures("_both_ways")
def test_the_link_to_the_articles_directory_may_be_changed(root: Path, links: Links) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    directory = Directory(link, INCLUDE, links)
    assert directory.read("a.md") == b"inside"
    root.rename(root.parent / "moved")
    link.unlink()
    link.symlink_to("moved")
    assert directory.read("a.md") == b"inside"
    (root.parent / "moved" / "out.md").symlink_to("../outside/a.md")
    assert reads(directory, "out.md") == b"nothing"
    link.unlink()
    link.symlink_to("outside")
    (root.parent / "outside" / "out.md").symlink_to("../moved/a.md")
    assert directory.read("a.md") == SECRET  # the folder that the operator named now
    assert reads(directory, "out.md") == b"nothing"


@pytest.mark.parametrize("links", ["inside", "never"])
def test_a_file_deleted_while_it_is_read_is_read_whole(
    root: Path, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An editor that saves puts a new file in the place of the one that is open.
    readlink = os.readlink

    def unlink_first(path: str) -> str:
        (root / "a.md").unlink()
        return readlink(path)

    monkeypatch.setattr(os, "readlink", unlink_first)
    assert Directory(root, INCLUDE, links).read("a.md") == b"inside"


@pytest.mark.parametrize("links", ["inside", "never"])
@pytest.mark.usefixtures("_both_ways")
def test_no_file_outside_is_read_while_links_are_swapped(root: Path, links: Links) -> None:
    """A thread swaps a file, and a folder, for links to the outside while they are read."""
    directory = Directory(root, INCLUDE, links)
    (root / "file").write_bytes(b"inside")
    (root / "file link").symlink_to("../outside/a.md")
    (root / "folder link").symlink_to("../outside/b")
    (root / "real").mkdir()
    (root / "real" / "c.md").write_bytes(b"inside")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name, real, link in (("a.md", "file", "file link"), ("b", "real", "folder link")):
                for put in (link, real):
                    aside = root / f"{name} aside"
                    (root / name).rename(aside)
                    (root / put).rename(root / name)
                    (root / name).rename(root / put)
                    aside.rename(root / name)

    thread = threading.Thread(target=swap)
    thread.start()
    seen: set[bytes] = set()
    try:
        for _ in range(3000):
            for source in ("a.md", "b/c.md"):
                seen.add(reads(directory, source))
    finally:
        stop.set()
        thread.join()
    assert seen == {b"inside", b"nothing"}


def test_an_article_swapped_for_a_link_between_scan_and_reading_is_not_published(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("a.md", "---\ntitle: Inside\n---\ntext")
    (tree.root.parent / "secret.md").write_text("---\ntitle: Secret\n---\ntext")

    def swap(name: str) -> None:
        (tree.root / name).unlink()
        (tree.root / name).symlink_to("../secret.md")

    before_opening(monkeypatch, swap)
    site.refresh()
    assert titles(site) == []


def test_a_pipe_in_the_place_of_an_article_does_not_block_a_pass(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("a.md", "---\ntitle: A\n---\ntext")
    tree.write("b.md", "---\ntitle: B\n---\ntext")

    def swap(name: str) -> None:
        if name == "a.md":
            (tree.root / name).unlink()
            os.mkfifo(tree.root / name)

    with monkeypatch.context() as patched:
        before_opening(patched, swap)
        in_time(lambda: site.refresh().seconds)
    assert titles(site) == ["B"]
    (tree.root / "a.md").unlink()
    tree.write("a.md", "---\ntitle: A again\n---\ntext")
    site.refresh()
    assert sorted(titles(site)) == ["A again", "B"]


def test_reading_returns_no_more_bytes_than_asked_for(root: Path) -> None:
    (root / "a.md").write_bytes(b"x" * 300_000)
    directory = Directory(root, INCLUDE)
    assert [len(directory.read("a.md", most)) for most in (0, 1, 250_000, 300_001, -1)] == [
        0, 1, 250_000, 300_000, 300_000,
    ]  # fmt: skip


def test_a_file_that_has_grown_since_the_scan_is_not_read_whole(
    open_site: Callable[..., Site], tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = open_site(articles={"max_bytes": 1024})
    file = tree.write("a.md", "short")
    # No memory could hold so many zeros; on the disk they take no room.
    before_opening(monkeypatch, lambda _: os.truncate(file, 2**40))
    (problem,) = site.refresh().problems
    assert problem.what == "the file is longer than articles.max_bytes (more than 1024)"


def test_opening_a_file_leaves_no_descriptor_open(root: Path) -> None:
    (root / "out.md").symlink_to("../outside/a.md")
    (root / "in.md").symlink_to("b/c.md")
    os.mkfifo(root / "pipe.md")
    before = len(list(Path("/dev/fd").iterdir()))
    for links in ("inside", "anywhere", "never"):
        for source in ("a.md", "b/c.md", "out.md", "in.md", "pipe.md", "b", "gone.md", "a.md/x.md"):
            try:
                os.close(opening.open_file(str(root), source, links, f"{root}/"))
            except FileNotFoundError:
                continue
    assert len(list(Path("/dev/fd").iterdir())) == before


# --- media beside the articles


@pytest.fixture
def media(tree: Tree, site: Site) -> FlaskClient:
    tree.write("x.png", b"inside")
    (tree.root.parent / "secret.png").write_bytes(SECRET)
    return site.app().test_client()


def test_a_pipe_in_the_place_of_an_image_is_a_404_at_once(media: FlaskClient, tree: Tree) -> None:
    (tree.root / "x.png").unlink()
    os.mkfifo(tree.root / "x.png")
    in_time(lambda: media.get("/media/x.png").status_code == 404)


def test_an_image_swapped_for_a_link_as_it_is_opened_is_not_served(
    media: FlaskClient, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap(name: str) -> None:
        (tree.root / name).unlink()
        (tree.root / name).symlink_to("../secret.png")

    before_opening(monkeypatch, swap)
    response = media.get("/media/x.png", buffered=True)
    assert (response.status_code, SECRET in response.data) == (404, False)


@pytest.mark.parametrize(
    ("links", "inside", "outside"),
    [("inside", 200, 404), ("never", 404, 404), ("anywhere", 200, 200)],
)
def test_links_to_media_are_followed_like_links_to_articles(
    open_site: Callable[..., Site], tree: Tree, links: Links, inside: int, outside: int
) -> None:
    tree.write("x.png", b"inside")
    (tree.root.parent / "secret.png").write_bytes(SECRET)
    (tree.root / "near.png").symlink_to("x.png")
    (tree.root / "far.png").symlink_to("../secret.png")
    client = open_site(articles={"links": links}).app().test_client()
    assert client.get("/media/near.png", buffered=True).status_code == inside
    assert client.get("/media/far.png", buffered=True).status_code == outside


@pytest.mark.parametrize("links", ["inside", "never", "anywhere"])
def test_escaped_bytes_in_a_media_path_do_not_lead_outside(
    open_site: Callable[..., Site], tree: Tree, links: Links
) -> None:
    (tree.root.parent / "secret.png").write_bytes(SECRET)
    (tree.root / "sub").mkdir()
    client = open_site(articles={"links": links}).app().test_client()
    for path in (r"\x2e\x2e/secret.png", r"\x2e./secret.png", r"sub\x2f..\x2f..\x2fsecret.png"):
        assert client.get(f"/media/{path}").status_code == 404


def test_a_changed_image_with_the_same_time_has_another_etag(
    media: FlaskClient, tree: Tree
) -> None:
    before = media.get("/media/x.png", buffered=True).headers["ETag"]
    tree.write("x.png", b"INSIDE")  # its time is that of the clock, which stands still
    response = media.get("/media/x.png", headers={"If-None-Match": before}, buffered=True)
    assert (response.status_code, response.data) == (200, b"INSIDE")
