"""The status page, and the counts of requests that it shows."""

import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, Clock, Tree, site_in
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings, strategies as st
from sites import Open, Site
from werkzeug.test import TestResponse

from feedsvc.distinct import SIZE, Distinct
from feedsvc.errors import StateError
from feedsvc.health import PASSES, PassNotes, PassRecord
from feedsvc.index import Counts, file_of, requests as request_tables
from feedsvc.silence import KEY, Silence, Silences
from feedsvc.web import counting
from feedsvc.web.counting import RequestCounter, subscribers
from feedsvc.web.pages import status as status_page

FEED = "/feeds/all.atom"
TODAY = NOW.date()
TOKEN = "0123456789abcdef"
NEWSBOAT = "newsboat/2.36.0 (Linux x86_64)"
FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; {} subscribers; )"
AGENTS = {
    "Feedbin feed-id:1697787 - 102 subscribers": ("Feedbin", 102),
    "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 462 subscribers; )": ("Feedly", 462),
    "NewsBlur Feed Fetcher - 27 subscribers - https://www.newsblur.com/site/7704055/x"
    ' ("Mozilla/5.0 (Macintosh)")': ("NewsBlur", 27),
    "Mozilla/5.0 (compatible; inoreader.com; 114 subscribers)": ("Inoreader", 114),
    "Mozilla/5.0 (compatible; theoldreader.com; 1 subscribers; feed-id=cead6c3a)": (
        "The Old Reader",
        1,
    ),
    "Mozilla/5.0 (compatible; BazQux/2.4; +https://bazqux.com/fetcher; 1 subscribers)": (
        "BazQux",
        1,
    ),
    "Dreamwidth Studios (webmaster@dreamwidth.org; for https://x/users/y_feed/; 2 readers)": (
        "Dreamwidth",
        2,
    ),
    "Overcast/1.0 Podcast Sync (1190 subscribers; feed-id=554901; +http://overcast.fm/)": (
        "Overcast",
        1190,
    ),
    NEWSBOAT: None,
    "Mozilla/5.0 (compatible; Miniflux/2.2.3; +https://miniflux.app)": None,
    "FreshRSS/1.24.0 (Linux; https://freshrss.org)": None,
    "Feedly/1.0 poller": None,
    "My own <b>reader</b>; 5000 subscribers": None,
    "Feedly; 99999999999999999999 subscribers": None,
    "": None,
}


@pytest.fixture(autouse=True)
def _numbers_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_page, "_KEEP_SECONDS", 0.0)


@pytest.fixture
def site(open_site: Open, tree: Tree) -> Site:
    """Return the site of an article, of a file with problems, and of one that is refused."""
    tree.write("news/one.md", "---\ntitle: Hi\ndate: 2026-02-27 12:00:00\ntags: [x]\n---\nHello")
    tree.write("news/odd.md", "---\ntitle: Odd\ndate: <i>never\n---\nHello")
    tree.write("news/bad.md", "---\ntitle: Bad\n")
    site = open_site(status={"token": TOKEN})
    with PassNotes(site.config, site.index, site.clock, watched=False).noting() as note:
        note.report = site.refresh()
    return site


@pytest.fixture
def app(site: Site) -> Flask:
    return site.app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def counter_of(app: Flask) -> RequestCounter:
    counter = app.extensions["feedsvc.counter"]
    assert isinstance(counter, RequestCounter)
    return counter


def ask(client: FlaskClient, path: str = FEED, agent: str = NEWSBOAT, **more: Any) -> TestResponse:
    address = more.pop("address", "203.0.113.7")
    headers = {"User-Agent": agent, "X-Forwarded-For": address, **more}
    return client.get(path, headers=headers)


def text_of(response: TestResponse) -> str:
    """Return the words of a page."""
    assert response.status_code == 200, response.status_code
    return " ".join(re.sub(r"<[^>]*>", " ", response.text).split())


# What is counted


@pytest.mark.parametrize("agent", AGENTS)
def test_services_tell_their_subscribers_in_the_user_agent(agent: str) -> None:
    assert subscribers(agent) == AGENTS[agent]


def test_requests_are_counted_by_feed_and_status(
    site: Site, app: Flask, client: FlaskClient
) -> None:
    etag = ask(client).headers["ETag"]
    for _ in range(3):
        assert ask(client, **{"If-None-Match": etag}).status_code == 304
    ask(client, "/feeds/all.json")
    counter_of(app).write()
    assert site.index.requests.by_path(TODAY) == {
        FEED: {"2xx": 1, "304": 3},
        "/feeds/all.json": {"2xx": 1},
    }
    ask(client, **{"If-None-Match": etag})
    counter_of(app).write()
    assert site.index.requests.by_path(TODAY)[FEED] == {"2xx": 1, "304": 4}


def test_many_requests_for_a_feed_are_all_counted(
    site: Site, app: Flask, client: FlaskClient
) -> None:
    for _ in range(250):
        ask(client)
    counter_of(app).write()
    assert site.index.requests.by_day(TODAY) == {TODAY: {"2xx": 250}}


def test_only_feeds_that_exist_are_counted_by_name(
    site: Site, app: Flask, client: FlaskClient
) -> None:
    for path in ("/", "", "/feeds/none.atom", "/feeds/all", "/x.atom", "/feeds/../all.atom"):
        ask(client, path)
    client.options("/feeds/made-up.atom")
    client.post(FEED)
    counter_of(app).write()
    assert site.index.requests.by_path(TODAY) == {}
    (by_status,) = site.index.requests.by_day(TODAY).values()
    assert sum(by_status.values()) == 8


def test_requests_that_fail_are_counted(
    site: Site, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("as it should")

    monkeypatch.setattr(site.index.documents, "read", fail)
    monkeypatch.setattr("feedsvc.web.response_cache._key", fail)
    assert ask(client).status_code == 500
    counter_of(app).write()
    assert site.index.requests.by_day(TODAY) == {TODAY: {"5xx": 1}}


def test_a_feed_whose_name_is_written_in_two_ways_is_counted_once(
    open_site: Open, tree: Tree
) -> None:
    tree.write("1.md", "---\ntags: [café]\n---\nHi")
    site = open_site()
    site.refresh()
    app = site.app()
    client = app.test_client()
    for path in ("/feeds/caf%C3%A9.atom", "/feeds/cafe%CC%81.atom"):
        assert ask(client, path).status_code == 200
    counter_of(app).write()
    assert site.index.requests.by_path(TODAY) == {"/feeds/café.atom": {"2xx": 2}}


def test_the_largest_number_of_subscribers_counts(
    site: Site, app: Flask, client: FlaskClient
) -> None:
    for number in (5, 462, 7):
        ask(client, agent=FEEDLY.format(number))
    ask(client, agent="Feedbin feed-id:1 - 3 subscribers")
    ask(client, "/feeds/x.rss", agent=FEEDLY.format(8))
    counter_of(app).write()
    ask(client, agent=FEEDLY.format(100))
    counter_of(app).write()
    assert site.index.requests.subscribers(TODAY) == {
        FEED: {"Feedly": 462, "Feedbin": 3},
        "/feeds/x.rss": {"Feedly": 8},
    }


def test_a_client_counts_once_a_day_whatever_it_asks_and_whichever_process_answers(
    site: Site, open_site: Open, clock: Clock
) -> None:
    apps = [site.app(), open_site().app()]
    for app in apps:
        for address in ("203.0.113.7", "203.0.113.8", "10.1.1.1, 203.0.113.8"):
            for path in (FEED, "/feeds/all.json"):
                ask(app.test_client(), path, address=address)
        ask(app.test_client(), agent=FEEDLY.format(5))  # counted by its number instead
        ask(app.test_client(), "/", address="203.0.113.9")
        counter_of(app).write()
    assert site.index.requests.clients(TODAY) == {TODAY: 2}


def test_no_address_and_no_user_agent_is_stored_and_the_key_lives_for_a_day(
    site: Site, app: Flask, client: FlaskClient, clock: Clock
) -> None:
    agent = "Somebody’s reader".encode().decode("latin-1")
    ask(client, agent=agent, address="203.0.113.200")
    ask(client, "/nothing-there", agent=agent, address="203.0.113.200")
    counter_of(app).write()
    file = file_of(site.config.state.url)
    assert file is not None
    with closing(sqlite3.connect(file)) as database:
        dump = "\n".join(database.iterdump())
        key = database.execute("SELECT key FROM clients").fetchone()[0]
    assert len(key) == 64
    for secret in ("203.0.113", "Somebody", "nothing-there"):
        assert secret not in dump
    clock.advance(days=1)
    ask(client, agent=agent)
    counter_of(app).write()
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute(
            "SELECT number, key, length(registers) FROM clients ORDER BY day"
        ).fetchall()
    assert rows[0] == (1, "", 0)
    assert (rows[1][0], rows[1][2]) == (1, SIZE)
    assert rows[1][1] not in {"", key}


def test_counts_move_neither_the_generation_nor_the_edition(
    site: Site, app: Flask, client: FlaskClient
) -> None:
    ask(client)
    before = site.index.database.generation(), site.index.meta.edition()
    counter_of(app).write()
    assert site.index.requests.by_day(TODAY)
    assert (site.index.database.generation(), site.index.meta.edition()) == before


def test_old_days_are_deleted(site: Site, app: Flask, client: FlaskClient, clock: Clock) -> None:
    table, old = site.index.requests, date(2020, 1, 1)
    ask(client, agent=FEEDLY.format(5))
    ask(client)
    counter_of(app).write()
    clock.advance(days=90)
    ask(client)
    counter_of(app).write()
    assert TODAY in table.by_day(old)
    clock.advance(days=1)
    ask(client)
    counter_of(app).write()
    assert TODAY not in {*table.by_day(old), *table.clients(old)}
    assert len(table.by_day(old)) == 2
    assert table.subscribers(old) == {}


def test_the_number_of_feeds_that_are_counted_by_name_is_limited(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_tables, "MOST_PATHS", 2)
    for _ in range(2):
        requests = {(f"/feeds/{n}.atom", "2xx"): 1 for n in range(5)}
        named = {(path, "Feedly"): 10**9 for path, _ in requests}
        site.index.requests.add(Counts(day=TODAY, requests=requests, subscribers=named))
    assert site.index.requests.by_path(TODAY) == {
        "/feeds/0.atom": {"2xx": 2},
        "/feeds/1.atom": {"2xx": 2},
    }
    assert site.index.requests.by_day(TODAY) == {TODAY: {"2xx": 10}}
    assert site.index.requests.subscribers(TODAY) == {
        "/feeds/0.atom": {"Feedly": 10_000_000},
        "/feeds/1.atom": {"Feedly": 10_000_000},
    }


def test_made_up_paths_and_statuses_take_no_memory(site: Site) -> None:
    counter = RequestCounter(site.index.requests, lambda: TODAY)
    for n in range(20_000):
        counter.note({"PATH_INFO": f"/{n}"}, "404 NOT FOUND")
        counter.note({"PATH_INFO": f"/feeds/{n}.atom"}, "200 OK")
    assert len(counter._numbers) < 4100
    counter.write()
    assert sum(site.index.requests.by_day(TODAY)[TODAY].values()) == 40_000


# When counts cannot be written


def test_counts_wait_while_another_process_writes(
    site: Site, app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    ask(client)
    file = file_of(site.config.state.url)
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            counter_of(app).write()
            assert ask(client).status_code == 200
        writer.execute("ROLLBACK")
    assert caplog.text.count("requests are counted in memory only") == 1
    counter_of(app).write()
    assert site.index.requests.by_path(TODAY) == {FEED: {"2xx": 4}}


def test_feeds_are_served_while_counts_cannot_be_written(
    site: Site, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StateError("the disk is read-only")

    monkeypatch.setattr(site.index.requests, "add", fail)
    monkeypatch.setattr(site.index.requests, "key", fail)
    for _ in range(3):
        assert ask(client).status_code == 200
        counter_of(app).write()
    monkeypatch.undo()
    counter_of(app).write()
    assert site.index.requests.by_path(TODAY) == {FEED: {"2xx": 3}}


def test_counts_go_on_after_the_state_was_made_anew(
    site: Site, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "WRITE_SECONDS", 0.0)
    ask(client)
    counter_of(app).write()
    file = file_of(site.config.state.url)
    assert file is not None
    file.unlink()
    site.index.mend()
    assert site.index.requests.by_path(TODAY) == {}
    site.refresh()
    counter_of(app).write()  # which learns the new key
    for address in ("203.0.113.7", "203.0.113.8"):  # of these, the first has asked before
        ask(client, address=address)
    counter_of(app).write()
    assert site.index.requests.by_path(TODAY) == {FEED: {"2xx": 2}}
    assert site.index.requests.clients(TODAY) == {TODAY: 2}


def test_a_thread_writes_the_counts(
    site: Site, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "WRITE_SECONDS", 0.01)
    written = threading.Event()
    kept: list[Counts] = []

    def add(counts: Counts, **_: float) -> None:
        kept.append(counts)
        written.set()

    monkeypatch.setattr(site.index.requests, "add", add)
    client = site.app(write_counts=True).test_client()
    for _ in range(2):  # the thread waits for more
        written.clear()
        ask(client)
        assert written.wait(30)
    assert {path for counts in kept for path, _ in counts.requests} <= {FEED}


def test_a_process_that_ends_writes_its_last_counts(site: Site) -> None:
    program = (
        "import sys\n"
        "from datetime import date\n"
        "from feedsvc.index import Index\n"
        "from feedsvc.web.counting import RequestCounter\n"
        "table = Index.open(sys.argv[1]).requests\n"
        "day = date.fromisoformat(sys.argv[2])\n"
        "counter = RequestCounter(table, lambda: day, background=True)\n"
        "counter.note({'PATH_INFO': '/feeds/all.atom', 'REMOTE_ADDR': '203.0.113.7'}, '200 OK')\n"
    )
    arguments = [site.config.state.url, TODAY.isoformat()]
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, timeout=60)
    assert site.index.requests.by_path(TODAY) == {FEED: {"2xx": 1}}
    assert site.index.requests.clients(TODAY) == {TODAY: 1}


def test_a_client_that_asked_while_there_was_no_key_counts_when_it_asks_again(
    site: Site, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StateError("another process writes")

    monkeypatch.setattr(counting, "WRITE_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(site.index.requests, "key", fail)
        ask(client)
    ask(client)
    counter_of(app).write()
    assert site.index.requests.clients(TODAY) == {TODAY: 1}


# The number of different texts


@pytest.mark.parametrize("number", [0, 1, 30, 1_000, 20_000])
def test_different_texts_are_counted_with_a_small_error(number: int) -> None:
    counter = Distinct()
    for n in range(number):
        counter.add(str(n), b"key")
        counter.add(str(n), b"key")
    assert abs(counter.count() - number) <= max(0.08 * number, 0.5 if number < 2 else 2)


@given(st.lists(st.text(max_size=5)), st.lists(st.text(max_size=5)))
def test_merged_counters_count_like_a_single_one(first: list[str], second: list[str]) -> None:
    counters = [Distinct(), Distinct(), Distinct()]
    for counter, texts in zip(counters, (first, second, first + second), strict=True):
        for text in texts:
            counter.add(text, b"key")
    counters[0].merge(counters[1].registers)
    assert counters[0].registers == counters[2].registers
    assert Distinct(counters[0].registers).count() == counters[2].count()


# The page


def test_the_page_says_in_words_how_the_service_is(app: Flask, client: FlaskClient) -> None:
    etag = ask(client, agent=FEEDLY.format(462)).headers["ETag"]
    for address in ("203.0.113.7", "203.0.113.8", "203.0.113.9"):
        ask(client, address=address, **{"If-None-Match": etag})
    counter_of(app).write()
    text = text_of(client.get("/status", headers={"Accept-Language": "en"}))
    assert "2 articles, the newest 0 seconds old." in text
    assert "The last pass over the files took " in text
    assert "3 files added, 0 modified, 0 removed." in text
    assert "2 files have problems." in text
    assert "4 requests for feeds today, 75% for what the reader already had." in text
    assert "About 3 readers asked." in text
    assert "Reading services ask for 462 subscribers more." in text
    assert "Feedly 462" in text


def test_what_is_silent_is_named_only_with_the_token(site: Site, client: FlaskClient) -> None:
    silent = Silence(
        kind="folder", name="sina<b>", since=NOW.timestamp() - 7200, limit=9, learnt=True
    )
    site.index.meta.note(KEY, str(Silences(begun=0.0, silent=(silent,))))
    public = client.get("/status", headers={"Accept-Language": "en"})
    text = "1 folder or category has been without a new article for longer than usual or expected."
    assert text in text_of(public)
    assert "sina" not in public.text
    assert client.get("/status.json").json["silence"] == {"number": 1}
    everything = {"Authorization": f"Bearer {TOKEN}", "Accept-Language": "en"}
    page = client.get("/status", headers=everything).text
    assert "sina&lt;b&gt;: 2 hours" in page
    (listed,) = client.get("/status.json", headers=everything).json["silence"]["list"]
    assert (listed["name"], listed["seconds"]) == ("sina<b>", 7200)


def test_the_charts_and_the_table_show_each_day(
    app: Flask, client: FlaskClient, clock: Clock
) -> None:
    ask(client)
    counter_of(app).write()
    clock.advance(days=3)
    page = client.get("/status").text
    assert page.count("<svg") >= 2
    assert 'class="k-2xx" d="M265 100v-100"' in page
    assert len(re.findall(r'class="k-articles" d="[^"]+"', page)) == 1
    days = client.get("/status.json").json["days"]
    assert len(days) == 30
    assert days[-4] == {
        "day": "2026-03-01", "articles": 1, "requests": {"2xx": 1}, "clients": 1,
    }  # fmt: skip
    assert (days[-6]["day"], days[-6]["articles"]) == ("2026-02-27", 1)


def test_articles_are_counted_on_the_days_of_the_site_s_zone(open_site: Open, tree: Tree) -> None:
    tree.write("1.md", "---\ndate: 2026-02-27 18:20:00 +0000\n---\nHi")
    site = open_site(site={"timezone": "Asia/Kathmandu"})  # 5:45 ahead
    site.refresh()
    days = site.app().test_client().get("/status.json").json["days"]
    assert [day["day"] for day in days if day["articles"]] == ["2026-02-28"]


def test_the_feeds_are_shown_with_their_size_and_their_readers(
    site: Site, app: Flask, client: FlaskClient
) -> None:
    ask(client, agent=FEEDLY.format(462))
    ask(client, "/feeds/all.rss", agent="Feedbin feed-id:1 - 3 subscribers")
    counter_of(app).write()
    everything, *_ = client.get("/status.json").json["feeds"]
    document = site.document(FEED)
    assert everything["name"] == "all"
    assert (everything["articles"], everything["entries"]) == (2, 2)
    assert everything["changed"] == "2026-03-01T12:00:00+00:00"
    assert everything["bytes"]["atom"] == min(len(body) for _, body in document.encoded)
    assert (everything["requests"], everything["unchanged"]) == (2, 0)
    assert everything["subscribers"] == {"Feedly": 462, "Feedbin": 3}


def test_subscribers_that_were_named_over_a_week_ago_are_forgotten(
    app: Flask, client: FlaskClient, clock: Clock
) -> None:
    ask(client, agent=FEEDLY.format(462))
    counter_of(app).write()
    clock.advance(days=6)
    assert client.get("/status.json").json["subscribers"] == {"Feedly": 462}
    clock.advance(days=1)
    assert client.get("/status.json").json["subscribers"] == {}


def test_before_the_first_pass_the_page_says_that_articles_are_being_read(site: Site) -> None:
    with tempfile.TemporaryDirectory() as folder, site_in(Path(folder)) as (new, _):
        client = new.app().test_client()
        assert "being read for the first time" in text_of(client.get("/status?lang=en"))
        assert client.get("/status.json").json["ready"] is False


def test_a_failed_pass_is_told_and_why_only_with_the_token(
    site: Site, client: FlaskClient, clock: Clock
) -> None:
    clock.advance(minutes=2)
    with (
        suppress(StateError),
        PassNotes(site.config, site.index, site.clock, watched=False).noting(),
    ):
        raise StateError("no room at /srv/state")
    for path in ("/status?lang=en", "/status.json"):
        assert "no room" not in client.get(path).text
        assert "no room" in ask(client, path, Authorization=f"Bearer {TOKEN}").text
    text = text_of(client.get("/status?lang=en"))
    assert "The last pass over the files failed; the last good one ended 2 minutes ago." in text
    assert client.get("/status.json").json["last_pass"]["failed_since"] is True


def test_a_state_that_cannot_be_read_is_no_server_error(
    site: Site, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StateError("gone")

    monkeypatch.setattr(site.index.problems, "all", fail)
    assert client.get("/status").status_code == 503
    assert client.get("/status.json").status_code == 503


def test_the_numbers_are_read_at_most_every_few_seconds(
    site: Site, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_page, "_KEEP_SECONDS", 1000.0)
    reads: list[None] = []
    problems = site.index.problems.all

    def read() -> Any:
        reads.append(None)
        return problems()

    monkeypatch.setattr(site.index.problems, "all", read)
    client = site.app().test_client()
    for _ in range(3):
        client.get("/status")
        client.get("/status.json")
    assert len(reads) == 1


@pytest.mark.parametrize(
    ("language", "day", "age"),
    [("zh-CN", "2026年1月31日", "2分钟"), ("zh-TW", "2026年1月31日", "2 分鐘")],
)
def test_dates_and_ages_are_in_the_visitor_s_language(
    client: FlaskClient, clock: Clock, language: str, day: str, age: str
) -> None:
    clock.advance(minutes=2)
    text = text_of(client.get("/status", headers={"Accept-Language": language}))
    assert day in text
    assert age in text


def test_the_page_is_found_below_a_path(open_site: Open, tree: Tree) -> None:
    tree.write("1.md", "Hi")
    site = open_site(site={"base_url": "https://example.org/mine"})
    site.refresh()
    page = site.app().test_client().get("/mine/status").text
    assert 'href="/mine/feeds/all"' in page
    assert 'href="/feeds/' not in page


# Who may see it


@pytest.mark.parametrize("path", ["/status", "/status.json"])
def test_problems_are_shown_only_with_the_token(client: FlaskClient, path: str) -> None:
    public = client.get(path)
    assert public.status_code == 200
    for secret in ("bad.md", "odd.md", "never"):
        assert secret not in public.text
    for response in (
        client.get(path, query_string={"token": TOKEN}),
        ask(client, path, Authorization=f"Bearer {TOKEN}"),
    ):
        assert response.status_code == 200
        assert "news/bad.md" in response.text
        assert "put a line --- after the last field" in response.text
        assert "<i>never" not in response.text.replace('"', "") or path.endswith(".json")


@pytest.mark.parametrize("path", ["/status", "/status.json"])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}x"},
                {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN}],
)  # fmt: skip
def test_nothing_is_shown_without_the_token_where_it_is_needed(
    site: Site, open_site: Open, path: str, headers: dict[str, str]
) -> None:
    client = open_site(status={"access": "token", "token": TOKEN}).app().test_client()
    response = client.get(path, headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="status"'
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "articles" not in response.text
    assert client.get(path, query_string={"token": TOKEN}).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "é", "\0", TOKEN.upper()])
def test_a_wrong_token_is_refused_and_not_repeated(client: FlaskClient, token: str) -> None:
    response = client.get("/status", query_string={"token": token})
    assert response.status_code == 401
    if len(token) > 4:
        assert token not in response.text


def test_without_a_configured_token_no_token_is_right(open_site: Open) -> None:
    client = open_site().app().test_client()
    assert client.get("/status").status_code == 200
    for token in ("", "None", "x" * 20):
        assert client.get("/status", query_string={"token": token}).status_code == 401


@pytest.mark.parametrize("access", ["public", "token", "off"])
def test_pages_link_to_the_status_only_where_everybody_may_see_it(
    site: Site, open_site: Open, access: str
) -> None:
    page = open_site(status={"access": access, "token": TOKEN}).app().test_client().get("/").text
    assert ('href="/status"' in page) == (access == "public")


def test_a_page_that_is_off_is_not_there(open_site: Open) -> None:
    client = open_site(status={"access": "off", "token": TOKEN}).app().test_client()
    for path in ("/status", "/status.json"):
        assert client.get(path).status_code == 404
        assert client.get(path, query_string={"token": TOKEN}).status_code == 404


def test_the_token_is_in_no_page_and_no_log(
    site: Site, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for path in ("/status", "/status.json", "/", "/feeds/none", "/feeds/all"):
        assert TOKEN not in client.get(path, query_string={"token": TOKEN}).text
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(site.config)


def test_the_page_is_kept_in_no_cache(app: Flask, client: FlaskClient) -> None:
    for path in ("/status", "/status.json"):
        for query in ({}, {"token": TOKEN}):
            response = client.get(path, query_string=query)
            assert response.headers["Cache-Control"] == "private, no-store"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert "ETag" not in response.headers
    before = client.get("/status.json").json["today"]["feeds_sent"]
    ask(client)
    counter_of(app).write()
    assert client.get("/status.json").json["today"]["feeds_sent"] == before + 1


# Anything in a request


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with site_in(tmp_path_factory.mktemp("status")) as (site, tree):
        tree.write("1.md", "---\ntitle: Hi\n---\nHello")
        site.refresh()
        yield site.app()


latin = st.text(st.characters(codec="latin-1"))
agents = st.one_of(
    latin,
    st.builds("{}{} subscribers{}".format, latin, st.integers(), latin),
    st.builds(
        "{}<script>; {} readers".format,
        st.sampled_from(["Feedly", "newsblur", "FEEDBIN", "inoreader.com", "x"]),
        st.integers(),
    ),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(
    path=st.one_of(st.sampled_from([FEED, "/feeds/all.rss", "/", "/opml.xml"]), latin),
    headers=st.fixed_dictionaries(
        {}, optional={"HTTP_USER_AGENT": agents, "HTTP_X_FORWARDED_FOR": latin}
    ),
    query=latin,
    authorization=latin | latin.map("Bearer {}".format),
)
def test_any_request_is_counted_and_the_page_stays_sound(
    hostile: Flask, path: str, headers: dict[str, str], query: str, authorization: str
) -> None:
    def get(path: str, query: str = "", **more: str) -> tuple[str, str]:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "SCRIPT_NAME": "",
            "SERVER_NAME": "x", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http", "wsgi.input": None,
            **headers, **more,
        }  # fmt: skip
        statuses: list[str] = []
        start: Callable[..., Any] = lambda status, _headers, _error=None: statuses.append(status)  # noqa: E731
        body = b"".join(hostile.wsgi_app(environ, start))
        return statuses[0], body.decode("utf-8", "replace")

    assert get(path, query)[0][0] != "5"
    counter_of(hostile).write()
    status, page = get("/status")
    assert status == "200 OK"
    assert "<script>" not in page
    assert get("/status", query, HTTP_AUTHORIZATION=authorization)[0][:3] in {"200", "401"}


# The record of the passes


def test_the_record_remembers_the_last_changes(site: Site, tree: Tree, clock: Clock) -> None:
    notes = PassNotes(site.config, site.index, site.clock, watched=False)
    changed = clock().timestamp()
    clock.advance(minutes=1)
    with notes.noting() as note:
        note.report = site.refresh()
    record = PassRecord.parse(site.index.meta.get(PASSES))
    assert record is not None
    assert (record.since, record.changed) == (clock().timestamp(), changed)
    assert (record.added, record.modified, record.removed) == (3, 0, 0)
    tree.remove("news/odd.md")
    with notes.noting() as note:
        note.report = site.refresh()
    record = PassRecord.parse(site.index.meta.get(PASSES))
    assert record is not None
    assert (record.added, record.modified, record.removed) == (0, 0, 1)


def test_a_record_of_an_earlier_version_is_read() -> None:
    record = PassRecord.parse('{"since": 1, "within": 2, "good": true}')
    assert record is not None
    assert (record.seconds, record.changed) == (0.0, 0.0)
