"""A file without content never replaces a published article; a new one waits."""

import pytest
from conftest import Clock, Tree, items, titles
from sites import Open, Site

from feedsvc.diagnosis import check

GOOD = "---\ntitle: Good\ndate: 2022-01-01\n---\nText."
EMPTY = ["", " \n\t\n", "---\ntags: [news]\n---\n", "<!-- nothing -->\n", "<p>&nbsp;</p>"]


@pytest.mark.parametrize("text", EMPTY)
def test_an_article_that_loses_its_content_stays_and_is_reported(
    tree: Tree, clock: Clock, site: Site, text: str
) -> None:
    tree.write("good.md", GOOD)
    site.refresh()
    before = items(site)
    clock.advance(days=2)
    tree.write("good.md", text)
    for _ in range(2):
        (problem,) = site.refresh().problems
        assert (problem.source, problem.published) == ("good.md", True)
        assert "stays" in problem.reason
        assert items(site) == before
        clock.advance(hours=2)
    tree.write("good.md", GOOD.replace("Good", "Better"))
    assert site.refresh().problems == ()
    assert [(item["title"], item["id"]) for item in items(site)] == [("Better", before[0]["id"])]
    tree.remove("good.md")
    site.refresh()
    assert items(site) == []


@pytest.mark.parametrize("text", EMPTY)
def test_a_new_file_without_content_waits_for_an_hour(
    tree: Tree, clock: Clock, site: Site, text: str
) -> None:
    tree.write("new.md", text)
    for _ in range(2):
        (problem,) = site.refresh().problems
        assert (problem.source, problem.published) == ("new.md", False)
        assert titles(site) == []
        clock.advance(minutes=29)
    assert any(problem.source == "new.md" for problem in check(site.config, clock.now).problems)
    clock.advance(minutes=5)
    (problem,) = site.refresh().problems
    assert (problem.source, problem.published) == ("new.md", True)
    assert titles(site) == ["new"]
    tree.write("new.md", GOOD)
    assert site.refresh().problems == ()
    assert titles(site) == ["Good"]


def test_a_new_file_is_published_as_soon_as_it_has_content(tree: Tree, site: Site) -> None:
    tree.write("new.md", "")
    site.refresh()
    tree.write("new.md", GOOD)
    assert site.refresh().problems == ()
    assert titles(site) == ["Good"]


def test_an_empty_file_that_is_removed_is_no_longer_reported(tree: Tree, site: Site) -> None:
    tree.write("new.md", "")
    site.refresh()
    tree.remove("new.md")
    assert site.refresh().problems == ()


@pytest.mark.parametrize(
    "text", ["---\ntitle: T\n---\n", "![](a.png)", "<img src=a.png>", "word", "<video src=a.mp4>"]
)
def test_a_title_a_word_or_a_picture_is_content(tree: Tree, site: Site, text: str) -> None:
    tree.write("new.md", text)
    assert site.refresh().problems == ()
    assert len(titles(site)) == 1


def test_the_wait_for_content_is_configured(tree: Tree, open_site: Open) -> None:
    tree.write("new.md", "")
    site = open_site(articles={"settle_empty": "0s"})
    (problem,) = site.refresh().problems
    assert problem.published
    assert titles(site) == ["new"]
