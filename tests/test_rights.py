"""Whose an article is: in every format, in the text, on pages, and by the settings of folders."""

import json
from typing import Any

import feedparser
import pytest
from builders import entry, feed
from conftest import Tree, items
from lxml import etree
from sites import Open

from feedsvc import identity, validator
from feedsvc.content import byline
from feedsvc.formats import FORMATS
from feedsvc.model import License, Origin

ATOM = "{http://www.w3.org/2005/Atom}"
SINA = Origin(
    name="新浪财经",
    url="https://finance.sina.com.cn/",
    feed="https://rss.sina.com.cn/finance.xml",
    icon="https://finance.sina.com.cn/icon.png",
)
CC = License(name="CC BY 4.0", url="https://creativecommons.org/licenses/by/4.0/")
HOSTILE = '"><script>alert(1)</script>]]>&lt;b'
RULE = {
    "path": "sina/**",
    "name": "新浪财经",
    "url": "https://finance.sina.com.cn/",
    "rights": "© 新浪",
    "license": "CC-BY-4.0",
}


def rendered(**named: Any) -> dict[str, bytes]:
    made = feed(entry(**named), license="https://feeds.example.org/terms")
    return {suffix: format.render(made) for suffix, format in FORMATS.items()}


def test_atom_names_the_source_last_in_the_entry() -> None:
    tree = etree.fromstring(rendered(origin=SINA, rights="© 新浪", license=CC)["atom"])
    source = tree.find(f"{ATOM}entry")[-1]
    assert source.tag == f"{ATOM}source"
    assert {child.tag.removeprefix(ATOM) for child in source} == {
        "id", "title", "updated", "link", "icon",
    }  # fmt: skip
    assert source.findtext(f"{ATOM}title") == "新浪财经"
    assert {link.get("rel"): link.get("href") for link in source.findall(f"{ATOM}link")} == {
        "alternate": SINA.url,
        "self": SINA.feed,
    }


def test_feedparser_reads_whose_an_entry_is() -> None:
    made = rendered(origin=SINA, rights="© 新浪", license=CC)
    atom, rss = (feedparser.parse(made[suffix]) for suffix in ("atom", "rss"))
    assert not atom.bozo
    assert not rss.bozo
    for read in (atom, rss):
        (found,) = read.entries
        assert found.source.title == "新浪财经"
        assert found.rights == "© 新浪"
        assert CC.url in [link.href for link in found.links if link.rel == "license"]
        assert (found.id, found.title) == (entry().id, entry().title)
        assert any(
            link.rel == "license" and link.href == "https://feeds.example.org/terms"
            for link in read.feed.links
        )
    assert rss.entries[0].source.href == SINA.feed


def test_json_feed_names_the_source_in_an_extension() -> None:
    (item,) = json.loads(rendered(origin=SINA, rights="© 新浪", license=CC)["json"])["items"]
    assert item["_source"] == {
        "name": "新浪财经",
        "url": SINA.url,
        "feed_url": SINA.feed,
        "icon": SINA.icon,
        "rights": "© 新浪",
        "license": CC.url,
    }


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "named",
    [
        {"origin": SINA, "rights": "© 新浪", "license": CC},
        {"origin": Origin(name="A name alone")},
        {"origin": Origin(name=HOSTILE, url=SINA.url), "rights": HOSTILE},
        {"license": License(name=HOSTILE, url=CC.url)},
    ],
)
def test_the_w3c_validator_has_nothing_to_say(suffix: str, named: dict[str, Any]) -> None:
    assert list(validator.JUDGES[suffix](rendered(**named)[suffix])) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_feed_without_any_rights_says_nothing_of_them(suffix: str) -> None:
    text = FORMATS[suffix].render(feed(entry())).decode()
    for word in ("source", "rights", "license", "creativeCommons"):
        assert word not in text


def test_a_name_in_the_byline_is_text() -> None:
    html, text = byline(
        Origin(name=HOSTILE), HOSTILE, License(name=HOSTILE, url=CC.url), link=None, language="en"
    )
    assert "<script" not in html
    assert html.count("<a ") == 1
    assert text == f"Source: {HOSTILE} · {HOSTILE} · {HOSTILE}"


@pytest.mark.parametrize(
    ("language", "label"),
    [("en", "Source: "), ("zh-CN", "来源："), ("zh-TW", "來源："), ("fr", "Source: ")],
)
def test_the_byline_speaks_the_language_of_the_entry(language: str, label: str) -> None:
    html, text = byline(SINA, None, None, link=None, language=language)
    assert text == f"{label}新浪财经"
    assert html == (f'<p>{label}<a href="{SINA.url}" rel="noopener noreferrer">新浪财经</a></p>')


def test_a_folder_says_whose_its_articles_are(tree: Tree, open_site: Open) -> None:
    tree.write("sina/deep/a.md", "---\ntitle: A\nlang: zh-CN\n---\nText")
    tree.write("other/b.md", "---\ntitle: B\n---\nText")
    site = open_site(sources=[RULE])
    site.refresh()
    by_title = {item["title"]: item for item in items(site)}
    assert by_title["A"]["_source"] == {
        "name": "新浪财经",
        "url": RULE["url"],
        "rights": "© 新浪",
        "license": CC.url,
    }
    assert "_source" not in by_title["B"]


@pytest.mark.parametrize("path", ["sina", "sina/", "./sina/**", "sina/**/*.md", "**", "."])
def test_a_path_is_a_folder_or_a_pattern(path: str, tree: Tree, open_site: Open) -> None:
    tree.write("sina/deep/a.md", "---\ntitle: A\n---\nText")
    site = open_site(sources=[{**RULE, "path": path}])
    site.refresh()
    assert items(site)[0]["_source"]["name"] == "新浪财经"


def test_an_article_knows_better_than_its_folder(tree: Tree, open_site: Open) -> None:
    tree.write("sina/a.md", "---\ntitle: A\nsource: Another\nrights: Mine\n---\nText")
    tree.write("sina/b.md", "---\ntitle: B\nsource: 新浪财经\nauthor: 张三\n---\nText")
    site = open_site(sources=[RULE])
    site.refresh()
    by_title = {item["title"]: item for item in items(site)}
    assert by_title["A"]["_source"] == {"name": "Another", "rights": "Mine", "license": CC.url}
    assert by_title["B"]["_source"]["url"] == RULE["url"], "its folder knows more of the same name"
    assert by_title["B"]["authors"] == [{"name": "张三"}]


def test_the_source_is_the_author_where_there_is_no_other(tree: Tree, open_site: Open) -> None:
    """Readers show the author of an entry, and nothing of Atom's `source`."""
    tree.write("sina/a.md", "---\ntitle: A\n---\nText")
    site = open_site(sources=[RULE])
    site.refresh()
    assert items(site)[0]["authors"] == [{"name": "新浪财经", "url": RULE["url"]}]
    for suffix in ("atom", "rss"):
        read = feedparser.parse(site.document(f"/feeds/all.{suffix}").body)
        assert read.entries[0].author == "新浪财经"


@pytest.mark.parametrize("content", ["full", "summary"])
def test_a_byline_says_it_in_the_text(content: str, tree: Tree, open_site: Open) -> None:
    tree.write(
        "sina/a.md",
        "---\ntitle: A\nlang: zh-CN\nlink: https://finance.sina.com.cn/1\n---\n正文在此。",
    )
    site = open_site(sources=[RULE], feeds={"byline": True, "content": content})
    site.refresh()
    (item,) = items(site)
    if content == "full":
        assert item["content_html"].startswith(
            '<p>来源：<a href="https://finance.sina.com.cn/1" rel="noopener noreferrer">新浪财经'
            f'</a> · © 新浪 · <a href="{CC.url}" rel="noopener noreferrer">CC BY 4.0</a></p>'
        )
        assert item["summary"] == "正文在此。"
    else:
        assert item["summary"] == "正文在此。 (来源：新浪财经 · © 新浪 · CC BY 4.0)"


def test_a_byline_changes_nothing_where_nobody_says_whose_it_is(
    tree: Tree, open_site: Open
) -> None:
    tree.write("a.md", "---\ntitle: A\n---\nText")
    site = open_site(feeds={"byline": True})
    site.refresh()
    assert items(site)[0]["content_html"] == "<p>Text</p>"


def test_the_page_names_the_source_the_rights_and_the_licence(tree: Tree, open_site: Open) -> None:
    tree.write("sina/a.md", "---\ntitle: A\nlink: https://finance.sina.com.cn/1\n---\nText")
    site = open_site(sources=[RULE])
    site.refresh()
    client = site.app().test_client()
    page = client.get(f"/articles/{identity.key(items(site)[0]['id'])}").text
    assert '<link rel="canonical" href="https://finance.sina.com.cn/1">' in page
    assert f'<link rel="license" href="{CC.url}">' in page
    assert f'<a href="{RULE["url"]}" rel="noopener noreferrer">新浪财经</a> · © 新浪 · ' in page


def test_the_site_has_a_licence(tree: Tree, open_site: Open) -> None:
    tree.write("a.md", "---\ntitle: A\n---\nText")
    terms = "https://feeds.example.org/license.xml"
    site = open_site(
        site={"title": "T", "base_url": "https://feeds.example.org", "license_url": terms}
    )
    site.refresh()
    client = site.app().test_client()
    assert f"License: {terms}" in client.get("/robots.txt").text.splitlines()
    assert f'<link rel="license" href="{terms}">' in client.get("/").text
    key = identity.key(items(site)[0]["id"])
    assert client.get(f"/articles/{key}").text.count(f'rel="license" href="{terms}"') == 1
    for suffix in ("atom", "rss"):
        assert f'href="{terms}" rel="license"' in client.get(f"/feeds/all.{suffix}").text


def test_a_site_without_a_licence_says_nothing_of_one(tree: Tree, open_site: Open) -> None:
    tree.write("a.md", "---\ntitle: A\n---\nText")
    site = open_site()
    site.refresh()
    client = site.app().test_client()
    for path in ("/robots.txt", "/", "/feeds/all.atom", "/feeds/all.rss"):
        assert "icense" not in client.get(path).text
