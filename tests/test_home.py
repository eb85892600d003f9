"""The home page: categories, topics, the newest entries, how to subscribe; and error pages."""

import re
from collections.abc import Iterator
from datetime import timedelta

import html5lib
import pytest
from conftest import NOW, Clock, Tree, site_in
from flask.testing import FlaskClient
from sites import Open, Site
from werkzeug.test import TestResponse

from feedsvc import __version__
from feedsvc.errors import ConfigError, StateError
from feedsvc.feedreaders import READERS
from feedsvc.publish.topics import Topic, parents, tree

MANY_ARTICLES = 400
MANY_TERMS = 300
CATEGORIES = [
    {"slug": "finance", "title": "财经", "description": "市场与公司", "terms": ["金融"]},
    {"slug": "science", "title": "Science", "terms": ["science", "科学"]},
    {"slug": "sport", "title": "体育", "terms": ["体育"]},
    {"slug": "life", "title": "生活", "terms": ["life"]},
]
NAVIGATION = {"Accept": "text/html,application/xml"}


def write(tree: Tree, number: int, terms: str, *, days: int = 0, more: str = "") -> None:
    """Write an article that was published so many days ago."""
    moment = NOW - timedelta(days=days, minutes=number)
    tree.write(
        f"{number}.html",
        f"---\ntitle: Article {number}\ncategories: [{terms}]\ndate: {moment.isoformat()}\n{more}"
        f"---\n<p>The text of article {number}.</p>",
    )


def write_many(tree: Tree) -> None:
    """Write the articles of a busy site: paths of three terms, and tags of single articles."""
    sections = 60
    for number in range(MANY_ARTICLES):
        section = number % sections
        terms = [("金融", "体育", "国际", "文化")[section % 4]]
        terms += [f"新浪财经{section // 2}", f"新浪财经{section // 2}－国內{section}"]
        if number < MANY_TERMS - 4 - sections - sections // 2:
            terms.append(f"一篇文章的话题{number}")
        moment = NOW - timedelta(hours=number)
        tree.write(
            f"{number}.html",
            f"---\ntitle: 青屿港上半年吞吐量增长一成二之{number}\n"
            f"categories: [{', '.join(terms)}]\nauthor: 青屿晨报\n"
            f"cover: https://example.com/{number}.jpg\ndate: {moment.isoformat()}\n"
            f"---\n<p>{'港口公布上半年运营数据。' * 40}</p>",
        )


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Make a site of many articles and terms for all tests that change nothing."""
    with site_in(tmp_path_factory.mktemp("busy"), categories=CATEGORIES) as (site, tree):
        write_many(tree)
        site.refresh()
        yield site


@pytest.fixture
def client(busy: Site) -> FlaskClient:
    return busy.app().test_client()


def text(response: TestResponse, status: int = 200) -> str:
    """Return a page, and fail where it is no valid HTML."""
    assert response.status_code == status
    page = response.text
    html5lib.HTMLParser(strict=True).parse(re.sub(r"<(svg|path)\b[^>]*?(/?)>|</svg>", "", page))
    return page


def titles(page: str) -> list[str]:
    """Return the titles of the entries on a page."""
    return re.findall(r'class="p-name u-url"[^>]*>([^<]*)<', page)


def test_the_home_of_a_busy_site_is_small(client: FlaskClient, busy: Site) -> None:
    page = text(client.get("/"))
    assert f"All topics ({MANY_TERMS - 2})" in page  # 金融 and 体育 are configured categories
    assert "400 articles" in page
    for language in ("en", "zh-CN", "zh-TW"):
        response = client.get("/", headers={"Accept-Language": language})
        assert len(response.data) < 40_000


def test_home_says_what_the_site_is_and_what_a_feed_is_for(open_site: Open, tree: Tree) -> None:
    write(tree, 1, "x")
    site = open_site(site={"title": "Harbour", "description": "All about <ships>"})
    site.refresh()
    page = text(site.app().test_client().get("/"))
    assert "<h1" in page
    assert "Harbour" in page
    assert "All about &lt;ships&gt;" in page
    assert "new articles then come to you" in page
    assert "A feed reader shows new articles" in page
    assert 'href="/opml.xml"' in page


def test_home_shows_each_category_with_number_newest_entry_and_activity(
    open_site: Open, tree: Tree
) -> None:
    write(tree, 1, "金融", days=0)
    write(tree, 2, "金融", days=8)
    write(tree, 3, "金融", days=500)
    write(tree, 4, "life", days=1)
    site = open_site(categories=CATEGORIES)
    site.refresh()
    page = text(site.app().test_client().get("/"))
    _head, finance, science, _sport, life = page.split('<div class="about">')
    assert ">财经</a>" in finance
    assert "市场与公司" in finance
    assert "3 articles" in finance
    assert ">Article 1</a>" in finance
    assert "the last 12 weeks: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1" in finance
    assert 'value="https://feeds.example.org/feeds/finance.atom"' in finance
    assert 'href="https://feeds.example.org/feeds/finance.json"' in finance
    assert "no articles yet" in science
    assert "<svg" not in science
    assert "1 article " in life


def test_copies_and_held_articles_do_not_count(open_site: Open, tree: Tree) -> None:
    write(tree, 1, "金融")
    write(tree, 2, "金融", more="id: urn:x\n")
    tree.write("copy.html", (tree.root / "2.html").read_bytes())
    write(tree, 3, "金融", days=-3)
    site = open_site(categories=CATEGORIES)
    site.refresh()
    assert site.index.articles.count() == 2
    counts = site.index.overview.counts()
    assert counts == {"all": 2, "finance": 2, "金融": 2}


def test_the_newest_entries_of_all_are_listed_by_day(client: FlaskClient) -> None:
    page = text(client.get("/"))
    listed = titles(page)
    assert len(listed) == 20
    assert listed[0].endswith("之0")
    assert "Today" in page
    assert "Yesterday" in page
    assert '<a href="/feeds/all">All articles' in page


def test_an_empty_site_says_so_kindly(site: Site) -> None:
    site.refresh()
    page = text(site.app().test_client().get("/"))
    assert "There are no articles yet" in page
    assert "https://feeds.example.org/feeds/all.atom" in page


def test_home_changes_when_articles_do(open_site: Open, tree: Tree) -> None:
    write(tree, 1, "x")
    site = open_site()
    site.refresh()
    client = site.app().test_client()
    assert titles(text(client.get("/"))) == ["Article 1"]
    write(tree, 0, "x")
    site.refresh()
    assert titles(text(client.get("/"))) == ["Article 0", "Article 1"]


def test_home_knows_the_day(open_site: Open, tree: Tree, clock: Clock) -> None:
    write(tree, 1, "x")
    site = open_site()
    site.refresh()
    client = site.app().test_client()
    assert "Today" in text(client.get("/"))
    clock.advance(days=1)
    page = text(client.get("/"))
    assert "Today" not in page
    assert "Yesterday" in page


def test_topics_are_a_tree_where_articles_give_paths(open_site: Open, tree: Tree) -> None:
    for number in range(6):
        write(tree, number, f"新闻, 财经{number % 2}, 财经{number % 2}－国內, 标签{number}")
    site = open_site(categories=CATEGORIES)
    site.refresh()
    page = text(site.app().test_client().get("/topics"))
    listed = re.sub(r"<li><a href=\"([^\"]*)\">[^<]*</a> (\d+)", r"\1 \2", page)
    outline = re.findall(r"<ul>|</ul>|/feeds/\S+ \d+", listed)
    assert outline[:8] == [
        "<ul>", "/feeds/新闻 6",
        "<ul>", "/feeds/财经0 3",
        "<ul>", "/feeds/财经0－国內 3", "<ul>", "/feeds/标签0 1",
    ]  # fmt: skip


def test_many_topics_of_one_article_are_folded_away(client: FlaskClient) -> None:
    home, topics = text(client.get("/")), text(client.get("/topics"))
    assert ">新浪财经0－国內0</a>" in home
    assert "一篇文章的话题0" not in home
    assert re.search(
        r"(?s)<details>\s*<summary[^>]*>206 topics with a single.*一篇文章的话题0<", topics
    )


def test_a_topic_that_repeats_a_category_is_left_out(open_site: Open, tree: Tree) -> None:
    for number, terms in enumerate(["金融, 银行", "财经, Finance", "SCIENCE, 生活, 别的"]):
        write(tree, number, terms)
    site = open_site(categories=CATEGORIES)
    site.refresh()
    page = text(site.app().test_client().get("/topics"))
    assert re.findall(r'<li><a href="[^"]*">([^<]*)<', page) == ["别的", "银行"]


def test_without_feeds_of_terms_there_are_no_topics(open_site: Open, tree: Tree) -> None:
    write(tree, 1, "x")
    site = open_site(feeds={"auto_categories": False})
    site.refresh()
    assert "topics" not in text(site.app().test_client().get("/"))


def test_a_term_is_below_the_nearest_term_that_nearly_all_its_articles_name_first() -> None:
    articles = [
        *[["world", "asia", "china"]] * 19,
        ["china", "asia", "world"],  # one in twenty in another order changes nothing
        *[["world", "asia"]] * 5,
        *[["world", "sport"], ["sport"]] * 3,
    ]
    counts = {"world": 28, "asia": 25, "china": 20, "sport": 6}
    assert parents(articles, counts) == {"asia": "world", "china": "asia"}


def test_no_topic_is_below_itself() -> None:
    articles = [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]] * 5
    above = parents(articles, {"a": 15, "b": 15, "c": 15})
    topics = tree([Topic(slug=name, title=name, articles=15) for name in "abc"], above)
    assert sum(1 + len(topic.children) for topic in topics) == 3


def test_every_reader_gets_the_address_of_the_feed(open_site: Open, tree: Tree) -> None:
    write(tree, 1, "x")
    site = open_site(pages={"readers": ["Folo", "Feedly", "App"]})
    site.refresh()
    page = text(site.app().test_client().get("/"))
    assert re.findall(r'href="([^"]*)" rel="noopener noreferrer" data-reader="([^"]*)"', page) == [
        ("folo://add?url=https%3A%2F%2Ffeeds.example.org%2Ffeeds%2Fall.atom", "Folo"),
        (
            "https://feedly.com/i/subscription/feed/"
            "https%3A%2F%2Ffeeds.example.org%2Ffeeds%2Fall.atom",
            "Feedly",
        ),
        ("feed:https://feeds.example.org/feeds/all.atom", "App"),
    ]  # fmt: skip
    assert "data-hosts" not in page


def test_the_script_learns_the_patterns_of_self_hosted_readers(client: FlaskClient) -> None:
    page = text(client.get("/"))
    (hosts,) = re.findall(r'data-hosts="([^"]*)"', page)
    assert "Miniflux&#34;: &#34;/bookmarklet?uri={e}" in hosts
    assert "Feedly" not in hosts
    assert all(reader.pattern.count("{") == 1 for reader in READERS.values())


def test_a_chosen_language_is_remembered(client: FlaskClient) -> None:
    response = client.get("/?lang=zh_Hant")
    assert '<html lang="zh-Hant">' in response.text
    assert "lang=zh_Hant; " in response.headers["Set-Cookie"]
    assert "SameSite=Lax" in response.headers["Set-Cookie"]
    assert '<html lang="zh-Hant">' in client.get("/").text
    assert "Set-Cookie" not in client.get("/?lang=xx").headers


def test_links_to_other_languages_keep_the_rest_of_the_address(client: FlaskClient) -> None:
    page = text(client.get("/?page=2&x=%22%3E"))
    assert 'href="?page=2&amp;x=%22%3E&amp;lang=zh_Hans"' in page
    assert 'href="?lang=zh_Hans"' in text(client.get(f"/?x={'y' * 2000}"))


def test_a_missing_feed_leads_to_feeds_of_nearly_the_same_name(client: FlaskClient) -> None:
    page = text(client.get("/feeds/finanse", headers=NAVIGATION), 404)
    assert "There is no feed called “finanse”" in page
    assert '<a href="/feeds/finance">财经</a>' in page
    page = text(client.get("/feeds/新浪财经0－国外.atom", headers=NAVIGATION), 404)
    assert ">新浪财经0－国內0</a>" in page
    assert "/feeds/" not in text(client.get("/feeds/finanse.atom"), 404)


def test_a_page_that_goes_wrong_says_so_in_kind_words(
    busy: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedsvc.publish.overview.Overviews._make", lambda *_: 1 / 0)
    app = busy.app(cache=False)
    assert "not yours" in text(app.test_client().get("/"), 500)

    def unreadable(*_: object) -> None:
        raise StateError("no state")

    monkeypatch.setattr("feedsvc.publish.overview.Overviews._make", unreadable)
    assert "in a minute" in text(busy.app(cache=False).test_client().get("/"), 503)


def test_before_the_first_articles_home_says_how_far_the_reading_is(
    site: Site,
) -> None:
    client = site.app().test_client()
    response = client.get("/")
    assert response.headers["Retry-After"] == "5"
    assert "read for the first time" in text(response, 503)
    assert '<meta http-equiv="refresh" content="5">' in response.text
    assert "<progress" not in response.text
    site.index.database.progress.note(120, 1000)
    assert '<progress max="1000" value="120"' in text(client.get("/"), 503)


@pytest.mark.parametrize(("name", "most"), [("style.css", 12 * 1024), ("pages.js", 4 * 1024)])
def test_what_each_page_loads_is_small(client: FlaskClient, name: str, most: int) -> None:
    response = client.get(f"/static/{name}", buffered=True)
    assert response.status_code == 200
    assert len(response.data) < most


def test_the_footer_names_program_version_source_and_status(open_site: Open) -> None:
    source = "https://code.example.org/feedsvc?a=1&b=2"
    site = open_site(pages={"source": source})
    site.refresh()
    page = text(site.app().test_client().get("/"))
    footer = page[page.index('<footer class="site"') :]
    assert f"Made by feedsvc {__version__}" in footer
    assert (
        '<a href="https://code.example.org/feedsvc?a=1&amp;b=2" rel="noopener">Source</a>' in footer
    )
    assert '<a href="/status">Status</a>' in footer
    with pytest.raises(ConfigError, match=r"pages\.source"):
        open_site(pages={"source": "javascript:alert(1)"})
