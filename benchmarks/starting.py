"""From nothing to every feed, and from a state to the first one."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from benchmarks import hugo, service
from benchmarks.measurement import Found
from benchmarks.programs import LIMIT, Cost, MeasuringError, MissingError
from benchmarks.results import Figure, Target, at_most, no_more_than
from benchmarks.service import FEEDS, Client, Service
from benchmarks.sites import Site, Work, warm

_PAUSE = 0.05  # seconds between two looks at feeds that are not final yet


def first_start(work: Work, *, articles: int = 10_000, runs: int = 3) -> Found:
    """Measure the start from nothing beside hugo."""
    return _first_start(work, articles, runs, at_most(1.0))


def first_start_100k(work: Work, *, articles: int = 100_000, runs: int = 1) -> Found:
    """Measure the same where there is more of it."""
    return _first_start(work, articles, runs, at_most(0.5))


def restart(work: Work, *, articles: int = 100_000, runs: int = 5) -> Found:
    """Measure the start with a state."""
    site = work.site(articles)
    site.know()
    taken = []
    for _ in range(runs):
        with service.serving(site) as running:
            taken.append(running.until_served())
    return Found(
        figures=(
            Figure(
                what="until the first feed", unit="s", ours=median(taken), target=no_more_than(2)
            ),
        ),
        details={"runs": ", ".join(f"{one:.2f} s" for one in taken)},
    )


def once(site: Site) -> tuple[float, float]:
    """Start from nothing; return the seconds until the first feed, and until all are final."""
    site.forget()
    with service.serving(site) as running:
        first = running.until_served()
        everything = _until_final(running, site)
    site.known()
    return first, everything


def _until_final(running: Service, site: Site) -> float:
    """Return the seconds from the start until each feed was served as it then stays.

    So a feed that shows only a part of its articles for a while does not count.
    """
    etags: dict[str, str] = {}

    def ask(client: Client, paths: Sequence[str]) -> float:
        """Return when the last of these feeds changed, 0 where none did."""
        changed = 0.0
        for path in paths:
            answer = client.get(path, etag=etags.get(path, ""))
            if answer.status == 200:
                etags[path] = answer.etag
                changed = time.perf_counter() - running.started
        return changed

    # A reader for each core: hugo uses them all, too.
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


def _first_start(work: Work, articles: int, runs: int, target: Target) -> Found:
    site = work.site(articles)
    warm(site.articles)
    ours: list[tuple[float, float]] = []
    theirs: list[Cost] = []
    for _ in range(runs):
        ours.append(once(site))
        try:
            theirs.append(hugo.build(work.folder / "hugo", site.articles))
        except MissingError:
            continue
    return Found(
        figures=(
            Figure(
                what=f"until {len(FEEDS)} feeds are served",
                unit="s",
                ours=median(one[1] for one in ours),
                yardstick="hugo, 36 feeds",
                theirs=median(one.wall for one in theirs) if theirs else None,
                target=target,
            ),
            Figure(what="until the first feed", unit="s", ours=median(one[0] for one in ours)),
        ),
        details={"runs": ", ".join(f"{one[1]:.2f} s" for one in ours)},
    )
