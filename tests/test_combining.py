"""Combined and filtered feeds: `/feeds/finance+ai-ads.atom?filter_title=…`."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import feedparser
import pytest
from conftest import NOW, Clock, Tree, site_in
from flask.testing import FlaskClient
from hypothesis import given, strategies as st
from sites import Open, Site

from feedsvc import filters, web
from feedsvc.errors import BusyError, ParameterError
from feedsvc.feeds import Combination, combination
from feedsvc.formats import FORMATS
from feedsvc.index import articles as article_table
from feedsvc.publish import OneAtATime
from feedsvc.validator import JUDGES

CATEGORIES = [
    {"slug": "finance", "title": "Finance", "terms": ["finance"], "aliases": ["money"]},
    {"slug": "ai", "title": "AI", "terms": ["ai"]},
    {"slug": "ads", "title": "Ads", "terms": ["ads"]},
]
BROWSER = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture
def site(open_site: Open) -> Site:
    return open_site(categories=CATEGORIES, feeds={"limit": 5})


def write(tree: Tree, name: str, terms: str, *, hours: float = 0, **fields: str) -> None:
    """Write an article with these terms, so many hours old."""
    lines = {"title": name, "date": str(NOW - timedelta(hours=hours)), **fields}
    front = "\n".join(f"{key}: {json.dumps(value)}" for key, value in lines.items())
    tree.write(f"{name}.md", f"---\n{front}\ntags: [{terms}]\n---\nText of {name}")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Serve a few articles that no test changes."""
    folder = tmp_path_factory.mktemp("site")
    with site_in(folder, categories=CATEGORIES, feeds={"limit": 5}) as (site, tree):
        yield serve(site, tree)


@pytest.fixture
def own_client(site: Site, tree: Tree) -> FlaskClient:
    return serve(site, tree)


def serve(site: Site, tree: Tree) -> FlaskClient:
    write(tree, "Bonds", "finance", hours=1, author="Ann")
    write(tree, "Robots", "ai", hours=2, author="Bob")
    write(tree, "Robot bank", "finance, ai", hours=3, author="Ann Lee")
    write(tree, "Buy a robot", "ai, ads", hours=4)
    write(tree, "Weather", "weather", hours=5)
    write(tree, "A&amp;B 国债", "finance, self-driving", hours=50)
    site.refresh()
    return site.app().test_client()


def document(client: FlaskClient, name: str, query: str = "") -> dict[str, Any]:
    response = client.get(f"/feeds/{quote(name)}.json{query}")
    assert response.status_code == 200, response.text
    return dict(json.loads(response.data))


def titles(client: FlaskClient, name: str, query: str = "") -> list[str]:
    return [item["title"] for item in document(client, name, query)["items"]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("finance+ai", ["Bonds", "Robots", "Robot bank", "Buy a robot", "A&B 国债"]),
        ("finance+ai-ads", ["Bonds", "Robots", "Robot bank", "A&B 国债"]),
        ("finance-ai", ["Bonds", "A&B 国债"]),
        ("all-ai-finance", ["Weather"]),
        ("ads+weather", ["Buy a robot", "Weather"]),
        ("self-driving+ads", ["Buy a robot", "A&B 国债"]),
        ("finance-self-driving", ["Bonds", "Robot bank"]),
        ("money-ai", ["Bonds", "A&B 国债"]),
        ("finance-finance", []),
    ],
)
def test_a_combined_feed_has_any_of_these_and_none_of_those(
    client: FlaskClient, name: str, expected: list[str]
) -> None:
    assert titles(client, name) == expected


@pytest.mark.parametrize(
    "name", ["finance+", "+finance", "finance+nothing", "finance--ai", "-ai", "a" * 501 + "+ai"]
)
def test_a_combination_with_an_unknown_feed_is_a_404(client: FlaskClient, name: str) -> None:
    for path in (f"/feeds/{quote(name)}.atom", f"/feeds/{quote(name)}"):
        assert client.get(path).status_code == 404
        assert client.get(path, headers=BROWSER).status_code == 404


def test_the_longest_known_slug_counts() -> None:
    known = {"a", "b", "a-b", "c"}
    assert combination("a-b", known) == Combination(any=("a-b",))
    assert combination("c-a-b", known) == Combination(any=("c",), none=("a-b",))
    assert combination("b-a", known) == Combination(any=("b",), none=("a",))
    # Where the longest one leads to nothing, a shorter one counts.
    assert combination("a-b-b+c", {"a", "a-b-b+", "b", "c"}) is not None
    assert combination("a-b", {"a", "b-a"}) is None


@given(
    st.lists(st.sampled_from(["x", "y-z", "y", "z+", "新闻", "C++"]), min_size=1, max_size=6),
    st.lists(st.sampled_from("+-"), min_size=6, max_size=6),
)
def test_every_combination_of_known_slugs_is_understood(slugs: list[str], signs: list[str]) -> None:
    text = slugs[0] + "".join(f"{sign}{slug}" for sign, slug in zip(signs, slugs[1:], strict=False))
    understood = combination(text, {"x", "y-z", "y", "z+", "新闻", "C++"})
    assert understood is not None
    assert understood.any


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filter_title=Robot", ["Robots", "Robot bank"]),
        ("filter_title=obo.s|^Bonds$", ["Bonds", "Robots"]),
        ("filter_title=robot&filter_case_sensitive=false", ["Robots", "Robot bank", "Buy a robot"]),
        ("filter_title=A%26B", ["A&B 国债"]),
        ("filter_title=国债|Weather", ["Weather", "A&B 国债"]),
        ("filter_author=Ann", ["Bonds", "Robot bank"]),
        ("filter_author=Ann&filterout_author=Lee", ["Bonds"]),
        ("filter_category=^ai$", ["Robots", "Robot bank", "Buy a robot"]),
        ("filterout_category=ai|finance", ["Weather"]),
        ("filterout_title=R|B&filter_time=86400", ["Weather"]),
        ("filter_time=9000", ["Bonds", "Robots"]),
        ("limit=2", ["Bonds", "Robots"]),
        ("filter_title=o&limit=2", ["Bonds", "Robots"]),
        ("filter_title=bank&limit=1", ["Robot bank"]),
        ("limit=1000000", ["Bonds", "Robots", "Robot bank", "Buy a robot", "Weather"]),
        ("filter_title=&limit=&filter_author=Bob&filter_time=", ["Robots"]),
        ("filter_title=nothing has this", []),
    ],
)  # fmt: skip
def test_filters_choose_before_the_limit_cuts(
    client: FlaskClient, query: str, expected: list[str]
) -> None:
    assert titles(client, "all", f"?{query}") == expected


def test_filters_and_combinations_go_together(client: FlaskClient) -> None:
    assert titles(client, "finance+ai-ads", "?filter_title=obot&limit=1") == ["Robots"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("filter_title=(", "filter_title"),
        ("filter_title=(?=a)", "filter_title"),
        ("filterout_author=" + "a{1000}" * 70, "filterout_author"),
        ("filter_title=" + "a" * 501, "filter_title"),
        ("filter_description=x", "filter_description"),
        ("filter=x", "filter"),
        ("filter_time=soon", "filter_time"),
        ("limit=-1", "limit"),
        ("limit=0", "limit"),
        ("limit=" + "9" * 30, "limit"),
    ],
)
def test_a_filter_that_cannot_be_used_is_named(client: FlaskClient, query: str, named: str) -> None:
    for path in ("/feeds/all.atom", "/feeds/all"):
        response = client.get(f"{path}?{query}")
        assert response.status_code == 400
        assert f"<p>{named}: " in response.text


def test_each_combination_has_an_id_of_its_own(client: FlaskClient) -> None:
    def id_of(name: str, query: str = "") -> str:
        return str(feedparser.parse(client.get(f"/feeds/{name}.atom{query}").data).feed.id)

    same = [("finance+ai-ads", ""), ("ai+finance-ads", ""), ("money+ai+ai-ads", "")]
    assert len({id_of(*each) for each in same}) == 1
    others = [
        ("finance", ""), ("finance+ai", ""), ("finance-ai", ""), ("finance+ai-ads", "?limit=2"),
        ("finance", "?filter_title=x"), ("finance", "?filter_author=x"), ("finance", "?limit=2"),
        ("finance", "?filter_title=x&filter_case_sensitive=false"), ("ai", "?limit=2"),
    ]  # fmt: skip
    assert len({id_of(*each) for each in [*others, same[0]]}) == len(others) + 1
    assert id_of("finance", "?limit=2&utm_source=x") == id_of("finance", "?limit=2")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_combined_feed_is_valid_and_names_its_own_addresses(
    client: FlaskClient, suffix: str
) -> None:
    query = "?filter_title=obot%7C%E5%9B%BD&limit=3"
    response = client.get(f"/feeds/finance+ai-ads.{suffix}{query}")
    assert response.mimetype == FORMATS[suffix].media_type.partition(";")[0]
    assert list(JUDGES[suffix](response.data)) == []
    own = f"https://feeds.example.org/feeds/finance%2Bai-ads.{suffix}{query}"
    page = f"https://feeds.example.org/feeds/finance%2Bai-ads{query}"
    if suffix == "json":
        document = json.loads(response.data)
        assert (document["feed_url"], document["home_page_url"]) == (own, page)
        title = document["title"]
    else:
        feed = feedparser.parse(response.data).feed
        assert [link.href for link in feed.links if link.rel == "self"] == [own]
        assert feed.link == page
        title = feed.title
    assert title == "Finance + AI − Ads (filter_title=obot|国, limit=3) · Test"
    assert client.get(own.removeprefix("https://feeds.example.org")).data == response.data


def test_a_combined_feed_is_answered_with_304_until_it_changes(
    own_client: FlaskClient, site: Site, tree: Tree, clock: Clock
) -> None:
    clock.advance(seconds=5)
    path = "/feeds/finance+ai.atom"
    first = own_client.get(path)
    assert "max-age=900" in first.headers["Cache-Control"]
    tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    assert own_client.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert own_client.get(path, headers={"If-Modified-Since": date}).status_code == 304
    write(tree, "Sun", "weather")
    site.refresh()
    assert own_client.get(path, headers={"If-None-Match": tag}).status_code == 304
    write(tree, "Gold", "finance")
    site.refresh()
    clock.advance(seconds=5)
    assert own_client.get(path, headers={"If-None-Match": tag}).status_code == 200
    assert own_client.get(path, headers={"If-Modified-Since": date}).status_code == 200


def test_the_response_cache_keeps_combined_feeds_apart(
    own_client: FlaskClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.advance(seconds=5)
    paths = [
        "/feeds/all.json", "/feeds/all.json?limit=1", "/feeds/all.json?limit=2",
        "/feeds/finance+ai.json", "/feeds/finance+ai.json?limit=1",
    ]  # fmt: skip
    bodies = {path: own_client.get(path).data for path in paths}
    assert len(set(bodies.values())) == len(paths)
    with monkeypatch.context() as patch:
        patch.setattr(article_table.ArticleTable, "newest_of", None)  # nothing is made again
        assert {path: own_client.get(path).data for path in paths} == bodies
    # What the cache cannot tell from the feed's own address is answered as that.
    assert own_client.get("/feeds/all.json?%6Cimit=1").data == bodies["/feeds/all.json"]


def test_articles_leave_a_feed_of_the_last_hours_with_time(
    own_client: FlaskClient, clock: Clock
) -> None:
    clock.advance(seconds=5)
    assert titles(own_client, "all", "?filter_time=9000") == ["Bonds", "Robots"]
    clock.advance(hours=1)
    assert titles(own_client, "all", "?filter_time=9000") == ["Bonds"]
    assert titles(own_client, "all", "?filter_time=999999999")[-1] == "Weather"


def test_a_person_gets_a_page_with_the_addresses_to_subscribe_to(client: FlaskClient) -> None:
    query = "?filter_title=obot"
    response = client.get(f"/feeds/finance+ai-ads.atom{query}", headers=BROWSER)
    assert response.status_code == 303
    page = client.get(response.headers["Location"], headers=BROWSER)
    assert page.status_code == 200
    assert f'value="https://feeds.example.org/feeds/finance%2Bai-ads.atom{query}"' in page.text
    assert "Robot bank" in page.text
    assert "Bonds" not in page.text
    assert "noindex" in page.text
    assert client.get("/feeds/finance+ai", headers=BROWSER).text.count("u-url") > 4
    assert "noindex" not in client.get("/feeds/finance", headers=BROWSER).text
    source = client.get(f"/feeds/finance+ai.atom{query}&raw=1", headers=BROWSER)
    assert (source.mimetype, "<entry>" in source.text) == ("text/plain", True)


def test_a_feed_whose_name_has_signs_stays_that_feed(open_site: Open, tree: Tree) -> None:
    site = open_site(categories=[*CATEGORIES, {"slug": "ai-ads", "title": "X", "terms": ["x"]}])
    write(tree, "One", "x")
    write(tree, "Two", "ai")
    site.refresh()
    client = site.app().test_client()
    assert titles(client, "ai-ads") == ["One"]
    assert titles(client, "all-ai-ads") == ["Two"]


def test_batches_show_each_article_once_in_order(
    open_site: Open, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(article_table, "_FIRST_BATCH", 2)
    monkeypatch.setattr(article_table, "_BATCH", 3)
    site = open_site(feeds={"limit": 40})
    for n in range(30):
        terms = ", ".join(term for k, term in ((2, "two"), (3, "three"), (5, "five")) if n % k == 0)
        write(tree, f"N{n}", terms or "none", hours=n // 3)
    tree.write("copy.md", (tree.root / "N6.md").read_bytes())
    site.refresh()
    client = site.app().test_client()
    everything = titles(client, "all")
    expected = [
        title for title in everything
        if (int(title[1:]) % 2 == 0 or int(title[1:]) % 3 == 0) and int(title[1:]) % 5
    ]  # fmt: skip
    assert titles(client, "two+three-five") == expected
    assert titles(client, "two+three-five", "?filter_title=1") == [t for t in expected if "1" in t]


def test_where_too_many_feeds_are_being_made_all_others_are_served(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "OneAtATime", lambda: OneAtATime(0))
    client = serve(site, tree)
    for path in (
        "/feeds/all-ai.atom", "/feeds/all.rss?limit=1", "/feeds/all.rss?page=oldest",
        "/feeds/ai-ads", "/feeds/ai?filter_title=x",
    ):  # fmt: skip
        response = client.get(path)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    for path in ("/feeds/all.rss", "/feeds/self-driving.atom", "/feeds/all", "/"):
        assert client.get(path).status_code == 200


def test_one_thread_at_a_time_makes_something_and_others_wait_or_are_refused() -> None:
    inside, may_end, made = threading.Event(), threading.Event(), list[str]()

    def make(turns: OneAtATime, name: str) -> None:
        with turns:
            inside.set()
            may_end.wait(10)
            made.append(name)

    turns = OneAtATime(1)
    with pytest.raises(ValueError, match="mistake"), turns:
        raise ValueError("mistake")
    thread = threading.Thread(target=make, args=(turns, "first"))
    thread.start()
    assert inside.wait(10)
    with pytest.raises(BusyError), turns:
        pass
    may_end.set()
    thread.join(10)
    make(turns, "second")
    assert made == ["first", "second"]


texts = st.text(st.sampled_from("ab|&.国"), min_size=1, max_size=6)


@given(pattern=texts, title=texts)
def test_texts_that_are_looked_up_are_in_each_article_that_passes(pattern: str, title: str) -> None:
    try:
        chosen = filters.parse({"filter_title": pattern})
    except ParameterError:
        return
    if chosen.judge().passes(title, [], []):
        assert all(any(text in title for text in texts) for texts in chosen.literals())
