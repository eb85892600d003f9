"""Search: what is found, the page of results, and the feed of a search."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from urllib.parse import quote, urlencode

import feedparser
import pytest
from conftest import CACHED, Clock, Tree, site_in
from flask.testing import FlaskClient
from hypothesis import given, settings, strategies as st
from sites import Open, Site
from sqlalchemy import text

from feedsvc import config as configuration, feeds, fulltext
from feedsvc.errors import ConfigError
from feedsvc.formats import FORMATS
from feedsvc.fulltext import Query, excerpt, marked, parse, plain
from feedsvc.index import SEARCH, Period

ARTICLES = {
    "port.md": (
        "青屿港上半年吞吐量增长",
        "港口的吞吐量增长了一成二，用AI调度。",
        "财经",
        "2024-03-05",
    ),
    "tea.md": (
        "Green tea at the café",
        "A naïve guide to **tea** by [us](https://x.example/y).",
        "Tea",
        "2024-05-01",
    ),
    "cup.html": (
        "Cups",
        "<p>A green cup &amp; a pot</p><style>.tea{}</style><!-- kettle -->",
        "Tea",
        "2023-12-31",
    ),
    "rare.md": ("𠮷野家", "𠮷 is a rare character. 한국어 かな Ｗｉｄｅ２", "Other", "2022-01-01"),
}
BROWSER = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}


def write(tree: Tree) -> None:
    for source, (title, body, term, day) in ARTICLES.items():
        front = f"title: {title}\ncategories: [{term}]\nauthor: 王小明\ndate: {day}"
        tree.write(source, f"---\n{front}\n---\n{body}\n")


@pytest.fixture
def found(tree: Tree, site: Site) -> Callable[[str], list[str]]:
    """Return a function that returns the sources of what a query finds, newest first."""
    write(tree)
    site.refresh()

    def find(query: str) -> list[str]:
        results = site.app().test_client().get("/search", query_string={"q": query})
        assert results.status_code == 200
        keys = re.findall(r'<h\d><a href="/articles/(\w+)">', results.text)
        sources = {site.index.articles.article(key).article.source: key for key in keys}  # type: ignore[union-attr]
        return list(sources)

    return find


@pytest.mark.parametrize(
    ("query", "sources"),
    [
        ("港", ["port.md"]),
        ("青屿", ["port.md"]),
        ("吞吐量", ["port.md"]),
        ("屿青", []),
        ("AI调度", ["port.md"]),
        ("ai", ["port.md"]),
        ("ＡＩ调度", ["port.md"]),
        ("after:2024 after:2023", ["tea.md", "port.md"]),
        ("before:2023 before:2025", ["rare.md"]),
        ("wide2", ["rare.md"]),
        ("𠮷", ["rare.md"]),
        ("국어", ["rare.md"]),
        ("な", ["rare.md"]),
        ("TEA", ["tea.md"]),
        ("cafe", ["tea.md"]),
        ("NAIVE", ["tea.md"]),
        ("gree", []),
        ("green", ["tea.md", "cup.html"]),
        ("green cup", ["cup.html"]),
        ('"green tea"', ["tea.md"]),
        ('"tea green"', []),
        ("“green cup”", ["cup.html"]),
        ("green -cup", ["tea.md"]),
        ('green -"green cup"', ["tea.md"]),
        ("kettle", []),
        ("https", []),
        ("category:Tea", ["tea.md", "cup.html"]),
        ("category:Tea after:2024", ["tea.md"]),
        ("category:Tea before:2024", ["cup.html"]),
        ("green -category:Tea", []),
        ("category:财经", ["port.md"]),
        ("category：财经", ["port.md"]),
        ("-category:Tea", ["port.md", "rare.md"]),
        ("-green", ["port.md", "rare.md"]),
        ("after:2024-03-05 before:2024-03-06", ["port.md"]),
        ("after:2024-03 before:2024-05", ["port.md"]),
        ("author:小明", ["tea.md", "port.md", "cup.html", "rare.md"]),
        ("green author:王小明 before:2024", ["cup.html"]),
        ("-author:王小明", []),
        ("小明", []),
        ("before:0001", []),
        ("after:9999-12-31", []),
    ],
)
def test_a_query_finds(query: str, sources: list[str], found: Callable[[str], list[str]]) -> None:
    assert found(query) == sources


def test_days_are_those_of_the_site(tree: Tree, open_site: Open) -> None:
    site = open_site(site={"timezone": "Asia/Shanghai", "base_url": "https://f.example.org"})
    tree.write("a.md", "---\ntitle: Late\ndate: 2024-01-01T00:30:00+08:00\n---\nText")
    site.refresh()
    client = site.app().test_client()
    assert "<mark>Late</mark>" in client.get("/search?q=late+after:2024").text
    assert "<mark>" not in client.get("/search?q=late+before:2024").text


def test_articles_that_are_held_drafts_or_withdrawn_are_not_found(
    tree: Tree, site: Site, clock: Clock
) -> None:
    tree.write("a.md", "---\ntitle: Alpha\ndate: 2026-03-02\n---\nword")
    tree.write("b.md", "---\ntitle: Beta\ndraft: true\n---\nword")
    tree.write("c.md", "---\ntitle: Gamma\n---\nword")
    site.refresh()
    client = site.app().test_client()

    def titles() -> list[str]:
        return re.findall(r'<h\d><a href="/articles/\w+">(\w+)', client.get("/search?q=word").text)

    assert titles() == ["Gamma"]
    tree.remove("c.md")
    site.refresh()
    assert titles() == []
    clock.advance(days=2)
    site.refresh()
    assert titles() == ["Alpha"]


def test_an_edited_article_is_found_by_its_new_words_alone(
    tree: Tree, site: Site, clock: Clock
) -> None:
    find = lambda query: site.index.search.find(parse(query), Period(), 9)  # noqa: E731
    tree.write("a.md", "# One\n\nold words")
    site.refresh()
    for words in ("new", "old", "new"):  # a row of the index is never used again
        clock.advance(seconds=5)
        tree.write("a.md", f"# One\n\n{words} words")
        site.refresh()
        assert find(words) == ["a.md"]
        assert find("words") == ["a.md"]
        assert find({"old": "new", "new": "old"}[words]) == []


def test_of_two_copies_one_is_found(tree: Tree, site: Site, clock: Clock) -> None:
    tree.write("a.md", "---\nid: urn:x:1\ntitle: Twin\n---\nword")
    tree.write("b.md", "---\nid: urn:x:1\ntitle: Twin\n---\nword")
    site.refresh()
    (first,) = site.index.search.find(parse("word"), Period(), 9)
    tree.remove(first)
    clock.advance(seconds=5)
    site.refresh()
    (second,) = site.index.search.find(parse("word"), Period(), 9)
    assert {first, second} == {"a.md", "b.md"}


def test_articles_of_the_same_second_are_all_found(tree: Tree, site: Site) -> None:
    for number in range(30):
        tree.write(f"{number}.md", f"---\ntitle: Same {number}\ndate: 2024-01-01\n---\nword")
    site.refresh()
    assert len(site.index.search.find(parse("word"), Period(), 99)) == 30
    assert len(site.index.search.find(parse("word"), Period(), 7)) == 7


def test_an_older_state_is_indexed_in_stages_and_search_says_so(
    tree: Tree, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree)
    site.refresh()
    client = site.app().test_client()
    assert "indexed" not in client.get("/search?q=green").text
    assert client.get("/feeds/search.atom?q=green").status_code == 200
    # What a state looks like that was made before there was a search.
    with site.index.database.transaction() as connection:
        connection.execute(text("INSERT INTO search (search) VALUES ('delete-all')"))
        connection.execute(text("DELETE FROM searched"))
        connection.execute(text("DELETE FROM meta WHERE key = 'search'"))
    monkeypatch.setattr("feedsvc.index.search._BATCH", 1)
    monkeypatch.setattr("feedsvc.refresh.stages.CLEANING_SECONDS", 0.0)
    waits = [site.refresh().again_in]
    assert site.index.search.find(parse("-nothing"), Period(), 9) == ["tea.md"]  # the newest
    assert "still being indexed" in client.get("/search?q=green&again").text
    building = client.get("/feeds/search.atom?q=green")
    assert building.status_code == 503
    assert building.headers["Retry-After"]
    while waits[-1] is not None:
        waits.append(site.refresh().again_in)
    assert waits == [0.0] * len(ARTICLES) + [None]
    assert "indexed" not in client.get("/search?q=green&again").text
    assert len(site.index.search.find(parse("-nothing"), Period(), 9)) == len(ARTICLES)


def test_an_index_with_more_old_rows_than_articles_is_made_anew(
    tree: Tree, site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.index.search._FEW_DEAD", 3)
    tree.write("a.md", "# One\n\nstays")
    for number in range(5):
        clock.advance(seconds=5)
        tree.write("b.md", f"# Two\n\nword{number}")
        site.refresh()
    site.refresh()
    rows = site.index.database.scalar(text("SELECT count(*) FROM search_docsize"))
    assert rows == 2
    assert site.index.search.is_built()
    assert site.index.search.find(parse("stays"), Period(), 9) == ["a.md"]
    assert site.index.search.find(parse("word4"), Period(), 9) == ["b.md"]


def test_another_rule_for_words_makes_the_index_anew(
    tree: Tree, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree)
    site.refresh()
    monkeypatch.setattr(fulltext, "POLICY", "next")
    site.refresh()
    assert site.index.meta.get(SEARCH) == "next"
    assert site.index.search.find(parse("青屿"), Period(), 9) == ["port.md"]


def test_a_database_without_full_text_search_says_so(
    tree: Tree, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.index.search._is_available", lambda connection: False)
    write(tree)
    assert site.refresh().again_in is None
    client = site.app().test_client()
    page = client.get("/search?q=tea")
    assert page.status_code == 404
    assert "There is no search here" in page.text
    assert client.get("/feeds/search.atom?q=tea").status_code == 404
    assert client.get("/feeds/all.atom").status_code == 200


# The page of results


def test_a_page_marks_words_and_escapes_everything_else(tree: Tree, site: Site) -> None:
    tree.write("a.html", "---\ntitle: A <b>& tea\n---\n<p>x &lt;script&gt; tea</p>")
    site.refresh()
    page = site.app().test_client().get("/search", query_string={"q": 'tea <script>"'}).text
    assert "A &lt;b&gt;&amp; <mark>tea</mark>" in page
    assert "&lt;<mark>script</mark>&gt; <mark>tea</mark>" in page
    assert "<script>" not in page
    assert 'value="tea &lt;script&gt;"' in page


def test_results_have_pages_and_say_how_many_there_are(tree: Tree, site: Site) -> None:
    for number in range(45):
        tree.write(
            f"{number}.md", f"---\ntitle: N{number}\ndate: 2024-01-{number % 28 + 1}\n---\nword"
        )
    site.refresh()
    client = site.app().test_client()
    pages = [client.get(f"/search?q=word&page={number}").text for number in (1, 2, 3, 4, "x")]
    titles = [re.findall(r">(N\d+)</a>", page) for page in pages]
    assert [len(part) for part in titles] == [20, 20, 5, 5, 20]
    assert len({title for part in titles[:3] for title in part}) == 45
    assert "45 articles" in pages[0]
    assert "Page 2 of 3" in pages[1]
    assert 'rel="next"' not in pages[2]


def test_common_words_are_counted_up_to_a_bound(
    tree: Tree, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.publish.searching.MOST", 3)
    for number in range(5):
        tree.write(f"{number}.md", f"# N{number}\n\nword")
    site.refresh()
    assert "More than 3 articles" in site.app().test_client().get("/search?q=word").text


def test_counting_ends_after_a_moment_and_every_page_can_be_reached(
    tree: Tree, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.index.search._MOMENT", -1.0)
    for number in range(45):
        tree.write(f"{number}.md", f"# N{number}\n\nword")
    site.refresh()
    client = site.app().test_client()
    pages = [client.get(f"/search?q=word&page={number}").text for number in (1, 2, 3)]
    assert ["More than 21 articles" in page for page in pages] == [True, False, False]
    assert ["More than 41 articles" in page for page in pages] == [False, True, False]
    assert "45 articles" in pages[2]
    assert ['rel="next"' in page for page in pages] == [True, True, False]
    titles = [title for page in pages for title in re.findall(r">(N\d+)</a>", page)]
    assert len(set(titles)) == len(titles) == 45


def test_the_best_comes_first_by_relevance_and_the_newest_by_date(tree: Tree, site: Site) -> None:
    tree.write("a.md", "---\ntitle: Tea\ndate: 2024-01-01\n---\ntea, tea and tea")
    tree.write("b.md", "---\ntitle: Other\ndate: 2024-01-02\n---\nwater " * 1 + "x " * 300 + "tea")
    site.refresh()
    client = site.app().test_client()
    order = lambda page: re.findall(r"/articles/\w+\">(?:<mark>)?(\w+)", page)  # noqa: E731
    assert order(client.get("/search?q=tea").text) == ["Other", "Tea"]
    assert order(client.get("/search?q=tea&sort=relevance").text) == ["Tea", "Other"]


def test_filters_are_links(tree: Tree, open_site: Open) -> None:
    site = open_site(categories=[{"slug": "drinks", "title": "Drinks", "terms": ["Tea"]}])
    write(tree)
    site.refresh()
    client = site.app().test_client()
    page = client.get("/search?q=a").text
    assert 'href="/search?q=a+category:drinks"' in page
    narrowed = client.get("/search?q=a+category:drinks").text
    assert 'href="/search?q=a"' in narrowed
    assert "category:drinks <span" in narrowed


def test_nothing_found_is_said_with_what_was_searched_and_ignored(tree: Tree, site: Site) -> None:
    write(tree)
    site.refresh()
    page = site.app().test_client().get("/search?q=unknown+after:soon").text
    assert "No article has all of this: unknown" in page
    assert "Ignored: after:soon" in page
    assert "<code>before:2024-05-01</code>" in page  # how it is written


def test_what_was_not_found_is_escaped(client: FlaskClient, site: Site, tree: Tree) -> None:
    write(tree)
    site.refresh()
    typed = 'unknown<i>%s%(q)s after:<i> category:"<i>"'
    page = client.get("/search", query_string={"q": typed}).text
    assert "No article has all of this: unknown&lt;i&gt;%s%(q)s" in page
    assert "Ignored: after:&lt;i&gt;" in page
    assert "<i>" not in page


def test_a_page_without_a_query_has_the_field_and_explains_filters(
    client: FlaskClient, site: Site, tree: Tree
) -> None:
    write(tree)
    site.refresh()
    page = client.get("/search")
    assert page.status_code == 200
    assert "autofocus" in page.text
    assert "category:" in page.text
    assert "/articles/" not in page.text


def test_a_search_shows_new_articles_at_once(tree: Tree, site: Site, clock: Clock) -> None:
    client = site.app().test_client()
    write(tree)
    site.refresh()
    assert "1 article" in client.get("/search?q=港").text
    clock.advance(seconds=5)
    tree.write("new.md", "# 港口\n\n新")
    site.refresh()
    assert "2 articles" in client.get("/search?q=港").text


# The feed of a search


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_search_is_a_feed(suffix: str, tree: Tree, site: Site) -> None:
    write(tree)
    site.refresh()
    address = f"/feeds/search.{suffix}?q=green"
    answer = site.app().test_client().get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == FORMATS[suffix].media_type
    assert answer.headers["Cache-Control"] == CACHED
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    if suffix == "json":
        feed = answer.get_json()
        assert feed["feed_url"] == f"https://feeds.example.org{address}"
        assert feed["home_page_url"] == "https://feeds.example.org/search?q=green"
        assert [item["title"] for item in feed["items"]] == ["Green tea at the café", "Cups"]
        return
    parsed = feedparser.parse(answer.data)
    assert not parsed.bozo
    assert parsed.feed.title == "green · Test"
    assert [entry.title for entry in parsed.entries] == ["Green tea at the café", "Cups"]
    links = {link.rel: link.href for link in parsed.feed.links}
    assert links["self"] == f"https://feeds.example.org{address}"
    assert links["alternate"] == "https://feeds.example.org/search?q=green"


def test_entries_are_the_same_as_in_other_feeds(tree: Tree, site: Site) -> None:
    write(tree)
    site.refresh()
    client = site.app().test_client()
    everything = {entry["id"]: entry for entry in client.get("/feeds/all.json").get_json()["items"]}
    for entry in client.get("/feeds/search.json?q=green").get_json()["items"]:
        assert everything[entry["id"]] == entry


def test_the_id_of_a_search_depends_on_its_meaning_alone(tree: Tree, site: Site) -> None:
    write(tree)
    site.refresh()
    client = site.app().test_client()

    def id_of(query: str) -> str:
        answer = client.get("/feeds/search.atom", query_string={"q": query})
        return str(feedparser.parse(answer.data).feed.id)

    assert id_of("green tea") == id_of("  TEA   green ") == id_of("green tea tea")
    assert id_of("green after:2024") == id_of("after:2024-01-01 green")
    different = [
        "green tea",
        '"green tea"',
        "green -tea",
        "green",
        "author:green",
        "category:green",
    ]
    assert len(set(map(id_of, different))) == len(different)


def test_a_reader_gets_304_until_the_search_finds_something_else(
    tree: Tree, site: Site, clock: Clock
) -> None:
    write(tree)
    site.refresh()
    clock.advance(minutes=1)
    client = site.app().test_client()
    address = "/feeds/search.atom?q=green"
    first = client.get(address)
    by_tag = {"If-None-Match": first.headers["ETag"]}
    by_date = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert client.get(address, headers=by_tag).status_code == 304
    assert client.get(address, headers=by_date).status_code == 304
    tree.write("other.md", "# Something else")
    site.refresh()
    clock.advance(minutes=1)
    assert client.get(address, headers=by_tag).status_code == 304
    assert client.get(address).data == first.data
    # An article with an old date.
    tree.write("new.md", "---\ntitle: Old\ndate: 2001-01-01\n---\ngreen")
    site.refresh()
    clock.advance(minutes=1)
    second = client.get(address, headers=by_tag)
    assert second.status_code == 200
    assert client.get(address, headers=by_date).status_code == 200
    updated = [feedparser.parse(answer.data).feed.updated for answer in (first, second)]
    assert updated[0] < updated[1]
    tree.remove("new.md")
    site.refresh()
    clock.advance(minutes=1)
    third = client.get(address, headers={"If-Modified-Since": second.headers["Last-Modified"]})
    assert third.status_code == 200
    assert len(feedparser.parse(third.data).entries) == 2


def test_other_parameters_are_ignored(tree: Tree, site: Site) -> None:
    write(tree)
    site.refresh()
    client = site.app().test_client()
    plain_answer = client.get("/feeds/search.atom?q=green")
    assert client.get("/feeds/search.atom?utm=1&q=green&sort=relevance").data == plain_answer.data


def test_answers_for_different_searches_are_kept_apart(tree: Tree, site: Site) -> None:
    write(tree)
    site.refresh()
    client = site.app().test_client()
    for _ in range(2):
        for query, number in (("green", 2), ("港", 1), ("green", 2)):
            answer = client.get("/feeds/search.atom", query_string={"q": query})
            assert len(feedparser.parse(answer.data).entries) == number


def test_a_search_without_words_is_no_feed(tree: Tree, site: Site) -> None:
    write(tree)
    site.refresh()
    client = site.app().test_client()
    for query in ("", "?q=", "?q=%22%22", "?q=..."):
        assert client.get(f"/feeds/search.atom{query}").status_code == 404


def test_a_person_who_opens_the_feed_gets_the_page(tree: Tree, site: Site) -> None:
    write(tree)
    site.refresh()
    client = site.app().test_client()
    for path in ("/feeds/search.atom?q=green+港", "/feeds/search?q=green+港"):
        answer = client.get(path, headers=BROWSER)
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"/search?q=green+{quote('港')}"
        assert answer.headers["Cache-Control"] == "private, no-store"
    assert client.get("/feeds/search.atom?q=green").status_code == 200


def test_the_feed_is_as_long_as_other_feeds(tree: Tree, open_site: Open) -> None:
    site = open_site(feeds={"limit": 3})
    for number in range(6):
        tree.write(f"{number}.md", f"---\ntitle: N{number}\ndate: 2024-01-0{number + 1}\n---\nword")
    site.refresh()
    items = site.app().test_client().get("/feeds/search.json?q=word").get_json()["items"]
    assert [item["title"] for item in items] == ["N5", "N4", "N3"]


def test_no_category_can_have_the_slug_of_searches(tree: Tree, site: Site, tmp_path: Path) -> None:
    assert feeds.slug("search") != "search"
    with pytest.raises(ConfigError, match="taken by the feeds of searches"):
        configuration.parse({"categories": [{"slug": "search", "terms": ["x"]}]})
    tree.write("a.md", "---\ntitle: A\ncategories: [search]\n---\nword")
    site.refresh()
    (listing,) = [feed for feed in site.entries.listings() if feed.term]
    client = site.app().test_client()
    path = listing.link.removeprefix("https://feeds.example.org")
    assert len(client.get(f"{path}.json").get_json()["items"]) == 1
    assert client.get("/feeds/search.json?q=word").get_json()["title"] == "word · Test"


# Queries


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("", Query()),
        ("  ", Query()),
        ("tea", Query(parts=("tea",), words=("tea",))),
        ("-tea", Query(parts=("-tea",), not_words=("tea",))),
        ("state-of-the-art", Query(parts=("state-of-the-art",), words=("state-of-the-art",))),
        ("AND OR NOT", Query(parts=("AND", "OR", "NOT"), words=("AND", "OR", "NOT"))),
        ("title:x", Query(parts=("title:x",), words=("title:x",))),
        ("category:", Query(ignored=("category:",))),
        ("before:2024-13", Query(ignored=("before:2024-13",))),
        ("after:2024/2/3", Query(parts=("after:2024/2/3",), after=date(2024, 2, 3))),
        ('"-tea"', Query(parts=('"-tea"',), words=("-tea",))),
        ("a*^", Query(parts=("a*^",), words=("a*^",))),
        ("+ - ...", Query(ignored=("+", "-", "..."))),
    ],
)
def test_a_query_means(typed: str, query: Query) -> None:
    assert parse(typed) == query


def test_a_query_has_limits_and_says_what_it_ignored() -> None:
    query = parse(" ".join(f"w{number}" for number in range(20)))
    assert len(query.words) == fulltext.queries.MOST_TERMS
    assert query.ignored == tuple(f"w{number}" for number in range(12, 20))
    assert len(parse("x" * 5000).words[0]) == fulltext.queries.LONGEST


SPECIAL = st.sampled_from(
    ["AND", "OR", "NOT", "NEAR(", "{title", "}:", "^a", '"', '""', "*", "-", "category:", "author:",
     "after:", "before:2024", "港", "tea", "\x00", "'", ";", "--", "\\", "%", "“", "：", "("]
)  # fmt: skip
HOSTILE = st.one_of(st.text(max_size=300), st.lists(SPECIAL, max_size=20).map(" ".join))


@settings(deadline=None)
@given(HOSTILE)
def test_the_text_of_a_query_means_the_same_query(typed: str) -> None:
    query = parse(typed)
    assert parse(query.text).canonical == query.canonical
    for part in query.parts:
        assert len(parse(query.without(part)).parts) < len(query.parts)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with site_in(tmp_path_factory.mktemp("hostile")) as (site, tree):
        write(tree)
        site.refresh()
        yield site.app(cache=False).test_client()


@settings(deadline=None, max_examples=100)
@given(HOSTILE, st.text(max_size=12), st.text(max_size=12))
def test_no_query_is_an_error(hostile: FlaskClient, typed: str, sort: str, page: str) -> None:
    values = urlencode({"q": typed, "sort": sort, "page": page}, errors="surrogatepass")
    assert hostile.get(f"/search?{values}").status_code == 200
    assert hostile.get(f"/feeds/search.rss?{values}").status_code in {200, 404}


@settings(deadline=None)
@given(st.text(), st.lists(st.text(max_size=10), max_size=3))
def test_pieces_are_the_whole_text(body: str, phrases: list[str]) -> None:
    assert "".join(piece.text for piece in marked(body, phrases)) == body


@pytest.mark.parametrize(
    ("text", "phrase", "hits"),
    [
        ("Un cafe\u0301 noir", "café", ["cafe\u0301"]),
        ("re\u0301sume\u0301", "resume", ["re\u0301sume\u0301"]),
        ("हिन्दी में", "हिन्दी", ["हिन्दी"]),
        ("ＡＩ写作", "AI", ["ＡＩ"]),
        ("AI写作", "ＡＩ写", ["AI写"]),
    ],
)
def test_whole_characters_are_marked(text: str, phrase: str, hits: list[str]) -> None:
    assert [piece.text for piece in marked(text, [phrase]) if piece.hit] == hits


@pytest.mark.parametrize("character", ["e\u0301", "👍🏽", "👩\u200d👩\u200d👧", "हि"])
def test_an_excerpt_cuts_no_character(character: str) -> None:
    for shift in range(8):
        text = f"{character * 80}{'x' * shift}茶{character * 80}"
        cut = "".join(piece.text for piece in excerpt(text, ["茶"])).strip("…")
        assert not cut.replace(character, "").replace("茶", "").strip("x")


@pytest.mark.parametrize("tag", ["""<img alt="a > b" src="c">""", "<b title='a > b'>", '<p ">'])
def test_no_part_of_a_tag_is_text(tag: str) -> None:
    assert plain(f"{tag}A cup", "html") == "A cup"


@settings(deadline=None)
@given(st.text(), st.lists(st.text(max_size=10), max_size=3))
def test_an_excerpt_is_short_and_a_part_of_the_text(body: str, phrases: list[str]) -> None:
    cut = "".join(piece.text for piece in excerpt(body, phrases))
    assert cut.strip("…") in body
    assert len(cut) <= 400


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("<>!-/ ascript\"'&;#[](){}*`\n"), max_size=200))
def test_plain_text_is_one_line(body: str) -> None:
    for markup in ("html", "markdown", "text"):
        line = plain(body, markup)
        assert line == " ".join(line.split())


@pytest.mark.parametrize(
    "unit",
    [
        "<!--",
        "<",
        "<script>",
        "</script>",
        "](",
        "[x]: ",
        "](((",
        "*`",
        "&#",
        "> ",
        "-->",
        "<a '",
        '<a "',
        "<a ''",
    ],
)
def test_plain_text_takes_time_in_proportion(unit: str) -> None:
    body = unit * (fulltext.LONGEST // len(unit))
    for markup in ("html", "markdown"):
        plain(body, markup)  # a quadratic step would take minutes


def test_a_search_without_results_names_the_nearest_feeds(tree: Tree, open_site: Open) -> None:
    tree.write("a.html", "---\ntitle: A\ntags: [Harbours]\n---\n<p>text</p>")
    site = open_site(categories=[{"slug": "ships", "title": "Ships", "terms": ["Harbours"]}])
    site.refresh()
    client = site.app().test_client()
    for query in ("shipps", "HARBOURS", "old harbours", "category:harbour before:2020-01-01"):
        assert 'href="/feeds/ships"' in client.get(f"/search?q={query}").text
