"""Refresh and documents: files change, feeds follow, ids stay."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW, Clock, Tree, items, titles
from sites import Site

from feedsvc.diagnosis import check
from feedsvc.errors import GoneError, NotFoundError, NotReadyError, ScanError
from feedsvc.index.articles import ArticleTable
from feedsvc.model import Document, Refresh

ONE = "---\ntitle: One\ndate: 2022-01-01T00:00:00Z\ntags: [news]\n---\n<p>1</p>"
TWO = "---\ntitle: Two\ndate: 2022-01-02T00:00:00Z\ntags: [news, life]\n---\n<p>2</p>"
Open = Callable[..., Site]


def counts(report: Refresh) -> tuple[int, int, int]:
    changes = report.changes
    return len(changes.added), len(changes.modified), len(changes.removed)


def test_all_files_are_in_the_feeds_newest_first(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    tree.write("deep/2.html", TWO)
    report = site.refresh()
    assert counts(report) == (2, 0, 0)
    assert (report.articles, report.problems) == (2, ())
    assert titles(site) == ["Two", "One"]
    assert titles(site, "news") == ["Two", "One"]
    assert titles(site, "life") == ["Two"]


def test_a_pass_over_an_unchanged_tree_opens_no_file(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("1.html", ONE)
    site.refresh()

    def read(*_: object) -> bytes:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("feedsvc.scan.Directory.read", read)
    assert counts(site.refresh()) == (0, 0, 0)
    assert titles(site) == ["One"]


def test_a_restart_finds_no_changes_and_changes_no_byte(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    tree.write("1.html", ONE)
    first = open_site()
    first.refresh()
    before = [first.document(f"/feeds/all.{suffix}") for suffix in ("atom", "rss", "json")]
    clock.advance(days=2)
    second = open_site()
    assert counts(second.refresh()) == (0, 0, 0)
    assert [second.document(f"/feeds/all.{s}") for s in ("atom", "rss", "json")] == before


def test_an_edit_keeps_the_id_and_moves_updated(site: Site, tree: Tree, clock: Clock) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    (before,) = items(site)
    clock.advance(hours=1)
    tree.write("1.html", ONE.replace("One", "Uno"))
    assert counts(site.refresh()) == (0, 1, 0)
    (after,) = items(site)
    assert after["title"] == "Uno"
    assert after["id"] == before["id"]
    assert after["date_published"] == before["date_published"]
    assert after["date_modified"] == (NOW + timedelta(hours=1)).isoformat()


def test_a_touch_changes_nothing_a_reader_sees(site: Site, tree: Tree, clock: Clock) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    before = site.document("/feeds/all.atom")
    clock.advance(hours=1)
    tree.touch("1.html")
    assert counts(site.refresh()) == (0, 1, 0)
    assert site.document("/feeds/all.atom") == before


def test_a_rename_keeps_the_id_and_changes_no_byte(site: Site, tree: Tree, clock: Clock) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    before = site.document("/feeds/all.atom").body
    clock.advance(hours=1)
    tree.rename("1.html", "archive/2022/renamed.html")
    assert counts(site.refresh()) == (1, 0, 1)
    assert site.document("/feeds/all.atom").body == before


def test_a_deleted_article_is_gone_from_feeds_and_its_page_says_so(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    tree.write("2.html", TWO)
    site.refresh()
    key = items(site, "life")[0]["url"].rpartition("/")[2]
    assert site.entries.entry(key).title == "Two"
    tree.remove("2.html")
    assert counts(site.refresh()) == (0, 0, 1)
    assert titles(site) == ["One"]
    assert titles(site, "life") == [], "a feed that people subscribe to stays, if empty"
    with pytest.raises(GoneError):
        site.entries.entry(key)


def test_a_deleted_article_that_comes_back_has_its_old_id(
    site: Site, tree: Tree, clock: Clock
) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    before = items(site)
    tree.remove("1.html")
    site.refresh()
    clock.advance(days=1)
    tree.write("1.html", ONE)
    site.refresh()
    assert items(site) == before


def test_a_copy_is_published_once_and_takes_over_when_the_original_goes(
    site: Site, tree: Tree
) -> None:
    tree.write("b.html", ONE)
    site.refresh()
    before = items(site)
    tree.write("a.html", ONE)
    assert site.refresh().articles == 1
    assert items(site) == before
    tree.remove("b.html")
    site.refresh()
    assert items(site) == before
    assert items(site, "news") == before


def test_an_article_without_a_date_keeps_the_time_it_was_first_seen(
    site: Site, tree: Tree, clock: Clock
) -> None:
    tree.write("1.md", "Hello")
    site.refresh()
    clock.advance(days=3)
    tree.write("1.md", "Hello again")
    site.refresh()
    (item,) = items(site)
    assert item["date_published"] == NOW.isoformat()
    assert item["date_modified"] == (NOW + timedelta(days=3)).isoformat()


def test_a_broken_file_is_a_problem_and_harms_no_other(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    tree.write("bad.md", "---\n- a\n---\n")
    (problem,) = site.refresh().problems
    assert str(problem).startswith("bad.md:2: the front matter is not a list of fields")
    assert not problem.published
    assert titles(site) == ["One"]
    tree.write("bad.md", '---\ntitle: "a: b"\n---\nok, and mended')
    assert site.refresh().problems == ()
    assert sorted(titles(site)) == ["One", "a: b"]


def test_an_article_that_turns_bad_keeps_its_last_good_version(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    before = site.document("/feeds/all.atom")
    tree.write("1.html", "---\ntitle: One\nand then the power we")
    (problem,) = site.refresh().problems
    assert problem.published
    assert site.document("/feeds/all.atom") == before


def test_a_draft_is_left_out_and_withdraws_a_published_article(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    tree.write("2.html", TWO.replace("title", "draft: true\ntitle"))
    site.refresh()
    assert titles(site) == ["One"]
    tree.write("1.html", ONE.replace("title", "published: false\ntitle"))
    assert site.refresh().problems == ()
    assert titles(site) == []


def test_a_missing_directory_removes_no_article(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    site.refresh()
    tree.root.rename(tree.root.with_name("elsewhere"))
    with pytest.raises(ScanError):
        site.refresh()
    assert titles(site) == ["One"]


def test_new_categories_hold_old_articles_without_a_file_being_read(
    open_site: Open, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("1.html", ONE)
    tree.write("2.html", TWO)
    open_site().refresh()
    site = open_site(categories=[{"slug": "daily", "terms": ["life"]}, {"slug": "none"}])
    monkeypatch.setattr("feedsvc.scan.Directory.read", None)
    site.refresh()
    assert titles(site, "daily") == ["Two"]
    assert titles(site, "none") == []


def test_a_new_address_changes_links_and_no_id(open_site: Open, tree: Tree) -> None:
    tree.write("1.html", ONE)
    old = open_site()
    old.refresh()
    new = open_site(site={"title": "Test", "base_url": "http://127.0.0.1:1/sub"})
    new.refresh()
    (before,), (after,) = items(old), items(new)
    assert after["id"] == before["id"]
    assert after["url"].startswith("http://127.0.0.1:1/sub/articles/")


def test_a_new_time_zone_reads_every_article_again(open_site: Open, tree: Tree) -> None:
    tree.write("1.html", ONE.replace("2022-01-01T00:00:00Z", "2022-01-01 00:00"))
    open_site().refresh()
    site = open_site(site={"title": "Test", "timezone": "Asia/Shanghai"})
    site.refresh()
    assert items(site)[0]["date_published"] == "2021-12-31T16:00:00+00:00"


def test_terms_have_no_feeds_when_auto_categories_is_off(open_site: Open, tree: Tree) -> None:
    tree.write("1.html", ONE)
    site = open_site(feeds={"auto_categories": False})
    site.refresh()
    with pytest.raises(NotFoundError, match="no feed called “news”"):
        site.document("/feeds/news.atom")
    assert [feed.slug for feed in site.entries.listings()] == ["all"]


def test_feeds_are_cut_at_the_limit_and_may_be_of_summaries(open_site: Open, tree: Tree) -> None:
    for n in range(5):
        tree.write(f"{n}.html", ONE.replace("01-01", f"01-0{n + 1}").replace("One", f"T{n}"))
    site = open_site(feeds={"limit": 2, "content": "summary"})
    site.refresh()
    assert titles(site) == ["T4", "T3"]
    assert "content_html" not in items(site)[0]
    assert items(site)[0]["summary"] == "1"


def test_terms_that_differ_in_case_or_slash_have_feeds_of_their_own(site: Site, tree: Tree) -> None:
    for n, term in enumerate(["AI", "ai", "a/b", "a-b", "a b", "../x"]):
        tree.write(f"{n}.md", f"---\ntitle: '{term}'\ntags: ['{term}']\n---\nx")
    site.refresh()
    slugs = [feed.slug for feed in site.entries.listings() if feed.slug != "all"]
    assert len(slugs) == len(set(slugs)) == 6
    assert all(len(titles(site, slug)) == 1 for slug in slugs)


def test_after_an_event_the_articles_are_not_counted(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("1.html", ONE)
    assert site.refresh().articles == 1
    monkeypatch.setattr(ArticleTable, "count", None)  # to count would be an error
    tree.write("2.html", TWO)
    report = site.refresh(paths=[tree.root / "2.html"])
    assert counts(report) == (1, 0, 0)
    assert report.articles is None
    monkeypatch.undo()
    assert site.refresh().articles == 2


def test_no_feed_is_served_before_the_first_pass(site: Site, tree: Tree) -> None:
    with pytest.raises(NotReadyError):
        site.document("/feeds/all.atom")
    site.refresh()
    assert titles(site) == []


def validators(document: Document) -> tuple[str, Any]:
    return document.etag, document.last_modified


def test_last_modified_moves_on_every_change_even_within_a_second(
    site: Site, tree: Tree, clock: Clock
) -> None:
    sent = []
    for n in range(4):
        tree.write("1.html", ONE.replace("One", f"Title {n}"))
        site.refresh()
        sent.append(validators(site.document("/feeds/all.atom")))
        clock.advance(milliseconds=10)
    assert len({etag for etag, _ in sent}) == 4
    assert [modified for _, modified in sent] == sorted({modified for _, modified in sent})


def test_only_the_feeds_of_a_changed_article_change(site: Site, tree: Tree, clock: Clock) -> None:
    tree.write("1.html", ONE.replace("news", "a"))
    tree.write("2.html", TWO.replace("news", "b"))
    site.refresh()
    before = {s: validators(site.document(f"/feeds/{s}.atom")) for s in ("all", "a", "b", "life")}
    clock.advance(hours=1)
    tree.write("1.html", ONE.replace("news", "a").replace("One", "Uno"))
    site.refresh()
    after = {s: validators(site.document(f"/feeds/{s}.atom")) for s in ("all", "a", "b", "life")}
    assert {slug for slug in after if after[slug] != before[slug]} == {"all", "a"}


def test_another_process_sees_a_change_at_once(open_site: Open, tree: Tree) -> None:
    writer, reader = open_site(), open_site()
    tree.write("1.html", ONE)
    writer.refresh()
    assert titles(reader) == ["One"]
    tree.write("2.html", TWO)
    writer.refresh()
    assert titles(reader) == ["Two", "One"]


def test_relative_images_get_an_address_below_media_or_the_original(site: Site, tree: Tree) -> None:
    tree.write("a b/1.md", "---\nheadimg: img/x.png\n---\n![](img/y.png)")
    tree.write("2.md", "---\nlink: https://o.example.org/p/\nheadimg: x.png\n---\n![](y.png)")
    site.refresh()
    by_image = {item["image"]: item["content_html"] for item in items(site)}
    local, original = (
        "https://feeds.example.org/media/a%20b/img/x.png",
        "https://o.example.org/p/x.png",
    )
    assert set(by_image) == {local, original}
    assert "https://feeds.example.org/media/a%20b/img/y.png" in by_image[local]
    assert "https://o.example.org/p/y.png" in by_image[original]


def test_cleaned_content_is_kept_for_the_next_process(
    open_site: Open, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("1.html", ONE)
    first = open_site()
    first.refresh()
    before = items(first)
    monkeypatch.setattr("feedsvc.content.clean", None)
    assert items(open_site()) == before


def test_check_names_problems_and_writes_nothing(site: Site, tree: Tree) -> None:
    tree.write("1.html", ONE)
    tree.write("a.md", "---\ndate: never\n---\nText.")
    tree.write("b.md", "---\n- x\n---\n")
    assert [str(problem) for problem in check(site.config, NOW).problems] == [
        "b.md:2: the front matter is not a list of fields; write it as `name: value` lines",
        "a.md:2: date: “never” is not a date; write it as 2022-02-23 21:06:12",
    ]
    with pytest.raises(NotReadyError):
        site.document("/feeds/all.atom")
