"""Many feeds, asked for as readers do: some very often, most seldom, most of it conditionally.

The rank of a feed is that of its size: the feeds with most articles are read most.
"""

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import load, nginx, service
from benchmarks.load import Load
from benchmarks.measurement import Found
from benchmarks.programs import MeasuringError, MissingError
from benchmarks.results import at_least, at_most
from benchmarks.service import Answer, Client, Service
from benchmarks.sites import Site, Work

_WORKERS = 2
_SHARE = 0.8  # of requests that are conditional


def quiet(
    work: Work,
    *,
    articles: int = 10_000,
    feeds: int = 1_000,
    seconds: float = 10.0,
    rounds: int = 3,
    connections: int = 16,
) -> Found:
    """Measure beside nginx."""
    site = work.site(articles, tags=feeds)
    site.know()
    folder = work.room("zipf")
    folder.mkdir()

    def put(port: int, found: list[tuple[str, Answer]], seconds: float) -> Load:
        return _put(folder, port, found, seconds, connections)

    ours: list[Load] = []
    theirs: list[Load] = []
    keeping: list[Load] = []
    with service.serving(site, workers=_WORKERS) as running:
        found = _found(running, site, feeds)
        put(running.port, found, seconds / 2)  # every worker has seen most of it
        files = {f"{n}.atom": running.client.get(path).body for n, (path, _) in enumerate(found)}
        try:
            with (
                nginx.serving(folder / "nginx", files, workers=_WORKERS) as port,
                nginx.serving(folder / "other", files, workers=_WORKERS, kept_open=True) as other,
            ):
                same = _same(port, files)
                kept = _same(other, files)  # written later, so its tags are others
                for _ in range(rounds):
                    ours.append(put(running.port, found, seconds))
                    theirs.append(put(port, same, seconds))
                    keeping.append(put(other, kept, seconds))
        except MissingError:
            ours = [put(running.port, found, seconds) for _ in range(rounds)]
    return Found(
        figures=(
            load.rates(ours, "nginx", theirs, at_least(0.5)),
            load.p99s(ours, "nginx", theirs, at_most(3)),
            load.rates(ours, nginx.KEEPING, keeping),
            load.p99s(ours, nginx.KEEPING, keeping),
        ),
        details={
            "feeds": f"{len(found):,}, {sum(map(len, files.values())) / 1e6:,.0f} MB",
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
) -> Found:
    """Measure while more articles are read for the first time, beside itself without."""
    site = work.site(articles, tags=feeds)
    site.know()
    arriving = work.folder / "arriving"
    shutil.rmtree(arriving, ignore_errors=True)
    shutil.copytree(work.corpus(more, first=articles, tags=feeds), arriving)
    folder = work.room("zipf")
    folder.mkdir()
    with site.visited("more") as room, service.serving(site, workers=_WORKERS) as running:
        found = _found(running, site, feeds)
        _put(folder, running.port, found, seconds / 2, connections)
        alone = _put(folder, running.port, found, seconds, connections)
        with site.index() as index:
            started, before = time.monotonic(), index.database.generation()
            arriving.rename(room)

            def known() -> bool:
                # To count takes a core's time away from those who are measured.
                return (
                    index.database.generation() != before
                    and index.articles.count() == articles + more
                )

            during = _put(folder, running.port, found, 600, connections, until=known)
            took = time.monotonic() - started
            if not known():
                raise MeasuringError("the articles that came were not read")
    return Found(
        figures=(
            load.p99s([during], "without", [alone], at_most(3)),
            load.rates([during], "without", [alone]),
        ),
        details={
            "the scan": f"{more:,} articles in {took:.1f} s",
            "errors": str(alone.errors + during.errors),
        },
    )


def _found(running: Service, site: Site, feeds: int) -> list[tuple[str, Answer]]:
    """Return paths and first answers of so many feeds, the largest first."""
    running.until_served()
    running.until_known(site, site.size)
    found = [(path, running.client.get(path, gzip=True)) for path in running.feeds()]
    found.sort(key=lambda one: (-len(one[1].body), one[0]))
    if any(answer.status != 200 for _, answer in found):
        raise MeasuringError("a feed of /opml.xml is not served")
    return found[:feeds]


def _same(port: int, names: Iterable[str]) -> list[tuple[str, Answer]]:
    """Return paths and first answers of nginx, in the order of these files."""
    client = Client(port)
    found = [(f"/{name}", client.get(f"/{name}", gzip=True)) for name in names]
    client.close()
    return found


def _put(
    folder: Path,
    port: int,
    found: list[tuple[str, Answer]],
    seconds: float,
    connections: int,
    *,
    until: Callable[[], bool] | None = None,
) -> Load:
    script = load.zipf(
        [path for path, _ in found], [answer.etag for _, answer in found], share=_SHARE
    )
    return load.put(
        f"http://127.0.0.1:{port}",
        script,
        folder=folder,
        seconds=seconds,
        connections=connections,
        threads=2,
        meanwhile=until,
    )
