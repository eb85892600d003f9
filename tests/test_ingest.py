"""Refreshing real folders: half-written files, dates to come, copies, odd names, lost disks."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, Clock, Tree, items, titles
from sites import Site

from feedsvc.errors import LedgerError, NotFoundError, NotReadyError, ScanError
from feedsvc.index import journal

ONE = "---\ntitle: One\ndate: 2022-01-01T00:00:00Z\ntags: [news]\n---\n<p>1</p>"
TWO = "---\ntitle: Two\ndate: 2022-01-02T00:00:00Z\ntags: [news]\n---\n<p>2</p>"
Open = Callable[..., Site]
SETTLING = {"settle": "2s"}


def refresh_problems(site: Site) -> list[str]:
    """Make a pass and return its problems."""
    return [problem.what for problem in site.refresh().problems]


# --- files that are being written


def test_a_file_changed_within_the_settle_time_waits(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    tree.write("1.html", ONE)
    site = open_site(articles=SETTLING)
    clock.advance(seconds=10)
    site.refresh()
    tree.write("2.html", TWO[:-5])
    clock.advance(seconds=1)
    report = site.refresh()
    assert (report.pending, report.again_in) == (("2.html",), 1.0)
    assert titles(site) == ["One"]
    tree.write("2.html", TWO)
    clock.advance(seconds=1)
    assert site.refresh().pending == ("2.html",)
    clock.advance(seconds=1)
    assert site.refresh().pending == ()
    assert items(site)[0]["content_html"] == "<p>2</p>"


def test_the_last_version_stays_while_a_file_is_rewritten(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    tree.write("1.html", ONE)
    site = open_site(articles=SETTLING)
    clock.advance(seconds=10)
    site.refresh()
    before = site.document("/feeds/all.atom")
    tree.write("1.html", "")
    report = site.refresh()
    assert (report.pending, bool(report.changes)) == (("1.html",), False)
    assert site.document("/feeds/all.atom") == before


def test_a_file_with_a_time_in_the_future_waits_until_it_stops_changing(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    file = tree.write("1.html", ONE)
    ahead = (clock.now + timedelta(days=1)).timestamp()
    os.utime(file, (ahead, ahead))
    site = open_site(articles=SETTLING)
    assert site.refresh().pending == ("1.html",)
    clock.advance(seconds=2)
    assert site.refresh().pending == ()
    (item,) = items(site)
    assert item["date_modified"] <= clock.now.isoformat(), "never later than our own clock"


def test_no_feed_is_served_before_the_first_files_have_settled(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    tree.write("1.html", ONE)
    site = open_site(articles=SETTLING)
    site.refresh()
    with pytest.raises(NotReadyError):
        site.document("/feeds/all.atom")
    clock.advance(seconds=2)
    site.refresh()
    assert titles(site) == ["One"]


def test_a_file_that_keeps_changing_does_not_delay_other_files(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    tree.write("1.html", ONE)
    clock.advance(seconds=10)
    site = open_site(articles=SETTLING)
    for _ in range(10):
        tree.write("log.txt", "more")
        assert site.refresh().pending == ("log.txt",)
        clock.advance(seconds=1)
    assert titles(site) == ["One"]


def test_a_file_over_the_size_limit_is_a_problem_and_is_not_opened(
    open_site: Open, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("1.html", ONE + "x" * 2000)
    site = open_site(articles={"max_bytes": 1024})
    monkeypatch.setattr("feedsvc.scan.Directory.read", None)
    assert refresh_problems(site) == ["the file is longer than articles.max_bytes (2067 > 1024)"]


def test_a_file_that_cannot_be_read_keeps_its_last_version_and_is_tried_again(
    site: Site, tree: Tree, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    tree.write("1.html", ONE.replace("One", "Another"))

    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr("feedsvc.scan.Directory.read", refuse)
        (problem,) = site.refresh().problems
    assert (problem.published, problem.what) == (
        True,
        "the file cannot be read (Permission denied)",
    )
    assert titles(site) == ["One"]
    assert refresh_problems(site) == []
    assert titles(site) == ["Another"]


# --- dates to come


FUTURE = ONE.replace("2022-01-01T00:00:00Z", "2026-03-01T12:30:00Z")


def test_an_article_dated_in_the_future_appears_when_it_is_due(
    site: Site, tree: Tree, clock: Clock
) -> None:
    tree.write("1.html", FUTURE)
    tree.write("2.html", TWO)
    report = site.refresh()
    assert (report.articles, report.again_in) == (1, 1800.0)
    assert titles(site) == ["Two"]
    assert titles(site, "news") == ["Two"]
    clock.advance(minutes=29, seconds=59)
    site.refresh()
    assert titles(site) == ["Two"]
    clock.advance(seconds=1)
    report = site.refresh()
    assert (bool(report.changes), report.again_in) == (False, None)
    assert titles(site) == titles(site, "news") == ["One", "Two"]
    assert site.entries.entry(items(site)[0]["url"].rpartition("/")[2]).title == "One"


def test_an_article_that_is_not_due_yet_starts_no_feed(site: Site, tree: Tree) -> None:
    tree.write("1.html", FUTURE.replace("news", "secret"))
    site.refresh()
    assert [feed.slug for feed in site.entries.listings()] == ["all"]
    with pytest.raises(NotFoundError):
        site.document("/feeds/secret.atom")


def test_articles_of_the_future_can_be_published_at_once(open_site: Open, tree: Tree) -> None:
    tree.write("1.html", FUTURE)
    site = open_site(articles={"future": "publish"})
    assert site.refresh().again_in is None
    assert titles(site) == ["One"]


def test_dates_without_a_zone_are_in_the_zone_of_their_category(
    open_site: Open, tree: Tree
) -> None:
    tree.write("1.html", ONE.replace("2022-01-01T00:00:00Z", "2022-01-01 00:00"))
    tree.write(
        "2.html", TWO.replace("2022-01-02T00:00:00Z", "2022-01-01 00:00").replace("news", "x")
    )
    site = open_site(
        categories=[{"slug": "cn", "terms": ["news"], "timezone": "Asia/Shanghai"}],
        site={"title": "T", "timezone": "America/New_York"},
    )
    site.refresh()
    assert {item["title"]: item["date_published"] for item in items(site)} == {
        "One": "2021-12-31T16:00:00+00:00",
        "Two": "2022-01-01T05:00:00+00:00",
    }


# --- copies


def test_two_files_with_one_link_are_one_entry_and_the_second_is_a_problem(
    site: Site, tree: Tree
) -> None:
    head = "link: https://o.example.org/p/1\n"
    tree.write("1.html", ONE.replace("title", f"{head}title"))
    site.refresh()
    before = items(site)
    tree.write("0.html", TWO.replace("title", f"{head}title"))
    (problem,) = site.refresh().problems
    assert str(problem).startswith("0.html: it is the same article as 1.html")
    assert items(site) == before
    tree.remove("1.html")
    assert refresh_problems(site) == []
    (after,) = items(site)
    assert (after["id"], after["title"]) == (before[0]["id"], "Two")


def test_a_copy_becomes_an_article_when_its_original_is_edited(
    site: Site, tree: Tree, clock: Clock
) -> None:
    tree.write("b.html", ONE)
    tree.write("a.html", ONE)
    site.refresh()
    (before,) = items(site)
    clock.advance(hours=1)
    tree.write("a.html", ONE.replace("One", "Edited"))
    site.refresh()
    ids = {item["title"]: item["id"] for item in items(site)}
    assert set(ids) == {"One", "Edited"}
    assert ids["Edited"] == before["id"]
    clock.advance(hours=1)
    tree.touch("b.html")
    site.refresh()
    assert {item["title"]: item["id"] for item in items(site)} == ids


def test_articles_that_link_to_one_home_page_stay_separate(site: Site, tree: Tree) -> None:
    for name, text in (("1.html", ONE), ("2.html", TWO)):
        tree.write(name, text.replace("title", "link: https://o.example.org/\ntitle"))
    assert refresh_problems(site) == []
    assert titles(site) == ["Two", "One"]


def test_files_that_look_the_same_to_a_reader_are_one_article(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    before = items(site)
    tree.write("2.html", ONE.replace("title: One", "layout: post\ntitle: 'One'"))
    assert refresh_problems(site) == []
    assert items(site) == before


def test_two_files_with_one_declared_id_are_one_entry(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE.replace("title", "guid: tag:x,2024:1\ntitle"))
    tree.write("2.html", TWO.replace("title", "guid: tag:x,2024:1\ntitle"))
    (problem,) = refresh_problems(site)
    assert problem.startswith("it is the same article as 1.html")
    assert titles(site) == ["One"]


def test_white_space_in_front_matter_changes_no_feed(site: Site, tree: Tree, clock: Clock) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    before = site.document("/feeds/all.atom")
    clock.advance(hours=1)
    tree.write("1.html", ONE.replace("title: One", "title:    'One'   \n# a comment"))
    site.refresh()
    assert site.document("/feeds/all.atom") == before


# --- the directory itself


def test_an_unmounted_disk_removes_no_article_until_the_operator_accepts_it(
    site: Site, tree: Tree
) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    tree.root.rename(tree.root.with_name("unmounted"))
    tree.root.mkdir()
    with pytest.raises(ScanError, match="is a disk not mounted"):
        site.refresh()
    assert titles(site) == ["One"]
    site.refresh(accept_empty=True)
    assert titles(site) == []
    assert site.refresh().articles == 0


def test_deleting_the_last_file_empties_the_feed(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    tree.remove("1.html")
    site.refresh()
    assert titles(site) == []


def test_a_folder_that_cannot_be_listed_keeps_its_articles_and_is_named(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("bad/1.html", ONE)
    tree.write("2.html", TWO)
    site.refresh()
    tree.remove("2.html")
    opened = os.open

    def refuse(path: Any, *rest: Any, **named: Any) -> int:
        if str(path).endswith("bad"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        (problem,) = site.refresh().problems
    assert problem.place == "bad/"
    assert "cannot be listed (Permission denied)" in problem.what
    assert titles(site) == ["One"]
    assert refresh_problems(site) == []


@pytest.mark.parametrize(
    "name",
    ["a b.md", "100%.md", "新闻－一.md", "a\nb.md", "🙂.md", "a?b&c=d.md", "x" * 250 + ".md"],
)
def test_files_with_odd_names_are_articles_like_any_other(
    site: Site, tree: Tree, name: str
) -> None:
    tree.write(name, ONE)
    assert refresh_problems(site) == []
    assert titles(site) == ["One"]
    tree.write(name, ONE.replace("One", "Another"))
    assert refresh_problems(site) == []
    assert titles(site) == ["Another"]


def test_a_name_that_is_not_utf_8_works_and_keeps_its_id(site: Site, tree: Tree) -> None:
    odd = os.fsencode(tree.root) + b"/\xce\xc4\xd5\xc2.md"
    with open(odd, "wb") as file:  # noqa: PTH123 - a name that no Path should hold
        file.write(b"Hello")
    assert refresh_problems(site) == []
    (before,) = items(site)
    assert before["title"] == r"\xce\xc4\xd5\xc2"
    with open(odd, "wb") as file:  # noqa: PTH123
        file.write(b"Hello again")
    assert refresh_problems(site) == []
    (after,) = items(site)
    assert (after["id"], after["content_html"]) == (before["id"], "<p>Hello again</p>")
    os.unlink(odd)  # noqa: PTH108
    site.refresh()
    assert items(site) == []


# --- the ledger as text


def test_an_exported_ledger_brings_the_ids_to_another_machine(
    open_site: Open, tree: Tree, tmp_path: Path
) -> None:
    tree.write("old.html", ONE)
    old = open_site()
    old.refresh()
    tree.rename("old.html", "new.html")
    old.refresh()
    before = items(old)
    exported = journal.parse_all(map(journal.line, old.index.ledger.all()))
    new = open_site(state={"url": "sqlite:///elsewhere/x.db"})
    new.refresh()
    assert items(new)[0]["id"] != before[0]["id"], "a new machine only knows the new name"
    assert new.index.import_ledger(exported) == 1
    new.refresh()
    assert items(new) == before
    assert [*map(journal.line, new.index.ledger.all())] == [*map(journal.line, exported)]


def test_a_file_deleted_right_after_an_import_leaves_the_feeds(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    site.index.import_ledger(list(site.index.ledger.all()))
    tree.remove("1.html")
    site.refresh()
    assert items(site) == []


@pytest.mark.parametrize("line", ["x", "[]", "{}", '{"id": 1}', '{"id": "a"}'])
def test_a_ledger_with_a_broken_line_is_refused_whole(line: str) -> None:
    with pytest.raises(LedgerError, match="line 2 is not one of a ledger"):
        journal.parse_all(["", line])


# --- explain


def steps(site: Site, file: str) -> dict[str, list[str]]:
    return {heading: list(lines) for heading, lines in site.explain(file)}


def test_explain_shows_every_step(open_site: Open, tree: Tree) -> None:
    tree.write(
        "old.md",
        "---\ntitle: a: b\ndate: 2022-01-01 08:00\ntags: [ads]\nauthor: 李\n---\n"
        "<p>记者昨日从有关部门获悉，今年上半年增长较快。</p><script>x</script><!-- y -->".encode(
            "gb18030"
        ),
    )
    site = open_site(
        site={"title": "T", "base_url": "https://f.example.org", "timezone": "Asia/Shanghai"},
        categories=[
            {"slug": "c", "title_matches": "^a"},
            {"slug": "d", "terms": ["ADS"]},
            {"slug": "e", "terms": ["ads"], "exclude_terms": ["ads"]},
            {"slug": "f", "terms": ["x"]},
        ],
    )
    site.refresh()
    tree.rename("old.md", "new.md")
    site.refresh()
    explained = steps(site, str(tree.root / "new.md"))
    assert explained["file"][0] == "new.md"
    assert "GB18030" in explained["encoding"][0]
    assert "line 4: tags = ['ads']" in explained["front matter (YAML, field by field)"]
    assert any("title: is not YAML" in line for line in explained["passed over or recovered"])
    assert "published: 2022-01-01T00:00:00+00:00" in explained["dates"]
    assert explained["categories"] == [
        "terms: ads",
        "c: yes: its title matches, with “a”",
        "d: yes: it has the term ADS",
        "e: no: it has the excluded term ads",
        "f: no: it has none of the terms, and its title does not match",
    ]
    assert explained["id"] == [items(site)[0]["id"], "remembered for this file"]
    assert explained["removed"] == ["1 × comment: no reader sees it", "1 × script: it can run"]
    assert explained["before"] == [
        "<p>记者昨日从有关部门获悉，今年上半年增长较快。</p><script>x</script><!-- y -->"
    ]
    assert explained["after"] == ["<p>记者昨日从有关部门获悉，今年上半年增长较快。</p>"]
    assert explained["feeds"] == [
        f"https://f.example.org/feeds/{s}" for s in ("ads", "all", "c", "d")
    ]


def test_explain_shows_where_an_id_comes_from(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    assert steps(site, "1.html")["id"][1] == "new: made from the file's path and site.id"
    site.refresh()
    tree.write("2.html", ONE)
    assert steps(site, "2.html")["id"][1:] == [
        "that of 1.html: the same bytes, look or original",
        "1.html is its canonical file; this one is a copy and is not shown",
    ]
    tree.write("3.html", ONE.replace("title", "guid: urn:x\ntitle"))
    assert steps(site, "3.html")["id"] == ["urn:x", "the front matter declares it: urn:x"]


def test_explain_says_why_an_article_is_in_no_feed(site: Site, tree: Tree, clock: Clock) -> None:
    tree.write("bad.md", "---\n- x\n---\n")
    tree.write("draft.md", "---\ndraft: true\n---\n")
    tree.write("later.md", FUTURE)
    site.refresh()
    assert steps(site, "bad.md")["problem"][0].startswith("bad.md:2: the front matter is not")
    assert steps(site, "draft.md")["draft"] == ["its front matter says so; it is in no feed"]
    due = (NOW + timedelta(minutes=30)).isoformat()
    assert steps(site, "later.md")["feeds"] == [f"none before {due}: its date is in the future"]
    with pytest.raises(NotFoundError, match="there is no such article"):
        steps(site, "gone.md")
