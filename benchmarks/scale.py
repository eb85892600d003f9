"""How costs grow with the number of articles; `plot` draws it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import drops, hugo, passes, standing, starting
from benchmarks.measurement import Found
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
) -> Found:
    """Measure first start, pass, drop and memory for each of some numbers of articles."""
    figures: list[Figure] = []
    for articles in map(int, sizes.split(",")):
        site = work.site(articles)
        warm(site.articles)
        _, everything = starting.once(site)
        passed = passes.figure(site, passes_each)
        resident, _, _ = standing.after(site, requests)
        latencies, _ = drops.measure(site, drops_each, 1, 0.5)
        try:
            build = hugo.build(work.folder / "hugo", site.articles).wall
        except MissingError:
            build = None
        found = (
            ("first start", "s", everything, "hugo", build),
            ("pass", "ms", passed.ours, "find", passed.theirs),
            ("drop", "ms", drops.percentile(latencies, 0.5) * 1e3, "", None),
            ("memory", "MB", resident, "", None),
        )
        figures += [
            Figure(
                what=f"{what}, {articles:,} articles",
                unit=unit,
                ours=ours,
                yardstick=yardstick,
                theirs=theirs,
            )
            for what, unit, ours, yardstick, theirs in found
        ]
    return Found(figures=tuple(figures))


def plot(result: Result, file: Path) -> None:
    """Draw a result of `scale` as SVG; needs matplotlib (the extra `bench`)."""
    import matplotlib as mpl  # noqa: PLC0415 - an optional extra, needed here alone

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    # Equal figures give equal bytes; text stays text.
    mpl.rcParams |= {"svg.hashsalt": "feedsvc", "svg.fonttype": "none", "font.size": 9}
    drawn, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained")
    for (name, title), one in zip(_TITLES.items(), axes.flat, strict=True):
        figures = [figure for figure in result.figures if figure.what.startswith(f"{name}, ")]
        articles = [int(re.sub(r"\D", "", figure.what)) for figure in figures]
        one.plot(articles, [figure.ours for figure in figures], "o-", label="feedsvc")
        beside = [(n, f.theirs) for n, f in zip(articles, figures, strict=True) if f.theirs]
        if beside:
            one.plot(*zip(*beside, strict=True), "s--", color="gray", label=figures[0].yardstick)
        _draw_frame(one, f"{name}: {title}", figures, articles)
    drawn.savefig(file, format="svg", metadata={"Date": None, "Creator": "feedsvc benchmarks"})
    plt.close(drawn)


def _draw_frame(axes: Any, title: str, figures: Sequence[Figure], articles: Sequence[int]) -> None:
    axes.set(title=title, xscale="log", xlabel="articles", ylabel=figures[0].unit)
    axes.set_xticks(articles, [f"{one:,}" for one in articles])
    axes.set_xticks([], minor=True)
    if figures[0].yardstick:
        axes.set_yscale("log")  # what grows with the articles
    else:
        axes.set_ylim(bottom=0)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
