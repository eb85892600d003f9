"""What is wrong with files and folders, for the operator; nothing is written anywhere."""

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from feedsvc import mediatypes
from feedsvc.config import Config
from feedsvc.model import Problem
from feedsvc.reading import Reading
from feedsvc.scan import Directory

_FIRST = 3  # names of each extension


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """The files with one extension that are no articles: how many, and the names of the first."""

    extension: str  # in lower case, with its dot; "" where they have none
    files: int
    first: tuple[str, ...]


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


def ignored(config: Config) -> tuple[tuple[Ignored, ...], tuple[Ignored, ...]]:
    """Return what is no article because of its name, the most frequent extension first.

    First the files that match no pattern of `articles.include`, then those that an editor or a
    download has left. Hidden files are not counted, nor is media that is served.
    """
    articles = config.articles
    directory = Directory(articles.directory, articles.include, articles.links)
    unmatched, left_behind = directory.left_out()
    unknown = (source for source in unmatched if _extension(source) not in mediatypes.TYPES)
    return _by_extension(unknown), _by_extension(left_behind)


def _by_extension(sources: Iterable[str]) -> tuple[Ignored, ...]:
    groups: dict[str, list[str]] = {}
    for source in sources:
        groups.setdefault(_extension(source), []).append(source)
    return tuple(
        Ignored(extension=extension, files=len(group), first=tuple(group[:_FIRST]))
        for extension, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    )


def _extension(source: str) -> str:
    return posixpath.splitext(source)[1].lower()


def unlisted(place: str, reason: str) -> Problem:
    """Return the problem of a folder (with a slash at its end) or file that cannot be looked at."""
    file = place and not place.endswith("/")
    what = "it cannot be looked at" if file else "the folder cannot be listed"
    return Problem(
        source=place,
        reason=f"{what} ({reason}); what was published of it stays",
        cure="check its owner, its permissions and its disk",
    )
