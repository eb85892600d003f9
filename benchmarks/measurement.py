"""A measurement: a name, a function, and its sizes with their defaults."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.results import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures that a function measured, and further details for the report."""

    figures: tuple[Figure, ...]
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A named function; its sizes are the keyword-only parameters of `run(work, ...)`."""

    name: str
    title: str
    run: Callable[..., Measured]
    programs: tuple[str, ...] = ()  # their versions belong to the report

    @property
    def sizes(self) -> Mapping[str, Any]:
        """Return the names and defaults of the sizes."""
        parameters = inspect.signature(self.run).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
