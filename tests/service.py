"""A real `feedsvc serve` in its own processes, which tests ask over real sockets."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

LIMIT = 60.0  # seconds that anything here may take before it has failed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], Any], what: str) -> Any:
    """Call `holds` until it returns something true, and return that; fail after LIMIT."""
    end = time.monotonic() + LIMIT
    pause = threading.Event()
    while time.monotonic() < end:
        if value := holds():
            return value
        pause.wait(0.02)
    raise AssertionError(f"not in {LIMIT:.0f} s: {what}")


class Service:
    """A running service; `log` is what it has written so far."""

    def __init__(
        self,
        folder: Path,
        articles: Path,
        *options: str,
        terminal: int | None = None,
        environment: Mapping[str, str] | None = None,
        base_url: str | None = None,
        sections: str = "",
        **keys: str,
    ) -> None:
        """Start it; its errors go to the log, or to the descriptor `terminal`.

        `base_url` is by default its own address; "" leaves it out of the configuration. `sections`
        are further lines of the configuration, `keys` those of `articles`.
        """
        self.port = port = free_port()
        self.articles = articles
        self.url = f"http://127.0.0.1:{port}"
        self.config = folder / "config.yaml"
        self._log = folder / "log.txt"
        more = "".join(f", {key}: {value}" for key, value in keys.items())
        address = self.url if base_url is None else base_url
        self.config.write_text(
            f"site: {{title: Live, base_url: {repr(address) if address else ''}}}\n"
            f"articles: {{directory: '{articles}'{more}}}\n"
            f"state: {{url: 'sqlite:///state/feedsvc.db'}}\n{sections}",
            "utf-8",
        )
        command = [sys.executable, "-m", "feedsvc", "serve", "--config", str(self.config)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # in its own process group, as a shell starts it
                [*command, "--port", str(port), *options],
                stdout=log,
                stderr=subprocess.STDOUT if terminal is None else terminal,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        self.client = httpx.Client(base_url=self.url, timeout=LIMIT)

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def ready(self) -> bool:
        try:
            return self.client.get("/feeds/all.atom").status_code == 200
        except httpx.TransportError:
            assert self.process.poll() is None, self.log
            return False

    def items(self, slug: str = "all") -> list[dict[str, Any]]:
        return list(self.client.get(f"/feeds/{slug}.json").json()["items"])

    def titles(self, slug: str = "all") -> list[str]:
        return [item["title"] for item in self.items(slug)]

    def children(self) -> list[int]:
        """Return the ids of the processes that this service started."""
        return children_of(self.process.pid)

    def readiness(self) -> dict[str, Any]:
        """Return what `/readyz` says."""
        return dict(self.client.get("/readyz").json())

    def watcher(self) -> int | None:
        """Return the id of the watcher's process that the log named last."""
        pids = re.findall(r"watcher (\d+) watches", self.log)
        return int(pids[-1]) if pids else None

    def workers(self, number: int) -> list[int]:
        """Wait until exactly `number` web workers run; return their ids."""

        def living() -> list[int]:
            pids = [int(pid) for pid in re.findall(r"worker (\d+) answers", self.log)]
            return [pid for pid in pids if alive(pid)]

        until(lambda: len(living()) == number, f"{number} workers answer")
        return living()

    def reload(self) -> None:
        """Tell the service to read its configuration again; do not wait for it."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self, with_: signal.Signals = signal.SIGTERM) -> int:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(with_)
        return self.process.wait(LIMIT)


@contextmanager
def serving(
    folder: Path,
    articles: Path,
    *options: str,
    terminal: int | None = None,
    environment: Mapping[str, str] | None = None,
    base_url: str | None = None,
    sections: str = "",
    **keys: str,
) -> Iterator[Service]:
    service = Service(
        folder,
        articles,
        *options,
        terminal=terminal,
        environment=environment,
        base_url=base_url,
        sections=sections,
        **keys,
    )
    try:
        until(service.ready, "the service answers")
        yield service
    finally:
        service.stop()


def children_of(parent: int) -> list[int]:
    """Return the ids of the running processes that a process started."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [
        int(pid) for pid, its_parent, state in rows if int(its_parent) == parent and state[0] != "Z"
    ]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
