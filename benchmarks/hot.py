"""Many requests for one feed: for the full answer, and with its entity tag, answered by 304.

Both servers serve the same bytes with one worker. Their rounds alternate; each figure is a median.
"""

from benchmarks import load, nginx, service
from benchmarks.load import Load
from benchmarks.measurement import Measured
from benchmarks.programs import MeasuringError, MissingError
from benchmarks.results import Target, at_least
from benchmarks.service import Client
from benchmarks.sites import Work

_PATH = "/feeds/all.atom"
_LIMIT = 24  # entries: about 250 KB


def full_answers(
    work: Work,
    *,
    articles: int = 1_000,
    seconds: float = 5.0,
    rounds: int = 3,
    connections: int = 16,
) -> Measured:
    """Measure answers with status 200."""
    return _hot(
        work, articles, seconds, rounds, connections, conditional=False, target=at_least(0.6)
    )


def not_modified(
    work: Work,
    *,
    articles: int = 1_000,
    seconds: float = 5.0,
    rounds: int = 3,
    connections: int = 16,
) -> Measured:
    """Measure answers with status 304."""
    return _hot(
        work, articles, seconds, rounds, connections, conditional=True, target=at_least(0.5)
    )


def _hot(
    work: Work,
    articles: int,
    seconds: float,
    rounds: int,
    connections: int,
    *,
    conditional: bool,
    target: Target,
) -> Measured:
    site = work.site(articles, limit=_LIMIT)
    site.ensure_state()
    folder = work.empty_path("hot")
    folder.mkdir()

    def measure(port: int, path: str) -> Load:
        client = Client(port)
        answer = client.get(path, gzip=True)
        headers = {"Accept-Encoding": "gzip"} | (
            {"If-None-Match": answer.etag} if conditional else {}
        )
        status = client.get(path, gzip=True, etag=headers.get("If-None-Match", "")).status
        client.close()
        if status != (304 if conditional else 200):
            raise MeasuringError(f"{path} at {port} answers with {status}")
        return load.run(
            f"http://127.0.0.1:{port}{path}",
            load.same_request(headers),
            folder=folder,
            seconds=seconds,
            connections=connections,
        )

    ours: list[Load] = []
    theirs: list[Load] = []
    caching: list[Load] = []
    with service.serving(site, workers=1) as running:
        running.until_served()
        running.until_known(site, articles)
        plain = running.client.get(_PATH).body
        packed = running.client.get(_PATH, gzip=True).body
        try:
            files = {"hot.atom": plain}
            with (
                nginx.serving(folder / "nginx", files, workers=1) as port,
                nginx.serving(folder / "other", files, workers=1, kept_open=True) as other,
            ):
                for _ in range(rounds):
                    ours.append(measure(running.port, _PATH))
                    theirs.append(measure(port, "/hot.atom"))
                    caching.append(measure(other, "/hot.atom"))
        except MissingError:
            ours = [measure(running.port, _PATH) for _ in range(rounds)]
    return Measured(
        figures=(
            load.rates(ours, "nginx", theirs, target),
            load.p99s(ours, "nginx", theirs),
            load.rates(ours, nginx.CACHING, caching),
            load.p99s(ours, nginx.CACHING, caching),
        ),
        details={
            "feed": f"{len(plain):,} bytes, {len(packed):,} with gzip",
            **load.answers(ours, theirs),
        },
    )
