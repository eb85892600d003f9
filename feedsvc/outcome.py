"""The outcome of reading one file. Pure."""

from dataclasses import dataclass

from feedsvc import identity
from feedsvc.model import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of reading one file.

    `file` is None where the file could not be read. With `again`, the next pass reads the file
    again although it is unchanged. `trace` is the traceback of an unexpected failure, for the log.
    """

    source: str
    file: identity.ReadFile | None
    problems: tuple[Problem, ...]
    again: bool = False
    trace: str | None = None
