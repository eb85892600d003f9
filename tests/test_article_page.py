"""The page of an article: where it belongs, what is beside it, and the article as Markdown."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
import yaml
from conftest import NOW, Tree
from flask.testing import FlaskClient
from sites import Open, Site
from werkzeug.test import TestResponse

ENGLISH = {"Accept-Language": "en"}
MARKDOWN = {"Accept": "text/markdown"}
OURS = "https://feeds.example.org"
ONE = (
    "---\ntitle: The title\nauthor: {name: Ann, url: 'https://ann.example.org/'}\n"
    "tags: [finance, Bonds]\ndate: 2026-02-03T04:05:06Z\nlang: de\nsummary: In short\n"
    "headimg: https://images.example.org/a.png\nlink: https://www.news.example.org/a?b=1&c=2\n"
    "---\n<p>Some <b>text</b>.</p>"
)
CATEGORIES = [{"slug": "money", "title": "Money", "terms": ["finance"]}]


def key_of(site: Site, title: str) -> str:
    return next(entry.key for entry in site.entries.feed("all").entries if entry.title == title)


def page_of(site: Site, title: str, client: FlaskClient | None = None) -> str:
    client = client or site.app().test_client()
    response = client.get(f"/articles/{key_of(site, title)}", headers=ENGLISH)
    assert response.status_code == 200
    return response.text


def tags(text: str, relation: str) -> list[str]:
    return re.findall(rf'<link rel="{relation}" href="([^"]*)"', text)


@pytest.fixture
def money(open_site: Open, tree: Tree) -> Site:
    """Return the site of one article of a configured category."""
    tree.write("1.html", ONE)
    site = open_site(categories=CATEGORIES)
    site.refresh()
    return site


def test_categories_and_terms_are_links_apart_from_the_author(money: Site) -> None:
    text = page_of(money, "The title")
    crumbs = re.search(r'<nav class="crumbs".*?</nav>', text)
    by_line = re.search(r'<p class="by">.*?</p>', text)
    terms = re.search(r'<p class="tags".*?</p>', text)
    assert crumbs
    assert by_line
    assert terms
    assert '<a class="p-category" href="/feeds/money">Money</a>' in crumbs[0]
    assert "Ann" in by_line[0]
    assert "Bonds" not in by_line[0]
    assert '<a class="p-category" href="/feeds/Bonds">Bonds</a>' in terms[0]
    assert '<a class="p-category" href="/feeds/finance">finance</a>' in terms[0]


def test_the_date_is_in_words_and_the_time_to_read_is_said(money: Site) -> None:
    text = page_of(money, "The title")
    assert 'datetime="2026-02-03T04:05:06+00:00">February 3, 2026 4:05' in text
    assert "1 min read" in text


def test_the_original_is_named_by_its_host_and_is_canonical(money: Site) -> None:
    text = page_of(money, "The title")
    address = "https://www.news.example.org/a?b=1&amp;c=2"
    assert tags(text, "canonical") == [address]
    assert re.search(
        rf'<a [^>]*href="{re.escape(address)}"[^>]*>Read at news.example.org</a>', text
    )


def test_an_article_without_an_original_is_canonical_here(site: Site, tree: Tree) -> None:
    tree.write("1.md", "---\ntitle: Ours\n---\nx")
    site.refresh()
    text = page_of(site, "Ours")
    assert tags(text, "canonical") == [f"{OURS}/articles/{key_of(site, 'Ours')}"]
    assert "Read at" not in text


def test_other_sites_learn_what_to_show_of_an_article(money: Site) -> None:
    text = page_of(money, "The title")
    meta = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)"', text))
    wanted = {
        "description": "In short",
        "og:type": "article",
        "og:title": "The title",
        "og:description": "In short",
        "og:image": "https://images.example.org/a.png",
        "og:url": "https://www.news.example.org/a?b=1&amp;c=2",
        "og:site_name": "Test",
        "article:section": "Money",
        "article:published_time": "2026-02-03T04:05:06+00:00",
        "twitter:card": "summary_large_image",
    }
    assert {name: meta.get(name) for name in wanted} == wanted


def test_a_page_names_its_language_its_feed_and_its_markdown(money: Site) -> None:
    text = page_of(money, "The title")
    assert '<html lang="de">' in text
    assert (
        f'type="application/atom+xml" title="Money (Atom)" href="{OURS}/feeds/money.atom"' in text
    )
    own = f"{OURS}/articles/{key_of(money, 'The title')}.md"
    assert re.search(rf'<link rel="alternate" type="text/markdown" [^>]*href="{own}"', text)


def test_microformats_name_the_parts_of_an_article(money: Site) -> None:
    text = page_of(money, "The title")
    assert '<article class="h-entry">' in text
    for name in ("p-name", "p-author h-card", "dt-published", "e-content", "p-category", "u-url"):
        assert re.search(rf'class="[^"]*{name}', text), name


def walk(client: FlaskClient, path: str, relation: str) -> Iterator[str]:
    """Yield the titles of an article and of those that follow by a relation."""
    paths = [path]
    while paths:
        text = client.get(paths[0], headers=ENGLISH).text
        title = re.search(r'<h1 class="p-name">([^<]+)<', text)
        assert title
        yield title[1]
        paths = tags(text, relation)


def test_previous_and_next_follow_the_order_of_the_category(open_site: Open, tree: Tree) -> None:
    for number in range(9):
        term = "other" if number % 3 == 0 else "finance"
        date = f"2026-02-0{1 + number // 4}"  # several articles have the same date
        tree.write(f"{number}.md", f"---\ntitle: T{number}\ntags: [{term}]\ndate: {date}\n---\nx")
    site = open_site(categories=CATEGORIES)
    site.refresh()
    in_feed = [entry.title for entry in site.entries.feed("money").entries]
    assert len(in_feed) == 6
    client = site.app().test_client()
    newest, oldest = (f"/articles/{key_of(site, in_feed[place])}" for place in (0, -1))
    assert list(walk(client, newest, "prev")) == in_feed
    assert list(walk(client, oldest, "next")) == in_feed[::-1]


def test_an_article_without_category_is_beside_those_of_its_first_term(
    open_site: Open, tree: Tree
) -> None:
    for number, term in enumerate(["a", "b", "a"]):
        day = f"2026-02-0{1 + number}"
        tree.write(f"{number}.md", f"---\ntitle: T{number}\ntags: [{term}]\ndate: {day}\n---\nx")
    site = open_site(categories=CATEGORIES)
    site.refresh()
    text = page_of(site, "T2")
    assert tags(text, "prev") == [f"/articles/{key_of(site, 'T0')}"]
    assert f"{OURS}/feeds/a.atom" in text
    assert re.search(r'class="crumbs".*href="/feeds/a"', text)


def test_terms_without_a_feed_are_no_links(open_site: Open, tree: Tree) -> None:
    tree.write("1.html", ONE)
    site = open_site(feeds={"auto_categories": False})
    site.refresh()
    text = page_of(site, "The title")
    assert '<span class="p-category">Bonds</span>' in text
    assert "/feeds/Bonds" not in text


def test_a_held_article_is_not_beside_another(site: Site, tree: Tree) -> None:
    tree.write("1.md", "---\ntitle: Now\ntags: [a]\ndate: 2026-02-01\n---\nx")
    tree.write("2.md", "---\ntitle: Later\ntags: [a]\ndate: 2026-03-09\n---\nx")
    site.refresh()
    text = page_of(site, "Now")
    assert tags(text, "next") == tags(text, "prev") == []


def test_headings_of_the_text_are_below_the_title(site: Site, tree: Tree) -> None:
    tree.write("1.html", "---\ntitle: T\n---\n<h1>A</h1><p>&lt;h1></p><h4 id=b>B</h4><h1>C</h1>")
    site.refresh()
    text = page_of(site, "T")
    headings = re.findall(r"<h([1-6])[^>]*>([^<]*)</h([1-6])>", text)
    assert headings == [("1", "T", "1"), ("2", "A", "2"), ("3", "B", "3"), ("2", "C", "2")]
    assert "&lt;h1&gt;" in text
    assert "<h1>A</h1>" in site.document("/feeds/all.atom").body.decode()


def test_a_hostile_article_is_shown_as_text(site: Site, tree: Tree) -> None:
    evil = '\\"><script>alert(1)</script>'
    tree.write(
        "1.md",
        f'---\ntitle: "{evil}"\nauthor: "{evil}"\ntags: ["{evil}"]\nsummary: "{evil}"\n'
        f'headimg: "https://x.example/{evil}"\nlink: "javascript:alert(1)"\n---\nx',
    )
    tree.write("2.md", f'---\ntitle: "{evil}"\ndate: 2026-02-01\ntags: ["{evil}"]\n---\ny')
    site.refresh()
    client = site.app().test_client()
    for entry in site.entries.feed("all").entries:
        text = client.get(f"/articles/{entry.key}").text
        assert "alert(1)" in text
        assert "<script>" not in text
        assert "javascript:" not in text


def front_matter(response: TestResponse) -> tuple[dict[str, str], str]:
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    _, head, text = response.text.split("---\n", 2)
    return yaml.safe_load(head), text


def test_an_article_is_markdown_too(money: Site) -> None:
    response = money.app().test_client().get(f"/articles/{key_of(money, 'The title')}.md")
    head, text = front_matter(response)
    assert head == {
        "title": "The title",
        "date": "2026-02-03T04:05:06+00:00",
        "author": "Ann",
        "link": "https://www.news.example.org/a?b=1&c=2",
    }
    assert text == "\nSome **text**.\n"
    assert response.headers["Link"] == f'<{head["link"]}>; rel="canonical"'


def test_one_address_is_html_or_markdown_as_the_client_prefers(money: Site) -> None:
    client = money.app().test_client()
    path = f"/articles/{key_of(money, 'The title')}"
    kinds = {
        "text/markdown": "text/markdown",
        "text/markdown, text/html;q=0.9, */*;q=0.8": "text/markdown",
        "text/html, text/markdown;q=0.9": "text/html",
        "text/markdown;q=0, */*": "text/html",
        "text/html,application/xhtml+xml,*/*;q=0.8": "text/html",
        "*/*": "text/html",
    }
    for _ in range(2):  # by the application, then from memory
        for accept, kind in kinds.items():
            response = client.get(path, headers={"Accept": accept})
            assert response.mimetype == kind, accept
            assert "Accept" in response.headers["Vary"].split(", ")


def test_no_word_of_an_article_is_missing_in_its_markdown(samples: Site) -> None:
    client = samples.app().test_client()
    for entry in samples.entries.feed("all").entries:
        text = front_matter(client.get(f"/articles/{entry.key}.md"))[1].replace("\\", "")
        visible = unescape(re.sub(r"<[^>]*>", " ", entry.content or ""))
        words = re.findall(r"[^\W_]{2,}", visible)
        assert words
        assert [word for word in words if word not in text] == [], entry.title


def test_hostile_front_matter_stays_in_its_line(site: Site, tree: Tree) -> None:
    tree.write("1.md", '---\ntitle: "a: \\"b\\"\\n---\\nlink: x # \\\\ \\u2028 y"\n---\nx')
    site.refresh()
    entry = site.entries.feed("all").entries[0]
    head, _ = front_matter(site.app().test_client().get(f"/articles/{entry.key}.md"))
    assert head["title"] == " ".join(entry.title.split())
    assert head["link"] == f"{OURS}/articles/{entry.key}"
    assert head["date"] == NOW.isoformat()


def test_what_is_not_there_is_no_markdown_either(money: Site, tree: Tree) -> None:
    path = f"/articles/{key_of(money, 'The title')}"
    client = money.app().test_client()
    assert client.get("/articles/none.md").status_code == 404
    tree.write("2.md", "y")
    tree.remove("1.html")
    money.refresh()
    assert client.get(f"{path}.md").status_code == 410
    assert client.get(path, headers=MARKDOWN).status_code == 410
