"""The heartbeat, and the webhook that gets what has fallen silent."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, Clock, Tree
from service import serving, until
from sites import Open, Site

from feedsvc import config as configuration, outgoing, silence
from feedsvc.errors import ConfigError, OutgoingError
from feedsvc.monitoring import Monitor
from feedsvc.silence import Silences


class Host:
    """Another host, which notes what it is asked, and answers with a `status`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.asked: list[tuple[str, str, str]] = []  # method, path, body


@contextmanager
def listening() -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            host.asked.append((self.command, self.path, body.decode()))
            self.send_response(host.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815 - the names of http.server

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host = Host(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield host
        finally:
            server.shutdown()


@pytest.fixture
def host() -> Iterator[Host]:
    with listening() as host:
        yield host


class Time:
    """A monotonic clock that moves ten minutes with each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 600.0
        return self.now


def article(day: datetime) -> str:
    return f"---\ntitle: Of {day:%d}\ndate: {day:%Y-%m-%d %H:%M:%S}\ntags: [money]\n---\nText {day}"


CATEGORIES = [{"slug": "finance", "title": "Finance", "terms": ["money"]}]


def test_a_replayed_month_with_one_folder_stopped_posts_one_alarm_and_none_over_weekends(
    open_site: Open, tree: Tree, clock: Clock, host: Host
) -> None:
    site = open_site(
        categories=CATEGORIES, monitoring={"webhook_url": f"{host.url}/hook?key=secret"}
    )
    monitor = Monitor(site.config, site.index, clock, Time())
    assert NOW.strftime("%A %H") == "Sunday 12"
    for day in range(33):
        clock.advance(hours=20)  # to 8 o'clock
        weekday = clock.now.weekday() < 5
        if weekday and day < 19:  # the last is of a Friday
            tree.write(f"sina/2026/{clock.now:%m}/{day}.md", article(clock.now))
        if weekday:
            tree.write(f"other/{day}.md", article(clock.now))
        for _ in range(2):
            site.refresh()
            monitor.tell()
            clock.advance(hours=2)
    ((method, path, body),) = host.asked
    assert (method, path) == ("POST", "/hook?key=secret")
    message = json.loads(body)
    (silent,) = message["silent"]
    assert (silent["kind"], silent["name"], silent["learnt"]) == ("folder", "sina", True)
    assert silent["since"] == "2026-03-20T08:00:00+00:00"
    assert message["text"].startswith("Test: no new article in folder sina since 2026-03-20 08:00")
    (kept,) = kept_in(site).silent
    assert kept.name == "sina"
    assert kept.told


def kept_in(site: Site) -> Silences:
    kept = Silences.parse(site.index.meta.get(silence.KEY))
    assert kept is not None
    return kept


@pytest.fixture
def quiet(open_site: Open, tree: Tree, clock: Clock, host: Host) -> Site:
    """Return a site whose folder `sina` has been quiet for longer than a day."""
    tree.write("sina/1.md", article(NOW))
    tree.write("other/1.md", article(NOW + timedelta(seconds=1)))
    site = open_site(
        monitoring={
            "webhook_url": f"{host.url}/hook",
            "folders": [{"folder": "sina", "expect": "1d"}],
        }
    )
    site.refresh()
    clock.advance(days=1, seconds=1)
    return site


def test_what_the_webhook_has_not_got_is_sent_again_and_then_not_again(
    quiet: Site, clock: Clock, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.status = 500
    monitor = Monitor(quiet.config, quiet.index, clock, Time())
    monitor.tell()
    monitor.tell()
    assert len(host.asked) == 2
    assert caplog.text.count("127.0.0.1 answers 500; it is tried again") == 1
    assert caplog.text.count("no new article in folder sina") == 1
    host.status = 200
    monitor.tell()
    monitor.tell()
    Monitor(quiet.config, quiet.index, clock, Time()).tell()  # after a restart
    assert len(host.asked) == 3


def test_an_article_ends_the_silence(
    quiet: Site, tree: Tree, clock: Clock, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = Monitor(quiet.config, quiet.index, clock, Time())
    monitor.tell()
    tree.write("sina/deep/2.md", article(NOW - timedelta(days=4000)))  # of any date
    quiet.refresh()
    with caplog.at_level(logging.INFO):
        monitor.tell()
    assert "folder sina is not silent any more" in caplog.text
    assert kept_in(quiet).silent == ()
    clock.advance(days=2)
    monitor.tell()
    assert len(host.asked) == 2


def test_nothing_is_told_while_articles_are_still_being_read(
    open_site: Open, clock: Clock, host: Host
) -> None:
    site = open_site(
        monitoring={
            "webhook_url": host.url,
            "folders": [{"folder": ".", "expect": "1h"}],
        }
    )
    monitor = Monitor(site.config, site.index, clock, Time())
    monitor.tell()
    clock.advance(hours=2)
    monitor.tell()
    assert host.asked == []


def test_each_good_pass_has_a_heartbeat(open_site: Open, clock: Clock, host: Host) -> None:
    site = open_site(monitoring={"heartbeat_url": f"{host.url}/ping/secret"})
    site.refresh()
    monitor = Monitor(site.config, site.index, clock)
    for _ in range(3):
        monitor.tell()
    assert host.asked == [("GET", "/ping/secret", "")] * 3


def test_a_heartbeat_comes_from_a_thread_after_a_pass(
    open_site: Open, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = threading.Event()
    monkeypatch.setattr(outgoing, "fetch", lambda *_, **__: fetched.set())
    site = open_site(monitoring={"heartbeat_url": "https://x.example.org/ping"})
    monitor = Monitor(site.config, site.index, clock)
    monitor.start()
    assert not fetched.is_set()
    monitor.note_good_pass()
    assert fetched.wait(30)
    monitor.stop()


def test_a_heartbeat_that_fails_is_logged_once_and_shows_no_secret(
    open_site: Open, clock: Clock, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    address = f"{host.url}/ping/secret?token=secret"
    site = open_site(monitoring={"heartbeat_url": address})
    assert "secret" not in repr(site.config)
    monitor = Monitor(site.config, site.index, clock)
    host.status = 404
    monitor.tell()
    monitor.tell()
    host.status = 200
    monitor.tell()
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "the heartbeat failed: 127.0.0.1 answers 404; it is tried again, and not logged again",
        "the heartbeat works again",
    ]
    with listening() as gone:
        address = f"{gone.url}/secret"
    with pytest.raises(OutgoingError) as caught:
        outgoing.fetch(address, agent="test")
    assert str(caught.value) == "127.0.0.1: no connection"
    assert "secret" not in caplog.text


def test_an_address_that_answers_nothing_takes_a_limited_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import socket

    monkeypatch.setattr(outgoing, "_ANSWER_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/secret"
        with pytest.raises(OutgoingError, match=r"^127\.0\.0\.1: no answer within 0 s$"):
            outgoing.post(address, {}, agent="test")


def test_addresses_are_not_repeated_in_mistakes() -> None:
    section = {"heartbeat_url": "ftp://x.example.org/secret", "webhook_url": 5}
    with pytest.raises(ConfigError) as caught:
        configuration.parse({"monitoring": section})
    assert "secret" not in str(caught.value)
    assert len(caught.value.mistakes) == 2


def test_an_expectation_changes_no_feed(open_site: Open, tree: Tree) -> None:
    tree.write("1.md", article(NOW))
    documents = []
    for more in ({}, {"expect": "2d"}):
        site = open_site(categories=[{**CATEGORIES[0], **more}])
        report = site.refresh()
        documents.append(site.document("/feeds/finance.atom"))
    assert documents[0] == documents[1]
    assert not report.changes


def test_the_watcher_of_a_service_sends_heartbeats_while_passes_are_good(
    tmp_path: Path, host: Host
) -> None:
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "1.md").write_text("Hello")
    section = f"monitoring: {{heartbeat_url: '{host.url}/ping'}}\n"
    with serving(tmp_path, articles, sections=section, rescan="1s") as service:
        until(lambda: host.asked, "a heartbeat")
        assert host.asked[0] == ("GET", "/ping", "")
        lines = [json.loads(line) for line in service.log.splitlines()]
        (refreshed,) = (line for line in lines if line["message"].startswith("refreshed:"))
        assert refreshed["message"].endswith("; added 1.md")
        assert service.client.get("/metrics").text.count("feedsvc_ready 1.0") == 1
