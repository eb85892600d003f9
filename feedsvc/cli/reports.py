"""Reports as text and as JSON."""

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from feedsvc import xmltext
from feedsvc.model import Changes, Problem, Refresh

if TYPE_CHECKING:
    from feedsvc.diagnosis import Checked, Fault, FeedWarning, Ignored

_MOST_COPIES = 10  # that `check` lists
_MOST_EXTENSIONS = 10  # of ignored files that `check` lists


def joined(first: Refresh, second: Refresh) -> Refresh:
    """Join the reports of two passes."""
    changes = Changes(
        added=first.changes.added + second.changes.added,
        modified=first.changes.modified + second.changes.modified,
        removed=first.changes.removed + second.changes.removed,
    )
    return replace(
        second,
        changes=changes,
        seconds=first.seconds + second.seconds,
        cleaned=first.cleaned + second.cleaned,
        rendered=first.rendered + second.rendered,
    )


def problems_by_cure(problems: Sequence[Problem], old_served: Container[str] = ()) -> str:
    """Return the problems that keep an article out, then the others; each group by cure.

    `old_served` are the sources whose last good version is in the feeds.
    """
    lines: list[str] = []
    new = "not the new version: the last good one is served"
    for heading in ("not published", new, "published all the same"):
        by_cure: dict[str, list[Problem]] = {}
        for problem in problems:
            refused = new if problem.source in old_served else "not published"
            if heading == ("published all the same" if problem.published else refused):
                by_cure.setdefault(problem.cure, []).append(problem)
        if by_cure:
            lines.append(f"{heading}: {sum(map(len, by_cure.values()))}")
        for cure, group in sorted(by_cure.items(), key=lambda item: (-len(item[1]), item[0])):
            lines.append(f"  {xmltext.shown(cure)}:")
            lines += [f"    {problem.place}: {problem.what}" for problem in group]
    return "\n".join(lines) or "no problems"


def faults_by_cure(address: str, faults: "Sequence[Fault]") -> str:
    """Return the faults at a public address, those with the same cure together."""
    by_cure: dict[str, list[str]] = {}
    for fault in faults:
        by_cure.setdefault(fault.cure, []).append(f"{fault.reader} {fault.what}")
    lines = [f"{address}: {f'{len(faults)} faults' if faults else 'no faults'}"]
    for cure, group in by_cure.items():
        lines.append(f"  {xmltext.shown(cure)}:")
        lines += [f"    {xmltext.shown(text)}" for text in group]
    return "\n".join(lines)


def ignored_by_extension(reason: str, groups: "Sequence[Ignored]") -> Iterator[str]:
    """Yield lines about the files that are no articles by their names."""
    if groups:
        yield f"ignored, because {reason}: {sum(group.files for group in groups)}"
    for group in groups[:_MOST_EXTENSIONS]:
        more = ", …" if group.files > len(group.first) else ""
        names = ", ".join(map(xmltext.shown, group.first))
        extension = xmltext.shown(group.extension) or "no extension"
        yield f"  {extension}: {group.files} ({names}{more})"
    if len(groups) > _MOST_EXTENSIONS:
        yield f"  … {len(groups) - _MOST_EXTENSIONS} extensions more"


def notes(checked: "Checked") -> Iterator[str]:
    """Yield lines about categories without articles, copies, and the language."""
    if checked.empty:
        yield f"categories without articles: {len(checked.empty)}"
    yield from (f"  {line}" for line in checked.empty)
    if checked.copies:
        yield f"copies of other files, not shown again: {len(checked.copies)}"
    for source, shown in checked.copies[:_MOST_COPIES]:
        yield f"  {xmltext.shown(source)} (shown: {xmltext.shown(shown)})"
    if len(checked.copies) > _MOST_COPIES:
        yield f"  … {len(checked.copies) - _MOST_COPIES} more"
    if checked.language:
        yield checked.language


def feed_warnings(warnings: "Sequence[FeedWarning]") -> Iterator[str]:
    """Yield lines about what the W3C validator would say; first the faults."""
    for faults, heading in (
        (True, "faults of feeds by the rules of the W3C validator"),
        (False, "warnings of the W3C validator that are no faults here"),
    ):
        group = [warning for warning in warnings if faults is not bool(warning.kept)]
        if faults or group:
            yield f"{heading}: {sum(warning.number for warning in group)}"
        for warning in group:
            value = xmltext.shown(" ".join(warning.value.split()))
            times = f" ({warning.number} times)" if warning.number > 1 else ""
            why = f": {warning.kept}" if warning.kept else ""
            yield f"  {warning.feed}: {warning.place}: {warning.warning} {value}{times}{why}"


def as_text(report: Refresh) -> str:
    changes = report.changes
    lines = [
        f"{'warning' if problem.published else 'error'}: {problem}" for problem in report.problems
    ]
    lines.append(
        f"{len(changes.added)} added, {len(changes.modified)} modified,"
        f" {len(changes.removed)} removed; {report.articles} articles,"
        f" {len(report.problems)} problems; {report.seconds:.2f} s"
    )
    lines += [
        f"{xmltext.shown(source)}: still being written, left for the next pass"
        for source in report.pending
    ]
    return "\n".join(lines)


def as_json(report: Refresh) -> str:
    changes = report.changes
    return json.dumps(
        {
            "added": len(changes.added),
            "modified": len(changes.modified),
            "removed": len(changes.removed),
            "articles": report.articles,
            "pending": list(report.pending),
            "seconds": round(report.seconds, 3),
            "problems": [asdict(problem) for problem in report.problems],
        },
        ensure_ascii=False,
    )
