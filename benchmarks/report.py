"""From results to docs/benchmarks.md: its tables, and the plot of `scale`."""

import argparse
import importlib.util
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import scale
from benchmarks.results import Result, from_json, machine, table

_DOCS = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- results -->\n", "<!-- end of results -->\n"


def load(file: Path) -> list[Result]:
    """Return the results in a file that `--json` wrote."""
    return [from_json(value) for value in json.loads(file.read_text("utf-8"))]


def save(file: Path, results: Iterable[Result]) -> None:
    """Write results as JSON."""
    values = [result.as_json() for result in results]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", "utf-8")


def tables(results: Sequence[Result]) -> str:
    """Return a Markdown table for each measurement, with date, machine and command."""
    lines: list[str] = []
    for result in results:
        lines += [
            f"### {result.name}",
            "",
            f"{result.title}. {result.date[:10]}.",
            "",
            *table(result.figures),
            "",
            *(f"* {name}: {detail}" for name, detail in result.details.items()),
            f"* again: `{result.command}`",
            "",
        ]
    for facts in dict.fromkeys(machine(result.machine) for result in results):
        names = [result.name for result in results if machine(result.machine) == facts]
        lines += [f"Measured on {facts}: {', '.join(names)}.", ""]
    return "\n".join(lines)


def insert(document: str, results: Sequence[Result]) -> str:
    """Return a document with new tables.

    >>> insert("a <!-- results -->\\nold<!-- end of results -->\\n b", [])
    'a <!-- results -->\\n\\n<!-- end of results -->\\n b'
    """
    before, _, rest = document.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{tables(results)}{_END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write the tables of results into a document; a later result of the same name wins."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks report", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, help="files that --json wrote")
    parser.add_argument(
        "--into", type=Path, default=_DOCS, help="the document [docs/benchmarks.md]"
    )
    options = parser.parse_args(arguments)
    by_name = {result.name: result for file in options.results for result in load(file)}
    results = list(by_name.values())
    document = insert(options.into.read_text("utf-8"), results)
    plot_file = options.into.with_suffix(".svg")
    if "scale" in by_name:
        if importlib.util.find_spec("matplotlib"):
            scale.plot(by_name["scale"], plot_file)
            print(f"wrote {plot_file}")
        else:
            print("no plot without matplotlib: pip install 'feedsvc[bench]'")
    options.into.write_text(document, "utf-8")
    print(f"wrote {options.into}")
    return 0
