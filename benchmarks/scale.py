"""The growth of costs with the number of articles; `plot` draws it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import drops, hugo, passes, standing, starting
from benchmarks.measurement import Measured
from benchmarks.programs import MissingError
from benchmarks.results import Figure, Result
from benchmarks.sites import Work, warm

_TITLES = {
    "first start": "until every feed is served",
    "pass": "processor time, nothing changed",
    "drop": "until its feed shows a file, median",
    "memory": "resident, all processes",
}


def scale(
    work: Work,
    *,
    sizes: str = "1000,10000,100000",
    drops_each: int = 20,
    requests: int = 5_000,
    passes_each: int = 5,
) -> Measured:
    """Measure first start, pass, drop and memory for each number of articles in `sizes`."""
    figures: list[Figure] = []
    for articles in map(int, sizes.split(",")):
        site = work.site(articles)
        warm(site.articles)
        _, all_feeds = starting.start_once(site)
        pass_cost = passes.figure(site, passes_each)
        resident, _, _ = standing.memory_after_requests(site, requests)
        latencies, _ = drops.measure(site, drops_each, 1, 0.5)
        try:
            build = hugo.build(work.folder / "hugo", site.articles).wall
        except MissingError:
            build = None
        rows = (
            ("first start", "s", all_feeds, "hugo", build),
            ("pass", "ms", pass_cost.ours, "find", pass_cost.theirs),
            ("drop", "ms", drops.percentile(latencies, 0.5) * 1e3, "", None),
            ("memory", "MB", resident, "", None),
        )
        figures += [
            Figure(
                label=f"{name}, {articles:,} articles",
                unit=unit,
                ours=ours,
                yardstick=yardstick,
                theirs=theirs,
            )
            for name, unit, ours, yardstick, theirs in rows
        ]
    return Measured(figures=tuple(figures))


def plot(result: Result, file: Path) -> None:
    """Draw a result of `scale` as SVG; needs matplotlib (the extra `bench`)."""
    import matplotlib as mpl  # noqa: PLC0415 - an optional extra, needed only here

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    # Equal figures give equal bytes; text stays text.
    mpl.rcParams |= {"svg.hashsalt": "feedsvc", "svg.fonttype": "none", "font.size": 9}
    drawing, plots = plt.subplots(2, 2, figsize=(9, 6), layout="constrained")
    for (name, title), axes in zip(_TITLES.items(), plots.flat, strict=True):
        figures = [figure for figure in result.figures if figure.label.startswith(f"{name}, ")]
        articles = [int(re.sub(r"\D", "", figure.label)) for figure in figures]
        axes.plot(articles, [figure.ours for figure in figures], "o-", label="feedsvc")
        theirs = [(n, f.theirs) for n, f in zip(articles, figures, strict=True) if f.theirs]
        if theirs:
            axes.plot(*zip(*theirs, strict=True), "s--", color="gray", label=figures[0].yardstick)
        _draw_frame(axes, f"{name}: {title}", figures, articles)
    drawing.savefig(file, format="svg", metadata={"Date": None, "Creator": "feedsvc benchmarks"})
    plt.close(drawing)


def _draw_frame(axes: Any, title: str, figures: Sequence[Figure], articles: Sequence[int]) -> None:
    axes.set(title=title, xscale="log", xlabel="articles", ylabel=figures[0].unit)
    axes.set_xticks(articles, [f"{number:,}" for number in articles])
    axes.set_xticks([], minor=True)
    if figures[0].yardstick:
        axes.set_yscale("log")  # these costs grow with the number of articles
    else:
        axes.set_ylim(bottom=0)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
