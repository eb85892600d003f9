"""What search engines read, and the list of feeds at its second address."""

import re
from urllib.robotparser import RobotFileParser

import pytest
from conftest import Clock, Tree
from lxml import etree
from sites import Open, Site

from feedsvc.publish import sitemap

OURS = "https://feeds.example.org"
NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def addresses(site: Site) -> dict[str, str]:
    """Return the addresses in the sitemap, each with its date."""
    response = site.app().test_client().get("/sitemap.xml")
    assert response.status_code == 200
    assert response.mimetype == "application/xml"
    root = etree.fromstring(response.data)
    assert root.tag == f"{NAMESPACE}urlset"
    return {
        url.findtext(f"{NAMESPACE}loc") or "": url.findtext(f"{NAMESPACE}lastmod") or ""
        for url in root
    }


def write_articles(tree: Tree) -> None:
    tree.write("ours.md", "---\ntitle: Ours\ntags: [财经 & co]\ndate: 2026-02-01\n---\nx")
    tree.write("theirs.md", "---\ntitle: Theirs\nlink: https://other.example/a\n---\nx")
    tree.write("later.md", "---\ntitle: Later\ndate: 2026-04-01\n---\nx")


def test_the_sitemap_names_home_feeds_and_the_articles_that_are_ours_alone(
    open_site: Open, tree: Tree
) -> None:
    write_articles(tree)
    site = open_site(categories=[{"slug": "news", "title": "News"}])
    site.refresh()
    keys = {entry.title: entry.key for entry in site.entries.feed("all").entries}
    terms = next(listing.link for listing in site.entries.listings() if listing.term)
    assert addresses(site) == {
        f"{OURS}/": "2026-03-01",
        f"{OURS}/feeds/all": "2026-03-01",
        f"{OURS}/feeds/news": "2026-03-01",
        terms: "2026-03-01",
        f"{OURS}/articles/{keys['Ours']}": "2026-02-01",
    }


def test_every_address_of_the_sitemap_is_a_page_that_names_itself_canonical(
    site: Site, tree: Tree
) -> None:
    write_articles(tree)
    site.refresh()
    client = site.app().test_client()
    for address in addresses(site):
        response = client.get(address.removeprefix(OURS))
        assert response.status_code == 200
        assert f'<link rel="canonical" href="{address}">' in response.text


def test_the_sitemap_has_no_more_addresses_than_the_protocol_allows(
    site: Site, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        tree.write(f"{number}.md", f"---\ntitle: T{number}\ndate: 2026-02-0{number + 1}\n---\nx")
    site.refresh()
    monkeypatch.setattr(sitemap, "MOST", 5)
    keys = [entry.key for entry in site.entries.feed("all").entries]
    assert list(addresses(site)) == [
        f"{OURS}/", f"{OURS}/feeds/all", *(f"{OURS}/articles/{key}" for key in keys[:3]),
    ]  # fmt: skip


def test_the_sitemap_changes_with_the_articles(site: Site, tree: Tree, clock: Clock) -> None:
    site.refresh()
    assert len(addresses(site)) == 2
    client = site.app().test_client()
    before = client.get("/sitemap.xml").data
    tree.write("1.md", "x")
    clock.advance(days=1)
    site.refresh()
    after = client.get("/sitemap.xml").data
    assert after.count(b"/articles/") == 1
    assert b"/articles/" not in before


def test_before_the_first_pass_the_sitemap_is_not_ready(site: Site) -> None:
    assert site.app().test_client().get("/sitemap.xml").status_code == 503


@pytest.mark.parametrize("path", ["", "/my-feeds"])
def test_robots_may_read_pages_and_feeds_but_no_search(open_site: Open, path: str) -> None:
    site = open_site(site={"base_url": f"{OURS}{path}"})
    site.refresh()
    response = site.app().test_client().get(f"{path}/robots.txt")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    robots = RobotFileParser()
    robots.parse(response.text.splitlines())
    for allowed in ("/", "/feeds/all", "/feeds/all.atom", "/articles/1", "/feeds/all?page=2"):
        assert robots.can_fetch("Googlebot", f"{OURS}{path}{allowed}"), allowed
    for refused in ("/search", "/search?q=x", "/feeds/search.atom?q=x"):
        assert not robots.can_fetch("Googlebot", f"{OURS}{path}{refused}"), refused
    assert f"Disallow: {path}/*?raw=\n" in response.text
    assert robots.site_maps() == [f"{OURS}{path}/sitemap.xml"]


@pytest.mark.parametrize("query", ["", "?all=1", "?topics=1", "?_=1&topics=1&all=1"])
def test_the_list_of_feeds_is_beside_the_feeds_too(open_site: Open, tree: Tree, query: str) -> None:
    site = open_site(categories=[{"slug": "news", "title": "News"}])
    tree.write("1.md", "---\ntags: [a]\n---\nx")
    site.refresh()
    client = site.app().test_client()
    for _ in range(2):  # by the application, then from memory
        one, other = client.get(f"/opml.xml{query}"), client.get(f"/feeds/opml.xml{query}")
        assert one.status_code == other.status_code == 200
        assert other.data == one.data
        assert dict(other.headers) == dict(one.headers)
    assert ("a.atom" in other.text) == ("topics" in query)
    browser = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}
    assert client.get(f"/feeds/opml.xml{query}", headers=browser).data == one.data
    tree.write("2.md", "---\ntags: [b]\n---\nx")
    site.refresh()
    again = client.get(f"/feeds/opml.xml{query}").text
    assert bool(re.search(r"feeds/b\.atom", again)) == ("topics" in query)
