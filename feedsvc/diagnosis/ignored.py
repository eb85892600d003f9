"""Files that are no articles because of their names, for an operator who misses them."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from feedsvc import mediatypes
from feedsvc.config import Config
from feedsvc.scan import Directory

_FIRST = 3  # names of each extension


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """The files with one extension that are no articles: how many, and the names of the first."""

    extension: str  # in lower case, with its dot; "" where they have none
    files: int
    first: tuple[str, ...]


def ignored(config: Config) -> tuple[tuple[Ignored, ...], tuple[Ignored, ...]]:
    """Return two lists of files that are no articles, the most frequent extension first.

    The first has the files that match no pattern of `articles.include`, without hidden files and
    media that is served; the second has the files that an editor or a download has left.
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
