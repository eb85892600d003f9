"""Feeds that got another name, and feeds that are gone."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from conftest import Tree
from flask.testing import FlaskClient
from sites import Site

from feedsvc import config as configuration
from feedsvc.errors import ConfigError

Open = Callable[..., Site]
CATEGORIES = [
    {"slug": "财经", "terms": ["金融"], "aliases": ["finance", "money"]},
    {"slug": "closed", "terms": ["old"], "gone": True, "aliases": ["shut"]},
]


@pytest.fixture
def client(open_site: Open, tree: Tree) -> FlaskClient:
    tree.write("a.md", "---\ntitle: A\ntags: [金融]\n---\ntext")
    tree.write("b.md", "---\ntitle: B\ntags: [old, closed]\n---\ntext")
    site = open_site(
        site={"title": "T", "base_url": "https://x.example/mine"}, categories=CATEGORIES
    )
    site.refresh()
    return site.app().test_client()


@pytest.mark.parametrize("end", ["", ".atom", ".rss", ".json"])
@pytest.mark.parametrize("alias", ["finance", "money"])
def test_an_old_address_leads_to_the_new_one(client: FlaskClient, alias: str, end: str) -> None:
    answer = client.get(f"/feeds/{alias}{end}")
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"/mine/feeds/{quote('财经')}{end}"
    final = client.get(answer.headers["Location"].removeprefix("/mine"))
    assert final.status_code == 200


def test_the_query_is_kept_and_people_are_led_too(client: FlaskClient) -> None:
    answer = client.get("/feeds/finance?page=1&lang=en", headers={"Sec-Fetch-Dest": "document"})
    assert answer.headers["Location"] == f"/mine/feeds/{quote('财经')}?page=1&lang=en"


@pytest.mark.parametrize("slug", ["closed", "shut"])
@pytest.mark.parametrize("end", ["", ".atom", ".rss", ".json"])
def test_a_feed_that_is_gone_says_so(client: FlaskClient, slug: str, end: str) -> None:
    answer = client.get(f"/feeds/{slug}{end}")
    assert answer.status_code == 410
    assert "has been closed" in answer.text


def test_a_feed_that_is_gone_is_in_no_list(client: FlaskClient) -> None:
    for path in ("/", "/topics", "/opml.xml?all=1&topics=1", "/sitemap.xml"):
        assert "/feeds/closed" not in client.get(path).text
    assert "B" in client.get("/feeds/all.json").text  # its articles are there all the same


@pytest.mark.parametrize(
    ("categories", "what"),
    [
        ([{"slug": "a", "aliases": ["b"]}, {"slug": "b"}], "b is the name or an alias of another"),
        ([{"slug": "a", "aliases": ["c"]}, {"slug": "b", "aliases": ["c"]}], "c is the name or an"),
        ([{"slug": "a", "aliases": ["all"]}], "all is the name or an alias"),
        ([{"slug": "a", "aliases": ["x.atom"]}], "x.atom is no name of a feed"),
        ([{"slug": "a", "aliases": ["x/y"]}], "x/y is no name of a feed"),
        ([{"slug": "a", "gone": True}, {"slug": "a"}], "a is taken by another category"),
    ],
)
def test_an_alias_that_cannot_be_is_a_mistake(
    categories: list[dict[str, object]], what: str
) -> None:
    with pytest.raises(ConfigError, match=what):
        configuration.parse({"categories": categories})
