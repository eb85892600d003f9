"""The results of measurements as values, as JSON and as Markdown. Pure."""

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
    """One line of a table: its label, our figure, the yardstick's, and the target.

    >>> cost = Figure(label="pass", unit="s", ours=3, yardstick="find", theirs=2, target=at_most(2))
    >>> cost.ratio, cost.reached
    (1.5, True)
    """

    label: str
    unit: str
    ours: float
    yardstick: str = ""
    theirs: float | None = None  # None: no yardstick, or its program is missing
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.theirs else None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without a target, or without its yardstick."""
        judged = self.ratio if self.target and self.target.of_ratio else self.ours
        return None if self.target is None or judged is None else self.target.reached(judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures of one measurement, with the command and the facts to repeat it."""

    name: str
    title: str
    date: str  # ISO 8601, UTC
    command: str
    machine: Mapping[str, str]
    sizes: Mapping[str, Any]
    figures: tuple[Figure, ...]
    details: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return a value for json.dumps, with each figure's ratio and `reached`."""
        result = asdict(self)
        for fields, figure in zip(result["figures"], self.figures, strict=True):
            fields |= {"ratio": figure.ratio, "reached": figure.reached}
        return result


def at_most(bound: float) -> Target:
    return Target(bound=bound)


def at_least(bound: float) -> Target:
    return Target(bound=bound, least=True)


def no_more_than(bound: float) -> Target:
    """Bound a figure itself, not its ratio."""
    return Target(bound=bound, of_ratio=False)


def no_less_than(bound: float) -> Target:
    """Bound a figure itself from below."""
    return Target(bound=bound, least=True, of_ratio=False)


def from_json(value: Mapping[str, Any]) -> Result:
    """Return the result that `as_json` wrote."""
    figures = tuple(
        Figure(
            label=fields["label"],
            unit=fields["unit"],
            ours=fields["ours"],
            yardstick=fields["yardstick"],
            theirs=fields["theirs"],
            target=Target(**fields["target"]) if fields["target"] else None,
        )
        for fields in value["figures"]
    )
    return Result(**{**value, "figures": figures})


def as_text(result: Result) -> str:
    """Return the report of one measurement in Markdown."""
    lines = [
        f"## {result.name}",
        "",
        f"{result.title}.",
        "",
        *table(result.figures),
        "",
        *(f"* {name}: {detail}" for name, detail in result.details.items()),
        f"* on {machine(result.machine)}; {result.date}",
        f"* again: `{result.command}`",
    ]
    return "\n".join(lines)


def machine(facts: Mapping[str, str]) -> str:
    """Return the facts in one line."""
    return ", ".join(f"{name} {value}" if name else value for name, value in facts.items())


def table(figures: tuple[Figure, ...]) -> list[str]:
    """Return the lines of a table."""
    lines = [
        "| figure | feedsvc | yardstick | | ratio | target | reached |",
        "|---|---:|---|---:|---:|---|---|",
    ]
    for figure in figures:
        cells = (
            figure.label,
            _number(figure.ours, figure.unit),
            figure.yardstick or "–",
            _number(figure.theirs, figure.unit),
            _number(figure.ratio),
            _target(figure),
            {True: "yes", False: "**no**", None: "–"}[figure.reached],
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


def _target(figure: Figure) -> str:
    if figure.target is None:
        return "–"
    sign = "≥" if figure.target.least else "≤"
    unit = "" if figure.target.of_ratio else f" {figure.unit}"
    return f"{sign} {figure.target.bound:g}{unit}".rstrip()
