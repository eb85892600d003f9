"""Sound, video and images of articles, as enclosures."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import feedparser
import pytest
from conftest import Clock, Tree, items
from sites import Site

from feedsvc.content import depends_on_folder, playable
from feedsvc.model import SafeHTML

BASE = "https://feeds.example.org/media"


def enclosures(site: Site) -> dict[str, list[tuple[str, str, str | None]]]:
    """Return address, type and length of each enclosure of the newest entry, by format."""
    by_format = {}
    for suffix in ("atom", "rss"):
        entry = feedparser.parse(site.document(f"/feeds/all.{suffix}").body).entries[0]
        by_format[suffix] = [
            (enclosure.href, enclosure.type, enclosure.get("length"))
            for enclosure in entry.enclosures
        ]
    (item, *_) = items(site)
    by_format["json"] = [
        (
            attachment["url"],
            attachment["mime_type"],
            str(attachment["size_in_bytes"]) if "size_in_bytes" in attachment else None,
        )
        for attachment in item.get("attachments", [])
    ]
    return by_format


def test_sound_and_video_are_enclosures_and_the_image_is_media_rss(site: Site, tree: Tree) -> None:
    tree.write("2024/a b.mp3", b"x" * 1234)
    tree.write("2024/cover.png", b"x" * 55)
    tree.write(
        "2024/a.html",
        "---\nheadimg: cover.png\n---\n<audio src='a%20b.mp3' controls></audio>"
        "<video><source src='https://x.org/v' type='video/webm; codecs=vp8'></video>",
    )
    site.refresh()
    sound = (f"{BASE}/2024/a%20b.mp3", "audio/mpeg", "1234")
    film = ("https://x.org/v", "video/webm", None)
    assert enclosures(site) == {"atom": [sound, film], "rss": [sound], "json": [sound, film]}
    body = site.document("/feeds/all.rss").body.decode()
    cover = f'url="{BASE}/2024/cover.png"'
    assert f'<media:content {cover} medium="image" type="image/png"/>' in body
    assert f"<media:thumbnail {cover}/>" in body
    assert items(site)[0]["image"] == f"{BASE}/2024/cover.png"


def test_an_image_alone_is_the_enclosure_with_its_length(site: Site, tree: Tree) -> None:
    tree.write("cover.png", b"x" * 55)
    tree.write("a.html", "---\nheadimg: cover.png\n---\n<p>x</p>")
    site.refresh()
    image = (f"{BASE}/cover.png", "image/png", "55")
    assert enclosures(site) == {"atom": [image], "rss": [image], "json": [image]}


def test_a_feed_of_summaries_has_the_enclosures_too(
    open_site: Callable[..., Site], tree: Tree
) -> None:
    site = open_site(feeds={"content": "summary"})
    tree.write("a.html", "<p>x</p><audio src='https://x.org/a.ogg'></audio>")
    site.refresh()
    assert enclosures(site)["rss"] == [("https://x.org/a.ogg", "audio/ogg", "0")]


NOT_SERVED = [
    "none.mp3", "..%2f..%2fsecret.mp3", "link.mp3", ".hid/a.mp3", "dir.mp3", "a%00.mp3",
    "https://x.org/a.mp3", "loop.mp3", "//feeds.example.org.evil/media/a.mp3",
]  # fmt: skip


def test_no_length_is_given_for_files_that_are_not_served(site: Site, tree: Tree) -> None:
    (tree.root.parent / "secret.mp3").write_bytes(b"secret")
    (tree.root / "link.mp3").symlink_to(tree.root.parent / "secret.mp3")
    (tree.root / "loop.mp3").symlink_to(tree.root / "loop.mp3")
    (tree.root / "dir.mp3").mkdir()
    tree.write(".hid/a.mp3", b"x")
    for address in NOT_SERVED:
        tree.write("a.html", f"<p>{address}</p><audio src='{address}'></audio>")
        site.refresh()
        assert [length for _, _, length in enclosures(site)["json"]] == [None], address
        assert [length for _, _, length in enclosures(site)["rss"]] == ["0"], address


def test_a_media_file_that_changes_alone_changes_no_feed(
    site: Site, tree: Tree, clock: Clock
) -> None:
    tree.write("a.mp3", b"x")
    tree.write("a.html", "<p>x</p><audio src='a.mp3'></audio>")
    site.refresh()
    before = site.document("/feeds/all.rss")
    clock.advance(minutes=1)
    tree.write("a.mp3", b"longer")
    site.refresh()
    assert site.document("/feeds/all.rss") == before
    tree.write("b.html", "---\ndate: 2020-01-01\n---\n<p>y</p>")
    site.refresh()
    assert enclosures(site)["rss"][0][2] == "6"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>x</p>", []),
        ("<audio src='https://x.org/a'></audio>", [("https://x.org/a", "audio/mpeg")]),
        ("<video src='https://x.org/a'></video>", [("https://x.org/a", "video/mp4")]),
        (
            "<audio><source src='https://x.org/a.ogg'><source src='https://x.org/a.mp3'></audio>",
            [("https://x.org/a.ogg", "audio/ogg"), ("https://x.org/a.mp3", "audio/mpeg")],
        ),
        (
            "<picture><source srcset='https://x.org/a.webp'><img src='https://x.org/a.png'></picture>"
            "<audio src='https://x.org/a.mp3'></audio><audio src='https://x.org/a.mp3'></audio>",
            [("https://x.org/a.mp3", "audio/mpeg")],
        ),
        (
            "<video><source src='https://x.org/?a&amp;b' type='text/html'></video>",
            [("https://x.org/?a&b", "video/mp4")],
        ),
    ],
)
def test_the_sound_and_video_of_an_article_are_found(html: str, expected: list[Any]) -> None:
    assert [(media.href, media.type) for media in playable(SafeHTML(html))] == expected


def test_an_article_has_at_most_fifty_enclosures() -> None:
    html = "".join(f"<audio src='https://x.org/{n}.mp3'></audio>" for n in range(1000))
    assert len(playable(SafeHTML(html))) == 50


@pytest.mark.parametrize(
    ("body", "depends"),
    [
        ("![x](a.png)", True),
        ("![x](<a b.png>)", True),
        ("![x][y]\n\n[y]: a.png", True),
        ("![x](https://x.org/a.png) [y](https://x.org/) [z](#z) [m](mailto:a@x.org)", False),
        ("[y](other.md)", False),
        ("<IMG SRC = 'a.png'>", True),
        ("<img src=&#104;ttps://x.org/a.png>", True),
        ("<img src='' data-src='https://x.org/a.png'>", False),
        ("<img src='DATA:image/png;base64,x' data-src=HTTPS://x.org/a.png>", False),
        ("<img srcset='//x.org/a,b.png 1.5x, https://x.org/c.png 100w'>", False),
        ("<p data-source='x' datasrc='x'>", False),
    ],
)
def test_relative_addresses_of_media_depend_on_the_folder(body: str, depends: bool) -> None:
    assert depends_on_folder(body, "markdown") == depends


WORST = """
from feedsvc.content import depends_on_folder
parts = ["src=", "src ", "data-", "data-src", "srcset='", 'srcset="x ', "](", "![](", "](   ",
         "src  =  ", "]:<", " ", "'", "srcset=x,", "src" + " " * 200]
for part in parts:
    for beginning in ("![", "![ src=/ ", "![ srcset='"):
        depends_on_folder(beginning + part * (65536 // len(part)), "markdown")
"""


def test_searching_the_worst_bodies_takes_linear_time() -> None:
    # A second or two; minutes if any pattern took the square of the length.
    subprocess.run([sys.executable, "-c", WORST], check=True, timeout=60)


def test_the_feeds_of_the_samples_have_hardly_any_references(samples: Site) -> None:
    from test_formats import references

    for suffix in ("atom", "rss"):
        for slug in ("all", "finance"):
            assert references(samples.document(f"/feeds/{slug}.{suffix}").body) <= 5
    assert json.loads(samples.document("/feeds/all.json").body)["items"]
