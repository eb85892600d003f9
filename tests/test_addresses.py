"""Invalid addresses: only the part of an article that contains one is left out."""

import re
from pathlib import Path

import pytest
from builders import article
from conftest import NOW, Tree, items, titles
from sites import Open

import feedsvc
from feedsvc import identity, mediatypes, weburl
from feedsvc.diagnosis import check
from feedsvc.formats import FORMATS

BAD = [
    "http://[::1",
    "//[x/a.png",
    "http://e℀.example/a.png",
    "//e＃.example/a.png",
    "http://a:x/b",
]


@pytest.mark.parametrize("address", BAD)
def test_an_article_with_an_invalid_lead_image_is_published_without_it(
    tree: Tree, open_site: Open, address: str
) -> None:
    tree.write("good.md", "---\ntitle: Good\ndate: 2022-01-01\ntags: [news]\n---\nText.")
    tree.write(
        "bad.md",
        f"---\ntitle: Bad\ndate: 2022-01-02\ntags: [news]\nheadimg: '{address}'\n---\nText.",
    )
    site = open_site()
    (problem,) = site.refresh().problems
    assert (problem.source, problem.line, problem.field) == ("bad.md", 5, "headimg")
    assert problem.published
    assert problem.cure
    assert titles(site) == ["Bad", "Good"]
    assert "image" not in items(site)[0]
    client = site.app().test_client()
    paths = [f"/feeds/{slug}.{suffix}" for slug in ("all", "news") for suffix in FORMATS]
    pages = [f"/articles/{entry.key}" for entry in site.entries.feed("all").entries]
    answers = {path: client.get(path).status_code for path in (*paths, *pages, "/", "/opml.xml")}
    assert set(answers.values()) == {200}, answers
    assert check(site.config, NOW).problems == (problem,)


@pytest.mark.parametrize("address", BAD)
def test_an_invalid_address_is_none(address: str) -> None:
    assert weburl.split(address) is None
    assert weburl.absolute(address) is None
    assert weburl.resolve("https://example.org/", address) is None
    assert mediatypes.of(address) is None
    assert identity.own_link(article(link=address)) is None


def test_only_weburl_parses_addresses() -> None:
    """Some addresses make the standard library's functions raise; only weburl handles that."""
    package = Path(feedsvc.__file__).parent
    raising = re.compile(r"import .*\b(?:urlsplit|urljoin|urlparse|parse_qsl?)\b|\"idna\"")
    users = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if raising.search(file.read_text("utf-8"))
    }
    assert users == {"weburl.py"}
