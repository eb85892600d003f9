"""What a measurement found, as values, as JSON and as Markdown. Pure: nothing is measured here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bound on a ratio to the yardstick, or on a figure itself."""

    bound: float
    least: bool = False  # else at most
    of_ratio: bool = True

    def reached(self, value: float) -> bool:
        return value >= self.bound if self.least else value <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line: what it is, ours, the yardstick's, and the bound.

    >>> one = Figure(what="pass", unit="s", ours=3, yardstick="find", theirs=2, target=at_most(2))
    >>> one.ratio, one.reached
    (1.5, True)
    """

    what: str
    unit: str
    ours: float
    yardstick: str = ""
    theirs: float | None = None  # None: there is none, or its program is missing
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.theirs else None

    @property
    def reached(self) -> bool | None:
        """Tell whether the target is reached; None where there is none, or no yardstick to it."""
        judged = self.ratio if self.target and self.target.of_ratio else self.ours
        return None if self.target is None or judged is None else self.target.reached(judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures of one measurement, and all that is needed to repeat it."""

    name: str
    what: str
    date: str  # ISO 8601, UTC
    command: str
    machine: Mapping[str, str]
    sizes: Mapping[str, Any]
    figures: tuple[Figure, ...]
    details: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return a value for json.dumps, with the ratios and verdicts that are derived."""
        made = asdict(self)
        for one, figure in zip(made["figures"], self.figures, strict=True):
            one |= {"ratio": figure.ratio, "reached": figure.reached}
        return made


def at_most(bound: float) -> Target:
    return Target(bound=bound)


def at_least(bound: float) -> Target:
    return Target(bound=bound, least=True)


def no_more_than(bound: float) -> Target:
    """Bound a figure itself, not its ratio."""
    return Target(bound=bound, of_ratio=False)


def from_json(value: Mapping[str, Any]) -> Result:
    """Return the result that `as_json` wrote."""
    figures = tuple(
        Figure(
            what=one["what"],
            unit=one["unit"],
            ours=one["ours"],
            yardstick=one["yardstick"],
            theirs=one["theirs"],
            target=Target(**one["target"]) if one["target"] else None,
        )
        for one in value["figures"]
    )
    return Result(**{**value, "figures": figures})


def as_text(result: Result) -> str:
    """Return the report of one measurement, in Markdown that reads well on a terminal."""
    lines = [
        f"## {result.name}",
        "",
        f"{result.what}.",
        "",
        *table(result.figures),
        "",
        *(f"* {name}: {said}" for name, said in result.details.items()),
        f"* on {machine(result.machine)}; {result.date}",
        f"* again: `{result.command}`",
    ]
    return "\n".join(lines)


def machine(facts: Mapping[str, str]) -> str:
    """Return the facts in one line."""
    return ", ".join(f"{name} {said}" if name else said for name, said in facts.items())


def table(figures: tuple[Figure, ...]) -> list[str]:
    """Return the lines of a table."""
    lines = [
        "| what | feedsvc | yardstick | | ratio | target | reached |",
        "|---|---:|---|---:|---:|---|---|",
    ]
    for one in figures:
        cells = (
            one.what,
            _number(one.ours, one.unit),
            one.yardstick or "–",
            _number(one.theirs, one.unit),
            _number(one.ratio),
            _target(one),
            {True: "yes", False: "**no**", None: "–"}[one.reached],
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return "–"
    digits = (
        0
        if value == 0 or abs(value) >= 100
        else 1
        if abs(value) >= 10
        else 2
        if abs(value) >= 0.1
        else 4
    )
    return f"{value:,.{digits}f} {unit}".strip()


def _target(one: Figure) -> str:
    if one.target is None:
        return "–"
    sign = "≥" if one.target.least else "≤"
    unit = "" if one.target.of_ratio else f" {one.unit}"
    return f"{sign} {one.target.bound:g}{unit}".rstrip()
