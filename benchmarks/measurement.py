"""What a measurement is: a name, a function, and its sizes with their defaults."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.results import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a function measured: figures, and what else is worth saying."""

    figures: tuple[Figure, ...]
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One of the registry; the sizes are the keyword-only parameters of `run(work, ...)`."""

    name: str
    what: str
    run: Callable[..., Found]
    programs: tuple[str, ...] = ()  # whose versions belong to the report

    @property
    def sizes(self) -> Mapping[str, Any]:
        """Return the sizes' names and defaults."""
        parameters = inspect.signature(self.run).parameters.values()
        return {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}
