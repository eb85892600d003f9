"""What is wrong with files and folders, for the operator; nothing is written anywhere."""

from collections.abc import Callable

from feedsvc.config import Config
from feedsvc.identity import Found
from feedsvc.model import Problem
from feedsvc.reading import Reading


def check(
    config: Config,
    progress: Callable[[int, int], None] | None = None,
    *,
    seen: Callable[[Found], None] | None = None,
) -> tuple[Problem, ...]:
    """Read every article and return what is wrong, worst first; `seen` is given what is right."""
    reading = Reading(config)
    scan = reading.directory.scan()
    problems = [unlisted(folder, reason) for folder, reason in scan.unreadable]
    for done, file in enumerate(scan.signatures.items(), start=1):
        outcome = reading.read(*file)
        problems += outcome.problems if outcome else ()
        if seen and outcome and outcome.found:
            seen(outcome.found)
        if progress:
            progress(done, len(scan.signatures))
    return tuple(sorted(problems, key=lambda one: (one.published, one.source, one.line or 0)))


def unlisted(place: str, reason: str) -> Problem:
    """Return the problem of a folder (with a slash at its end) or file that cannot be looked at."""
    file = place and not place.endswith("/")
    what = "it cannot be looked at" if file else "the folder cannot be listed"
    return Problem(
        source=place,
        reason=f"{what} ({reason}); what was published of it stays",
        cure="check its owner, its permissions and its disk",
    )
