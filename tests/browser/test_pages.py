"""The pages in a real Chromium, as people use them: with and without scripts, light and dark."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import feedparser
import pytest
from proxied import cached_by_nginx, needs_nginx
from service import Service, until

from tests.browser import harness

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SEEDS = Path(__file__).parents[2] / "seeds"
SECTIONS = """feeds: {limit: 5}
categories:
  - {slug: finance, title: 财经, description: Markets, terms: [金融, 财经, finance]}
  - {slug: life, title: 生活, terms: [life, 生活]}
  - {slug: nothing, title: Nothing yet, terms: [none at all]}
"""
MANY = 24
OTHER_READER = "https://reader.example.net"  # of the visitor; no name resolves here
LANGUAGES = {"en-US": "en", "zh-CN": "zh-Hans", "zh-TW": "zh-Hant"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the samples and some articles more."""
    folder = tmp_path_factory.mktemp("pages")
    articles = folder / "articles"
    shutil.copytree(SEEDS, articles)
    for n in range(MANY):
        (articles / f"n{n}.md").write_text(
            f"---\ntitle: 港口第{n}号\ndate: 2024-03-{n + 1:02d} 09:30\ntags: [金融, 港口]\n"
            f"link: https://news.example.org/{n}\n---\n\n集装箱码头的吞吐量**增长**。"
            + "很好。"
            * 20
        )
    service = Service(folder, articles, sections=SECTIONS)
    try:
        until(service.ready, "the service answers")
        until(lambda: service.readiness()["reading"]["done"] == 0, "all has been read")
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    chromium = harness.executable()
    if chromium is None and not os.environ.get("FEEDSVC_REQUIRE_BROWSER"):
        pytest.skip("no Chromium was found")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(
            executable_path=chromium, args=[*harness.FLAGS, harness.NOWHERE]
        )
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: "Browser", service: Service) -> Iterator[Any]:
    """Return a function that opens a page; at the end, nothing may have gone wrong in any."""
    contexts: list[Any] = []
    trouble: list[str] = []

    def opened(path: str, **options: Any) -> "Page":
        context = browser.new_context(base_url=service.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: trouble.append(f"{path}: {error}"))
        page.on(
            "console",
            # Pictures of the samples are at hosts that do not exist, and some pages are not there.
            lambda message: (
                message.type == "error"
                and "net::ERR_NAME_NOT_RESOLVED" not in message.text
                and "status of 404" not in message.text
                and trouble.append(f"{path}: {message.text}")
            ),
        )
        page.on(
            "request",
            lambda request: (
                not request.url.startswith((service.url, OTHER_READER, "data:"))
                and request.resource_type not in {"image", "media"}
                and trouble.append(f"{path} asks for {request.url}")
            ),
        )
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert trouble == []


def an_article(service: Service) -> str:
    """Return the path of the page of an article."""
    page = service.client.get("/search", params={"q": "港口第5号"}).text
    return str(re.findall(r'href="(/articles/\w+)"', page)[0])


def paths(service: Service) -> list[str]:
    """Return the paths of pages of every kind."""
    return [
        "/", "/feeds/finance", "/feeds/all?page=2", "/feeds/nothing",
        an_article(service), "/feeds/all.atom", "/search", "/search?q=港口", "/search?q=zzz",
        "/topics", "/status", "/feeds/financ", "/articles/nothing",
    ]  # fmt: skip


def test_a_visitor_copies_the_address_of_a_feed_from_home(service: Service, open_page: Any) -> None:
    page = open_page("/", locale="en-US", permissions=["clipboard-read", "clipboard-write"])
    row = page.locator("li", has=page.get_by_role("link", name="财经", exact=True)).first
    row.locator("summary").first.click()
    row.get_by_role("button", name="Copy").first.click()
    row.get_by_role("button", name="Copied").wait_for()
    assert page.locator("[aria-live]").inner_text() == "Copied"
    address = page.evaluate("navigator.clipboard.readText()")
    assert address == f"{service.url}/feeds/finance.atom"
    feed = feedparser.parse(service.client.get(address).content)
    assert feed.feed.title.startswith("财经")
    assert not feed.bozo


def test_the_subscribe_panel_works_without_scripts(service: Service, open_page: Any) -> None:
    page = open_page("/feeds/finance", java_script_enabled=False)
    page.locator("details.subscribe summary").first.click()
    field = page.locator("details.subscribe input").first
    assert field.input_value() == f"{service.url}/feeds/finance.atom"
    assert page.locator("details.subscribe a", has_text="RSS").first.is_visible()
    assert not page.locator("button.copy").first.is_visible()
    page = open_page("/", java_script_enabled=False)
    page.locator(".topics summary").click()
    page.get_by_role("link", name="港口", exact=True).click()
    assert "港口" in page.title()


def test_the_reader_that_was_chosen_last_comes_first(open_page: Any) -> None:
    page = open_page("/feeds/finance", locale="en-US")
    page.locator("details.subscribe summary").first.click()
    last = page.locator(".readers a").all_inner_texts()[-1]
    page.evaluate(
        "addEventListener('click', event => event.target.closest('a') && event.preventDefault())"
    )
    page.locator(".readers a").last.click()
    page.reload()
    assert page.locator(".readers a").first.text_content() == last


def test_a_reader_of_ones_own_is_remembered_with_its_host(service: Service, open_page: Any) -> None:
    page = open_page("/", locale="en-US")
    page.route(f"{OTHER_READER}/**", lambda route: route.fulfill(body="ok"))
    page.get_by_text("Subscribe to everything").click()
    panel = page.locator(".main .panel")
    panel.get_by_text("another…").click()
    panel.get_by_role("combobox").select_option("FreshRSS")
    panel.get_by_role("textbox", name="Address of your reader").fill(f"{OTHER_READER}/rss/")
    panel.locator("form button").click()
    page.wait_for_url(f"{OTHER_READER}/**")
    asked = urlsplit(page.url)
    assert asked.path == "/rss/i/"
    assert parse_qs(asked.query)["url_rss"] == [f"{service.url}/feeds/all.atom"]
    page.goto(service.url)
    for readers in page.locator(".readers").all():
        first = readers.locator("a").first
        assert first.text_content() == "FreshRSS"
        assert (first.get_attribute("href") or "").startswith(f"{OTHER_READER}/rss/i/?c=feed")


def test_topics_are_found_by_a_part_of_their_name(open_page: Any) -> None:
    page = open_page("/topics")
    page.get_by_role("searchbox").fill("港")
    assert page.locator(".topics a:visible").all_text_contents() == ["港口"]


def test_a_feeds_own_address_shows_a_page_about_it(service: Service, open_page: Any) -> None:
    page = open_page("/feeds/finance.atom", locale="en-US")
    assert "This is a web feed." in page.inner_text("main")
    assert page.locator("details.subscribe[open] input").first.is_visible()
    assert page.locator(".entries li").count() == 5
    page.get_by_role("link", name="Show the source").click()
    assert "<feed" in page.inner_text("body")
    script = service.client.get("/feeds/finance.atom", headers={"Sec-Fetch-Dest": "empty"})
    assert script.headers["Content-Type"].startswith("application/atom+xml")


@needs_nginx
def test_behind_a_cache_that_ignores_vary_a_reader_never_gets_a_page(
    service: Service, tmp_path: Path
) -> None:
    person = {"Sec-Fetch-Dest": "document", "Accept": "text/html,*/*"}
    with cached_by_nginx(tmp_path, service) as cache:
        address = f"{cache}/feeds/life.atom"
        first = service.client.get(address, headers=person)
        assert first.headers["Content-Type"].startswith("text/html")
        assert first.headers["Cache-Control"] == "private, no-store"
        for _ in range(2):
            reader = service.client.get(address)
            assert reader.headers["Content-Type"].startswith("application/atom+xml")


def test_older_articles_are_on_further_pages(open_page: Any) -> None:
    page = open_page("/feeds/finance", locale="en-US")
    seen = page.locator(".entries h3, .entries h2").all_inner_texts()
    for _ in range(10):
        older = page.locator("nav.pages a[rel=next]")
        if not older.count():
            break
        older.click()
        seen += page.locator(".entries h3, .entries h2").all_inner_texts()
    assert {f"港口第{n}号" for n in range(MANY)} <= set(seen)
    assert len(seen) == len(set(seen))


def test_a_search_is_a_feed(service: Service, open_page: Any) -> None:
    page = open_page("/", locale="en-US")
    page.get_by_role("link", name="Search").click()
    page.get_by_role("searchbox").fill("吞吐量 category:finance")
    page.keyboard.press("Enter")
    page.locator("mark").first.wait_for()
    page.locator("details.subscribe summary").first.click()
    address = page.locator("details.subscribe input").first.input_value()
    feed = feedparser.parse(service.client.get(address).content)
    assert not feed.bozo
    assert feed.entries
    assert all("港口" in entry.title for entry in feed.entries)


def test_an_article_leads_to_its_original_and_to_its_neighbours(
    service: Service, open_page: Any
) -> None:
    page = open_page(an_article(service), locale="en-US")
    assert page.get_by_role("link", name=re.compile("Read at ")).is_visible()
    title = page.locator("h1").inner_text()
    page.locator("nav.pages a[rel=prev]").click()
    assert page.locator("h1").inner_text() != title
    page.locator("nav.pages a[rel=next]").click()
    assert page.locator("h1").inner_text() == title
    markdown = service.client.get(page.url, headers={"Accept": "text/markdown"})
    assert markdown.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "**增长**" in markdown.text


@pytest.mark.parametrize("locale", LANGUAGES)
def test_the_interface_is_in_the_visitors_language(open_page: Any, locale: str) -> None:
    words = {"en-US": "Subscribe", "zh-CN": "订阅", "zh-TW": "訂閱"}[locale]
    page = open_page("/", locale=locale)
    assert words in page.locator("details.subscribe summary").first.inner_text()
    page = open_page("/feeds/nothing", locale=locale)
    assert page.locator("nav[lang]").first.get_attribute("lang") == LANGUAGES[locale]


def test_a_chosen_language_stays(open_page: Any) -> None:
    page = open_page("/", locale="en-US")
    page.locator("header nav a[hreflang=zh-Hant]").click()
    page.goto("/feeds/finance")
    assert "訂閱" in page.locator("details.subscribe summary").first.inner_text()


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
def test_pages_are_accessible(service: Service, open_page: Any, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page("/", color_scheme=scheme, viewport={"width": width, "height": 900})
    problems = {}
    for path in paths(service):
        if (answer := page.goto(path)) and answer.status >= 500:
            problems[path] = str(answer.status)
        for details in page.locator("main details").all():
            details.evaluate("details => { details.open = true; }")
        # The HTML of an article is its author's: heading levels, frames without titles.
        result = axe.run(page, options={"resultTypes": ["violations"]})
        if result.violations_count:
            problems[path] = result.generate_report()
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        if wide:
            problems[path] = f"{problems.get(path, '')} scrolls sideways"
    assert problems == {}


def test_links_can_be_reached_by_the_keyboard(open_page: Any) -> None:
    page = open_page("/", locale="en-US")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
