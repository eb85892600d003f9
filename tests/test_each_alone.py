"""An article that makes a step fail is left out and reported; the others are published."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from conftest import NOW, Clock, Tree, items, titles
from lxml import etree
from sites import Open

from feedsvc import content, feeds
from feedsvc.cleaning import Cleaner
from feedsvc.diagnosis import check
from feedsvc.formats import FORMATS, atom, jsonfeed, rss
from feedsvc.index import Writer
from feedsvc.index.feeds import FeedWriter
from feedsvc.model import Article, Feed
from feedsvc.refresh import stages

GOOD = "---\ntitle: Good {n}\ndate: 2022-01-0{n}\ntags: [news]\n---\n<p>It is {n}.</p>"
BAD = "---\ntitle: Bad\ndate: 2022-01-02\ntags: [news]\n---\n<p>It is bad.</p>"
FEEDS = [f"/feeds/{slug}.{suffix}" for slug in ("all", "news") for suffix in FORMATS]


class UnforeseenError(Exception):
    """An error that no code expects."""


def fail_for_bad(titles: Callable[..., str], original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `original`, changed to fail if `titles` of the same arguments contains "Bad"."""

    def fail(*args: Any, **options: Any) -> Any:
        if "Bad" in titles(*args, **options):
            raise UnforeseenError
        return original(*args, **options)

    return fail


def title_of_article(_self: object, article: Article) -> str:
    return article.title


def titles_of_feed(feed: Feed) -> str:
    return " ".join(entry.title for entry in feed.entries)


# Each step that fails: its owner, the name of the function, and the title in its arguments.
FAILURES = {
    "choosing its feeds": (feeds.Memberships, "of", title_of_article),
    "its clean HTML": (content, "clean", lambda _body, _markup, policy: policy.title),
    "an entry of it": (feeds, "entry", lambda published, **_: published.article.title),
    "its lead image": (content, "converted", lambda title, _policy: title),
}


@pytest.mark.parametrize("name", FAILURES)
def test_an_article_that_makes_a_step_fail_is_left_out_and_reported(
    tree: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch, name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    owner, function, title_in = FAILURES[name]
    monkeypatch.setattr(owner, function, fail_for_bad(title_in, getattr(owner, function)))
    for n in (1, 3):
        tree.write(f"{n}.html", GOOD.format(n=n))
    tree.write("bad.html", BAD)
    site = open_site()
    with caplog.at_level(logging.ERROR):
        site.refresh()
        client = site.app().test_client()
        assert {client.get(path).status_code for path in (*FEEDS, "/", "/opml.xml")} == {200}
    assert [title for title in titles(site) if title != "Bad"] == ["Good 3", "Good 1"]
    assert any("UnforeseenError" in problem.reason for problem in site.problems())
    assert {problem.source for problem in site.problems()} == {"bad.html"}
    assert "Traceback" in caplog.text
    checked = check(site.config, NOW).problems
    assert all(problem.reason for problem in checked)
    assert {problem.source for problem in checked} == {"bad.html"}


@pytest.mark.parametrize(("suffix", "module"), [("atom", atom), ("rss", rss), ("json", jsonfeed)])
def test_an_entry_that_a_format_cannot_write_is_left_out_of_that_format(
    tree: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch, suffix: str, module: Any
) -> None:
    format = FORMATS[suffix]
    render = fail_for_bad(titles_of_feed, format.render)
    failing = {**FORMATS, suffix: replace(format, render=render)}
    monkeypatch.setattr("feedsvc.publish.documents.FORMATS", failing)
    tree.write("1.html", GOOD.format(n=1))
    site = open_site()
    site.refresh()
    expected = {path: entries(site.document(path).body) for path in FEEDS}
    tree.write("bad.html", BAD)
    site.refresh()
    for path in FEEDS:
        shown = entries(site.document(path).body)
        assert len(shown) == (1 if path.endswith(suffix) else 2)
        assert expected[path][0] in shown
    (problem,) = site.problems()
    assert (problem.source, "UnforeseenError" in problem.reason) == ("bad.html", True)
    assert [problem.source for problem in check(site.config, NOW).problems] == ["bad.html"]


def entries(body: bytes) -> list[str]:
    if body.startswith(b"{"):
        return [json.dumps(item) for item in json.loads(body)["items"]]
    root = etree.fromstring(body)
    return [etree.tostring(element).decode() for element in root.iter("{*}entry", "item")]


def test_a_published_article_that_fails_keeps_its_last_good_version(
    tree: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("bad.html", GOOD.format(n=1))
    tree.write("2.html", GOOD.format(n=2))
    site = open_site()
    site.refresh()
    before = items(site)
    monkeypatch.setattr(
        feeds.Memberships, "of", fail_for_bad(title_of_article, feeds.Memberships.of)
    )
    tree.write("bad.html", BAD)
    site.refresh()
    assert items(site) == before
    (problem,) = site.problems()
    assert problem.published
    monkeypatch.undo()
    tree.write("bad.html", BAD.replace("bad", "good again"))
    site.refresh()
    assert titles(site) == ["Good 2", "Bad"]
    assert site.problems() == ()


def test_a_document_that_cannot_be_made_does_not_stop_the_others(
    tree: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tree.write("1.html", GOOD.format(n=1))
    site = open_site()
    site.refresh()
    for path in FEEDS:
        site.document(path)
    tree.write("2.html", GOOD.format(n=2))
    built = site.entries.built
    monkeypatch.setattr(
        site.entries, "built", fail_for_bad(lambda slug, _: "Bad" * (slug == "all"), built)
    )
    with caplog.at_level(logging.ERROR):
        site.refresh()
    assert "/feeds/all.atom could not be made" in caplog.text
    view = site.documents._view
    kept = {path for path in FEEDS if site.index.documents.read(path, view)}
    assert kept == {path for path in FEEDS if "news" in path}


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (Writer, "copies"),
        (Writer, "copies_of_orphans"),
        (Writer, "last_versions"),
        (Writer, "remove_files"),
        (FeedWriter, "term_slugs"),
    ],
)
def test_a_failed_step_is_undone_reported_and_repeated_by_the_next_pass(
    tree: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch, owner: type, step: str
) -> None:
    tree.write("1.html", GOOD.format(n=1))
    site = open_site()
    site.refresh()

    def fail(*_: object) -> None:
        raise UnforeseenError

    monkeypatch.setattr(owner, step, fail)
    tree.write("2.html", GOOD.format(n=2))
    report = site.refresh()
    assert [("UnforeseenError" in failure) for failure in report.failures] == [True]
    monkeypatch.undo()
    tree.write("3.html", GOOD.format(n=3))
    assert site.refresh().failures == ()
    assert titles(site) == ["Good 3", "Good 2", "Good 1"]


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the cleaning of long articles costly."""
    monkeypatch.setattr(stages, "is_costly", lambda body, _markup: len(body) > 1000)


LONG = "<p>long</p>" * 200


def test_a_costly_article_is_published_after_all_others(
    tree: Tree, open_site: Open, clock: Clock, costly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("long.html", f"---\ntitle: Long\n---\n{LONG}")
    tree.write("1.html", GOOD.format(n=1))
    cleaner = Cleaner()
    site = open_site(cleaner=cleaner)
    cleaned: list[list[str]] = []
    clean = cleaner.clean

    def note(body: str, *more: Any, **options: Any) -> content.Cleaned:
        if len(body) > 1000:
            cleaned.append(titles(site))
        return clean(body, *more, **options)

    monkeypatch.setattr(cleaner, "clean", note)
    site.refresh()
    assert cleaned == [["Good 1"]], "the others are served before it is cleaned, once"
    assert titles(site) == ["Long", "Good 1"]
    clock.advance(hours=1)
    tree.write("long.html", f"---\ntitle: Longer\n---\n{LONG}{LONG}")
    site.refresh()
    assert cleaned[1:] == [["Long", "Good 1"]], "its last version is served meanwhile"
    assert titles(site) == ["Longer", "Good 1"]


def test_a_renamed_costly_article_never_leaves_the_feeds(
    tree: Tree, open_site: Open, costly: None
) -> None:
    tree.write("long.html", f"---\ntitle: Long\n---\n{LONG}")
    site = open_site()
    site.refresh()
    (before,) = items(site)
    tree.rename("long.html", "renamed.html")
    site.refresh(one_stage=True)
    (after,) = items(site)
    assert after["id"] == before["id"]


def test_costly_articles_do_not_delay_other_articles(
    tree: Tree, open_site: Open, costly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "CLEANING_SECONDS", 0.0)
    site = open_site()
    site.refresh()
    for n in range(3):
        tree.write(f"long{n}.html", f"---\ntitle: Long {n}\n---\n{LONG}{n}")
    assert site.refresh(one_stage=True).again_in == 0.0
    new = tree.write("new.html", "---\ntitle: New\n---\nnew")
    site.refresh(paths=[new], one_stage=True)
    assert titles(site) == ["New"]
    passes = 0
    while site.refresh(paths=(), one_stage=True).again_in == 0.0:
        passes += 1
    assert passes == 2
    assert sorted(titles(site)) == ["Long 0", "Long 1", "Long 2", "New"]
