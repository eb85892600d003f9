"""The running service: passes that hang, and processes killed in the middle of a pass."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from service import LIMIT, Service, alive, children_of, serving, until

# Python imports this first in each process. In the watcher's process it makes passes over more than
# one article hang, the first or all; and it lets other processes help to read a few hundred
# articles, instead of a few thousand.
HANGS = """
import sys, threading
from contextlib import contextmanager
from pathlib import Path

if "feedsvc.serve.watcher" in sys.orig_argv:
    from feedsvc import reading
    from feedsvc.serve import watcher

    watcher.QUIET_SECONDS = {quiet}
    reading._MANY = 2 * reading.PART
    marker = Path({marker!r})

    @contextmanager
    def showing():
        def progress(done, total):
            if total > 1 and ({always} or not marker.exists()):
                marker.touch()
                threading.Event().wait()
        yield progress

    watcher.log_progress = showing
"""
SOON = 5.0  # seconds: twice as long as allowed, for busy machines, and much less than a hang
MANY = 450  # articles: other processes help to read so many


def hangs(folder: Path, *, quiet: float = 3600.0, always: bool = False) -> dict[str, str]:
    """Return the environment of a service whose passes hang."""
    code = HANGS.format(quiet=quiet, marker=str(folder / "hangs"), always=always)
    (folder / "python").mkdir()
    (folder / "python" / "sitecustomize.py").write_text(code)
    more = os.environ.get("PYTHONPATH", "")  # of the feedsvc that is tested
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder / "python"), more)))}


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "1.html").write_text("---\ntitle: One\n---\n<p>1</p>")
    return folder


def configured(folder: Path, articles: Path) -> Path:
    config = folder / "config.yaml"
    config.write_text(
        f"articles: {{directory: '{articles}'}}\nstate: {{url: 'sqlite:///state/feedsvc.db'}}\n"
    )
    return config


def drop(articles: Path, number: int) -> None:
    folder = articles.with_name("dropped")
    folder.mkdir()
    for n in range(number):
        (folder / f"{n}.html").write_text(f"---\ntitle: {n}\n---\n<p>{n}</p>")
    folder.rename(articles / "dropped")


def soon(holds: Callable[[], bool], what: str) -> None:
    end, pause = time.monotonic() + SOON, threading.Event()
    while not holds():
        assert time.monotonic() < end, f"not in {SOON} s: {what}"
        pause.wait(0.02)


def in_a_pass(service: Service, folder: Path) -> list[int]:
    """Drop many articles; return all processes of the service once its watcher reads them."""
    watcher = until(service.watcher, "the watcher says that it watches")
    drop(service.articles, MANY)
    until((folder / "hangs").exists, "the watcher is in the middle of a pass")
    processes = [*service.children(), *children_of(watcher)]
    assert watcher in processes
    return processes


def test_a_pass_that_hangs_is_restarted(tmp_path: Path, articles: Path) -> None:
    environment = hangs(tmp_path, quiet=2.0)
    with serving(tmp_path, articles, environment=environment, settle="0s") as service:
        first = until(service.watcher, "the watcher says that it watches")
        drop(articles, 2)
        until(lambda: len(service.titles()) == 3, "the articles are in the feed")
        assert service.watcher() != first
        assert service.log.count("a pass over the articles has made no progress for") == 1
        assert service.log.count("the watcher ended (70); starting it again") == 1
        assert "in progress" in service.log, "the log says where the pass hung"
        until(lambda: service.readiness()["ready"], "/readyz says ready again")


def test_readyz_reports_passes_that_hang_repeatedly(tmp_path: Path, articles: Path) -> None:
    environment = hangs(tmp_path, quiet=1.0, always=True)
    with serving(tmp_path, articles, environment=environment, settle="0s", rescan="1s") as service:
        until(lambda: service.readiness()["ready"], "all is well")
        drop(articles, 2)

        def reported() -> bool:
            answer = service.client.get("/readyz")
            error = answer.json().get("error", "")
            return answer.status_code == 503 and "ended in the middle of a pass" in error

        until(reported, "/readyz reports the error")
        assert service.readiness()["last_pass"]
        assert service.titles() == ["One"], "known articles are served"


def test_readyz_reports_a_killed_watcher(tmp_path: Path, articles: Path) -> None:
    with serving(tmp_path, articles, rescan="1h") as service:
        until(lambda: service.readiness()["ready"], "all is well")
        watcher = until(service.watcher, "the watcher says that it watches")
        os.kill(service.process.pid, signal.SIGSTOP)  # so it does not start another watcher
        try:
            os.kill(watcher, signal.SIGKILL)
            until(lambda: not service.readiness()["ready"], "/readyz says not ready")
            assert service.readiness()["error"] == "no watcher is running"
        finally:
            os.kill(service.process.pid, signal.SIGCONT)
        until(lambda: service.readiness()["ready"], "another watches")
        # A main thread that has not run since then would not get the signal to stop.
        state = ["ps", "-o", "stat=", "-p", str(service.process.pid)]
        until(lambda: subprocess.check_output(state)[:1] == b"S", "the main thread waits")


def test_a_service_killed_during_a_pass_leaves_no_process(tmp_path: Path, articles: Path) -> None:
    with serving(tmp_path, articles, environment=hangs(tmp_path)) as service:
        processes = in_a_pass(service, tmp_path)
        os.kill(service.process.pid, signal.SIGKILL)
        service.process.wait(LIMIT)
        soon(lambda: not any(map(alive, processes)), "all of them have gone")


@pytest.mark.parametrize("with_", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_does_not_wait_for_a_long_pass(
    tmp_path: Path, articles: Path, with_: signal.Signals
) -> None:
    with serving(tmp_path, articles, environment=hangs(tmp_path)) as service:
        processes = in_a_pass(service, tmp_path)
        service.process.send_signal(with_)
        soon(lambda: service.process.poll() is not None, "it has ended")
        soon(lambda: not any(map(alive, processes)), "all of them have gone")
        assert service.process.returncode == 0
        assert "the pass under way is given up" in service.log
        assert "Killing" not in service.log
    with serving(tmp_path, articles) as service:  # the next start makes the pass
        until(lambda: service.readiness()["articles"] == MANY + 1, "all articles are published")


def test_a_watcher_that_cannot_start_is_reported(tmp_path: Path, articles: Path) -> None:
    # A folder in the place of the watcher's lock file.
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "feedsvc.db.watcher").mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "feedsvc", "watch", "--config", str(configured(tmp_path, articles))],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert any("the watcher cannot be started" in line for line in process.stderr)
        process.terminate()


# The process of another WSGI server; `create_app` starts a watcher beside it.
SERVER = """
import logging, sys
logging.basicConfig(level=20)
from feedsvc.serve import create_app
client = create_app(sys.argv[1]).test_client()
for _ in sys.stdin:
    answer = client.get("/readyz")
    print(answer.status_code, answer.json["articles"], flush=True)
"""


class OtherServer:
    """Another WSGI server with feedsvc in it."""

    def __init__(self, folder: Path, articles: Path) -> None:
        config = folder / "config.yaml"
        config.write_text(f"articles: {{directory: '{articles}', settle: 0s, rescan: 1s}}\n")
        self._log = folder / "server.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(config)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def answer(self) -> str:
        """Return the status and the number of articles from `/readyz`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def watcher(self) -> int | None:
        words = self._log.read_text().split("watcher ")
        numbers = [word.split()[0] for word in words[1:] if " watches " in word]
        return int(numbers[-1]) if numbers else None


def test_a_watcher_beside_another_server_is_restarted_and_ends_with_it(
    tmp_path: Path, articles: Path
) -> None:
    server = OtherServer(tmp_path, articles)
    try:
        until(lambda: server.answer() == "200 1", "it is ready, and has one article")
        first = until(server.watcher, "a watcher watches")
        assert first in children_of(server.process.pid), "in a process of its own"
        os.kill(first, signal.SIGKILL)
        until(lambda: server.watcher() != first, "another one watches")
        (articles / "2.html").write_text("Hi")
        until(lambda: server.answer() == "200 2", "it publishes the new article")
        second = server.watcher()
        assert second is not None
        server.process.kill()
        server.process.wait(LIMIT)
        soon(lambda: not alive(second), "the watcher has gone")
    finally:
        server.process.kill()
        server.process.communicate()
