"""Load on a server, by wrk: what to ask, how long, and what came of it."""

import json
import math
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.programs import LIMIT, MeasuringError, needed, until
from benchmarks.results import Figure, Target

_DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format(
    '\\nDONE {"requests": %d, "seconds": %.6f, "bytes": %.0f,' ..
    ' "p50": %.6f, "p99": %.6f, "errors": %d}',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e6,
    latency:percentile(99) / 1e6, e.connect + e.read + e.write + e.status + e.timeout))
end
"""
_ZIPF = Path(__file__).with_name("zipf.lua")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk counted; errors are also answers from 400 on."""

    requests: int
    seconds: float
    bytes: float
    p50: float  # seconds
    p99: float
    errors: int

    @property
    def rate(self) -> float:
        """Return requests per second."""
        return self.requests / self.seconds

    @property
    def size(self) -> float:
        """Return bytes per answer, with its head."""
        return self.bytes / max(1, self.requests)


def one(headers: Mapping[str, str]) -> str:
    """Return the script for the same request over and over: wrk makes it once."""
    lines = [f"wrk.headers[{json.dumps(name)}] = {_lua(said)}" for name, said in headers.items()]
    return "\n".join(lines)


def zipf(paths: Sequence[str], etags: Sequence[str], *, share: float, seed: int = 1) -> str:
    """Return the script for paths by Zipf's law, a share of them with their entity tags."""
    return (
        f"paths = {{{', '.join(map(_lua, paths))}}}\netags = {{{', '.join(map(_lua, etags))}}}\n"
        f"share, seed = {share}, {seed}\n{_ZIPF.read_text()}"
    )


def put(
    url: str,
    script: str,
    *,
    folder: Path,
    seconds: float,
    connections: int,
    threads: int = 1,
    meanwhile: Callable[[], bool] | None = None,
) -> Load:
    """Put load on an address for so long (wrk knows whole seconds only) and return what came of it.

    With `meanwhile`, until that is true, and no longer than `seconds`.
    """
    file = folder / "load.lua"
    file.write_text(f"{script}\n{_DONE}", "utf-8")
    whole = max(1, math.ceil(seconds))
    command = [needed("wrk"), f"-t{threads}", f"-c{connections}", f"-d{whole}s", "--timeout", "60s"]
    with subprocess.Popen(
        [*command, "--script", str(file), url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            if meanwhile is not None:
                time.sleep(1)  # until wrk listens to signals
                until(lambda: meanwhile() or process.poll() is not None, "load", pause=0.05)
                process.send_signal(signal.SIGINT)  # wrk stops and reports
            said = process.communicate(timeout=min(LIMIT, whole + 120))[0].decode()
        finally:
            process.kill()
    found = [line for line in said.splitlines() if line.startswith("DONE ")]
    if not found:
        raise MeasuringError(f"wrk: {said[-2000:]}")
    return Load(**json.loads(found[0].removeprefix("DONE ")))


def _lua(text: str) -> str:
    # ASCII in quotes; addresses and entity tags have nothing else.
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def rates(
    ours: Sequence[Load], yardstick: str, theirs: Sequence[Load], target: Target | None = None
) -> Figure:
    """Return how many requests a second were answered, the median of the rounds."""
    return Figure(
        what="requests",
        unit="/s",
        ours=median(one.rate for one in ours),
        yardstick=yardstick,
        theirs=median(one.rate for one in theirs) if theirs else None,
        target=target,
    )


def p99s(
    ours: Sequence[Load], yardstick: str, theirs: Sequence[Load], target: Target | None = None
) -> Figure:
    """Return the 99th percentile of how long answers took, the median of the rounds."""
    return Figure(
        what="99th percentile",
        unit="ms",
        ours=median(one.p99 for one in ours) * 1e3,
        yardstick=yardstick,
        theirs=median(one.p99 for one in theirs) * 1e3 if theirs else None,
        target=target,
    )


def answers(ours: Sequence[Load], theirs: Sequence[Load]) -> dict[str, str]:
    """Return what to tell of the answers of feedsvc and nginx: sizes and errors."""
    return {
        "bytes of an answer": ", ".join(
            f"{name} {median(one.size for one in loads):,.0f}"
            for name, loads in (("feedsvc", ours), ("nginx", theirs))
            if loads
        ),
        "errors": str(sum(one.errors for one in (*ours, *theirs))),
    }
