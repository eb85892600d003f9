"""The running service: files dropped, edited and deleted; processes stopped and killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from service import alive, serving, until

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


@pytest.mark.parametrize("with_", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_with_all_its_processes(
    tmp_path: Path, articles: Path, with_: signal.Signals
) -> None:
    with serving(tmp_path, articles, "--workers", "2") as service:
        children = service.children()
        assert len(children) >= 3, "a watcher and two workers"
        assert service.stop(with_) == 0
        until(lambda: not any(map(alive, children)), "all of them have gone")
        assert "Traceback" not in service.log


def test_ctrl_c_in_a_terminal_reaches_every_process_and_it_still_stops_cleanly(
    tmp_path: Path, articles: Path
) -> None:
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


def test_watcher_and_workers_go_when_the_service_is_killed(tmp_path: Path, articles: Path) -> None:
    with serving(tmp_path, articles, "--workers", "2") as service:
        until(service.watcher, "the watcher says that it watches")
        children = service.children()
        assert len(children) >= 3
        os.kill(service.process.pid, signal.SIGKILL)
        service.process.wait(60)
        until(lambda: not any(map(alive, children)), "all of them have gone")


def test_after_a_restart_feeds_are_as_before(tmp_path: Path, articles: Path) -> None:
    bodies = []
    for _ in range(2):
        with serving(tmp_path, articles) as service:
            bodies.append(
                [
                    service.client.get(f"/feeds/all.{s}").text.replace(service.url, "")
                    for s in ("atom", "rss", "json")
                ]
            )
    assert bodies[0] == bodies[1]


def test_create_app_runs_under_another_server_with_one_watcher_for_all(
    tmp_path: Path, articles: Path
) -> None:
    (tmp_path / "config.yaml").write_text(f"articles: {{directory: '{articles}'}}\n")
    program = (
        "import logging, sys; logging.basicConfig(level=20)\n"
        "from feedsvc.serve import create_app\n"
        "app = create_app(sys.argv[1])\n"
        "client = app.test_client()\n"
        "print('ready', flush=True)\n"
        "for _ in sys.stdin: print(client.get('/feeds/all.json').status_code, flush=True)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "config.yaml")]
    both = []
    for n in range(2):
        with (tmp_path / f"{n}.log").open("wb") as log:
            both.append(subprocess.Popen(command, stdin=-1, stdout=-1, stderr=log, text=True))

    def answer(one: "subprocess.Popen[str]") -> str:
        assert one.stdin is not None
        assert one.stdout is not None
        one.stdin.write("\n")
        one.stdin.flush()
        return one.stdout.readline().strip()

    def watching() -> list[int]:
        return [n for n in range(2) if "watches" in (tmp_path / f"{n}.log").read_text()]

    for one in both:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    until(lambda: all(answer(one) == "200" for one in both), "both answer")
    until(watching, "one of them watches")
    (first,) = watching()
    both[first].communicate()  # its input ends, and so does it
    until(lambda: len(watching()) == 2, "the other takes over")
    both[1 - first].communicate()
    assert not list((tmp_path / "state").glob("*.open")), "they said that they had closed it"
    assert [one.returncode for one in both] == [0, 0]
