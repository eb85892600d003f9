"""A pass that finds nothing changed: what the watcher does at every rescan.

`python -m benchmarks.passes CONFIG TIMES` is the process that is measured.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.measurement import Found
from benchmarks.programs import LIMIT, MeasuringError, MissingError, needed, run
from benchmarks.results import Figure, at_most
from benchmarks.sites import Site, Work
from feedsvc import config as configuration
from feedsvc.passes import Passes
from feedsvc.serve import open_index, utc_now


def idle_pass(work: Work, *, articles: int = 100_000, times: int = 5) -> Found:
    """Measure the processor time of a pass beside that of find."""
    site = work.site(articles)
    site.know()
    return Found(figures=(figure(site, times),))


def figure(site: Site, times: int) -> Figure:
    """Return the medians of so many passes, and of find."""
    command = [sys.executable, "-m", "benchmarks.passes", str(site.config), str(times)]
    # The first pass of both reads folders that the disk holds.
    theirs = _found(site.articles, times)
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    if said.returncode:
        raise MeasuringError(f"passes failed: {said.stderr[-2000:]}")
    theirs += _found(site.articles, times)
    return Figure(
        what="processor time of a pass",
        unit="ms",
        ours=median(json.loads(said.stdout)) * 1e3,
        yardstick="find",
        theirs=median(theirs) * 1e3 if theirs else None,
        target=at_most(2),
    )


def _found(directory: Path, times: int) -> list[float]:
    try:
        find = needed("find")
        asked = ["-type", "f", "-printf", "%T@ %s %p\\n"]
        return [run([find, str(directory), *asked]).cpu for _ in range(times)]
    except (MissingError, MeasuringError):  # the find of other systems knows no -printf
        return []


def main(config: str, times: str) -> None:
    """Print the processor seconds of passes after the first, as JSON."""
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
