"""A running `feedsvc serve`, and a client that asks it."""

import http.client
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import Popen
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from benchmarks import corpus, programs
from benchmarks.programs import MeasuringError
from benchmarks.sites import FEEDSVC, Site

FORMATS = ("atom", "rss", "json")
FIRST = "/feeds/c00.atom"
FEEDS = [f"/feeds/c{n:02d}.{format}" for n in range(corpus.CATEGORIES) for format in FORMATS]
_ANSWER_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a request."""

    status: int
    etag: str
    body: bytes


class Client:
    """One connection, kept open, and opened again if the server has closed it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)

    def get(self, path: str, *, etag: str = "", gzip: bool = False) -> Answer:
        """Return the answer. Raises OSError or HTTPException if there is none."""
        headers = {"If-None-Match": etag} if etag else {}
        if gzip:
            headers["Accept-Encoding"] = "gzip"
        try:
            return self._get(path, headers)
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return self._get(path, headers)

    def close(self) -> None:
        self._connection.close()

    def _get(self, path: str, headers: Mapping[str, str]) -> Answer:
        self._connection.request("GET", path, headers=dict(headers))
        answer = self._connection.getresponse()
        return Answer(status=answer.status, etag=answer.getheader("ETag", ""), body=answer.read())


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A started service: its first process, its port, the time of its start."""

    process: Popen[bytes]
    port: int
    started: float  # by time.perf_counter
    client: Client

    @property
    def pid(self) -> int:
        return self.process.pid

    def until_served(self, path: str = FIRST) -> float:
        """Return the seconds from the start until `path` has been served with status 200."""

        def seconds() -> float | None:
            try:
                served = self.client.get(path).status == 200
            except (OSError, http.client.HTTPException):
                self.check()
                return None
            return time.perf_counter() - self.started if served else None

        return programs.until(seconds, f"{path} is served", pause=0.01)

    def feeds(self) -> list[str]:
        """Return the path of every Atom feed, as /opml.xml names them."""
        outlines = ET.fromstring(self.client.get("/opml.xml?all=1&topics=1").body).iter("outline")
        return [
            urlsplit(outline.get("xmlUrl", "")).path
            for outline in outlines
            if outline.get("xmlUrl")
        ]

    def until_known(self, site: Site, articles: int, *, pause: float = 0.1) -> None:
        """Wait until the state has as many articles."""
        with site.index() as index:

            def is_complete() -> bool:
                self.check()
                return index.articles.count() == articles

            programs.until(is_complete, "the state has all articles", pause=pause)

    def check(self) -> None:
        """Raise MeasuringError when the service has ended."""
        if self.process.poll() is not None:
            raise MeasuringError(f"feedsvc ended with {self.process.returncode}")


@contextmanager
def serving(site: Site, *, workers: int | None = None) -> Iterator[Service]:
    """Run `feedsvc serve` on a site until the block ends; `workers` None means the default."""
    port = programs.free_port()
    options = ["--config", str(site.config), "--port", str(port)]
    if workers is not None:
        options += ["--workers", str(workers)]
    log = site.folder / "log.txt"
    started = time.perf_counter()
    with programs.running([*FEEDSVC, "serve", *options], log) as process:
        client = Client(port)
        try:
            yield Service(process=process, port=port, started=started, client=client)
        except MeasuringError as error:
            error.add_note(log.read_text("utf-8", "replace")[-2000:])
            raise
        finally:
            client.close()
