"""Start without a state until every feed is served, and with a state until the first feed."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from benchmarks import hugo, service
from benchmarks.measurement import Measured
from benchmarks.programs import LIMIT, Cost, MeasuringError, MissingError
from benchmarks.results import Figure, Target, at_most, no_more_than
from benchmarks.service import FEEDS, Client, Service
from benchmarks.sites import Site, Work, warm

_PAUSE = 0.05  # seconds between two requests for all feeds, until they are final


def first_start(work: Work, *, articles: int = 10_000, runs: int = 3) -> Measured:
    """Measure the start without a state beside hugo."""
    return _first_start(work, articles, runs, at_most(1.0))


def first_start_100k(work: Work, *, articles: int = 100_000, runs: int = 1) -> Measured:
    """Measure the same with more articles."""
    return _first_start(work, articles, runs, at_most(0.5))


def restart(work: Work, *, articles: int = 100_000, runs: int = 5) -> Measured:
    """Measure the start with a state."""
    site = work.site(articles)
    site.ensure_state()
    taken = []
    for _ in range(runs):
        with service.serving(site) as running:
            taken.append(running.until_served())
    return Measured(
        figures=(
            Figure(
                label="until the first feed", unit="s", ours=median(taken), target=no_more_than(2)
            ),
        ),
        details={"runs": ", ".join(f"{seconds:.2f} s" for seconds in taken)},
    )


def start_once(site: Site) -> tuple[float, float]:
    """Start without a state.

    Return the seconds until the feed of everything is served, and until all others are final.
    """
    site.delete_state()
    with service.serving(site) as running:
        first = running.until_served("/feeds/all.atom")
        final = _until_final(running, site)
    site.mark_state()
    return first, final


def _until_final(running: Service, site: Site) -> float:
    """Return the seconds from the start until each feed was served in its final form.

    A feed that lacks articles does not count.
    """
    etags: dict[str, str] = {}

    def ask(client: Client, paths: Sequence[str]) -> float:
        """Return the seconds from the start to the last change of these feeds, 0 if none."""
        changed = 0.0
        for path in paths:
            answer = client.get(path, etag=etags.get(path, ""))
            if answer.status == 200:
                etags[path] = answer.etag
                changed = time.perf_counter() - running.started
        return changed

    # A reader for each core, because hugo uses all cores, too.
    readers = os.cpu_count() or 1
    clients = [Client(running.port) for _ in range(readers)]
    shares = [FEEDS[first::readers] for first in range(readers)]
    last = 0.0
    with site.index() as index, ThreadPoolExecutor(readers) as pool:
        while True:
            running.check()
            complete = index.articles.count() == site.size
            changed = max(pool.map(ask, clients, shares))
            last = changed or last
            if complete and not changed and len(etags) == len(FEEDS):
                break
            if time.perf_counter() - running.started > LIMIT:
                raise MeasuringError(f"not all feeds in an hour: {len(etags)} of {len(FEEDS)}")
            time.sleep(0 if complete else _PAUSE)
    for client in clients:
        client.close()
    return last


def _first_start(work: Work, articles: int, runs: int, target: Target) -> Measured:
    site = work.site(articles)
    warm(site.articles)
    ours: list[tuple[float, float]] = []
    theirs: list[Cost] = []
    for _ in range(runs):
        ours.append(start_once(site))
        try:
            theirs.append(hugo.build(work.folder / "hugo", site.articles))
        except MissingError:
            continue
    hugo_seconds = median(cost.wall for cost in theirs) if theirs else None
    return Measured(
        figures=(
            Figure(
                label=f"until {len(FEEDS)} feeds are served",
                unit="s",
                ours=median(final for _, final in ours),
                yardstick="hugo, 36 feeds",
                theirs=hugo_seconds,
                target=target,
            ),
            Figure(
                label="until the feed of everything is served",
                unit="s",
                ours=median(first for first, _ in ours),
                yardstick="hugo, 36 feeds",
                theirs=hugo_seconds,
                target=at_most(1.0),
            ),
        ),
        details={"runs": ", ".join(f"{final:.2f} s" for _, final in ours)},
    )
