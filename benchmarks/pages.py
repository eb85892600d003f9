"""Pages for people: from the response cache under load, and made anew one by one.

A page that was asked for before comes from the response cache. A parameter that nobody knows makes
an address that was never asked for, so the page is made anew.
"""

import time
from statistics import median
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from benchmarks import load, service
from benchmarks.measurement import Measured
from benchmarks.programs import MeasuringError
from benchmarks.results import Figure, no_less_than
from benchmarks.service import FIRST, Client
from benchmarks.sites import Work

_RATE = 1_000  # requests a second, at least
_ATOM = "{http://www.w3.org/2005/Atom}"


def pages(
    work: Work,
    *,
    articles: int = 1_000,
    seconds: float = 4.0,
    connections: int = 16,
    misses: int = 50,
) -> Measured:
    """Measure the home page, the page of a feed, and the page of an article."""
    site = work.site(articles)
    site.ensure_state()
    folder = work.empty_path("pages")
    folder.mkdir()
    figures: list[Figure] = []
    sizes: list[str] = []
    errors = 0
    with service.serving(site, workers=1) as running:
        running.until_served()
        running.until_known(site, articles)
        newest = ET.fromstring(running.client.get(FIRST).body).find(
            f"{_ATOM}entry/{_ATOM}link[@rel='alternate']"
        )
        if newest is None:
            raise MeasuringError(f"{FIRST} has no entry")
        paths = {
            "home": "/",
            "feed page": FIRST.removesuffix(".atom"),
            "article": urlsplit(newest.get("href", "")).path,
        }
        for name, path in paths.items():
            answer = running.client.get(path)
            if answer.status != 200:
                raise MeasuringError(f"{path} answers with {answer.status}")
            sizes.append(f"{name} {len(answer.body):,}")
            hits = load.run(
                f"http://127.0.0.1:{running.port}{path}",
                load.same_request({"Accept": "text/html", "Accept-Language": "zh-CN,zh;q=0.9"}),
                folder=folder,
                seconds=seconds,
                connections=connections,
            )
            errors += hits.errors
            made = [_seconds(running.client, f"{path}?miss={n}") for n in range(misses)]
            figures += [
                Figure(
                    label=f"{name}, from memory",
                    unit="/s",
                    ours=hits.rate,
                    target=no_less_than(_RATE),
                ),
                Figure(label=f"{name}, made anew", unit="ms", ours=1e3 * median(made)),
            ]
    return Measured(
        figures=tuple(figures),
        details={"bytes of a page": ", ".join(sizes), "errors": str(errors)},
    )


def _seconds(client: Client, path: str) -> float:
    """Return the seconds that one answer took."""
    started = time.perf_counter()
    status = client.get(path).status
    if status != 200:
        raise MeasuringError(f"{path} answers with {status}")
    return time.perf_counter() - started
