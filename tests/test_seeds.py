"""The whole pipeline over `seeds/`, the samples that a newcomer sees first."""

import html
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest
import time_machine
from conftest import NOW, items
from sites import Site

from feedsvc.diagnosis import check

ROOT = Path(__file__).parent.parent
CATEGORIES = ["finance", "ai", "science", "life"]
FORMATS = ["atom", "rss", "json"]

# Makes the feeds of the samples with a state of its own and prints a digest of each, without the
# time at which the feed changed: that time differs from state to state.
DIGESTS = """
import hashlib, re, sys
from pathlib import Path
from feedsvc import config
from feedsvc.config import State
from feedsvc.passes import Passes
from feedsvc.serve import open_index, utc_now
from dataclasses import replace
import time_machine
settings = config.load(Path(sys.argv[1]))
settings = replace(settings, state=State(url="sqlite:///" + sys.argv[2]))
with time_machine.travel(sys.argv[3], tick=True):
    site = Passes(settings, open_index(settings), utc_now)
    site.make()
    for feed in site.entries.listings():
        for suffix in ("atom", "rss", "json"):
            body = site.documents.document(f"/feeds/{feed.slug}.{suffix}").body
            body, changes = re.subn(
                rb"<(updated|lastBuildDate)>[^<]+", b"", body, count=1
            )
            assert changes == (suffix != "json")
            print(feed.slug, suffix, hashlib.sha256(body).hexdigest())
    site.close()
"""


def test_no_sample_has_a_problem(samples: Site) -> None:
    assert check(samples.config, NOW).problems == ()
    assert samples.index.articles.count() >= 12


@pytest.mark.parametrize("slug", CATEGORIES)
def test_every_category_has_samples(samples: Site, slug: str) -> None:
    assert len(items(samples, slug)) >= 3


def when(parsed: Any) -> datetime:
    return datetime(*parsed[:6], tzinfo=UTC)


@pytest.mark.parametrize("slug", ["all", *CATEGORIES, "晨报－国内"])
def test_the_three_formats_agree_item_by_item(samples: Site, slug: str) -> None:
    read = []
    for name in ("atom", "rss"):
        parsed = feedparser.parse(
            samples.document(f"/feeds/{slug}.{name}").body,
            sanitize_html=False,
            resolve_relative_uris=False,
        )
        assert not parsed.bozo
        read.append(
            [
                (
                    entry.id, entry.title, entry.link, when(entry.published_parsed),
                    # RSS has all names in one `dc:creator`.
                    ", ".join(author.name for author in entry.get("authors", []) if author),
                    [tag.term for tag in entry.get("tags", [])],
                    entry.content[0].value, html.unescape(entry.summary),
                    [enclosure.href for enclosure in entry.enclosures],
                )
                for entry in parsed.entries
            ]
        )  # fmt: skip
    read.append(
        [
            (
                item["id"], item["title"], item["url"],
                datetime.fromisoformat(item["date_published"]),
                ", ".join(author["name"] for author in item.get("authors", [])),
                item.get("tags", []), item["content_html"], item["summary"],
                [attachment["url"] for attachment in item.get("attachments", [])],
            )
            for item in items(samples, slug)
        ]
    )  # fmt: skip
    atom, rss, json_ = read
    assert atom
    assert atom == rss == json_


def test_no_script_comes_out_and_images_have_a_referrerpolicy(
    samples: Site,
) -> None:
    images = 0
    for item in items(samples, "all"):
        content = item["content_html"]
        assert not re.search(r"<(script|style|iframe|font)|<!--|onerror|&amp;#123;", content)
        for tag in re.findall(r"<img [^>]*>", content):
            images += 1
            assert re.search(r'src="https?://', tag)
            assert "referrerpolicy=" in tag
        assert not re.search(r'(?:href|src)="(?!https?:|mailto:)', content), "absolute only"
    assert images >= 6


def test_the_local_images_of_the_samples_are_served(samples: Site) -> None:
    base = samples.config.site.base_url
    client = samples.app().test_client()
    local = {
        address.removeprefix(base)
        for item in items(samples, "all")
        for address in re.findall(r'src="([^"]+)"', item["content_html"])
        if address.startswith(f"{base}/media/")
    }
    assert len(local) >= 4
    for path in local:
        response = client.get(path, buffered=True)
        assert (response.status_code, response.headers["Content-Type"]) == (200, "image/png")


def test_rendering_in_two_processes_on_two_days_gives_equal_bytes(tmp_path: Path) -> None:
    outputs = []
    for number, day in enumerate(["2027-01-01T00:00:00Z", "2031-12-31T23:59:59Z"]):
        command = [sys.executable, "-c", DIGESTS, str(ROOT / "config.yaml")]
        outputs.append(
            subprocess.run(
                [*command, str(tmp_path / f"{number}.db"), day],
                capture_output=True,
                text=True,
                check=True,
                env={"PYTHONHASHSEED": str(number), "LC_ALL": "C", "TZ": f"UTC{number * 5}"},
            ).stdout
        )
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) > 3 * len(CATEGORIES)


def test_the_ids_of_the_samples_never_change(samples: Site) -> None:
    with time_machine.travel("2030-01-01T00:00:00Z"):
        ids = {item["title"]: item["id"] for item in items(samples, "all")}
    tea = next(id for title, id in ids.items() if "茶" in title)
    assert tea == "tag:example.org,2024:tea-walk"
    tides = next(id for title, id in ids.items() if "sea rises" in title)
    assert tides == "urn:uuid:587ff227-5fd8-5e6d-a3d8-8e30db1db6e0"
