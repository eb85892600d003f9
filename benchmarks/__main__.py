"""`python -m benchmarks NAME [options]`: measure the whole service, each figure beside a yardstick.

NAME is one of those below, or `all`; `report` makes the tables of docs/benchmarks.md out of results
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
    hot,
    machine,
    passes,
    report,
    scale,
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
    one.name: one
    for one in (
        Measurement(
            name="hot-200",
            what="One feed, asked for with gzip, one worker, beside nginx and a compressed file",
            run=hot.fresh,
            programs=("nginx", "wrk"),
        ),
        Measurement(
            name="hot-304",
            what="The same by readers who have it already",
            run=hot.again,
            programs=("nginx", "wrk"),
        ),
        Measurement(
            name="zipf",
            what="Many feeds by Zipf's law, 80 % conditional, two workers, beside nginx",
            run=zipf.quiet,
            programs=("nginx", "wrk"),
        ),
        Measurement(
            name="zipf-busy",
            what="The same while as many articles again are read for the first time",
            run=zipf.busy,
            programs=("wrk",),
        ),
        Measurement(
            name="first-start",
            what="From the start without a state until every feed is served as it stays",
            run=starting.first_start,
            programs=("hugo",),
        ),
        Measurement(
            name="first-start-100k",
            what="The same with more articles",
            run=starting.first_start_100k,
            programs=("hugo",),
        ),
        Measurement(
            name="restart",
            what="From the start with a state until the first feed is served",
            run=starting.restart,
        ),
        Measurement(
            name="idle-pass",
            what="A pass over files of which none has changed",
            run=passes.idle_pass,
            programs=("find",),
        ),
        Measurement(
            name="drop",
            what="One file renamed into place among many, until its feed shows it",
            run=drops.drop,
            programs=("hugo",),
        ),
        Measurement(
            name="memory",
            what="Memory of two workers and the watcher after requests over all feeds",
            run=standing.memory,
        ),
        Measurement(
            name="idle",
            what="Processor time of all processes while nothing happens",
            run=standing.idle,
        ),
        Measurement(
            name="cleaning",
            what="Cleaning the median article, and HTML that is made to be slow",
            run=against_bleach.measure,
        ),
        Measurement(
            name="torture",
            what="Drops and feeds while hostile files lie among the articles",
            run=torture.torture,
        ),
        Measurement(
            name="scale",
            what="First start, pass, drop and memory by the number of articles",
            run=scale.scale,
            programs=("hugo", "find"),
        ),
    )
}


def measure(one: Measurement, work: Work, sizes: Mapping[str, Any]) -> Result:
    """Run one measurement; raises MeasuringError."""
    started = datetime.now(UTC)
    found = one.run(work, **sizes)
    options = [part for name, size in sizes.items() for part in (_option(name), str(size))]
    return Result(
        name=one.name,
        what=one.what,
        date=started.isoformat(timespec="seconds"),
        command=shlex.join(["python", "-m", "benchmarks", one.name, *options]),
        machine=machine.facts(one.programs),
        sizes=sizes,
        figures=found.figures,
        details=found.details,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 where something could not be measured or, asked, is missed."""
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
        for one in chosen:
            try:
                results.append(measure(one, work, {**one.sizes, **options}))
            except _FAILURES as error:
                failed = True
                notes = "\n".join(getattr(error, "__notes__", ()))
                print(f"## {one.name}\n\nnot measured: {error}\n{notes}\n", file=sys.stderr)
                continue
            print(as_text(results[-1]), end="\n\n", flush=True)
            if file:
                report.save(file, results)
    missed = any(figure.reached is False for one in results for figure in one.figures)
    return 1 if failed or (check and missed) else 0


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--work", type=Path, help="where corpora and states are kept [temporary]")
    common.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    common.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    names.add_parser("all", parents=[common], help="all of them, in their default sizes")
    names.add_parser("report", help="make the tables of docs/benchmarks.md out of results")
    for one in MEASUREMENTS.values():
        own = names.add_parser(
            one.name, parents=[common], help=one.what.replace("%", "%%"), description=one.what
        )
        for name, default in one.sizes.items():
            own.add_argument(
                _option(name), type=type(default), default=default, help=f"[{default or 'all'}]"
            )
    return parser


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


if __name__ == "__main__":
    # Ended from outside, what was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
