"""Hostile files among good articles: drops and requests for feeds take no longer.

A reader asks for feeds without a pause while files are dropped: first among good articles alone,
then with all files of `hostile` among them.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from benchmarks import hostile, programs, service
from benchmarks.drops import percentile, until_shown
from benchmarks.measurement import Measured
from benchmarks.results import Figure, no_more_than
from benchmarks.service import FEEDS, Client, Service
from benchmarks.sites import Site, Work

_PAUSE = 0.01  # seconds between two requests, of the reader and for a dropped file
_CONDITIONAL = 0.5  # share of the requests with an entity tag


class _Reader(threading.Thread):
    """Asks for one feed after the other until `stop`, and notes the seconds of each answer."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._client = Client(port)
        self._chance = random.Random(1)
        self._stopped = threading.Event()
        self.seconds: list[float] = []
        self.errors = 0

    def run(self) -> None:
        etags: dict[str, str] = {}
        while not self._stopped.wait(_PAUSE):
            path = self._chance.choice(FEEDS)
            etag = etags.get(path, "") if self._chance.random() < _CONDITIONAL else ""
            started = time.perf_counter()
            try:
                answer = self._client.get(path, etag=etag, gzip=True)
            except (OSError, HTTPException):
                self.errors += 1
                continue
            self.seconds.append(time.perf_counter() - started)
            self.errors += answer.status not in {200, 304}
            etags[path] = answer.etag

    def stop(self) -> None:
        self._stopped.set()
        self.join()
        self._client.close()


def torture(
    work: Work, *, articles: int = 1_000, drops: int = 20, leisure: float = 1.0
) -> Measured:
    """Measure drops, `leisure` seconds apart, and feeds, without hostile files and with them."""
    site = work.site(articles)
    site.configure(settle="0s")
    site.ensure_state()
    try:
        with site.extra_folder("dropped") as folder, service.serving(site) as running:
            folder.mkdir()
            running.until_served()
            running.until_known(site, site.size)
            for path in FEEDS:
                running.client.get(path)
            first, second, third = (
                range(site.size + n * drops, site.size + (n + 1) * drops) for n in range(3)
            )
            without = _measure(running, site, folder, first, leisure)
            hostile.write(folder / "hostile", outside=site.folder / "outside.md")
            hostile_present = _measure(running, site, folder, second, leisure)
            hostile.truncate(folder / "hostile")
            emptied = _measure(running, site, folder, third, leisure)
    finally:
        site.configure()
    errors = without[2] + hostile_present[2] + emptied[2]
    shown, asked = hostile_present[0] + emptied[0], hostile_present[1] + emptied[1]
    return Measured(
        figures=(
            _figure("until shown, the longest, without", max(without[0])),
            _figure("until shown, the longest", max(shown), 3_000),
            _figure("a feed, median, without", percentile(without[1], 0.5)),
            _figure("a feed, median", percentile(asked, 0.5)),
            _figure("a feed, 99th percentile, without", percentile(without[1], 0.99)),
            _figure("a feed, 99th percentile", percentile(asked, 0.99), 50),
        ),
        details={
            "errors": str(errors),
            "requests": f"{len(without[1])} without, {len(asked)} with hostile files",
            "the longest answer": f"{max(asked) * 1e3:.0f} ms",
        },
    )


def _measure(
    running: Service, site: Site, folder: Path, numbers: range, leisure: float
) -> tuple[list[float], list[float], int]:
    """Return the seconds of each drop, the seconds of each answer meanwhile, and the errors."""
    aside = site.folder / "aside.txt"
    with _reading(running.port) as reader:
        shown = []
        for number in numbers:
            shown.append(until_shown(running, aside, folder, number, pause=_PAUSE))
            time.sleep(leisure)
        programs.until(lambda: reader.seconds, "a feed is answered", pause=_PAUSE)
    return shown, reader.seconds, reader.errors


@contextmanager
def _reading(port: int) -> Iterator[_Reader]:
    reader = _Reader(port)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


def _figure(label: str, seconds: float, bound: float | None = None) -> Figure:
    target = None if bound is None else no_more_than(bound)
    return Figure(label=label, unit="ms", ours=seconds * 1e3, target=target)
