"""From the home page to a subscription, in a real Chromium; and what axe-core says of the page."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from conftest import NOW, site_in
from service import free_port
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.browser.harness import FLAGS, NOWHERE, executable
from tests.browser.test_xss import missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OTHER_READER = "https://reader.example.net"


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_request(self, *args: Any) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a site with two categories and thirty articles; yield its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    categories = [
        {"slug": "finance", "title": "财经", "terms": ["金融"]},
        {"slug": "life", "title": "生活", "terms": ["life"]},
    ]
    with site_in(
        folder, site={"title": "每日阅读", "base_url": address}, categories=categories
    ) as (site, tree):
        for number in range(30):
            tree.write(
                f"{number}.md",
                f"---\ntitle: 文章 {number}\ncategories: [{('金融', 'life')[number % 2]}, 来源"
                f"{number % 5}, 来源{number % 5}－栏目{number % 10}]\ndate: {NOW.isoformat()}\n"
                "---\n正文",
            )
        site.refresh()
        server = make_server("127.0.0.1", port, site.app(), threaded=True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    lacking = missing()
    if lacking and not os.environ.get("FEEDSVC_REQUIRE_BROWSER"):
        pytest.skip(lacking)
    assert lacking is None, lacking
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=[*FLAGS, NOWHERE])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: "Browser", address: str) -> Iterator[Callable[..., "Page"]]:
    """Open the home page; the test fails where a script fails or another host is asked."""
    events: list[str] = []
    contexts: list[Any] = []

    def open_(path: str = "/", **options: Any) -> "Page":
        context = chromium.new_context(locale="en", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("console", lambda message: events.append(message.text))
        page.on("request", lambda request: note(request.url))
        page.goto(address + path)
        return page

    def note(url: str) -> None:
        if not url.startswith((f"{address}/", OTHER_READER)):
            events.append(url)

    yield open_
    for context in contexts:
        context.close()
    assert events == []


def test_an_address_is_copied(open_page: Callable[..., "Page"], address: str) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    row = page.locator(".rows > li", has_text="财经")
    row.locator("summary").click()
    row.get_by_role("button", name="Copy").click()
    row.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{address}/feeds/finance.atom"
    assert page.locator("[aria-live]").inner_text() == "Copied"


def test_the_reader_chosen_last_comes_first(open_page: Callable[..., "Page"], address: str) -> None:
    page = open_page()
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
    assert asked.query.endswith(f"url_rss={address.replace(':', '%3A').replace('/', '%2F')}"
                                "%2Ffeeds%2Fall.atom")  # fmt: skip
    page.goto(address)
    for readers in page.locator(".readers").all():
        first = readers.locator("a").first
        assert first.text_content() == "FreshRSS"
        assert (first.get_attribute("href") or "").startswith(f"{OTHER_READER}/rss/i/?c=feed")


def test_topics_are_found_by_a_part_of_their_name(open_page: Callable[..., "Page"]) -> None:
    page = open_page("/topics")
    page.get_by_role("searchbox").fill("来源3")
    shown = page.locator(".topics a:visible").all_text_contents()
    assert shown
    assert all("来源3" in name for name in shown)


def test_without_a_script_everything_can_be_reached(open_page: Callable[..., "Page"]) -> None:
    page = open_page(java_script_enabled=False)
    page.get_by_text("Subscribe to everything").click()
    assert page.get_by_role("button", name="Copy").count() == 0
    assert page.get_by_role("link", name="Feedly").first.is_visible()
    page.locator(".topics summary").click()
    page.get_by_role("link", name="来源3", exact=True).click()
    assert "来源3" in page.title()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    open_page: Callable[..., "Page"], address: str, theme: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(color_scheme=theme, viewport={"width": width, "height": 800}, bypass_csp=True)
    for path in ("/", "/topics"):
        page.goto(address + path)
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        result = Axe().run(page).response
        assert result["passes"]
        assert [violation["id"] for violation in result["violations"]] == []
