"""Memory of a service after many requests, and its processor time while idle."""

import random
import time

from benchmarks import programs, service
from benchmarks.measurement import Measured
from benchmarks.results import Figure, no_more_than
from benchmarks.service import FORMATS, Client
from benchmarks.sites import Site, Work

_WORKERS = 2
_CONNECTIONS = 8  # so that all workers are asked
_MB = 1e6


def memory(work: Work, *, articles: int = 100_000, requests: int = 20_000) -> Measured:
    """Measure the memory of all processes after requests for all feeds."""
    resident, proportional, each = memory_after_requests(work.site(articles), requests)
    return Measured(
        figures=(
            Figure(label="resident in all", unit="MB", ours=resident, target=no_more_than(300)),
            Figure(label="proportional in all", unit="MB", ours=proportional),
        ),
        details={"resident, each process": each},
    )


def memory_after_requests(site: Site, requests: int) -> tuple[float, float, str]:
    """Return RSS and PSS in MB of all processes, and RSS of each as text."""
    site.ensure_state()
    chance = random.Random(1)
    with service.serving(site, workers=_WORKERS) as running:
        running.until_served()
        running.until_known(site, site.size)
        paths = [
            f"{path.removesuffix('.atom')}.{format}"
            for path in running.feeds()
            for format in FORMATS
        ]
        clients = [Client(running.port) for _ in range(_CONNECTIONS)]
        for number in range(requests):
            path = paths[number % len(paths)]
            clients[chance.randrange(_CONNECTIONS)].get(path, gzip=chance.random() < 0.8)
        for client in clients:
            client.close()
        sizes = programs.memory(running.pid)
    each = ", ".join(f"{resident / _MB:.0f} MB" for resident, _ in sizes)
    return sum(rss for rss, _ in sizes) / _MB, sum(pss for _, pss in sizes) / _MB, each


def idle(work: Work, *, articles: int = 100_000, seconds: float = 60.0) -> Measured:
    """Measure the processor time of all processes without requests and changes."""
    site = work.site(articles)
    site.configure(rescan="60s")
    try:
        site.ensure_state()
        with service.serving(site, workers=_WORKERS) as running:
            running.until_served()
            running.until_known(site, articles)
            time.sleep(min(seconds, 5))
            started, before = time.perf_counter(), programs.cpu(running.pid)
            time.sleep(seconds)
            spent = programs.cpu(running.pid) - before
            share = spent / (time.perf_counter() - started)
    finally:
        site.configure()
    return Measured(
        figures=(Figure(label="of one core", unit="%", ours=100 * share, target=no_more_than(1)),),
        details={"processor time": f"{spent:.2f} s in {seconds:.0f} s, rescan 60s"},
    )
