"""The page of a feed: all its articles by pages, whose addresses stay right."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from conftest import NOW, Clock, Tree
from flask.testing import FlaskClient
from sites import Open, Site

from feedsvc.index import PARTIAL
from feedsvc.publish import feedpages
from feedsvc.publish.feedpages import Rhythm, bounds, newest_start, rhythm_of
from feedsvc.web.pages.feed import interval

ENGLISH = {"Accept-Language": "en"}
ALL = "/feeds/all"


@pytest.fixture(autouse=True)
def _pages_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedpages, "SIZE", 3)


def write_articles(tree: Tree, numbers: range, *, terms: str = "news") -> None:
    """Write an article of each number, an hour after the one before."""
    for number in numbers:
        moment = NOW - timedelta(days=2) + timedelta(hours=number // 2)  # two have the same time
        tree.write(
            f"{number}.md", f"---\ntitle: T{number}\ntags: [{terms}]\ndate: {moment}\n---\nx"
        )


def text_of(client: FlaskClient, path: str) -> str:
    response = client.get(path, headers=ENGLISH)
    assert response.status_code == 200, path
    return response.text


def titles(text: str) -> list[str]:
    return re.findall(r'<a class="p-name u-url"[^>]*>([^<]+)</a>', text)


def linked(text: str, relation: str) -> str | None:
    """Return the address that the head of a page names, and a link of its end has too."""
    addresses = re.findall(rf'<link rel="{relation}" href="([^"]+)"', text)
    assert len(addresses) <= 1
    for address in addresses:
        assert f'<a href="{address}" rel="{relation}">' in text
    return addresses[0] if addresses else None


def walk(client: FlaskClient, path: str, relation: str) -> Iterator[tuple[str, str]]:
    """Yield the address and the text of a page and of all pages that follow by a relation."""
    address: str | None = path
    while address is not None:
        text = text_of(client, address)
        yield address, text
        address = linked(text, relation)


@pytest.mark.parametrize("number", [1, 3, 5, 6, 7, 10, 12])
def test_the_pages_show_every_article_once_newest_first(
    site: Site, tree: Tree, number: int
) -> None:
    write_articles(tree, range(number))
    site.refresh()
    client = site.app().test_client()
    shown = [title for _, text in walk(client, ALL, "next") for title in titles(text)]
    in_feed = [entry.title for entry in site.entries.feed("all").entries]
    assert shown == in_feed
    assert len(shown) == number


def test_a_numbered_page_keeps_its_articles_when_newer_ones_come(site: Site, tree: Tree) -> None:
    write_articles(tree, range(10))
    site.refresh()
    client = site.app().test_client()
    before = {n: titles(text_of(client, f"{ALL}?page={n}")) for n in (1, 2, 3)}
    assert [len(page) for page in before.values()] == [3, 3, 3]
    write_articles(tree, range(10, 15))
    site.refresh()
    assert {n: titles(text_of(client, f"{ALL}?page={n}")) for n in (1, 2, 3)} == before


def test_newer_pages_lead_back_to_the_newest_articles(site: Site, tree: Tree) -> None:
    write_articles(tree, range(11))
    site.refresh()
    client = site.app().test_client()
    pages = list(walk(client, f"{ALL}?page=1", "prev"))
    assert [address for address, _ in pages] == [f"{ALL}?page=1", f"{ALL}?page=2", ALL]
    oldest_first = [title for _, text in pages for title in reversed(titles(text))]
    assert oldest_first == [entry.title for entry in site.entries.feed("all").entries][::-1]


def test_each_page_names_its_own_canonical_address_and_its_dates(site: Site, tree: Tree) -> None:
    write_articles(tree, range(10))
    site.refresh()
    client = site.app().test_client()
    for path in (ALL, f"{ALL}?page=2"):
        text = text_of(client, f"{path}{'&' if '?' in path else '?'}utm_source=x")
        assert f'<link rel="canonical" href="https://feeds.example.org{path}">' in text
        assert '<span class="note dates">Feb 27, 2026</span>' in text


@pytest.mark.parametrize(
    "number", ["0", "-1", "5", "9999999999999999999999", "x", "", "1.0", "١", "%3Cscript%3E", "2 "]
)
def test_a_page_that_is_not_there_is_a_404(site: Site, tree: Tree, number: str) -> None:
    write_articles(tree, range(10))
    site.refresh()
    response = site.app().test_client().get(f"{ALL}?page={number}")
    assert response.status_code == 404
    assert "<script>" not in response.text


def test_held_articles_and_copies_are_neither_counted_nor_shown(
    site: Site, tree: Tree, clock: Clock
) -> None:
    write_articles(tree, range(4))
    tree.write("later.md", f"---\ntitle: Later\ndate: {NOW + timedelta(days=1)}\n---\nx")
    tree.write("copy.md", (tree.root / "1.md").read_bytes())
    site.refresh()
    client = site.app().test_client()
    text = text_of(client, ALL)
    assert "4 articles" in text
    assert len(titles(text)) == 4
    clock.advance(days=2)
    site.refresh()
    assert titles(text_of(client, ALL))[0] == "Later"


def test_an_empty_feed_says_so_kindly(open_site: Open, tree: Tree) -> None:
    site = open_site(categories=[{"slug": "arts", "title": "Arts", "terms": ["art"]}])
    write_articles(tree, range(1))
    site.refresh()
    text = text_of(site.app().test_client(), "/feeds/arts")
    assert "There are no articles yet. Subscribe now" in text
    assert "waiting since March 1, 2026" in text
    assert titles(text) == []
    assert "https://feeds.example.org/feeds/arts.atom" in text


def test_programs_can_tell_the_formats_of_a_feed_apart(site: Site, tree: Tree) -> None:
    write_articles(tree, range(1))
    site.refresh()
    links = re.findall(
        r'<link rel="alternate" type="([^"]+)" title="([^"]+)" href="([^"]+)">',
        text_of(site.app().test_client(), "/feeds/news"),
    )
    base = "https://feeds.example.org/feeds/news"
    assert links == [
        ("application/atom+xml", "news · Test (Atom)", f"{base}.atom"),
        ("application/rss+xml", "news · Test (RSS)", f"{base}.rss"),
        ("application/feed+json", "news · Test (JSON Feed)", f"{base}.json"),
    ]


def test_microformats_name_the_feed_and_its_entries(site: Site, tree: Tree) -> None:
    write_articles(tree, range(2))
    site.refresh()
    text = text_of(site.app().test_client(), ALL)
    assert '<div class="h-feed">' in text
    assert '<h1 class="p-name">Test</h1>' in text
    assert '<data class="u-url" value="https://feeds.example.org/feeds/all">' in text
    assert text.count('class="h-entry"') == text.count('class="dt-published"') == 2


def test_the_name_of_a_feed_works_composed_or_not(site: Site, tree: Tree) -> None:
    write_articles(tree, range(1), terms="été")
    site.refresh()
    client = site.app().test_client()
    assert titles(text_of(client, "/feeds/%C3%A9t%C3%A9")) == ["T0"]
    assert titles(text_of(client, "/feeds/e%CC%81te%CC%81")) == ["T0"]


def test_while_old_articles_are_still_to_be_read_no_page_has_a_number(
    open_site: Open, tree: Tree
) -> None:
    site = open_site(feeds={"limit": 5})
    write_articles(tree, range(10))
    site.refresh()
    site.index.meta.note(PARTIAL, "yes")
    client = site.app().test_client()
    newest = text_of(client, ALL)
    assert titles(newest) == [entry.title for entry in site.entries.feed("all").entries[:3]]
    assert linked(newest, "next") is None
    assert client.get(f"{ALL}?page=1").status_code == 503


def test_a_page_changes_with_its_articles(site: Site, tree: Tree) -> None:
    write_articles(tree, range(2))
    site.refresh()
    client = site.app().test_client()
    first = client.get(ALL, headers=ENGLISH)
    known = {**ENGLISH, "If-None-Match": first.headers["ETag"]}
    assert client.get(ALL, headers=known).status_code == 304
    tree.write("1.md", "---\ntitle: New title\ndate: 2026-02-28\n---\nx")
    site.refresh()
    again = client.get(ALL, headers=known)
    assert again.status_code == 200
    assert "New title" in again.text


def test_the_number_and_the_rhythm_of_articles_are_said(
    site: Site, tree: Tree, clock: Clock
) -> None:
    for number in range(10):
        day = NOW - timedelta(days=number)
        tree.write(f"{number}.md", f"---\ndate: {day}\n---\n{number}")
    site.refresh()
    client = site.app().test_client()
    assert re.search(r"10 articles · about one a day\b", text_of(client, ALL))
    clock.advance(days=200)
    site.refresh()
    text = text_of(client, ALL)
    assert "10 articles" in text
    assert (
        "about" not in re.sub(r"<footer.*", "", text, flags=re.DOTALL).lower().split("</nav>")[-1]
    )


@pytest.mark.parametrize(
    ("articles", "days", "expected"),
    [
        (336, 84, Rhythm(number=4, period="day")),
        (84, 84, Rhythm(number=1, period="day")),
        (30, 84, Rhythm(number=2, period="week")),
        (11, 84, Rhythm(number=1, period="week")),
        (6, 84, Rhythm(number=2, period="month")),
        (1, 84, None),
        (1, 7, Rhythm(number=1, period="week")),
    ],
)
def test_the_rhythm_is_in_the_shortest_period_with_an_article(
    articles: int, days: int, expected: Rhythm | None
) -> None:
    assert rhythm_of(articles, days) == expected


def test_pages_join_without_a_gap() -> None:
    for articles in range(40):
        start, end, older = bounds(articles, None)
        assert (start, end) == (newest_start(articles), articles)
        while older is not None:
            expected = start
            start, end, older = bounds(articles, older)
            assert end == expected
        assert start == 0


def test_dates_are_in_the_words_of_the_language(site: Site) -> None:
    app = site.app()
    for language, expected in (("en", "Mar 3"), ("zh-CN", "2026年3月3日"), ("zh-TW", "至")):
        with app.test_request_context(headers={"Accept-Language": language}):
            assert expected in interval(date(2026, 3, 3), date(2026, 3, 12))
