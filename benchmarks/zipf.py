"""Requests for many feeds by Zipf's law, most of them conditional.

The largest feed has rank 1: readers ask most for the feeds with most articles.
"""

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import load, nginx, service
from benchmarks.load import Load
from benchmarks.measurement import Measured
from benchmarks.programs import MeasuringError, MissingError
from benchmarks.results import at_least, at_most
from benchmarks.service import Answer, Client, Service
from benchmarks.sites import Site, Work

_WORKERS = 2
_SHARE = 0.8  # of conditional requests


def quiet(
    work: Work,
    *,
    articles: int = 10_000,
    feeds: int = 1_000,
    seconds: float = 10.0,
    rounds: int = 3,
    connections: int = 16,
) -> Measured:
    """Measure beside nginx."""
    site = work.site(articles, tags=feeds)
    site.ensure_state()
    folder = work.empty_path("zipf")
    folder.mkdir()

    def measure(port: int, answers: list[tuple[str, Answer]], seconds: float) -> Load:
        return _run(folder, port, answers, seconds, connections)

    ours: list[Load] = []
    theirs: list[Load] = []
    caching: list[Load] = []
    with service.serving(site, workers=_WORKERS) as running:
        largest = _largest_feeds(running, site, feeds)
        measure(running.port, largest, seconds / 2)  # fills the cache of each worker
        files = {f"{n}.atom": running.client.get(path).body for n, (path, _) in enumerate(largest)}
        try:
            with (
                nginx.serving(folder / "nginx", files, workers=_WORKERS) as port,
                nginx.serving(folder / "other", files, workers=_WORKERS, kept_open=True) as other,
            ):
                plain = _answers_of_nginx(port, files)
                cached = _answers_of_nginx(other, files)  # its files are newer: other entity tags
                for _ in range(rounds):
                    ours.append(measure(running.port, largest, seconds))
                    theirs.append(measure(port, plain, seconds))
                    caching.append(measure(other, cached, seconds))
        except MissingError:
            ours = [measure(running.port, largest, seconds) for _ in range(rounds)]
    return Measured(
        figures=(
            load.rates(ours, "nginx", theirs, at_least(0.5)),
            load.p99s(ours, "nginx", theirs, at_most(3)),
            load.rates(ours, nginx.CACHING, caching),
            load.p99s(ours, nginx.CACHING, caching),
        ),
        details={
            "feeds": f"{len(largest):,}, {sum(map(len, files.values())) / 1e6:,.0f} MB",
            **load.answers(ours, theirs),
        },
    )


def busy(
    work: Work,
    *,
    articles: int = 10_000,
    more: int = 10_000,
    feeds: int = 1_000,
    seconds: float = 10.0,
    connections: int = 16,
) -> Measured:
    """Measure while feedsvc reads more articles for the first time, and without them."""
    site = work.site(articles, tags=feeds)
    site.ensure_state()
    arriving = work.folder / "arriving"
    shutil.rmtree(arriving, ignore_errors=True)
    shutil.copytree(work.corpus(more, first=articles, tags=feeds), arriving)
    folder = work.empty_path("zipf")
    folder.mkdir()
    with site.extra_folder("more") as target, service.serving(site, workers=_WORKERS) as running:
        largest = _largest_feeds(running, site, feeds)
        _run(folder, running.port, largest, seconds / 2, connections)
        alone = _run(folder, running.port, largest, seconds, connections)
        with site.index() as index:
            started, before = time.monotonic(), index.database.generation()
            arriving.rename(target)

            def is_read() -> bool:
                # Counting takes processor time from the measured processes.
                return (
                    index.database.generation() != before
                    and index.articles.count() == articles + more
                )

            during = _run(folder, running.port, largest, 600, connections, until_true=is_read)
            took = time.monotonic() - started
            if not is_read():
                raise MeasuringError("the articles that came were not read")
    return Measured(
        figures=(
            load.p99s([during], "without", [alone], at_most(3)),
            load.rates([during], "without", [alone]),
        ),
        details={
            "the scan": f"{more:,} articles in {took:.1f} s",
            "errors": str(alone.errors + during.errors),
        },
    )


def _largest_feeds(running: Service, site: Site, number: int) -> list[tuple[str, Answer]]:
    """Return the paths and first answers of the largest feeds, the largest first."""
    running.until_served()
    running.until_known(site, site.size)
    answers = [(path, running.client.get(path, gzip=True)) for path in running.feeds()]
    answers.sort(key=lambda pair: (-len(pair[1].body), pair[0]))
    if any(answer.status != 200 for _, answer in answers):
        raise MeasuringError("a feed of /opml.xml is not served")
    return answers[:number]


def _answers_of_nginx(port: int, names: Iterable[str]) -> list[tuple[str, Answer]]:
    """Return the paths and first answers of nginx for these files."""
    client = Client(port)
    answers = [(f"/{name}", client.get(f"/{name}", gzip=True)) for name in names]
    client.close()
    return answers


def _run(
    folder: Path,
    port: int,
    answers: list[tuple[str, Answer]],
    seconds: float,
    connections: int,
    *,
    until_true: Callable[[], bool] | None = None,
) -> Load:
    script = load.zipf(
        [path for path, _ in answers], [answer.etag for _, answer in answers], share=_SHARE
    )
    return load.run(
        f"http://127.0.0.1:{port}",
        script,
        folder=folder,
        seconds=seconds,
        connections=connections,
        threads=2,
        until_true=until_true,
    )
