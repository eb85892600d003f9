"""A clock that was ahead or is behind: feeds get correct dates again."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from conftest import NOW, Clock, Tree, items
from flask.testing import FlaskClient
from lxml import etree
from sites import Open, Site
from werkzeug.http import parse_date

FEED = "/feeds/all.atom"
UPDATED = "{http://www.w3.org/2005/Atom}updated"
YEAR = timedelta(days=365)


def updated(site: Site, path: str = FEED) -> datetime:
    text = etree.fromstring(site.document(path).body).findtext(UPDATED)
    assert text is not None
    return datetime.fromisoformat(text)


def last_modified(client: FlaskClient) -> datetime:
    date = parse_date(client.get(FEED).headers["Last-Modified"])
    assert date is not None
    return date


def status(client: FlaskClient, since: datetime) -> int:
    text = since.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return client.get(FEED, headers={"If-Modified-Since": text}).status_code


def dates(item: dict[str, Any]) -> tuple[datetime, datetime]:
    return tuple(datetime.fromisoformat(item[f"date_{name}"]) for name in ("published", "modified"))


def test_polls_by_date_work_again_after_the_clock_was_a_year_ahead(
    site: Site, tree: Tree, clock: Clock
) -> None:
    client = site.app().test_client()
    tree.write("a.html", "<p>a</p>")
    site.refresh()
    clock.advance(minutes=10)
    before, clock.now = clock.now, clock.now + YEAR
    tree.write("b.html", "<p>b</p>")
    tree.write("a.html", "<p>edited</p>")
    site.refresh()
    wrong = last_modified(client)
    assert wrong == clock.now
    ids = {item["id"] for item in items(site)}
    clock.now = before + timedelta(seconds=30)
    site.refresh()
    assert last_modified(client) == updated(site) == clock.now
    assert status(client, clock.now) == 304
    assert status(client, wrong) == 200, "a reader that has the wrong date gets the feed"
    assert {item["id"] for item in items(site)} == ids
    body = site.document(FEED).body
    clock.advance(minutes=1)
    site.refresh()
    assert site.document(FEED).body == body, "a correct date stays"
    tree.write("c.html", "<p>c</p>")
    site.refresh()
    assert updated(site) == last_modified(client) == clock.now


def test_an_article_first_seen_by_a_clock_ahead_is_not_held_back(
    site: Site, tree: Tree, clock: Clock
) -> None:
    clock.now += YEAR
    tree.write("a.html", "<p>a</p>")
    site.refresh()
    (before,) = items(site)
    clock.now -= YEAR
    site.refresh()
    clock.advance(minutes=1)
    tree.write("a.html", "<p>edited</p>")
    site.refresh()
    (after,) = items(site)
    assert after["id"] == before["id"]
    assert dates(after)[0] == clock.now


def test_declared_dates_stay_when_the_clock_is_set_back(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    site = open_site(articles={"future": "publish"})
    due = clock.now + timedelta(days=30)
    tree.write("a.html", f"---\ndate: {due.isoformat()}\n---\n<p>a</p>")
    clock.now += YEAR
    site.refresh()
    clock.now -= YEAR
    site.refresh()
    (item,) = items(site)
    assert dates(item) == (due, due)


def test_a_clock_set_back_hides_no_change(site: Site, tree: Tree, clock: Clock) -> None:
    client = site.app().test_client()
    tree.write("a.html", "<p>a</p>")
    site.refresh()
    before = last_modified(client)
    clock.now -= timedelta(hours=1)
    site.refresh()
    clock.advance(minutes=5)
    tree.write("b.html", "<p>b</p>")
    site.refresh()
    assert last_modified(client) <= clock.now
    clock.now = NOW + timedelta(minutes=10)
    site.refresh()
    assert status(client, before) == 200
    assert status(client, last_modified(client)) == 304
    body = site.document(FEED).body
    clock.advance(days=1)
    site.refresh()
    assert site.document(FEED).body == body


def test_a_clock_set_back_by_a_second_changes_no_feed(site: Site, tree: Tree, clock: Clock) -> None:
    tree.write("a.html", "<p>a</p>")
    site.refresh()
    body = site.document(FEED).body
    clock.now -= timedelta(seconds=1)
    site.refresh()
    assert site.document(FEED).body == body


@pytest.mark.parametrize("old", ["1999-01-01", "2022-02-02"])
def test_a_feed_says_when_it_last_changed(site: Site, tree: Tree, clock: Clock, old: str) -> None:
    client = site.app().test_client()
    tree.write("a.html", "---\ndate: 2026-02-01\n---\n<p>a</p>")
    site.refresh()
    changes = [updated(site)]
    for change in (
        lambda: tree.write("b.html", f"---\ndate: {old}\n---\n<p>b</p>"),
        lambda: tree.remove("b.html"),
        lambda: tree.remove("a.html"),
    ):
        clock.advance(minutes=1)
        change()
        site.refresh()
        changes.append(updated(site))
        assert changes[-1] == clock.now == last_modified(client)
        assert (
            clock.now.strftime("%d %b %Y %H:%M:%S") in site.document("/feeds/all.rss").body.decode()
        )
    assert items(site) == []
    clock.advance(days=1)
    site.refresh()
    assert updated(site) == changes[-1]


def test_a_feed_that_the_watcher_does_not_know_yet_is_dated_now(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    tree.write("a.html", "<p>a</p>")
    open_site().refresh()
    worker = open_site(categories=[{"slug": "new", "title_matches": "."}])
    assert updated(worker, "/feeds/new.atom") == clock.now
    clock.advance(minutes=1)
    worker.refresh()
    assert updated(worker, "/feeds/new.atom") == clock.now


# Articles, each with whether its entry stays the same when the file moves to another folder.
MOVED = {
    "---\n<p>plain</p>": True,
    "---\n<img src='https://x.org/a' srcset='https://x.org/a.png 2x' data-src='//x.org/b'>": True,
    "---\n<a href='other.html'>x</a><img src='/media/a.png'>": True,
    "---\n<img src='a.png'>": False,
    "---\n<img src='https://x.org/a.png' data-original=a.png>": False,
    "---\n<img srcset='https://x.org/a.png 1x, b.png 2x'>": False,
    "---\n<audio><source src='a.mp3'></audio>": False,
    "---\n<video src='https://x.org/a.mp4' poster='a.png'></video>": False,
    "headimg: a.png\n---\nx": False,
    "headimg: /media/a.png\n---\nx": True,
    "headimg: https://x.org/a.png\n---\nx": True,
    "headimg: a.png\nlink: https://x.org/1\n---\nx": True,
}


@pytest.mark.parametrize(("text", "same"), MOVED.items())
def test_moving_an_article_changes_feeds_only_if_its_media_are_relative(
    site: Site, tree: Tree, clock: Clock, text: str, same: bool
) -> None:
    client = site.app().test_client()
    tree.write("one/a.html", f"---\ntitle: A\n{text}")
    site.refresh()
    first = [client.get(f"/feeds/all.{suffix}") for suffix in ("atom", "rss", "json")]
    clock.advance(minutes=1)
    tree.rename("one/a.html", "two/b.html")
    site.refresh()
    then = [client.get(f"/feeds/all.{suffix}") for suffix in ("atom", "rss", "json")]
    for before, after in zip(first, then, strict=True):
        assert (before.data == after.data) == same
        assert (before.headers["Last-Modified"] == after.headers["Last-Modified"]) == same


def test_a_relative_image_in_the_footer_follows_the_folder(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    site = open_site(content={"footer": "<img src='logo.png'>"})
    tree.write("one/a.html", "---\ntitle: A\n---\nx")
    site.refresh()
    clock.advance(minutes=1)
    tree.rename("one/a.html", "two/a.html")
    site.refresh()
    assert b"/media/two/logo.png" in site.document(FEED).body


def test_two_states_differ_only_in_when_they_saw_changes(
    open_site: Open, tree: Tree, clock: Clock
) -> None:
    tree.write("a.html", "---\ndate: 2026-01-01\n---\n<p>a</p>")
    site = open_site()
    site.refresh()
    clock.advance(minutes=1)
    other = open_site(state={"url": "sqlite:///state/other.db"})
    other.refresh()
    first, second = site.document(FEED).body, other.document(FEED).body
    assert first != second
    assert first.replace(NOW.isoformat().encode(), clock.now.isoformat().encode(), 1) == second
    assert site.document("/feeds/all.json").body == other.document("/feeds/all.json").body
