"""The running service: files added, edited and deleted; processes stopped and killed."""

import contextlib
import http.client
import os
import re
import resource
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
import pytest
from service import LIMIT, Service, alive, serving, until

ONE = "---\ntitle: One\ntags: [news]\n---\n<p>1</p>"


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "1.html").write_text(ONE)
    return folder


@pytest.mark.parametrize(
    "keys", [{"rescan": "1h", "events": "true"}, {"rescan": "1s", "events": "false"}]
)
def test_a_file_dropped_edited_and_deleted_is_seen_in_the_feeds(
    tmp_path: Path, articles: Path, keys: dict[str, str]
) -> None:
    with serving(tmp_path, articles, **keys) as service:
        assert service.titles() == ["One"]
        until(service.watcher, "the watcher says that it watches")
        (articles / "2.md").write_text("---\ntitle: Two\ntags: [news]\ndate: 2022-01-01\n---\nHi")
        until(lambda: service.titles("news") == ["One", "Two"], "the new article is in its feed")
        (before,) = (item for item in service.items() if item["title"] == "Two")
        (articles / "2.md").write_text("---\ntitle: Two!\ntags: [news]\ndate: 2022-01-01\n---\nHi")
        until(lambda: "Two!" in service.titles(), "the edit is in the feed")
        (after,) = (item for item in service.items() if item["title"] == "Two!")
        assert after["id"] == before["id"]
        assert after["date_modified"] > before["date_modified"]
        page = after["url"].removeprefix(service.url)
        assert service.client.get(page).status_code == 200
        (articles / "2.md").unlink()
        until(lambda: service.titles() == ["One"], "the deleted article is out of the feed")
        assert service.client.get(page).status_code == 410


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
def test_the_service_stops_cleanly_with_all_its_processes(
    tmp_path: Path, articles: Path, stop_signal: signal.Signals
) -> None:
    with serving(tmp_path, articles, "--workers", "2") as service:
        children = service.children()
        assert len(children) >= 3, "a watcher and two workers"
        assert service.stop(stop_signal) == 0
        until(lambda: not any(map(alive, children)), "all of them have ended")
        assert "Traceback" not in service.log
        assert "Scheduler" not in service.log, "APScheduler logs only errors"


def test_ctrl_c_in_a_terminal_stops_the_service_cleanly(tmp_path: Path, articles: Path) -> None:
    with serving(tmp_path, articles) as service:
        os.killpg(service.process.pid, signal.SIGINT)
        assert service.process.wait(60) == 0
        assert "Traceback" not in service.log
        assert "refused to gracefully stop" not in service.log


def test_a_watcher_that_dies_is_started_again(tmp_path: Path, articles: Path) -> None:
    with serving(tmp_path, articles) as service:
        first = until(service.watcher, "the watcher says that it watches")
        os.kill(first, signal.SIGKILL)
        until(lambda: service.watcher() != first, "another watcher watches")
        (articles / "2.md").write_text("---\ntitle: Two\n---\nHi")
        until(lambda: "Two" in service.titles(), "the new article is in the feed")


def test_a_worker_that_dies_is_started_again_and_another_answers_meanwhile(
    tmp_path: Path, articles: Path
) -> None:
    with serving(tmp_path, articles, "--workers", "2") as service:
        before = service.workers(2)
        with Asking(service, kept=False) as asking:
            os.kill(before[0], signal.SIGKILL)
            until(lambda: not alive(before[0]), "the worker has ended")
            until(lambda: len(set(service.workers(2)) - set(before)) == 1, "another worker answers")
        assert asking.statuses == {200}
        # The request that the worker was answering, and one that waited at its socket.
        assert len(asking.failed) <= 2, asking.failed


def test_idle_connections_do_not_block_readers_and_are_closed(
    tmp_path: Path, articles: Path
) -> None:
    number = 3000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number + 500:
        pytest.skip("the system allows too few connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (number + 500, hard))
    try:
        with (
            serving(tmp_path, articles, "--workers", "1") as service,
            contextlib.ExitStack() as connections,
        ):
            idle = [
                connections.enter_context(
                    socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT)
                )
                for _ in range(number)
            ]
            for path in ("/feeds/news.rss", "/", "/healthz"):
                assert service.client.get(path).status_code == 200
            assert idle[0].recv(1) == b"", "the server has closed it"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def listens(path: Path) -> bool:
    """Tell whether somebody listens at a Unix socket; its file is there a moment sooner."""
    with socket.socket(socket.AF_UNIX) as probe:
        return path.exists() and not probe.connect_ex(str(path))


def test_the_service_listens_at_a_unix_socket_and_writes_its_pid(
    tmp_path: Path, articles: Path
) -> None:
    path, pid_file = tmp_path / "feedsvc.sock", tmp_path / "pid"
    config = tmp_path / "config.yaml"
    config.write_text(f"articles: {{directory: '{articles}'}}\n")
    options = ["--uds", str(path), "--pid-file", str(pid_file), "--workers", "1", "--access-log"]
    command = [sys.executable, "-m", "feedsvc", "serve", "--config", str(config), *options]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: listens(path), "it listens")
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, base_url="http://x", timeout=LIMIT) as client:
            until(lambda: client.get("/feeds/all.atom").status_code == 200, "it answers")
        assert int(pid_file.read_text()) == process.pid
    finally:
        process.terminate()
        assert process.wait(LIMIT) == 0
    assert not pid_file.exists()
    assert "GET /feeds/all.atom" in (tmp_path / "log").read_text()


def test_the_service_serves_https_with_a_certificate(tmp_path: Path, articles: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split()
        + "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out certificate.pem".split(),
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("no openssl to make a certificate with")
    options = ["--certificate", str(certificate), "--key", str(key), "--workers", "1"]
    service = Service(tmp_path, articles, *options)
    try:
        context = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(verify=context, timeout=LIMIT) as client:

            def answers() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    url = f"https://127.0.0.1:{service.port}/feeds/all.atom"
                    return client.get(url).status_code == 200
                return False

            until(answers, "it answers by HTTPS")
    finally:
        assert service.stop() == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--certificate", "c.pem"], "HTTPS needs both --certificate and --key"),
        (["--certificate", "c.pem", "--key", "k.pem"], "cannot serve by HTTPS"),
        (["--host", "203.0.113.1"], "choose another --host or --port"),
    ],
)
def test_unusable_options_end_the_service_with_a_message(
    tmp_path: Path, articles: Path, options: list[str], message: str
) -> None:
    service = Service(tmp_path, articles, *options)
    try:
        assert service.process.wait(LIMIT) == 1
        assert message in service.log
        assert "Traceback" not in service.log
    finally:
        service.stop()


def test_the_watcher_does_not_import_the_web_framework() -> None:
    program = (
        "import sys, feedsvc.serve.watcher\n"
        "print({'flask', 'granian', 'jinja2'} & sys.modules.keys())\n"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    assert ended.stdout == "set()\n"


def test_the_watcher_has_a_lower_priority_than_the_workers(tmp_path: Path, articles: Path) -> None:
    with serving(tmp_path, articles, "--workers", "2") as service:
        ours = os.getpriority(os.PRIO_PROCESS, service.process.pid)
        workers = [os.getpriority(os.PRIO_PROCESS, pid) for pid in service.workers(2)]
        watcher = until(service.watcher, "the watcher says that it watches")
        assert os.getpriority(os.PRIO_PROCESS, watcher) == ours + 5
        assert set(workers) == {ours}


def test_a_state_that_vanishes_is_made_anew_with_the_same_ids(
    tmp_path: Path, articles: Path
) -> None:
    with (
        serving(tmp_path, articles, "--workers", "2", rescan="1s") as service,
        Asking(service, kept=False) as asking,
    ):
        before = service.items()
        until(lambda: service.readiness()["ready"], "all is well")
        (tmp_path / "state").rename(tmp_path / "was")
        until(lambda: "is made anew" in service.log, "the watcher has noticed")
        until(lambda: service.readiness()["ready"], "all is well again")
        assert service.items() == before
        (articles / "2.md").write_text("---\ntitle: Two\n---\nHi")
        until(lambda: "Two" in service.titles(), "the new article is in the feed")
        until(lambda: service.readiness()["ready"], "the watcher is seen")
        assert [item for item in service.items() if item["title"] != "Two"] == before
    assert asking.statuses == {200}
    assert asking.failed == []


class Asking:
    """A reader that asks for a feed again and again, until the block ends.

    With `kept`, it uses one connection; when the server closes it during a request, the reader
    repeats the request once, as clients do (RFC 9112 9.3.1).
    """

    def __init__(self, service: Service, *, kept: bool) -> None:
        self.statuses: set[int] = set()
        self.answers = 0
        self.failed: list[str] = []
        self._port, self._kept = service.port, kept
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _ask(self) -> None:
        connection, answered = self._connection(), 0
        while not self._done.is_set():
            try:
                self.statuses.add(self._answer(connection))
                self.answers += 1
                answered += 1
            except (OSError, http.client.HTTPException) as error:
                if answered == 0:
                    self.failed.append(repr(error))
                connection.close()
                connection, answered = self._connection(), 0
            if not self._kept:
                connection.close()
                connection, answered = self._connection(), 0
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT)

    @staticmethod
    def _answer(connection: http.client.HTTPConnection) -> int:
        connection.request("GET", "/feeds/all.json")
        response = connection.getresponse()
        response.read()
        return response.status


def test_a_reload_takes_the_new_settings_and_loses_hardly_any_request(
    tmp_path: Path, articles: Path
) -> None:
    with (
        serving(tmp_path, articles, "--workers", "2") as service,
        Asking(service, kept=False) as new,
        Asking(service, kept=True) as kept,
    ):
        old = service.workers(2)
        watcher = until(service.watcher, "the watcher says that it watches")
        service.config.write_text(service.config.read_text().replace("Live", "Renamed"))
        service.reload()
        until(
            lambda: service.client.get("/feeds/all.json").json()["title"] == "Renamed",
            "the new title is in the feed",
        )
        until(lambda: not any(map(alive, old)), "the old workers have ended")
        until(lambda: service.watcher() != watcher, "another watcher watches")
        assert not set(service.workers(2)) & set(old)
        (articles / "2.md").write_text("---\ntitle: Two\n---\nHi")
        until(lambda: "Two" in service.titles(), "the new watcher sees a new article")
    assert (new.statuses, kept.statuses) == ({200}, {200})
    # A worker that ends closes its socket, and with it the connections that wait there.
    assert len(new.failed) + len(kept.failed) <= 0.01 * (new.answers + kept.answers)


def test_a_reload_of_a_broken_configuration_is_logged_and_the_old_one_stays(
    tmp_path: Path, articles: Path
) -> None:
    with serving(tmp_path, articles, "--workers", "2") as service:
        for broken, message in (
            ("site:\n  titel: x\n", "config.yaml:2: site.titel: unknown key"),
            ("articles: {rescan: '99 * * * *'}\n", "articles.rescan: no cron expression"),
        ):
            service.config.write_text(broken)
            service.reload()
            until(lambda message=message: message in service.log, "the mistake is in the log")
        (articles / "2.md").write_text("---\ntitle: Two\n---\nHi")
        until(lambda: "Two" in service.titles(), "the old watcher goes on")
        assert service.client.get("/feeds/all.json").json()["title"] == "Live"


def test_an_edited_configuration_is_taken_over_and_a_bad_one_is_told(
    tmp_path: Path, articles: Path
) -> None:
    with serving(tmp_path, articles, "--workers", "1") as service:
        good = service.config.read_text()

        def configuration() -> bool:
            return bool(service.client.get("/status.json").json()["configuration"]["refused"])

        service.config.write_text(good.replace("Live", "Renamed"))
        until(
            lambda: service.client.get("/feeds/all.json").json()["title"] == "Renamed",
            "the new title is in the feed",
        )
        service.config.write_text("site:\n  titel: x\n")
        until(configuration, "the status says that the file has mistakes")
        assert "config.yaml:2: site.titel: unknown key" in service.log
        assert "titel" not in service.client.get("/status").text, "only with the token"
        service.config.write_text(good.replace("Live", "Renamed"))
        until(lambda: not configuration(), "the status says so no more")
        assert service.client.get("/feeds/all.json").json()["title"] == "Renamed"


REQUEST = b"GET /feeds/all.json HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def half_asked(service: Service) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield a connection with half a request, and one that was opened later and answered."""
    address = "127.0.0.1", service.port
    with (
        socket.create_connection(address, timeout=LIMIT) as half,
        socket.create_connection(address, timeout=LIMIT) as idle,
    ):
        half.sendall(REQUEST[:-2])
        idle.sendall(REQUEST)
        assert answered(idle) == 200
        yield half, idle


def answered(connection: socket.socket) -> int:
    """Return the status of the answer on a connection, read to its end."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    assert b'"One"' in answer.read()
    return answer.status


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_under_way_is_answered_before_its_worker_ends(
    tmp_path: Path, articles: Path, stop_signal: signal.Signals
) -> None:
    with (
        serving(tmp_path, articles, "--workers", "1") as service,
        half_asked(service) as (half, idle),
    ):
        (worker,) = service.workers(1)
        service.process.send_signal(stop_signal)
        assert idle.recv(1) == b"", "the worker is about to end"
        half.sendall(REQUEST[-2:])
        assert answered(half) == 200
        until(lambda: not alive(worker), "the worker has ended")
        assert "Killing" not in service.log


def test_a_service_that_stops_refuses_new_connections(tmp_path: Path, articles: Path) -> None:
    with serving(tmp_path, articles, "--workers", "1") as service:
        with half_asked(service) as (half, _):
            service.process.send_signal(signal.SIGTERM)
            until(lambda: refused(service.port), "connections are refused")
            assert service.process.poll() is None, "while a request is under way"
            half.sendall(REQUEST[-2:])
            assert answered(half) == 200
        assert service.process.wait(LIMIT) == 0


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=LIMIT).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("on_a_terminal", [True, False])
def test_a_long_first_pass_shows_a_bar_on_a_terminal_and_none_in_a_log(
    tmp_path: Path, articles: Path, on_a_terminal: bool
) -> None:
    for n in range(1200):
        file = articles / f"{n:04d}.md"
        file.write_text(f"---\ntitle: {n}\n---\nHi")
        os.utime(file, (1e9, 1e9))  # so old that the first pass reads all
    terminal, other_end = os.openpty()
    shown = b""
    try:
        with serving(tmp_path, articles, terminal=other_end if on_a_terminal else None) as service:
            if on_a_terminal:
                while b"100%" not in shown:
                    assert select.select([terminal], [], [], LIMIT)[0], shown
                    shown += os.read(terminal, 65536)
                assert re.search(rb"articles  \[[#-]+\]", shown)
                assert b"100%" in shown
                assert b"reading articles" not in shown
            else:
                until(lambda: "refreshed:" in service.log, "the pass has ended")
                assert "[#" not in service.log
    finally:
        os.close(terminal)
        os.close(other_end)


def test_watcher_and_workers_end_when_the_service_is_killed(tmp_path: Path, articles: Path) -> None:
    with serving(tmp_path, articles, "--workers", "2") as service:
        until(service.watcher, "the watcher says that it watches")
        children = service.children()
        assert len(children) >= 3
        os.kill(service.process.pid, signal.SIGKILL)
        service.process.wait(60)
        until(lambda: not any(map(alive, children)), "all of them have ended")


# Each service has another address, so its feeds have another time at which they changed.
CHANGED = re.compile(r"<updated>[^<]*</updated>|<lastBuildDate>[^<]*</lastBuildDate>")


def test_after_a_restart_feeds_are_as_before(tmp_path: Path, articles: Path) -> None:
    bodies = []
    for _ in range(2):
        with serving(tmp_path, articles) as service:
            bodies.append(
                [
                    CHANGED.sub("", service.client.get(f"/feeds/all.{s}").text, 1).replace(
                        service.url, ""
                    )
                    for s in ("atom", "rss", "json")
                ]
            )
    assert bodies[0] == bodies[1]


class OtherServer:
    """A process of another server; a line on its standard input is a request."""

    PROGRAM = (
        "import logging, sys; logging.basicConfig(level=20)\n"
        "from feedsvc.serve import create_app\n"
        "client = create_app(sys.argv[1], watch=sys.argv[2] == 'watch').test_client()\n"
        "print('ready', flush=True)\n"
        "for _ in sys.stdin:\n"
        "    response = client.get('/feeds/all.json')\n"
        "    print(response.status_code, response.text.count('content_html'), flush=True)\n"
    )

    def __init__(self, config: Path, log: Path, *, watch: bool = True) -> None:
        self._log = log
        command = [sys.executable, "-c", self.PROGRAM, str(config), "watch" if watch else ""]
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, stdin=-1, stdout=-1, stderr=file, text=True)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def answer(self) -> str:
        """Return the status of a feed, and how many entries it has."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.line()

    def watches(self) -> bool:
        return "watches" in self._log.read_text()

    def end(self) -> int:
        self.process.communicate()  # it ends with its input
        return self.process.returncode


def test_create_app_runs_under_another_server_with_one_watcher(
    tmp_path: Path, articles: Path
) -> None:
    (tmp_path / "config.yaml").write_text(f"articles: {{directory: '{articles}'}}\n")
    both = [OtherServer(tmp_path / "config.yaml", tmp_path / f"{n}.log") for n in range(2)]
    assert [server.line() for server in both] == ["ready", "ready"]
    until(lambda: all(server.answer() == "200 1" for server in both), "both answer")
    until(lambda: any(server.watches() for server in both), "one of them watches")
    (first,) = (server for server in both if server.watches())
    (other,) = (server for server in both if server is not first)
    assert first.end() == 0
    until(other.watches, "the other takes over")
    assert other.end() == 0
    assert not list((tmp_path / "state").glob("*.open")), "both have closed the state"


def test_the_watch_command_updates_the_feeds_of_another_server(
    tmp_path: Path, articles: Path
) -> None:
    config, log = tmp_path / "config.yaml", tmp_path / "log"
    config.write_text(f"articles: {{directory: '{articles}', settle: 0s}}\n")
    command = [sys.executable, "-m", "feedsvc", "watch", "--config", str(config)]
    with log.open("wb") as file:
        alone = subprocess.Popen(command, stderr=file)
    other = OtherServer(config, tmp_path / "other.log", watch=False)
    try:
        assert other.line() == "ready"
        until(lambda: other.answer() == "200 1", "the first article is in the feed")
        (articles / "2.md").write_text("It came later.\n")
        until(lambda: other.answer() == "200 2", "the new article is in the feed")
        config.write_text(f"articles: {{directory: '{shutil.copytree(articles, tmp_path / 'b')}'}}")
        (tmp_path / "b" / "3.md").write_text("It is elsewhere.\n")
        alone.send_signal(signal.SIGHUP)
        until(lambda: other.answer() == "200 3", "the configuration is read again")
    finally:
        alone.terminate()
        assert other.end() == 0
    assert alone.wait(60) == 0
    assert "serving" not in log.read_text()
    assert not other.watches()


def test_the_watch_command_needs_a_state_that_can_be_written(
    tmp_path: Path, articles: Path
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    config = tmp_path / "config.yaml"
    config.write_text(f"articles: {{directory: '{articles}'}}\n")
    command = [sys.executable, "-m", "feedsvc", "watch", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert ended.returncode == 1
    assert "check that its folder exists, can be written to and has room" in ended.stderr
    assert "Traceback" not in ended.stderr
