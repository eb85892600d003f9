"""What systemd hears of the service."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from service import LIMIT, Service, serving, until

from feedsvc.serve import systemd
from feedsvc.serve.endpoint import Endpoint


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "a.md").write_text("Hello")
    return folder


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + address[1:] if address.startswith("@") else address)
        receiver.settimeout(LIMIT)
        yield receiver


def heard(receiver: socket.socket) -> str:
    return receiver.recv(1000).decode()


def test_systemd_hears_that_the_service_is_ready_lives_and_stops(
    tmp_path: Path, articles: Path
) -> None:
    address = str(tmp_path / "notify")
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}
    with listening(address) as receiver:
        with serving(tmp_path, articles, "--workers", "1", environment=environment) as service:
            assert heard(receiver) == "READY=1"
            assert service.client.get("/healthz").text == "ok\n"
            assert heard(receiver) == heard(receiver) == "WATCHDOG=1"
        last = heard(receiver)
        while last == "WATCHDOG=1":
            last = heard(receiver)
        assert last == "STOPPING=1"


def test_systemd_hears_nothing_of_a_service_that_does_not_answer(
    tmp_path: Path, articles: Path
) -> None:
    address = str(tmp_path / "notify")
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}
    with (
        listening(address) as receiver,
        serving(tmp_path, articles, "--workers", "1", environment=environment) as service,
    ):
        assert heard(receiver) == "READY=1"
        (worker,) = service.workers(1)
        os.kill(worker, signal.SIGSTOP)
        try:
            until(lambda: "does not answer at its own address" in service.log, "it is noticed")
            receiver.setblocking(False)
            with pytest.raises(BlockingIOError):
                for _ in range(1000):  # what was sent before
                    heard(receiver)
        finally:
            os.kill(worker, signal.SIGCONT)


def test_an_abstract_socket_is_named_with_an_at_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"@feedsvc-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with listening(address) as receiver:
        systemd.notify("READY=1")
        assert heard(receiver) == "READY=1"


def test_a_receiver_that_does_not_read_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setattr(systemd, "_SEND_SECONDS", 0.01)
    with listening(address) as receiver:
        for _ in range(1000):
            systemd.notify("WATCHDOG=1")
        assert heard(receiver) == "WATCHDOG=1"


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    systemd.notify("READY=1")


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_the_watchdog_is_told_as_often_as_it_wants(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], seconds: float | None
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert systemd.watchdog_seconds() == seconds


def test_a_service_at_a_unix_socket_or_with_https_is_asked_there(
    tmp_path: Path, articles: Path
) -> None:
    path = tmp_path / "feedsvc.sock"
    service = Service(tmp_path, articles, "--uds", str(path), "--workers", "1")
    try:
        until(lambda: systemd.answers(Endpoint(uds=path)), "it answers")
    finally:
        service.stop()
    assert not systemd.answers(Endpoint(uds=path))
