"""One file dropped among many: the time until its feed shows it, and the processor time.

The two are measured one after the other, because requests cost processor time too: for the first, a
client asks for the feed without a pause, for the second, once every `leisure` seconds.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import corpus, hugo, programs, service
from benchmarks.measurement import Measured
from benchmarks.programs import MissingError
from benchmarks.results import Figure, no_more_than
from benchmarks.service import FIRST, Service
from benchmarks.sites import Site, Work

_PAUSE = 0.002  # seconds between two requests
_LIMIT = 120.0


def drop(
    work: Work, *, articles: int = 100_000, drops: int = 200, calm: int = 20, leisure: float = 1.0
) -> Measured:
    """Measure both, and a build by hugo beside the time."""
    site = work.site(articles)
    latencies, cost = measure(site, drops, calm, leisure)
    try:
        build = hugo.build(work.folder / "hugo", site.articles).wall * 1e3
    except MissingError:
        build = None
    return Measured(
        figures=(
            Figure(
                label="until shown, median",
                unit="ms",
                ours=percentile(latencies, 0.5) * 1e3,
                yardstick="hugo, once",
                theirs=build,
            ),
            Figure(
                label="until shown, 99th percentile",
                unit="ms",
                ours=percentile(latencies, 0.99) * 1e3,
                yardstick="hugo, once",
                theirs=build,
                target=no_more_than(300),
            ),
            Figure(
                label="processor time of a drop",
                unit="ms",
                ours=cost * 1e3,
                target=no_more_than(100),
            ),
        ),
        details={"the longest": f"{max(latencies) * 1e3:.0f} ms"},
    )


def measure(site: Site, drops: int, calm: int, leisure: float) -> tuple[list[float], float]:
    """Return the seconds of each drop, and the processor seconds of one of `calm` slow drops."""
    site.configure(settle="0s")
    site.ensure_state()
    site.forget_requests()  # so that only the feed that this client asks for is rendered
    aside = site.folder / "aside.txt"
    try:
        with site.extra_folder("dropped") as folder, service.serving(site) as running:
            folder.mkdir()
            running.until_served()
            running.until_known(site, site.size)
            _wait_until_idle(running)
            latencies = [
                until_shown(running, aside, folder, number, pause=_PAUSE)
                for number in range(site.size, site.size + drops)
            ]
            _wait_until_idle(running)
            before = programs.cpu(running.pid)
            for number in range(site.size + drops, site.size + drops + calm):
                until_shown(running, aside, folder, number, pause=leisure)
            _wait_until_idle(running)  # work after the last drop belongs to its cost
            cost = (programs.cpu(running.pid) - before) / calm
    finally:
        site.configure()
    return latencies, cost


def percentile(values: Sequence[float], share: float) -> float:
    """Return the percentile of a share, such as 0.99, by nearest rank.

    >>> percentile([3, 1, 2], 0.5), percentile([3, 1, 2], 0.99)
    (2, 3)
    """
    return sorted(values)[math.ceil(share * len(values)) - 1]


def until_shown(running: Service, aside: Path, folder: Path, number: int, *, pause: float) -> float:
    """Drop one file and return the seconds until its feed shows it, asking after each pause."""
    aside.write_bytes(corpus.article(number, term=corpus.TERMS[0]))
    marker = f" {number}<".encode()
    etag = running.client.get(FIRST).etag
    started = time.perf_counter()
    aside.rename(folder / f"{number}.txt")

    def is_shown() -> bool:
        answer = running.client.get(FIRST, etag=etag)
        return answer.status == 200 and marker in answer.body

    programs.until(is_shown, "the feed shows the file", pause=pause, limit=_LIMIT)
    return time.perf_counter() - started


def _wait_until_idle(running: Service) -> None:
    """Wait until the service takes less than 4 % of a core."""

    def is_idle() -> bool:
        before = programs.cpu(running.pid)
        time.sleep(0.5)
        return programs.cpu(running.pid) - before <= 0.02

    programs.until(is_idle, "the service is idle", pause=0, limit=600)
