"""Measure what cleaning costs: `python -m benchmarks.cleaning`.

Each pathology is cleaned at its full size and at half of it, in fresh processes, for the seconds,
the peak memory, and the growth of the time when the size doubles; then at the largest size that
feedsvc cleans without a process of its own, for the milliseconds that readers may wait. feedsvc and
bleach alone clean the median article in turns, in one process. Exits with 1 if a promise is broken.
"""

import argparse
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import bleach

from benchmarks import corpus, pathologies
from feedsvc import content
from feedsvc.cleaning import is_costly
from feedsvc.content import allowed

MOST_SECONDS = 2.0
MOST_MEGABYTES = 300.0
MOST_RATIO = 2.5
MOST_AT_ONCE = 0.075  # seconds; about 0.05 on an idle machine
MOST_OF_BLEACH = 1.0
_NOISE = 0.25  # seconds: a ratio of shorter times means nothing
_MEDIAN = 7000  # bytes
POLICY = content.Policy(
    link_base="https://articles.example.org/key",
    media_base="https://articles.example.org/folder/",
    page="https://feeds.example.org/articles/key",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningCost:
    """Seconds of CPU time and peak megabytes of a process that cleaned one body."""

    seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PathologyCost:
    """The cost of a pathology at its full size, at half of it, and cleaned at once."""

    name: str
    whole: CleaningCost
    half: CleaningCost
    at_once: float  # seconds

    @property
    def ratio(self) -> float:
        return self.whole.seconds / max(self.half.seconds, 0.001)

    @property
    def broken(self) -> str:
        """The names of the promises that do not hold, "" if all do."""
        return ", ".join(
            promise
            for promise, holds in (
                ("time", self.whole.seconds < MOST_SECONDS),
                ("memory", self.whole.megabytes < MOST_MEGABYTES),
                ("at once", self.at_once <= MOST_AT_ONCE),
                ("growth", self.ratio <= MOST_RATIO or self.whole.seconds < _NOISE),
            )
            if not holds
        )


def clean(name: str, size: int) -> float:
    """Clean a pathology once and return the seconds of CPU time that it took."""
    markup, make = pathologies.ALL[name]
    body = make(size)
    content.clean("<p>x</p>", markup, POLICY)  # fill the caches first
    started = time.process_time()
    content.clean(body, markup, POLICY)
    return time.process_time() - started


def largest_at_once(name: str, size: int) -> int:
    """Return the largest size of a pathology, up to `size`, that is not costly."""
    markup, make = pathologies.ALL[name]
    least, most = 0, size + 1
    while most - least > 1 + least // 50:
        middle = (least + most) // 2
        if is_costly(make(middle), markup):
            most = middle
        else:
            least = middle
    return least


def cost(name: str, size: int) -> CleaningCost:
    """Clean a pathology in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.cleaning", "--one", name, "--size", str(size)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: cleaning ended with {done.returncode}")
    seconds, megabytes = map(float, done.stdout.split())
    return CleaningCost(seconds=seconds, megabytes=megabytes)


def most_megabytes() -> float:
    """Return the peak memory of this process until now."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage(2): on Linux its peak starts with the memory of the parent process.
        (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM:"))
        return int(line.split()[1]) / 1e3
    unit = 1e6 if platform.system() == "Darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measure_pathology(name: str, size: int) -> PathologyCost:
    """Measure one pathology; up to twice more if a promise is broken, and return the best."""
    at_once = largest_at_once(name, size)

    def measure_once() -> PathologyCost:
        return PathologyCost(
            name=name,
            whole=cost(name, size),
            half=cost(name, size // 2),
            at_once=cost(name, at_once).seconds,
        )

    best = measure_once()
    for _ in range(2):
        if not best.broken:
            break
        again = measure_once()
        best = PathologyCost(
            name=name,
            whole=min(best.whole, again.whole, key=lambda cost: cost.seconds),
            half=min(best.half, again.half, key=lambda cost: cost.seconds),
            at_once=min(best.at_once, again.at_once),
        )
    return best


def article() -> str:
    """Return the body of the made-up article whose size is nearest to the median."""
    with tempfile.TemporaryDirectory() as folder:
        corpus.make(Path(folder), 60)
        bodies = [
            file.read_text("utf-8").split("\n---\n", 2)[-1] for file in Path(folder).rglob("*.txt")
        ]
    return min(bodies, key=lambda body: (abs(len(body.encode()) - _MEDIAN), body))


def compare_with_bleach(rounds: int) -> tuple[float, float]:
    """Return the seconds that feedsvc and bleach alone need for the median article.

    Each is the median of `rounds` turns, after three turns that fill the caches.
    """
    body = article()
    bleach_alone = bleach.Cleaner(
        tags=allowed.TAGS, attributes=["src", "alt", "href", "id"], strip=True
    )
    chance = random.Random(1)
    ours, theirs = [], []
    for _ in range(rounds + 3):
        for turn in chance.sample(("ours", "theirs"), 2):
            started = time.process_time()
            if turn == "ours":
                content.clean(body, "html", POLICY)
                ours.append(time.process_time() - started)
            else:
                bleach_alone.clean(body)
                theirs.append(time.process_time() - started)
    return statistics.median(ours[3:]), statistics.median(theirs[3:])


def report(
    size: int, costs: Iterable[PathologyCost], ours: float, theirs: float
) -> tuple[str, bool]:
    """Return the costs as a Markdown table, and whether all promises hold."""
    costs = sorted(costs, key=lambda cost: cost.whole.seconds, reverse=True)
    lines = [
        f"{len(costs)} pathologies of {size / 1e6:g} MB; {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}",
        "",
        "| pathology | s | MB | ratio to half the size | ms at once | broken |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {cost.name} | {cost.whole.seconds:.2f} | {cost.whole.megabytes:.0f} |"
        f" {cost.ratio:.1f} | {cost.at_once * 1e3:.0f} | {cost.broken} |"
        for cost in costs
    ]
    ratio = ours / theirs
    lines += [
        "",
        f"The median article: feedsvc {ours * 1e3:.2f} ms, bleach alone {theirs * 1e3:.2f} ms,"
        f" ratio {ratio:.2f}{'' if ratio <= MOST_OF_BLEACH else ' (broken)'}",
    ]
    return "\n".join(lines), ratio <= MOST_OF_BLEACH and not any(cost.broken for cost in costs)


def measure(size: int, rounds: int, names: Iterable[str] | None = None) -> tuple[str, bool]:
    """Measure the pathologies of these names, or all, and the median article."""
    costs = [measure_pathology(name, size) for name in (names or pathologies.ALL)]
    return report(size, costs, *compare_with_bleach(rounds))


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, and return 1 if a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cleaning", description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, help="characters of a pathology")
    parser.add_argument("--rounds", type=int, default=50, help="for the median article")
    parser.add_argument("--only", nargs="*", help="names of pathologies")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(clean(options.one, options.size), most_megabytes())
        return 0
    text, holds = measure(options.size, options.rounds, options.only)
    print(text)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
