"""Archives: all entries of a feed by pages, which readers follow by `next` (RFC 5005)."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import feedparser
import pytest
from conftest import NOW, Clock, Tree
from flask.testing import FlaskClient
from lxml import etree
from sites import Open, Site

from feedsvc.formats import FORMATS
from feedsvc.index import PARTIAL
from feedsvc.publish import feedpages
from feedsvc.validator import JUDGES

BASE = "https://feeds.example.org"
FEED = "/feeds/news"
ATOM = "{http://www.w3.org/2005/Atom}"
ARCHIVE = "{http://purl.org/syndication/history/1.0}archive"


@pytest.fixture(autouse=True)
def _pages_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedpages, "SIZE", 3)


@pytest.fixture
def site(open_site: Open) -> Site:
    return open_site(feeds={"limit": 4})


def write(tree: Tree, number: int, *, hours: int | None = None, text: str = "x") -> None:
    """Write the article of a number, by default two an hour."""
    moment = NOW - timedelta(days=9) + timedelta(hours=number // 2 if hours is None else hours)
    tree.write(f"{number}.md", f"---\ntitle: T{number}\ntags: [news]\ndate: {moment}\n---\n{text}")


def links(body: bytes) -> dict[str, str]:
    """Return the addresses that an Atom or RSS document names, by relation."""
    root: Any = etree.fromstring(body)
    parent = root.find("channel") if root.tag == "rss" else root
    found = [(link.get("rel"), link.get("href")) for link in parent.findall(f"{ATOM}link")]
    assert len({relation for relation, _ in found}) == len(found)
    return dict(found)


def titles(body: bytes) -> list[str]:
    return [entry.title for entry in feedparser.parse(body).entries]


def get(client: FlaskClient, address: str) -> bytes:
    response = client.get(address.removeprefix(BASE))
    assert response.status_code == 200, address
    return response.data


def walk(
    client: FlaskClient, address: str, relation: str = "next", between: Callable[[], None] = int
) -> Iterator[tuple[str, bytes]]:
    """Yield the address and the body of a document and of all that follow by a relation.

    `between` is called before each of those that follow.
    """
    following: str | None = address
    while following is not None:
        body = get(client, following)
        yield following, body
        following = links(body).get(relation)
        between()


@pytest.mark.parametrize("number", [3, 4, 5, 7, 8, 12, 13])
@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_a_walk_shows_each_entry_once_newest_first(
    site: Site, tree: Tree, number: int, suffix: str
) -> None:
    for n in range(number):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    shown = [title for _, body in walk(client, f"{FEED}.{suffix}") for title in titles(body)]
    pages = [title for _, body in walk(client, f"{FEED}.{suffix}", "prev-archive")
             for title in titles(body)]  # fmt: skip
    part = site.index.articles.part_of_feed("news", start=0, end=number)
    assert shown == pages == [published.article.title for published in part]
    assert len(set(shown)) == number


def test_json_feed_names_the_next_page(site: Site, tree: Tree) -> None:
    for n in range(12):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    address: str | None = f"{FEED}.json"
    shown: list[str] = []
    while address:
        document = json.loads(get(client, address))
        shown += [item["title"] for item in document["items"]]
        address = document.get("next_url")
        assert address != document["feed_url"]
    assert len(shown) == len(set(shown)) == 12


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_feed_without_older_entries_is_as_it_was(site: Site, tree: Tree, suffix: str) -> None:
    for n in range(4):
        write(tree, n)
    site.refresh()
    before = site.document(f"{FEED}.{suffix}").body
    assert b"next" not in before
    write(tree, 4, hours=-1)  # older than all
    site.refresh()
    after = site.document(f"{FEED}.{suffix}").body
    assert b"next" in after
    tree.remove("4.md")
    site.refresh()
    again = site.document(f"{FEED}.{suffix}").body
    assert b"next" not in again

    def undated(body: bytes) -> bytes:
        return body.replace(b"12:00:00", b"").replace(b"12:00:01", b"").replace(b"12:00:02", b"")

    assert undated(again) == undated(before)
    if suffix != "json":
        # The links alone are new.
        root: Any = etree.fromstring(after)
        parent = root.find("channel") if suffix == "rss" else root
        for link in parent.findall(f"{ATOM}link"):
            if link.get("rel") in {"first", "next", "last", "prev-archive"}:
                parent.remove(link)
        assert undated(etree.tostring(root)) == undated(etree.tostring(etree.fromstring(before)))


@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_each_document_names_those_beside_it(site: Site, tree: Tree, suffix: str) -> None:
    for n in range(14):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    documents = list(walk(client, f"{BASE}{FEED}.{suffix}"))
    newest, (_, newest_body) = documents[0][0], documents[0]
    named = links(newest_body)
    assert named["self"] == named["first"] == newest
    assert named["next"] == named["prev-archive"]
    assert not named.keys() & {"previous", "next-archive", "current"}
    assert ARCHIVE not in {element.tag for element in etree.fromstring(newest_body).iter()}
    for address, body in documents[1:]:
        named = links(body)
        assert named["self"] == address
        assert named["first"] == named["current"] == newest
        assert named["last"] == f"{newest}?page=oldest"
        assert named.get("next") == named.get("prev-archive")
        assert ARCHIVE in {element.tag for element in etree.fromstring(body).iter()}
        assert feedparser.parse(body).feed.get("id") == feedparser.parse(newest_body).feed.get("id")
    oldest = get(client, f"{newest}?page=oldest")
    assert titles(oldest) == titles(documents[-1][1])
    # Back from the oldest to the newest: no entry is missed.
    back = [titles(body) for _, body in walk(client, f"{newest}?page=oldest", "previous")]
    assert back[-1] == titles(newest_body)
    assert {title for part in back for title in part} == {f"T{n}" for n in range(14)}
    archived = [titles(body) for _, body in walk(client, f"{newest}?page=oldest", "next-archive")]
    assert [len(part) for part in archived] == [3, 3, 3, 3]


def test_a_new_article_changes_few_older_pages(site: Site, tree: Tree) -> None:
    for n in range(30):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    before = dict(walk(client, f"{FEED}.atom"))
    for n in range(30, 33):
        write(tree, n)
        site.refresh()
        after = {address: get(client, address) for address in before}
        changed = [address for address in before if after[address] != before[address]]
        assert len(changed) <= 3, "the feed itself, and one or two pages whose newer page is new"
        assert f"{FEED}.atom" in changed
        before = after
    assert len(before) > 8


@pytest.mark.parametrize("seed", range(3))
def test_a_walk_shows_each_entry_once_whatever_comes_and_goes_meanwhile(
    site: Site, tree: Tree, seed: int
) -> None:
    chance = random.Random(seed)
    for n in range(40):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    fresh, gone, edited = iter(range(100, 1000)), set[str](), set[str]()

    def change() -> None:
        """Add articles of any date, the same dates as others too; edit and remove others."""
        for _ in range(chance.randrange(4)):
            write(tree, next(fresh), hours=chance.randrange(-3, 40))
        victim = chance.randrange(40)
        if chance.random() < 0.5:
            tree.root.joinpath(f"{victim}.md").unlink(missing_ok=True)
            gone.add(f"T{victim}")
        elif f"T{victim}" not in gone:
            write(tree, victim, text=f"edited {chance.random()}")
            edited.add(f"T{victim}")
        site.refresh()

    shown = [title for _, body in walk(client, f"{FEED}.rss", between=change)
             for title in titles(body)]  # fmt: skip
    assert len(shown) == len(set(shown))
    stayed = {f"T{n}" for n in range(40)} - gone
    assert stayed <= set(shown)
    assert gone
    assert edited


def test_a_walk_over_pages_that_a_cache_has_kept_shows_each_entry_once(
    site: Site, tree: Tree
) -> None:
    for n in range(20):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    kept = dict(list(walk(client, f"{BASE}{FEED}.atom"))[1:])
    assert kept
    write(tree, 100, hours=1)  # among the oldest
    for n in range(20, 25):
        write(tree, n)
    site.refresh()
    shown: list[str] = []
    address: str | None = f"{BASE}{FEED}.atom"
    while address:
        body = kept.get(address) or get(client, address)
        shown += titles(body)
        address = links(body).get("next")
    assert len(shown) == len(set(shown))
    assert {f"T{n}" for n in range(25)} <= set(shown)


def test_pages_may_be_kept_for_a_day_and_are_answered_with_304(
    site: Site, tree: Tree, clock: Clock
) -> None:
    for n in range(12):
        write(tree, n)
    site.refresh()
    clock.advance(seconds=5)
    client = site.app().test_client()
    address = list(walk(client, f"{FEED}.atom"))[-1][0].removeprefix(BASE)
    page = client.get(address)
    assert page.headers["Cache-Control"].startswith("public, max-age=86400,")
    tag, date = page.headers["ETag"], page.headers["Last-Modified"]
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(address, headers={"If-Modified-Since": date}).status_code == 304
    write(tree, 12)
    site.refresh()
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    newest = client.get(f"{FEED}.atom")
    assert "max-age=900," in newest.headers["Cache-Control"]


def test_the_response_cache_keeps_pages_apart_until_articles_change(
    site: Site, tree: Tree, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(12):
        write(tree, n)
    site.refresh()
    clock.advance(seconds=5)
    client = site.app().test_client()
    newest = get(client, f"{FEED}.atom")
    address = links(newest)["next"]
    page = get(client, address)
    asked: list[object] = []
    count = site.index.articles.__class__.count_older
    monkeypatch.setattr(
        site.index.articles.__class__, "count_older",
        lambda *args: asked.append(args) or count(*args),
    )  # fmt: skip
    assert get(client, address) == page
    assert get(client, f"{FEED}.atom") == newest
    assert not asked
    # What the cache cannot tell from the feed's own address is answered as that.
    assert get(client, f"{FEED}.atom?%62efore=0-{'0' * 20}") == newest
    assert get(client, f"{FEED}.atom?page=2") == newest
    write(tree, 3, text="edited")
    site.refresh()
    assert b"edited" in b"".join(body for _, body in walk(client, f"{FEED}.atom"))
    assert asked


@pytest.mark.parametrize(
    "value", ["", "x", "0", "1-2", f"0-{'0' * 20}", f"1e5-{'0' * 20}", "9" * 400, "%00", "-%3E"]
)
def test_a_page_after_an_article_that_never_was_is_a_404(
    site: Site, tree: Tree, value: str
) -> None:
    write(tree, 1)
    site.refresh()
    client = site.app().test_client()
    assert client.get(f"{FEED}.atom?before={value}").status_code == 404
    assert client.get("/feeds/nothing.atom?page=oldest").status_code == 404


def test_a_page_without_entries_is_a_valid_feed(site: Site, tree: Tree) -> None:
    for n in range(8):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    address = links(get(client, f"{FEED}.atom"))["next"]
    for n in range(8):
        tree.remove(f"{n}.md")
    write(tree, 50)
    site.refresh()
    body = get(client, address)
    assert titles(body) == []
    assert "next" not in links(body)


@pytest.mark.parametrize("suffix", FORMATS)
def test_pages_have_no_warning_of_the_validator(
    open_site: Open, tree: Tree, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = open_site(feeds={"limit": 4}, websub={"hubs": ["https://hub.example.org/"]})
    for n in range(12):
        write(tree, n, text=f"A *text* of {n}")
    site.refresh()
    client = site.app().test_client()
    address: str | None = f"{FEED}.{suffix}"
    number = 0
    while address:
        body = get(client, address)
        assert list(JUDGES[suffix](body)) == []
        if suffix == "json":
            document = json.loads(body)
            address, has_hub = document.get("next_url"), "hubs" in document
        else:
            feed = feedparser.parse(body)
            assert not feed.bozo
            address, has_hub = links(body).get("next"), "hub" in links(body)
        assert has_hub == (number == 0)
        number += 1
    assert number > 3


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("number", [2, 4, 6, 7])
def test_a_feed_of_any_size_leads_to_its_oldest_entry_and_back(
    open_site: Open, tree: Tree, number: int, limit: int
) -> None:
    site = open_site(feeds={"limit": limit})
    for n in range(number):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    there = list(walk(client, f"{FEED}.atom"))
    back = list(walk(client, f"{FEED}.atom?page=oldest", "previous"))
    shown = [title for _, body in there for title in titles(body)]
    assert len(shown) == len(set(shown)) == number
    assert {title for _, body in back for title in titles(body)} == set(shown)
    for _, body in there[1:] + back[:-1]:
        assert list(JUDGES["atom"](body)) == []


def test_pages_wait_until_all_articles_have_been_read(site: Site, tree: Tree) -> None:
    for n in range(8):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    address = links(get(client, f"{FEED}.atom"))["next"].removeprefix(BASE)
    with site.index.writing() as writer:
        writer.set_meta(PARTIAL, "yes")
    response = client.get(address)
    assert response.status_code == 503
    assert response.headers["Retry-After"]


def test_a_page_of_a_renamed_feed_is_led_to_its_new_address(open_site: Open, tree: Tree) -> None:
    site = open_site(
        feeds={"limit": 4},
        categories=[{"slug": "news", "title": "News", "terms": ["news"], "aliases": ["old"]}],
    )
    for n in range(8):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    address = links(get(client, f"{FEED}.atom"))["next"].removeprefix(BASE)
    response = client.get(address.replace("news", "old"))
    assert (response.status_code, response.headers["Location"]) == (301, address)


def test_a_person_who_opens_a_page_sees_the_feed(site: Site, tree: Tree) -> None:
    for n in range(8):
        write(tree, n)
    site.refresh()
    client = site.app().test_client()
    address = links(get(client, f"{FEED}.atom"))["next"].removeprefix(BASE)
    response = client.get(address, headers={"Accept": "text/html"})
    assert response.mimetype == "text/html"
    source = client.get(f"{address}&raw=1", headers={"Accept": "text/html"})
    assert (source.mimetype, "prev-archive" in source.text) == ("text/plain", True)
