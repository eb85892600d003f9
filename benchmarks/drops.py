"""One file dropped among many: how long until its feed shows it, and what that costs.

Two parts, because asking costs too: first drops whose feed is asked for without rest, for the time;
then drops at leisure whose feed is asked for once a second, for the processor time.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import corpus, hugo, programs, service
from benchmarks.measurement import Found
from benchmarks.programs import MissingError
from benchmarks.results import Figure, no_more_than
from benchmarks.service import FIRST, Service
from benchmarks.sites import Site, Work

_PAUSE = 0.002  # seconds between two questions
_LIMIT = 120.0


def drop(
    work: Work, *, articles: int = 100_000, drops: int = 50, calm: int = 20, leisure: float = 1.0
) -> Found:
    """Measure both parts, beside a build by hugo for the time."""
    site = work.site(articles)
    latencies, cost = measure(site, drops, calm, leisure)
    try:
        build = hugo.build(work.folder / "hugo", site.articles).wall * 1e3
    except MissingError:
        build = None
    return Found(
        figures=(
            Figure(
                what="until shown, median",
                unit="ms",
                ours=percentile(latencies, 0.5) * 1e3,
                yardstick="hugo, once",
                theirs=build,
            ),
            Figure(
                what="until shown, 99th percentile",
                unit="ms",
                ours=percentile(latencies, 0.99) * 1e3,
                yardstick="hugo, once",
                theirs=build,
                target=no_more_than(300),
            ),
            Figure(
                what="processor time of a drop",
                unit="ms",
                ours=cost * 1e3,
                target=no_more_than(100),
            ),
        ),
        details={"the longest": f"{max(latencies) * 1e3:.0f} ms"},
    )


def measure(site: Site, drops: int, calm: int, leisure: float) -> tuple[list[float], float]:
    """Return the seconds of each drop, and the processor seconds of a calm one."""
    site.configure(settle="0s")
    site.know()
    site.nobody_asked()  # of the feeds that a drop changes, only the one that is watched
    aside = site.folder / "aside.txt"
    try:
        with site.visited("dropped") as room, service.serving(site) as running:
            room.mkdir()
            running.until_served()
            running.until_known(site, site.size)
            _settle(running)
            latencies = [
                until_shown(running, aside, room, number, pause=_PAUSE)
                for number in range(site.size, site.size + drops)
            ]
            _settle(running)
            before = programs.cpu(running.pid)
            for number in range(site.size + drops, site.size + drops + calm):
                until_shown(running, aside, room, number, pause=leisure)
            _settle(running)  # what follows a drop belongs to it
            cost = (programs.cpu(running.pid) - before) / calm
    finally:
        site.configure()
    return latencies, cost


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that so great a share is not above, by nearest rank.

    >>> percentile([3, 1, 2], 0.5), percentile([3, 1, 2], 0.99)
    (2, 3)
    """
    return sorted(values)[math.ceil(share * len(values)) - 1]


def until_shown(running: Service, aside: Path, room: Path, number: int, *, pause: float) -> float:
    """Drop one file and return the seconds until its feed shows it, asked after each pause."""
    aside.write_bytes(corpus.article(number, term=corpus.TERMS[0]))
    marker = f" {number}<".encode()
    etag = running.client.get(FIRST).etag
    started = time.perf_counter()
    aside.rename(room / f"{number}.txt")

    def shown() -> bool:
        answer = running.client.get(FIRST, etag=etag)
        return answer.status == 200 and marker in answer.body

    programs.until(shown, "the feed shows the file", pause=pause, limit=_LIMIT)
    return time.perf_counter() - started


def _settle(running: Service) -> None:
    """Wait until the service does next to nothing."""

    def calm() -> bool:
        before = programs.cpu(running.pid)
        time.sleep(0.5)
        return programs.cpu(running.pid) - before <= 0.02

    programs.until(calm, "the service is calm", pause=0, limit=600)
