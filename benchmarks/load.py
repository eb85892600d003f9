"""Load on a server by wrk: scripts of requests, runs, and figures."""

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
    """The counts of wrk; answers with a status of 400 or more are errors, too."""

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
        """Return bytes per answer, head included."""
        return self.bytes / max(1, self.requests)


def same_request(headers: Mapping[str, str]) -> str:
    """Return the script that repeats one request; wrk formats it once."""
    lines = [f"wrk.headers[{json.dumps(name)}] = {_lua(value)}" for name, value in headers.items()]
    return "\n".join(lines)


def zipf(paths: Sequence[str], etags: Sequence[str], *, share: float, seed: int = 1) -> str:
    """Return the script that draws paths by Zipf's law, and sends the entity tag with a share."""
    return (
        f"paths = {{{', '.join(map(_lua, paths))}}}\netags = {{{', '.join(map(_lua, etags))}}}\n"
        f"share, seed = {share}, {seed}\n{_ZIPF.read_text()}"
    )


def run(
    url: str,
    script: str,
    *,
    folder: Path,
    seconds: float,
    connections: int,
    threads: int = 1,
    until_true: Callable[[], bool] | None = None,
) -> Load:
    """Put load on an address for some seconds, rounded up to whole ones, and return the counts.

    With `until_true`, end when it returns true, but no later.
    """
    file = folder / "load.lua"
    file.write_text(f"{script}\n{_DONE}", "utf-8")
    whole = max(1, math.ceil(seconds))
    command = [needed("wrk"), f"-t{threads}", f"-c{connections}", f"-d{whole}s", "--timeout", "60s"]
    with subprocess.Popen(
        [*command, "--script", str(file), url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            if until_true is not None:
                time.sleep(1)  # until wrk listens to signals
                until(lambda: until_true() or process.poll() is not None, "load", pause=0.05)
                process.send_signal(signal.SIGINT)  # wrk stops and reports
            output = process.communicate(timeout=min(LIMIT, whole + 120))[0].decode()
        finally:
            process.kill()
    reports = [line for line in output.splitlines() if line.startswith("DONE ")]
    if not reports:
        raise MeasuringError(f"wrk: {output[-2000:]}")
    return Load(**json.loads(reports[0].removeprefix("DONE ")))


def _lua(text: str) -> str:
    # Addresses and entity tags are ASCII.
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def rates(
    ours: Sequence[Load], yardstick: str, theirs: Sequence[Load], target: Target | None = None
) -> Figure:
    """Return the requests per second, the median of the rounds."""
    return Figure(
        label="requests",
        unit="/s",
        ours=median(load.rate for load in ours),
        yardstick=yardstick,
        theirs=median(load.rate for load in theirs) if theirs else None,
        target=target,
    )


def p99s(
    ours: Sequence[Load], yardstick: str, theirs: Sequence[Load], target: Target | None = None
) -> Figure:
    """Return the 99th percentile of the latency, the median of the rounds."""
    return Figure(
        label="99th percentile",
        unit="ms",
        ours=median(load.p99 for load in ours) * 1e3,
        yardstick=yardstick,
        theirs=median(load.p99 for load in theirs) * 1e3 if theirs else None,
        target=target,
    )


def answers(ours: Sequence[Load], theirs: Sequence[Load]) -> dict[str, str]:
    """Return the sizes of the answers of feedsvc and nginx, and the number of errors."""
    return {
        "bytes of an answer": ", ".join(
            f"{name} {median(load.size for load in loads):,.0f}"
            for name, loads in (("feedsvc", ours), ("nginx", theirs))
            if loads
        ),
        "errors": str(sum(load.errors for load in (*ours, *theirs))),
    }
