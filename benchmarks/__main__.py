"""`python -m benchmarks NAME [options]`: measure the whole service, each figure beside a yardstick.

NAME is one of those below, or `all`; `report` makes the tables of docs/benchmarks.md from results
that `--json` wrote.
"""

import argparse
import shlex
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from benchmarks import (
    against_bleach,
    drops,
    exports,
    hot,
    machine,
    pages,
    passes,
    report,
    scale,
    searches,
    standing,
    starting,
    torture,
    zipf,
)
from benchmarks.measurement import Measurement
from benchmarks.programs import MeasuringError
from benchmarks.results import Result, as_text
from benchmarks.sites import Work
from feedsvc.errors import FeedsvcError

_FAILURES = (MeasuringError, FeedsvcError, HTTPException, OSError, TimeoutExpired)

MEASUREMENTS = {
    measurement.name: measurement
    for measurement in (
        Measurement(
            name="hot-200",
            title="One feed, asked for with gzip, one worker, beside nginx and a compressed file",
            run=hot.full_answers,
            programs=("nginx", "wrk"),
        ),
        Measurement(
            name="hot-304",
            title="The same with the feed's entity tag",
            run=hot.not_modified,
            programs=("nginx", "wrk"),
        ),
        Measurement(
            name="zipf",
            title="Many feeds by Zipf's law, 80 % conditional, two workers, beside nginx",
            run=zipf.quiet,
            programs=("nginx", "wrk"),
        ),
        Measurement(
            name="zipf-busy",
            title="The same while feedsvc reads as many articles again for the first time",
            run=zipf.busy,
            programs=("wrk",),
        ),
        Measurement(
            name="pages",
            title="Pages for people, from memory under load and made anew, one worker",
            run=pages.pages,
            programs=("wrk",),
        ),
        Measurement(
            name="first-start",
            title="From the start without a state until every feed is served in its final form",
            run=starting.first_start,
            programs=("hugo",),
        ),
        Measurement(
            name="first-start-100k",
            title="The same with more articles",
            run=starting.first_start_100k,
            programs=("hugo",),
        ),
        Measurement(
            name="restart",
            title="From the start with a state until the first feed is served",
            run=starting.restart,
        ),
        Measurement(
            name="idle-pass",
            title="A pass over unchanged files",
            run=passes.idle_pass,
            programs=("find",),
        ),
        Measurement(
            name="drop",
            title="One file renamed into place among many, until its feed shows it",
            run=drops.drop,
            programs=("hugo",),
        ),
        Measurement(
            name="memory",
            title="Memory of two workers and the watcher after requests over all feeds",
            run=standing.memory,
        ),
        Measurement(
            name="idle",
            title="Processor time of all processes while nothing happens",
            run=standing.idle,
        ),
        Measurement(
            name="cleaning",
            title="Cleaning the median article, and HTML that is meant to be slow",
            run=against_bleach.measure,
        ),
        Measurement(
            name="torture",
            title="Drops and feeds while hostile files lie among the articles",
            run=torture.torture,
        ),
        Measurement(
            name="search",
            title="Searches that were never made before, one at a time, and the cost of the index",
            run=searches.search,
        ),
        Measurement(
            name="export",
            title="An export, a drop until its file is there, and nginx over it beside `serve`",
            run=exports.export,
            programs=("nginx", "wrk"),
        ),
        Measurement(
            name="scale",
            title="First start, pass, drop and memory by the number of articles",
            run=scale.scale,
            programs=("hugo", "find"),
        ),
    )
}


def measure(measurement: Measurement, work: Work, sizes: Mapping[str, Any]) -> Result:
    """Run one measurement. Raises MeasuringError."""
    started = datetime.now(UTC)
    measured = measurement.run(work, **sizes)
    options = [part for name, size in sizes.items() for part in (_option(name), str(size))]
    return Result(
        name=measurement.name,
        title=measurement.title,
        date=started.isoformat(timespec="seconds"),
        command=shlex.join(["python", "-m", "benchmarks", measurement.name, *options]),
        machine=machine.facts(measurement.programs),
        sizes=sizes,
        figures=measured.figures,
        details=measured.details,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 after a failure or, with `--check`, a missed target."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "report":
        return report.main(arguments[1:])
    options = vars(_parser().parse_args(arguments))
    name, folder, file = options.pop("name"), options.pop("work"), options.pop("json")
    check = options.pop("check")
    chosen = list(MEASUREMENTS.values()) if name == "all" else [MEASUREMENTS[name]]
    results: list[Result] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="feedsvc-bench-") as temporary:
        work = Work(folder or Path(temporary))
        for measurement in chosen:
            try:
                results.append(measure(measurement, work, {**measurement.sizes, **options}))
            except _FAILURES as error:
                failed = True
                notes = "\n".join(getattr(error, "__notes__", ()))
                print(f"## {measurement.name}\n\nnot measured: {error}\n{notes}\n", file=sys.stderr)
                continue
            print(as_text(results[-1]), end="\n\n", flush=True)
            if file:
                report.save(file, results)
    missed = any(figure.reached is False for result in results for figure in result.figures)
    return 1 if failed or (check and missed) else 0


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--work", type=Path, help="folder that keeps corpora and states [temporary]"
    )
    common.add_argument("--json", type=Path, metavar="FILE", help="also write the results to FILE")
    common.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    names.add_parser("all", parents=[common], help="all of them, in their default sizes")
    names.add_parser("report", help="make the tables of docs/benchmarks.md from results")
    for measurement in MEASUREMENTS.values():
        own = names.add_parser(
            measurement.name,
            parents=[common],
            help=measurement.title.replace("%", "%%"),
            description=measurement.title,
        )
        for name, default in measurement.sizes.items():
            own.add_argument(
                _option(name), type=type(default), default=default, help=f"[{default or 'all'}]"
            )
    return parser


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


if __name__ == "__main__":
    # SystemExit unwinds the contexts, which end the programs that were started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
