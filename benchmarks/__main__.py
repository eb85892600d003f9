"""`python -m benchmarks [--articles N]`: what the service costs, each figure beside a yardstick.

Every figure is of whole processes, started for it; the yardstick runs in turn with it on the same
files, and the ratio is what can be compared between machines.
"""

import argparse
import platform
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import corpus
from feedsvc import __version__

FEEDSVC = [sys.executable, "-m", "feedsvc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds by the wall clock, and of processor time, of one process and its children."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the report."""

    what: str
    ours: Cost
    yardstick: str
    theirs: Cost


def run(command: list[str]) -> Cost:
    """Run a command to its end and return what it cost."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(
        wall=wall,
        cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def middle(runs: int, once: Callable[[], Cost]) -> Cost:
    """Return the medians of several runs."""
    costs = [once() for _ in range(runs)]
    return Cost(wall=median(c.wall for c in costs), cpu=median(c.cpu for c in costs))


class Site:
    """A configuration over a corpus, with a state that can be thrown away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.articles = folder / "articles"
        self.config = folder / "config.yaml"
        self.config.write_text(
            "site: {title: Bench, timezone: Asia/Shanghai}\n"
            "articles: {directory: articles, rescan: 1h}\n"
            "categories:\n"
            + "".join(
                f"  - {{slug: c{n:02d}, terms: [类别{n:02d}]}}\n" for n in range(corpus.CATEGORIES)
            )
        )

    def forget(self) -> None:
        for file in (self.folder / "state").glob("*"):
            file.unlink()

    def refresh(self) -> Cost:
        return run([*FEEDSVC, "refresh", "--config", str(self.config)])

    def first_pass(self) -> Cost:
        self.forget()
        return self.refresh()

    def until_served(self) -> Cost:
        """Return the wall time from the start of the service to its first feed, in full."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [*FEEDSVC, "serve", "--config", str(self.config), "--port", str(port)]
        started = time.perf_counter()
        service = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not _served(f"http://127.0.0.1:{port}/feeds/c00.atom"):
                if time.perf_counter() - started > 600 or service.poll() is not None:
                    raise SystemExit("the service did not come up")
                time.sleep(0.01)
            return Cost(wall=time.perf_counter() - started, cpu=0.0)
        finally:
            service.terminate()
            service.wait()

    def first_start(self) -> Cost:
        self.forget()
        return self.until_served()


def _served(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return bool(answer.read())
    except (urllib.error.URLError, ConnectionError):
        return False


def figures(site: Site, runs: int) -> list[Figure]:
    """Measure everything once the corpus is there."""
    reading = [
        sys.executable,
        "-c",
        "import sys, pathlib\n"
        "for file in pathlib.Path(sys.argv[1]).rglob('*.txt'): file.read_bytes()",
        str(site.articles),
    ]
    listing = ["find", str(site.articles), "-type", "f", "-printf", "%T@ %s %p\\n"]
    read = middle(runs, lambda: run(reading))
    found = middle(runs, lambda: run(listing))
    first = middle(runs, site.first_pass)
    unchanged = middle(runs, site.refresh)
    idle = middle(runs, lambda: run([*FEEDSVC, "--version"]))
    start = middle(runs, site.first_start)
    restart = middle(runs, site.until_served)
    read_all = "Python reads every file"
    return [
        Figure(what="first pass", ours=first, yardstick=read_all, theirs=read),
        Figure(what="pass with nothing changed", ours=unchanged, yardstick="find", theirs=found),
        Figure(
            what="that pass without starting Python and feedsvc",
            ours=Cost(wall=unchanged.wall - idle.wall, cpu=unchanged.cpu - idle.cpu),
            yardstick="find",
            theirs=found,
        ),
        Figure(
            what="first start until a feed is served", ours=start, yardstick=read_all, theirs=read
        ),
        Figure(
            what="restart until a feed is served",
            ours=restart,
            yardstick="feedsvc --version",
            theirs=idle,
        ),
    ]


def report(articles: int, size: int, found: list[Figure]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        f"feedsvc {__version__}, {articles} articles, {size / 1e6:.0f} MB,"
        f" {corpus.CATEGORIES} categories; {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}",
        "",
        "| what | wall s | CPU s | yardstick | wall s | CPU s | ratio of wall | ratio of CPU |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        cpu = f"{one.ours.cpu:.2f}" if one.ours.cpu else "–"
        ratio = f"{one.ours.cpu / one.theirs.cpu:.1f}" if one.ours.cpu and one.theirs.cpu else "–"
        lines.append(
            f"| {one.what} | {one.ours.wall:.2f} | {cpu} | {one.yardstick} | {one.theirs.wall:.2f}"
            f" | {one.theirs.cpu:.2f} | {one.ours.wall / one.theirs.wall:.1f} | {ratio} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> str:
    """Make a corpus, measure, print and return the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3, help="the median of so many is reported")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        size = corpus.make(site.articles, options.articles)
        text = report(options.articles, size, figures(site, options.runs))
    print(text)
    return text


if __name__ == "__main__":
    main()
