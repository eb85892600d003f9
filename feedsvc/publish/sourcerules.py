"""Whose the articles of a folder are: the first rule of `sources:` that matches a file."""

from collections.abc import Iterable

from feedsvc.model import SourceRule
from feedsvc.scan.walk import IncludePatterns

_WILD = frozenset("*?[")


class SourceRules:
    """The rules of one configuration, in its order."""

    def __init__(self, rules: Iterable[SourceRule]) -> None:
        self._rules = [(rule, IncludePatterns(_patterns(rule.path)).matches) for rule in rules]

    def of(self, source: str) -> SourceRule | None:
        """Return the first rule whose path matches a file, None where none does."""
        return next((rule for rule, matches in self._rules if matches(source)), None)


def _patterns(path: str) -> tuple[str, ...]:
    """Return the patterns for a path; a path without wildcards is a folder, or one file.

    >>> _patterns("sina/**"), _patterns("sina"), _patterns("")
    (('sina/**',), ('sina', 'sina/**'), ('**',))
    """
    if not path:
        return ("**",)
    return (path,) if _WILD & set(path) else (path, f"{path}/**")
