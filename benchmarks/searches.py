"""Searches that no cache can answer, and what the full-text index costs a refresh.

Queries are words from the texts of the corpus, so every one finds something. The corpus has 290
different characters, so every article has nearly all of them: no real collection is as hard.
"""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlencode

from benchmarks import corpus, service
from benchmarks.measurement import Measured
from benchmarks.programs import MeasuringError
from benchmarks.results import Figure, no_more_than
from benchmarks.service import Client
from benchmarks.sites import Site, Work
from feedsvc import config as configuration
from feedsvc.index.search import SearchWriter
from feedsvc.passes import Passes
from feedsvc.serve import open_index, utc_now

_PAGES, _BEST, _FEEDS = "pages", "pages, best first", "feeds"


def search(
    work: Work, *, articles: int = 100_000, requests: int = 400, indexed: int = 2_000
) -> Measured:
    """Measure the time of a search, and the share of indexing in a pass over `indexed` articles."""
    site = work.site(articles)
    site.ensure_state()
    chance = random.Random(7)
    seconds: dict[str, list[float]] = {_PAGES: [], _BEST: [], _FEEDS: []}
    found = 0
    with service.serving(site, workers=1) as running:
        running.until_served()
        running.until_known(site, articles)
        for number in range(requests):
            kind = (_PAGES, _PAGES, _BEST, _FEEDS)[number % 4]
            found += _ask(running.client, _path(kind, next(_queries(chance))), seconds[kind])
    every = [took for kind in (_PAGES, _BEST) for took in seconds[kind]]
    share, size = _indexing(work, indexed)
    return Measured(
        figures=(
            Figure(label="95th percentile of pages", unit="ms", ours=_p95(every),
                   target=no_more_than(100)),
            *(
                Figure(label=f"{name} of {kind}", unit="ms", ours=figure(seconds[kind]))
                for kind in seconds
                for name, figure in (("median", _median), ("95th percentile", _p95))
            ),
            Figure(label="indexing, of the processor time of a refresh", unit="%", ours=share,
                   target=no_more_than(100 / 3)),
            Figure(label="the index, each article", unit="KB", ours=size),
        ),
        details={"found something": f"{found} of {requests}"},
    )  # fmt: skip


def _queries(chance: random.Random) -> Iterator[str]:
    """Yield queries of all kinds, words of one to four characters above all."""

    def word(length: int) -> str:
        start = chance.randrange(len(corpus.LETTERS) - length)
        return corpus.LETTERS[start : start + length]

    while True:
        kind = chance.random()
        if kind < 0.6:
            yield word(chance.choice((1, 2, 2, 2, 3, 4)))
        elif kind < 0.7:
            yield f"{word(2)} {word(2)}"
        elif kind < 0.8:
            yield f"{word(2)} -{word(2)}"
        elif kind < 0.9:
            yield f"{word(2)} category:c{chance.randrange(corpus.CATEGORIES):02d}"
        else:
            yield f"{word(2)} after:2022-0{chance.randrange(1, 3)}"


def _path(kind: str, query: str) -> str:
    if kind == _FEEDS:
        return f"/feeds/search.atom?{urlencode({'q': query})}"
    sort = {"sort": "relevance"} if kind == _BEST else {}
    return f"/search?{urlencode({'q': query, **sort})}"


def _ask(client: Client, path: str, seconds: list[float]) -> bool:
    """Ask once, note the time, and return whether anything was found."""
    started = time.perf_counter()
    answer = client.get(path)
    seconds.append(time.perf_counter() - started)
    if answer.status != 200:
        raise MeasuringError(f"{path} is answered with {answer.status}")
    return b"<mark>" in answer.body or b"<entry>" in answer.body


def _indexing(work: Work, articles: int) -> tuple[float, float]:
    """Return the share of indexing in the processor time of a first pass, and KB for an article."""
    site = Site(work.empty_path("indexing"), work.corpus(articles), articles, limit=50)
    config = configuration.load(site.config)
    spent = 0.0
    write = SearchWriter.write

    def timed(writer: SearchWriter, *arguments: Any) -> None:
        nonlocal spent
        started = time.process_time()
        write(writer, *arguments)
        spent += time.process_time() - started

    SearchWriter.write = timed  # type: ignore[method-assign]
    try:
        with (
            closing(open_index(config)) as index,
            closing(Passes(config, index, utc_now)) as passes,
        ):
            started = time.process_time()
            passes.make()
            total = time.process_time() - started
            return 100 * spent / total, index.search.size() / articles / 1e3
    finally:
        SearchWriter.write = write  # type: ignore[method-assign]


def _median(seconds: Sequence[float]) -> float:
    return 1e3 * median(seconds)


def _p95(seconds: Sequence[float]) -> float:
    return 1e3 * quantiles(seconds, n=20, method="inclusive")[-1]
