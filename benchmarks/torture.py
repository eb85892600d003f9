"""Hostile files among good articles: what a running service still does for everybody else.

Readers ask for feeds without rest while files are dropped: first among good articles alone, then
with all of `hostile` written among them at once.
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
from benchmarks.measurement import Found
from benchmarks.results import Figure, no_more_than
from benchmarks.service import FEEDS, Client, Service
from benchmarks.sites import Site, Work

_PAUSE = 0.01  # seconds between two requests, of whoever drops and of the reader
_CONDITIONAL = 0.5  # of the requests, as feed readers make them


class _Reader(threading.Thread):
    """Asks for one feed after the other, until told to stop, and notes how long answers take."""

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


def torture(work: Work, *, articles: int = 1_000, drops: int = 20, leisure: float = 1.0) -> Found:
    """Measure drops, so many seconds apart, and feeds: without hostile files, then with all."""
    site = work.site(articles)
    site.configure(settle="0s")
    site.know()
    try:
        with site.visited("dropped") as room, service.serving(site) as running:
            room.mkdir()
            running.until_served()
            running.until_known(site, site.size)
            for path in FEEDS:
                running.client.get(path)
            first, second, third = (
                range(site.size + n * drops, site.size + (n + 1) * drops) for n in range(3)
            )
            without = _measure(running, site, room, first, leisure)
            hostile.write(room / "hostile", outside=site.folder / "outside.md")
            poisoned = _measure(running, site, room, second, leisure)
            hostile.truncate(room / "hostile")
            emptied = _measure(running, site, room, third, leisure)
    finally:
        site.configure()
    errors = without[2] + poisoned[2] + emptied[2]
    shown, asked = poisoned[0] + emptied[0], poisoned[1] + emptied[1]
    return Found(
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
    running: Service, site: Site, room: Path, numbers: range, leisure: float
) -> tuple[list[float], list[float], int]:
    """Return the seconds of each drop and of each answer meanwhile, and the number of errors."""
    aside = site.folder / "aside.txt"
    with _reading(running.port) as reader:
        shown = []
        for number in numbers:
            shown.append(until_shown(running, aside, room, number, pause=_PAUSE))
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


def _figure(what: str, seconds: float, bound: float | None = None) -> Figure:
    target = None if bound is None else no_more_than(bound)
    return Figure(what=what, unit="ms", ours=seconds * 1e3, target=target)
