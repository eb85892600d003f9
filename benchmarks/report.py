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
    return [from_json(one) for one in json.loads(file.read_text("utf-8"))]


def save(file: Path, results: Iterable[Result]) -> None:
    """Write results as JSON."""
    made = [one.as_json() for one in results]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")


def tables(results: Sequence[Result]) -> str:
    """Return the tables in Markdown, one for each measurement, with date, machine and command."""
    lines: list[str] = []
    for one in results:
        lines += [
            f"### {one.name}",
            "",
            f"{one.what}. {one.date[:10]}.",
            "",
            *table(one.figures),
            "",
            *(f"* {name}: {said}" for name, said in one.details.items()),
            f"* again: `{one.command}`",
            "",
        ]
    for facts in dict.fromkeys(machine(one.machine) for one in results):
        named = [one.name for one in results if machine(one.machine) == facts]
        lines += [f"Measured on {facts}: {', '.join(named)}.", ""]
    return "\n".join(lines)


def insert(document: str, results: Sequence[Result]) -> str:
    """Return a document with its tables made anew.

    >>> insert("a <!-- results -->\\nold<!-- end of results -->\\n b", [])
    'a <!-- results -->\\n\\n<!-- end of results -->\\n b'
    """
    before, _, rest = document.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{tables(results)}{_END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write the tables of results into a document; of two of one name, the later."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks report", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, help="files that --json wrote")
    parser.add_argument(
        "--into", type=Path, default=_DOCS, help="the document [docs/benchmarks.md]"
    )
    options = parser.parse_args(arguments)
    found = {one.name: one for file in options.results for one in load(file)}
    results = list(found.values())
    document = insert(options.into.read_text("utf-8"), results)
    drawn = options.into.with_suffix(".svg")
    if "scale" in found:
        if importlib.util.find_spec("matplotlib"):
            scale.plot(found["scale"], drawn)
            print(f"wrote {drawn}")
        else:
            print("no plot without matplotlib: pip install 'feedsvc[bench]'")
    options.into.write_text(document, "utf-8")
    print(f"wrote {options.into}")
    return 0
