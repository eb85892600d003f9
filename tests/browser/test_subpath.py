"""The pages of a service at a path, in a real Chromium behind a real nginx."""

import os
from pathlib import Path

import pytest
from proxied import KEEPING, STRIPPING, behind_nginx, needs_nginx

from tests.browser import harness

pytestmark = needs_nginx


@pytest.mark.parametrize("location", [STRIPPING, KEEPING], ids=["stripping", "keeping"])
def test_a_visitor_finds_all_pages_at_the_path(tmp_path: Path, location: str) -> None:
    chromium = harness.executable()
    if chromium is None and not os.environ.get("FEEDSVC_REQUIRE_BROWSER"):
        pytest.skip("no Chromium was found")
    playwright = pytest.importorskip("playwright.sync_api")
    trouble: list[str] = []
    with (
        behind_nginx(tmp_path, "/feeds-of-mine", location) as (_, base_url),
        playwright.sync_playwright() as running,
        running.chromium.launch(
            executable_path=chromium, args=[*harness.FLAGS, harness.NOWHERE]
        ) as browser,
    ):
        page = browser.new_context(locale="en-US").new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: trouble.append(str(error)))

        def look(response: object) -> None:
            url, status = response.url, response.status  # type: ignore[attr-defined]
            if "/image/" not in url and (status >= 400 or not url.startswith(base_url)):
                trouble.append(f"{status} {url}")

        page.on("response", look)
        page.goto(f"{base_url}/")
        assert page.evaluate("document.styleSheets[0].cssRules.length") > 10
        addresses = page.locator("input[readonly]").evaluate_all("all => all.map(e => e.value)")
        assert f"{base_url}/feeds/all.atom" in addresses
        page.locator("nav a[hreflang=zh-Hans]").click()
        page.goto(f"{base_url}/")
        assert page.locator("nav[lang]").get_attribute("lang") == "zh-Hans", "the choice stays"
        (cookie,) = page.context.cookies()
        assert cookie["path"] == "/feeds-of-mine/"
        for path in ("/feeds/news", "/feeds/news.atom", "/search?q=article", "/status", "/nothing"):
            status = page.goto(f"{base_url}{path}").status
            assert status == (404 if path == "/nothing" else 200), path
        trouble = [line for line in trouble if not line.endswith("/nothing")]
        page.goto(f"{base_url}/feeds/news")
        page.locator("main a[href*='/articles/']").first.click()
        assert page.url.startswith(f"{base_url}/articles/")
        assert page.locator("h1").inner_text() == "新 article"
        page.locator("header.site .name").click()
        assert page.url == f"{base_url}/"
    assert trouble == []
