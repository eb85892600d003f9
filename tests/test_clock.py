"""A clock that was ahead, or is behind: what it leaves behind is set right."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import NOW, Clock, Tree, items
from flask.testing import FlaskClient
from lxml import etree
from sites import Site
from werkzeug.http import parse_date

FEED = "/feeds/all.atom"
UPDATED = "{http://www.w3.org/2005/Atom}updated"
YEAR = timedelta(days=365)


def updated(site: Site, path: str = FEED) -> datetime:
    found = etree.fromstring(site.document(path).body).findtext(UPDATED)
    assert found is not None
    return datetime.fromisoformat(found)


def last_modified(client: FlaskClient) -> datetime:
    found = parse_date(client.get(FEED).headers["Last-Modified"])
    assert found is not None
    return found


def status(client: FlaskClient, since: datetime) -> int:
    text = since.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return client.get(FEED, headers={"If-Modified-Since": text}).status_code


def dates(item: dict[str, Any]) -> tuple[datetime, datetime]:
    return tuple(datetime.fromisoformat(item[f"date_{name}"]) for name in ("published", "modified"))


def test_after_a_clock_that_was_a_year_ahead_polls_by_date_work_again(
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
    told = last_modified(client)
    assert told == clock.now
    ids = {item["id"] for item in items(site)}
    clock.now = before + timedelta(seconds=30)
    site.refresh()
    assert last_modified(client) == updated(site) == clock.now
    assert status(client, clock.now) == 304
    assert status(client, told) == 200, "and who was told the other date gets what there is"
    assert {item["id"] for item in items(site)} == ids
    body = site.document(FEED).body
    clock.advance(minutes=1)
    site.refresh()
    assert site.document(FEED).body == body, "once it is right it stays"
    tree.write("c.html", "<p>c</p>")
    site.refresh()
    assert updated(site) == last_modified(client) == clock.now


def test_an_article_first_seen_by_a_clock_that_was_ahead_is_not_held_until_then(
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


def test_dates_that_articles_declare_stay(
    open_site: Callable[..., Site], tree: Tree, clock: Clock
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


def test_a_clock_that_was_behind_hides_no_change(site: Site, tree: Tree, clock: Clock) -> None:
    client = site.app().test_client()
    tree.write("a.html", "<p>a</p>")
    site.refresh()
    told = last_modified(client)
    clock.now -= timedelta(hours=1)
    site.refresh()
    clock.advance(minutes=5)
    tree.write("b.html", "<p>b</p>")
    site.refresh()
    assert last_modified(client) <= clock.now
    clock.now = NOW + timedelta(minutes=10)
    site.refresh()
    assert status(client, told) == 200
    assert status(client, last_modified(client)) == 304
    body = site.document(FEED).body
    clock.advance(days=1)
    site.refresh()
    assert site.document(FEED).body == body


def test_a_step_of_the_clock_by_a_second_changes_nothing(
    site: Site, tree: Tree, clock: Clock
) -> None:
    tree.write("a.html", "<p>a</p>")
    site.refresh()
    body = site.document(FEED).body
    clock.now -= timedelta(seconds=1)
    site.refresh()
    assert site.document(FEED).body == body


@pytest.mark.parametrize("old", ["1999-01-01", "2022-02-02"])
def test_a_feed_is_as_new_as_its_last_change(
    site: Site, tree: Tree, clock: Clock, old: str
) -> None:
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


def test_a_feed_that_the_watcher_has_not_heard_of_yet_is_not_of_1970(
    open_site: Callable[..., Site], tree: Tree, clock: Clock
) -> None:
    tree.write("a.html", "<p>a</p>")
    open_site().refresh()
    worker = open_site(categories=[{"slug": "new", "title_matches": "."}])
    assert updated(worker, "/feeds/new.atom") == clock.now
    clock.advance(minutes=1)
    worker.refresh()
    assert updated(worker, "/feeds/new.atom") == clock.now


BODIES = {
    "<p>plain</p>": True,
    "<img src='https://x.org/a' srcset='https://x.org/a.png 2x' data-src='//x.org/b.png'>": True,
    "<a href='other.html'>x</a><img src='/media/a.png'>": True,
    "<img src='a.png'>": False,
    "<img src='https://x.org/a.png' data-original=a.png>": False,
    "<img srcset='https://x.org/a.png 1x, b.png 2x'>": False,
    "<audio><source src='a.mp3'></audio>": False,
    "<video src='https://x.org/a.mp4' poster='a.png'></video>": False,
}


@pytest.mark.parametrize(("body", "same"), BODIES.items())
def test_a_move_changes_a_feed_only_where_addresses_depend_on_the_folder(
    site: Site, tree: Tree, clock: Clock, body: str, same: bool
) -> None:
    client = site.app().test_client()
    tree.write("one/a.html", f"---\ntitle: A\n---\n{body}")
    site.refresh()
    first = [client.get(f"/feeds/all.{suffix}") for suffix in ("atom", "rss", "json")]
    clock.advance(minutes=1)
    tree.rename("one/a.html", "two/b.html")
    site.refresh()
    then = [client.get(f"/feeds/all.{suffix}") for suffix in ("atom", "rss", "json")]
    for before, after in zip(first, then, strict=True):
        assert (before.data == after.data) == same
        assert (before.headers["Last-Modified"] == after.headers["Last-Modified"]) == same


@pytest.mark.parametrize(
    ("head", "same"),
    [
        ("headimg: a.png", False),
        ("headimg: /media/a.png", True),
        ("headimg: https://x.org/a.png", True),
        ("headimg: a.png\nlink: https://x.org/1", True),
    ],
)
def test_so_does_a_lead_image(site: Site, tree: Tree, clock: Clock, head: str, same: bool) -> None:
    tree.write("one/a.html", f"---\ntitle: A\n{head}\n---\nx")
    site.refresh()
    before = site.document(FEED)
    clock.advance(minutes=1)
    tree.rename("one/a.html", "two/b.html")
    site.refresh()
    after = site.document(FEED)
    assert (before.body == after.body, before.last_modified == after.last_modified) == (same, same)


def test_a_footer_with_a_relative_image_depends_on_the_folder(
    open_site: Callable[..., Site], tree: Tree, clock: Clock
) -> None:
    site = open_site(content={"footer": "<img src='logo.png'>"})
    tree.write("one/a.html", "---\ntitle: A\n---\nx")
    site.refresh()
    clock.advance(minutes=1)
    tree.rename("one/a.html", "two/a.html")
    site.refresh()
    assert b"/media/two/logo.png" in site.document(FEED).body


def test_states_that_saw_changes_at_other_times_differ_in_that_alone(
    open_site: Callable[..., Site], tree: Tree, clock: Clock
) -> None:
    tree.write("a.html", "---\ndate: 2026-01-01\n---\n<p>a</p>")
    one = open_site()
    one.refresh()
    clock.advance(minutes=1)
    other = open_site(state={"url": "sqlite:///state/other.db"})
    other.refresh()
    first, second = one.document(FEED).body, other.document(FEED).body
    assert first != second
    assert first.replace(NOW.isoformat().encode(), clock.now.isoformat().encode(), 1) == second
    assert one.document("/feeds/all.json").body == other.document("/feeds/all.json").body
    assert NOW.tzinfo is UTC
