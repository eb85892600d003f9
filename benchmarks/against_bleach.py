"""Cleaning as one of the measurements; `benchmarks.cleaning` measures pathology by pathology."""

from benchmarks import cleaning, pathologies
from benchmarks.measurement import Found
from benchmarks.results import Figure, at_most, no_more_than
from benchmarks.sites import Work


def measure(
    work: Work,  # noqa: ARG001 - it needs no files
    *,
    size: int = 1_000_000,
    rounds: int = 50,
    only: str = "",
) -> Found:
    """Measure the median article beside bleach, and the worst of all pathologies."""
    names = only.split(",") if only else list(pathologies.ALL)
    found = [cleaning.figure(name, size) for name in names]
    ours, theirs = cleaning.against_bleach(rounds)
    slowest = max(found, key=lambda one: one.whole.seconds)
    largest = max(found, key=lambda one: one.whole.megabytes)
    broken = [f"{one.name} ({one.broken})" for one in found if one.broken]
    return Found(
        figures=(
            Figure(
                what="the median article",
                unit="ms",
                ours=ours * 1e3,
                yardstick="bleach alone",
                theirs=theirs * 1e3,
                target=at_most(cleaning.MOST_OF_BLEACH),
            ),
            Figure(
                what=f"the slowest pathology ({slowest.name})",
                unit="s",
                ours=slowest.whole.seconds,
                target=no_more_than(cleaning.MOST_SECONDS),
            ),
            Figure(
                what=f"the most memory ({largest.name})",
                unit="MB",
                ours=largest.whole.megabytes,
                target=no_more_than(cleaning.MOST_MEGABYTES),
            ),
            Figure(
                what="pathologies that break a promise",
                unit="",
                ours=len(broken),
                target=no_more_than(0),
            ),
        ),
        details={
            "pathologies": f"{len(found)} of {size / 1e6:g} MB",
            "broken": ", ".join(broken) or "none",
        },
    )
