"""A pass over unchanged files, as the watcher makes it at every rescan.

`python -m benchmarks.passes CONFIG TIMES` runs in the process that is measured.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.measurement import Measured
from benchmarks.programs import LIMIT, MeasuringError, MissingError, needed, run
from benchmarks.results import Figure, at_most
from benchmarks.sites import Site, Work
from feedsvc import config as configuration
from feedsvc.passes import Passes
from feedsvc.serve import open_index, utc_now


def idle_pass(work: Work, *, articles: int = 100_000, times: int = 5) -> Measured:
    """Measure the processor time of a pass beside that of find."""
    site = work.site(articles)
    site.ensure_state()
    return Measured(figures=(figure(site, times),))


def figure(site: Site, times: int) -> Figure:
    """Return the medians of the costs of `times` passes, and of find."""
    command = [sys.executable, "-m", "benchmarks.passes", str(site.config), str(times)]
    # These runs of find fill the file cache for the passes.
    theirs = _find_costs(site.articles, times)
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    if process.returncode:
        raise MeasuringError(f"passes failed: {process.stderr[-2000:]}")
    theirs += _find_costs(site.articles, times)
    return Figure(
        label="processor time of a pass",
        unit="ms",
        ours=median(json.loads(process.stdout)) * 1e3,
        yardstick="find",
        theirs=median(theirs) * 1e3 if theirs else None,
        target=at_most(2),
    )


def _find_costs(directory: Path, times: int) -> list[float]:
    try:
        find = needed("find")
        options = ["-type", "f", "-printf", "%T@ %s %p\\n"]
        return [run([find, str(directory), *options]).cpu for _ in range(times)]
    except (MissingError, MeasuringError):  # the find of other systems lacks -printf
        return []


def main(config: str, times: str) -> None:
    """Print the processor seconds of each pass after the first, as JSON."""
    settings = configuration.load(Path(config))
    index = open_index(settings, owner=True)
    passes = Passes(settings, index, utc_now)
    costs = []
    for _ in range(int(times) + 1):
        started = time.process_time()
        if passes.make().changes:
            raise SystemExit("something had changed")
        costs.append(time.process_time() - started)
    passes.close()
    index.close()
    print(json.dumps(costs[1:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
