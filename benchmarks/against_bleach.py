"""The measurement of cleaning; `benchmarks.cleaning` reports each pathology."""

from benchmarks import cleaning, pathologies
from benchmarks.measurement import Measured
from benchmarks.results import Figure, at_most, no_more_than
from benchmarks.sites import Work


def measure(
    work: Work,  # noqa: ARG001 - cleaning needs no files
    *,
    size: int = 1_000_000,
    rounds: int = 50,
    only: str = "",
) -> Measured:
    """Measure the median article beside bleach, and the worst pathologies."""
    names = only.split(",") if only else list(pathologies.ALL)
    costs = [cleaning.measure_pathology(name, size) for name in names]
    ours, theirs = cleaning.compare_with_bleach(rounds)
    slowest = max(costs, key=lambda cost: cost.whole.seconds)
    largest = max(costs, key=lambda cost: cost.whole.megabytes)
    broken = [f"{cost.name} ({cost.broken})" for cost in costs if cost.broken]
    return Measured(
        figures=(
            Figure(
                label="the median article",
                unit="ms",
                ours=ours * 1e3,
                yardstick="bleach alone",
                theirs=theirs * 1e3,
                target=at_most(cleaning.MOST_OF_BLEACH),
            ),
            Figure(
                label=f"the slowest pathology ({slowest.name})",
                unit="s",
                ours=slowest.whole.seconds,
                target=no_more_than(cleaning.MOST_SECONDS),
            ),
            Figure(
                label=f"the most memory ({largest.name})",
                unit="MB",
                ours=largest.whole.megabytes,
                target=no_more_than(cleaning.MOST_MEGABYTES),
            ),
            Figure(
                label="pathologies that break a promise",
                unit="",
                ours=len(broken),
                target=no_more_than(0),
            ),
        ),
        details={
            "pathologies": f"{len(costs)} of {size / 1e6:g} MB",
            "broken": ", ".join(broken) or "none",
        },
    )
