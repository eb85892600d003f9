"""One hot feed, asked for over and over: in full, and by who has it already.

Rounds of both servers in turn, the medians of each; both serve the same bytes on one worker.
"""

from benchmarks import load, nginx, service
from benchmarks.load import Load
from benchmarks.measurement import Found
from benchmarks.programs import MeasuringError, MissingError
from benchmarks.results import Target, at_least
from benchmarks.service import Client
from benchmarks.sites import Work

_PATH = "/feeds/all.atom"
_LIMIT = 24  # entries: about 250 KB


def fresh(
    work: Work,
    *,
    articles: int = 1_000,
    seconds: float = 5.0,
    rounds: int = 3,
    connections: int = 16,
) -> Found:
    """Measure 200."""
    return _hot(work, articles, seconds, rounds, connections, again=False, target=at_least(0.6))


def again(
    work: Work,
    *,
    articles: int = 1_000,
    seconds: float = 5.0,
    rounds: int = 3,
    connections: int = 16,
) -> Found:
    """Measure 304."""
    return _hot(work, articles, seconds, rounds, connections, again=True, target=at_least(0.5))


def _hot(
    work: Work,
    articles: int,
    seconds: float,
    rounds: int,
    connections: int,
    *,
    again: bool,
    target: Target,
) -> Found:
    site = work.site(articles, limit=_LIMIT)
    site.know()
    folder = work.room("hot")
    folder.mkdir()

    def put(port: int, path: str) -> Load:
        client = Client(port)
        answer = client.get(path, gzip=True)
        headers = {"Accept-Encoding": "gzip"} | ({"If-None-Match": answer.etag} if again else {})
        status = client.get(path, gzip=True, etag=headers.get("If-None-Match", "")).status
        client.close()
        if status != (304 if again else 200):
            raise MeasuringError(f"{path} at {port} answers with {status}")
        return load.put(
            f"http://127.0.0.1:{port}{path}",
            load.one(headers),
            folder=folder,
            seconds=seconds,
            connections=connections,
        )

    ours: list[Load] = []
    theirs: list[Load] = []
    keeping: list[Load] = []
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
                    ours.append(put(running.port, _PATH))
                    theirs.append(put(port, "/hot.atom"))
                    keeping.append(put(other, "/hot.atom"))
        except MissingError:
            ours = [put(running.port, _PATH) for _ in range(rounds)]
    return Found(
        figures=(
            load.rates(ours, "nginx", theirs, target),
            load.p99s(ours, "nginx", theirs),
            load.rates(ours, nginx.KEEPING, keeping),
            load.p99s(ours, nginx.KEEPING, keeping),
        ),
        details={
            "feed": f"{len(plain):,} bytes, {len(packed):,} with gzip",
            **load.answers(ours, theirs),
        },
    )
