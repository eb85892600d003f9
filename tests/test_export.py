"""The export: files have what the service answers, and an interrupted export is completed."""

import gzip
import random
import shutil
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from click.testing import CliRunner
from conftest import Tree
from links import addresses
from sites import Open, Site

from feedsvc import credentials
from feedsvc.cli import main
from feedsvc.errors import ExportError
from feedsvc.export import ConflictError, Exporter, Report
from feedsvc.export.folder import Folder
from feedsvc.export.manifest import Manifest
from feedsvc.export.names import file_name, object_name
from feedsvc.export.target import File

CATEGORIES = [{"slug": "news", "title": "News", "terms": ["news"]}, {"slug": "empty"}]
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(100)


def article(tree: Tree, number: int, terms: str = "news, 财经", text: str = "text") -> None:
    day = f"2026-01-{1 + number // 24:02d}T{number % 24:02d}:00:00Z"
    tree.write(
        f"{number}.md", f"---\ntitle: Title {number}\ntags: [{terms}]\ndate: {day}\n---\n{text}\n"
    )


@pytest.fixture
def many(open_site: Open, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Make a site of twelve articles, one of them with a picture, and feeds of three pages."""
    monkeypatch.setattr("feedsvc.publish.feedpages.SIZE", 4)
    for number in range(12):
        article(tree, number)
    article(tree, 7, "news, AI", "![a](<图 a.png>) text")
    tree.write("图 a.png", PICTURE)
    site = open_site(categories=CATEGORIES)
    site.refresh()
    return site


def export(site: Site, folder: Path, *, complete: bool = True) -> Report:
    with closing(exporter_of(site, Folder(folder))) as exporter:
        return exporter.export(complete=complete)


def exporter_of(site: Site, target: Any) -> Exporter:
    return Exporter(site.config, site.index, site.clock, target)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith(".")
    }


def test_every_file_has_the_bytes_that_the_service_sends(many: Site, tmp_path: Path) -> None:
    report = export(many, tmp_path / "public")
    files = contents(tmp_path / "public")
    served = many.app().test_client()
    static = many.app(for_files=True, cache=False).test_client()
    suffixes = {"": "identity", ".br": "br", ".zst": "zstd", ".gz": "gzip"}
    compared = 0
    for name, body in files.items():
        if name.startswith("_") or name == "404.html":
            continue
        stem, _, last = name.rpartition(".")
        coding = suffixes.get(f".{last}", "identity")
        path = "/" + (stem if coding != "identity" else name)
        if name == "index.html":
            path = "/"
        client = static if path.endswith(".html") or path == "/" else served
        answer = client.get(
            path.removesuffix(".html"), headers={"Accept-Encoding": coding, "Accept": "*/*"}
        )
        assert answer.status_code == 200, name
        assert answer.get_data() == body, name
        assert answer.headers.get("Content-Encoding", "identity") == coding, name
        compared += 1
    assert report.written == len(files) > 100
    assert compared >= len(files) - 2
    # Articles and feeds are there in all forms.
    for name in (
        "feeds/all.atom",
        "feeds/news.rss.br",
        "feeds/财经.json.gz",
        "feeds/empty.html",
        "feeds/all/1.html",
        "opml.xml",
        "feeds/opml.xml",
        "sitemap.xml",
        "robots.txt",
        "topics.html",
        "media/图 a.png",
        "static/style.css",
        "favicon.ico",
        "404.html",
    ):
        assert name in files


def test_pages_link_only_to_what_is_exported(many: Site, tmp_path: Path) -> None:
    export(many, tmp_path / "public")
    files = contents(tmp_path / "public")
    base = "https://feeds.example.org"
    links = 0
    for name, body in files.items():
        if not name.endswith(".html"):
            continue
        page = f"{base}/" if name == "index.html" else f"{base}/{name.removesuffix('.html')}"
        for link in addresses(body.decode(), page, base):
            if link.startswith(f"{base}/") and link != page:
                parts = urlsplit(link)
                assert not parts.query, (name, link)
                assert (file_name(unquote(parts.path)) or "") in files, (name, link)
                links += 1
    assert links > 200


def test_older_articles_are_at_the_same_address_as_in_the_service(many: Site) -> None:
    client = many.app().test_client()
    by_query, by_path = client.get("/feeds/all?page=1"), client.get("/feeds/all/1")
    assert by_query.status_code == by_path.status_code == 200
    languages = b"?page=1&amp;lang=", b"?lang="
    assert by_query.get_data().replace(*languages) == by_path.get_data()
    assert client.get("/feeds/all/9").status_code == client.get("/feeds/all/x").status_code == 404


def test_a_second_export_writes_nothing(many: Site, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    export(many, folder)
    before = {
        file: (file.stat().st_mtime_ns, file.stat().st_ino)
        for file in folder.rglob("*")
        if file.is_file()
    }
    for complete in (True, False):
        report = export(many, folder, complete=complete)
        assert (report.written, report.deleted, report.changed) == (0, 0, [])
    assert before == {
        file: (file.stat().st_mtime_ns, file.stat().st_ino)
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize("complete", [True, False])
def test_only_what_changed_is_written(
    many: Site, tree: Tree, tmp_path: Path, complete: bool
) -> None:
    folder = tmp_path / "public"
    export(many, folder)
    many.clock.advance(seconds=10)
    article(tree, 6, "news", "other text")
    tree.remove("11.md")
    tree.write("new.md", "---\ntitle: New\ntags: [news]\ndate: 2026-02-01\n---\nx")
    many.refresh()
    before = contents(folder)
    report = export(many, folder, complete=complete)
    after = contents(folder)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert len(changed) == report.written + 2  # the page and the Markdown that are deleted
    assert report.deleted == 2
    base = "https://feeds.example.org"
    names = {file_name(unquote(each.removeprefix(base))) for each in report.changed}
    decoded = {name for name in changed if not name.endswith((".br", ".zst", ".gz"))}
    assert names == decoded
    shutil.rmtree(folder)
    export(many, folder)
    assert contents(folder) == after


def test_a_file_that_somebody_deleted_or_cut_is_written_again(many: Site, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    export(many, folder)
    before = contents(folder)
    (folder / "feeds" / "all.atom").unlink()
    (folder / "feeds" / "all.rss.br").write_bytes(b"")
    export(many, folder)
    assert contents(folder) == before


class Killed(Exception):  # noqa: N818 - it is no error
    """The process is killed."""


class Dying(Folder):
    """A folder that is not written to any more after so many steps."""

    steps = 0

    def _put(self, file: File) -> None:
        self._step()
        super()._put(file)

    def delete(self, names: Any) -> None:
        for name in names:
            self._step()
            super().delete([name])

    def _step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Killed


def test_an_export_that_was_killed_anywhere_is_completed_by_the_next(
    many: Site, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.export.round._BATCH_FILES", 40)
    choose, dying = random.Random(1), Dying(tmp_path / "public")
    exporter = exporter_of(many, dying)
    for change in range(20):
        many.clock.advance(seconds=10)
        # Articles come, go, and come back as they were.
        article(tree, 6, f"news, t{change % 3}", f"text {change % 3}")
        (tree.remove if change % 2 else lambda _: article(tree, 5))("5.md")
        many.refresh()
        dying.steps = choose.randrange(100)
        with suppress(Killed):
            exporter.export(complete=change % 3 == 0)
    dying.steps = 10_000
    exporter.export(complete=False)
    exporter.close()
    export(many, tmp_path / "expected")
    assert contents(tmp_path / "public") == contents(tmp_path / "expected")
    assert not (tmp_path / "public/.feedsvc-export.new").exists()


def test_a_folder_with_other_files_is_refused(many: Site, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    folder.mkdir()
    (folder / "index.html").write_text("mine")
    with pytest.raises(ExportError, match="name an empty folder"):
        export(many, folder)
    assert (folder / "index.html").read_text() == "mine"


def test_files_of_others_stay(many: Site, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    export(many, folder)
    (folder / "CNAME").write_text("feeds.example.org")
    export(many, folder)
    assert (folder / "CNAME").read_text() == "feeds.example.org"


def test_one_export_at_a_time_writes_to_a_folder(many: Site, tmp_path: Path) -> None:
    other = Folder(tmp_path / "public")
    other.open()
    with pytest.raises(ConflictError, match="another export"):
        export(many, tmp_path / "public")
    other.close()
    assert export(many, tmp_path / "public").written


def test_dates_of_files_are_the_dates_that_feeds_say(many: Site, tmp_path: Path) -> None:
    export(many, tmp_path / "public")
    state = many.index.feeds.state("news")
    assert state is not None
    for name in ("news.atom", "news.atom.gz"):
        assert (tmp_path / "public/feeds" / name).stat().st_mtime == state.changed.timestamp()


def test_what_no_file_can_be_called_is_named_and_left_out(
    open_site: Open, tree: Tree, tmp_path: Path
) -> None:
    article(tree, 1, "🎈" * 60 + "+")
    site = open_site()
    site.refresh()
    report = export(site, tmp_path / "public")
    assert any("🎈" in path for path in report.left_out)
    assert "feeds/all.atom" in contents(tmp_path / "public")


def test_a_disk_that_folds_case_gets_one_of_two_names(
    open_site: Open, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    article(tree, 1, "AI, ai")
    site = open_site()
    site.refresh()
    opened = Folder.open

    def open_folding(folder: Folder) -> Manifest:
        manifest = opened(folder)
        folder._folds_case = True
        return manifest

    monkeypatch.setattr(Folder, "open", open_folding)
    report = export(site, tmp_path / "public")
    feeds = [name for name in contents(tmp_path / "public") if name.casefold() == "feeds/ai.atom"]
    assert len(feeds) == 1
    assert len([path for path in report.left_out if path.casefold() == "/feeds/ai.atom"]) == 1


def test_before_the_first_pass_nothing_is_exported(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="feedsvc refresh"):
        export(site, tmp_path / "public")
    assert not (tmp_path / "public").exists()


@pytest.mark.parametrize(
    "path", ["/media/../a", "/media//a", "/media/.a/b", "/media/a\nb", "/feeds/" + "x" * 250]
)
def test_hostile_names_are_no_files(path: str) -> None:
    assert file_name(path) is None
    assert object_name(path) is None


def test_a_feed_cannot_take_the_name_of_a_coding(
    open_site: Open, tree: Tree, tmp_path: Path
) -> None:
    article(tree, 1, "all.atom.gz, all.atom.br")
    site = open_site()
    site.refresh()
    report = export(site, tmp_path / "public")
    assert not report.left_out
    assert (tmp_path / "public/feeds/all.atom.gz.html").exists()
    assert object_name("/feeds/all.atom.gz") is None


def test_a_category_that_moved_is_redirected(open_site: Open, tree: Tree, tmp_path: Path) -> None:
    article(tree, 1)
    site = open_site(categories=[{"slug": "news", "terms": ["news"], "aliases": ["旧"]}])
    site.refresh()
    export(site, tmp_path / "public")
    lines = (tmp_path / "public/_redirects").read_text().splitlines()
    assert "/feeds/%E6%97%A7.atom /feeds/news.atom 301" in lines


def test_headers_for_hosts_are_those_of_the_service(many: Site, tmp_path: Path) -> None:
    export(many, tmp_path / "public")
    client = many.app().test_client()
    rules: dict[str, dict[str, str]] = {}
    for line in (tmp_path / "public/_headers").read_text().splitlines():
        if not line.startswith(" "):
            rules[line] = {}
            continue
        name, _, value = line.strip().partition(": ")
        rules[[*rules][-1]][name] = value
    key = next(iter(many.index.articles.versions("").values()))[0]
    samples = {
        "/*": "/",
        "/articles/*.md": f"/articles/{key}.md",
        "/opml.xml": "/opml.xml",
        "/feeds/opml.xml": "/feeds/opml.xml",
    }
    samples |= {f"/feeds/*.{name}": f"/feeds/news.{name}" for name in ("atom", "rss", "json")}
    assert rules.keys() == samples.keys()
    for pattern, path in samples.items():
        sent = client.get(path).headers
        assert rules[pattern] == {name: sent[name] for name in rules[pattern]}


def test_the_command_exports_and_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEEDSVC_CONFIG", raising=False)
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "a.md").write_text("---\ntitle: A\n---\ntext")
    run = CliRunner().invoke
    assert "have not been read" in run(main, ["export", "public"]).output
    assert run(main, ["refresh"]).exit_code == 0
    done = run(main, ["export", "public"])
    assert done.exit_code == 0
    assert "files written" in done.output
    assert "site.base_url is left out" in done.output
    assert "0 files written" in run(main, ["export", "public"]).output
    assert "name a folder" in run(main, ["export"]).output
    assert "would become articles" in run(main, ["export", "seeds/public"]).output
    assert "begins with none of s3://" in run(main, ["export", "ftp://x/y"]).output


def test_a_feed_that_changes_now_is_exported_again_when_its_date_has_come(
    open_site: Open, tree: Tree, tmp_path: Path
) -> None:
    article(tree, 1)
    site = open_site()
    site.refresh()
    site.clock.advance(milliseconds=300)
    article(tree, 2)
    site.refresh()
    report = export(site, tmp_path / "public")
    assert report.again
    feed = tmp_path / "public/feeds/all.atom"
    state = site.index.feeds.state("all")
    assert state is not None
    assert feed.stat().st_mtime < state.changed.timestamp()
    site.clock.advance(seconds=1)
    report = export(site, tmp_path / "public", complete=False)
    assert not report.again
    assert report.written
    assert report.changed == []  # the bytes are the same
    assert feed.stat().st_mtime == state.changed.timestamp()


@pytest.mark.parametrize("path", ["/feeds", "/%E8%AE%A2%E9%98%85/x"])
def test_a_site_at_a_path_is_exported_from_its_root(
    open_site: Open, tree: Tree, tmp_path: Path, path: str
) -> None:
    article(tree, 1, text="![](a.png)")
    tree.write("a.png", PICTURE)
    site = open_site(site={"title": "T", "base_url": f"https://example.org{path}"})
    site.refresh()
    report = export(site, tmp_path / "public")
    files = contents(tmp_path / "public")
    assert files["feeds/all.atom"] == site.document("/feeds/all.atom").body
    assert files["media/a.png"] == PICTURE
    assert b"Not found" not in files["index.html"]
    assert f"https://example.org{path}/feeds/all.atom" in report.changed


def test_an_export_is_not_told_to_come_later(open_site: Open, tree: Tree, tmp_path: Path) -> None:
    article(tree, 1)
    site = open_site(feeds={"full_fetches": 1})
    site.refresh()
    assert not export(site, tmp_path / "public").left_out
    assert "feeds/all.atom.gz" in contents(tmp_path / "public")


def test_what_the_service_cannot_answer_stays_as_it_was(
    many: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "public"
    export(many, folder)
    before = contents(folder)

    def failing(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake of the service")

    monkeypatch.setattr("feedsvc.publish.Overviews.newest", failing)
    report = export(many, folder)
    assert report.left_out == {"/": "the service answers 500"}
    assert contents(folder) == before


def test_bytes_of_codings_belong_to_the_document(many: Site, tmp_path: Path) -> None:
    export(many, tmp_path / "public")
    body = (tmp_path / "public/feeds/all.atom").read_bytes()
    packed = (tmp_path / "public/feeds/all.atom.gz").read_bytes()
    assert gzip.decompress(packed) == body


def test_nothing_private_is_exported_and_public_pictures_are(
    open_site: Open, tree: Tree, tmp_path: Path
) -> None:
    access = {"tokens": [f"alice {credentials.hash_of('t' * 43)}"]}
    board = {"slug": "board", "title": "Board", "terms": ["secret"], "access": access}
    article(tree, 1, "news", "![a](<图 a.png>) text")
    # Somebody else's text would like to have a private picture published.
    hostile = "![x](https://feeds.example.org/media/private/plan.png)"
    tree.write("2.md", f"---\ntitle: X\ntags: [news]\nlink: https://e.example/\n---\n{hostile}")
    tree.write("图 a.png", PICTURE)
    tree.write("private/plan.md", "---\ntitle: Plan\ntags: [secret]\n---\n![p](plan.png) sesame")
    tree.write("private/plan.png", PICTURE)
    site = open_site(categories=[*CATEGORIES, board])
    site.refresh()
    export(site, tmp_path / "public")
    files = contents(tmp_path / "public")
    assert files["media/图 a.png"] == PICTURE
    assert not [name for name in files if "plan" in name or "board" in name]
    assert not [name for name, body in files.items() if b"sesame" in body or b"Board" in body]
    again = export(site, tmp_path / "public", complete=False)
    assert not again.written


def test_a_feed_links_to_no_older_entries_which_a_host_of_files_would_not_have(
    open_site: Open, tree: Tree, tmp_path: Path
) -> None:
    for number in range(3):
        article(tree, number)
    site = open_site(categories=CATEGORIES, feeds={"limit": 2})
    site.refresh()
    export(site, tmp_path / "public")
    files = contents(tmp_path / "public")
    assert "next_url" in site.app().test_client().get("/feeds/news.json").text
    for name in ("atom", "rss", "json"):
        assert b"Title 2" in files[f"feeds/news.{name}"]
        assert b"next" not in files[f"feeds/news.{name}"]
    assert not export(site, tmp_path / "public").written
