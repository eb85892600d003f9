"""A service at a path behind a real nginx: every address leads to the service, and is found."""

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from links import addresses
from proxied import KEEPING, STRIPPING, TAG, behind_nginx, needs_nginx
from service import LIMIT

pytestmark = needs_nginx


@pytest.mark.parametrize("path", ["/feeds-of-mine", "/订阅/x"])
@pytest.mark.parametrize("location", [STRIPPING, KEEPING], ids=["stripping", "keeping"])
def test_every_address_is_found_at_the_path(tmp_path: Path, path: str, location: str) -> None:
    with (
        behind_nginx(tmp_path, path, location) as (_, base_url),
        httpx.Client(timeout=LIMIT) as client,
    ):
        host = base_url.removesuffix(quote(path))
        waiting = [base_url, f"{base_url}/", f"{base_url}/favicon.ico", f"{base_url}/healthz"]
        asked: dict[str, str] = {}  # media types by address
        while waiting:
            address = waiting.pop()
            if address in asked or not address.startswith(f"{host}/"):
                continue  # a link to another site
            assert address.startswith((f"{base_url}/", f"{base_url}?")) or address == base_url
            if "/image/" in address:
                answer = client.get(address, headers={"If-None-Match": f'W/"{TAG}"'})
                assert answer.status_code == 304, address
            else:
                answer = client.get(address, headers={"Accept": "*/*"}, follow_redirects=False)
                assert answer.status_code == 200, address
            asked[address] = answer.headers.get("Content-Type", "").partition(";")[0]
            if asked[address].startswith(("text/html", "text/x-opml", "application/")):
                waiting += addresses(answer.text, address, base_url)
        kinds = set(asked.values())
        assert {"text/html", "text/css", "image/png", "text/x-opml"} <= kinds
        assert {"application/atom+xml", "application/rss+xml", "application/feed+json"} <= kinds
        for part in ("/feeds/news", "/articles/", "/media/", "/image/", "/icon.png"):
            assert any(address.startswith(f"{base_url}{part}") for address in asked), part


@pytest.mark.parametrize("location", [STRIPPING, KEEPING], ids=["stripping", "keeping"])
def test_a_feed_keeps_its_bytes_and_validators_behind_nginx(tmp_path: Path, location: str) -> None:
    with behind_nginx(tmp_path, "/feeds-of-mine", location) as (service, base_url):
        for coding in ("", "gzip", "br", "gzip;q=0"):
            headers = {"Accept-Encoding": coding}
            direct = service.client.get("/feeds/news.atom", headers=headers)
            proxied = httpx.get(f"{base_url}/feeds/news.atom", headers=headers, timeout=LIMIT)
            assert proxied.content == direct.content
            tag = proxied.headers["ETag"]
            assert tag == direct.headers["ETag"]
            again = httpx.get(
                f"{base_url}/feeds/news.atom",
                headers={**headers, "If-None-Match": tag},
                timeout=LIMIT,
            )
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["Vary"] == direct.headers["Vary"]
