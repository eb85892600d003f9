"""What is wrong with files and folders, for the operator; nothing is written anywhere."""

from collections.abc import Callable

from feedsvc.config import Config
from feedsvc.model import Problem
from feedsvc.reading import Reading


def check(
    config: Config, progress: Callable[[int, int], None] | None = None
) -> tuple[Problem, ...]:
    """Read every article and return what is wrong, worst first."""
    reading = Reading(config)
    scan = reading.directory.scan()
    problems = [unlisted(folder, reason) for folder, reason in scan.unreadable]
    for done, file in enumerate(scan.signatures.items(), start=1):
        outcome = reading.read(*file)
        problems += outcome.problems if outcome else ()
        if progress:
            progress(done, len(scan.signatures))
    return tuple(sorted(problems, key=lambda one: (one.published, one.source, one.line or 0)))


def unlisted(folder: str, reason: str) -> Problem:
    """Return the problem of a folder that cannot be listed."""
    return Problem(
        source=folder,
        reason=f"the folder cannot be listed ({reason}); what was published of it stays",
        cure="check its owner, its permissions and its disk",
    )
