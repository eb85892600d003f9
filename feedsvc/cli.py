"""The commands: `feedsvc serve`, `watch`, `refresh`, `check`, `status`, `explain`, `ledger`.

A command imports what it alone needs, so that `serve` starts its processes sooner.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, get_args

import click

from feedsvc import __version__, config as configuration, xmltext
from feedsvc.config import Config
from feedsvc.errors import ConfigError, FeedsvcError, StateError
from feedsvc.index import file_of, journal
from feedsvc.model import Changes, Problem, Refresh
from feedsvc.progressbar import progress_bar
from feedsvc.schedule import trigger
from feedsvc.serve import (
    Endpoint,
    Log,
    available_cores,
    log_to_stderr,
    open_index,
    serve as run_service,
    utc_now,
    watch as run_watcher,
    with_base_url,
)
from feedsvc.serve.log import Format, Level

if TYPE_CHECKING:
    from feedsvc.diagnosis import Ignored

_PROBLEMS, _CONFIG = 1, 2  # exit codes
_MOST_WAITS = 5  # for files that are being written
_MOST_EXTENSIONS = 10  # of ignored files that `check` lists


_PATH = click.Path(path_type=Path)
_config_option = click.option(
    "--config",
    "config_file",
    type=_PATH,
    help="The configuration. Else $FEEDSVC_CONFIG, ./config.yaml, or the defaults.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Report as one JSON object.")


def _with_log_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with the options of the log, which it gets as `log`."""

    @click.option(
        "--log-level",
        default="info",
        show_default=True,
        type=click.Choice(get_args(Level)),
        help="Log events of this kind, and more serious ones.",
    )
    @click.option(
        "--log-format",
        default="auto",
        show_default=True,
        type=click.Choice(get_args(Format)),
        help="auto is text on a terminal, else JSON: one object for each event, each in a line.",
    )
    @wraps(command)
    def with_log(*args: Any, log_level: Level, log_format: Format, **options: Any) -> None:
        command(*args, log=Log(level=log_level, format=log_format), **options)

    return with_log


class _Commands(click.Group):
    """Commands that report a FeedsvcError as text; any other exception is a bug."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(str(error), err=True)
            ctx.exit(_CONFIG)
        except FeedsvcError as error:
            click.echo(f"feedsvc: {error}", err=True)
            ctx.exit(_PROBLEMS)


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="feedsvc")
def main() -> None:
    """Turn a directory of article files into Atom, RSS and JSON feeds."""


@main.command()
@_config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers",
    default=available_cores,
    show_default="one for each core",
    type=click.IntRange(1, 64),
    help="How many processes answer requests.",
)
@click.option("--uds", type=_PATH, help="Listen at this Unix socket, not at --host and --port.")
@click.option("--certificate", type=_PATH, help="Serve HTTPS, with this certificate (PEM).")
@click.option("--key", type=_PATH, help="The private key of the certificate (PEM).")
@click.option("--access-log", is_flag=True, help="Log every request.")
@click.option("--pid-file", type=_PATH, help="Write the id of the main process to this file.")
@_with_log_options
def serve(config_file: Path | None, workers: int, log: Log, **endpoint: Any) -> None:
    """Serve the feeds and watch the articles, until stopped.

    SIGHUP makes it read the configuration again.
    """
    config = _load(config_file)
    log_to_stderr(log)
    reread = partial(_load, config_file)
    run_service(config, Endpoint(**endpoint), workers=workers, reread=reread, log=log)


@main.command()
@_config_option
@_with_log_options
def watch(config_file: Path | None, log: Log) -> None:
    """Watch the articles, until stopped, for another server that runs the application.

    SIGHUP makes it read the configuration again.
    """
    config = _load(config_file)
    log_to_stderr(log)
    run_watcher(config, reread=partial(_load, config_file), log=log)


@main.command()
@_config_option
@_json_option
@click.option(
    "--accept-empty",
    is_flag=True,
    help="An empty directory is in the place of the old one, on purpose: remove every article.",
)
def refresh(config_file: Path | None, as_json: bool, accept_empty: bool) -> None:
    """Make one pass over the articles and report it.

    It waits for files that may still be being written.
    """
    from feedsvc.health import PassNotes  # noqa: PLC0415 - see above
    from feedsvc.passes import Passes  # noqa: PLC0415 - see above

    config = _load(config_file)
    with closing(open_index(config, owner=True)) as index:
        config = with_base_url(config, index)
        notes = PassNotes(config, index, utc_now, watched=False)
        with (
            closing(Passes(config, index, utc_now, processes=available_cores())) as passes,
            progress_bar() as progress,
            notes.noting() as note,
        ):
            report = passes.make(progress, accept_empty=accept_empty)
            for _ in range(_MOST_WAITS):
                if not report.pending or report.again_in is None:
                    break
                time.sleep(report.again_in)
                report = _joined(report, passes.make(progress))
            note.report = report
    click.echo(_as_json(report) if as_json else _as_text(report))


@main.command()
@_config_option
@_json_option
def check(config_file: Path | None, as_json: bool) -> None:
    """Check the configuration and every article; change nothing.

    Exits with 0 when all is well, 1 when articles have problems, 2 when the configuration has.
    """
    from feedsvc.diagnosis import check as check_articles, ignored  # noqa: PLC0415 - see above

    config = _load(config_file)
    trigger(config.articles.rescan, config.site.timezone)  # raises ConfigError
    with progress_bar() as progress:
        checked = check_articles(config, utc_now(), progress, processes=available_cores())
    problems = checked.problems
    unmatched, left_behind = ignored(config)
    if as_json:
        report = {
            "problems": [asdict(problem) for problem in problems],
            "ignored": {
                "unmatched": [asdict(group) for group in unmatched],
                "left_behind": [asdict(group) for group in left_behind],
            },
            "language": checked.language,
        }
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        click.echo(_problems_by_cure(problems))
        for line in (
            *_ignored_by_extension("no pattern of articles.include matches", unmatched),
            *_ignored_by_extension("an editor or a download left them", left_behind),
        ):
            click.echo(line)
        if checked.language:
            click.echo(checked.language)
    if problems:
        sys.exit(_PROBLEMS)


@main.command()
@_config_option
@_json_option
def status(config_file: Path | None, as_json: bool) -> None:
    """Tell how the service is: passes, problems, silence, feeds, requests.

    It reads the state, as the page /status does. Exits with 0 when feeds can be served and passes
    are made, else with 1.
    """
    from feedsvc.cleaning import Cleaner  # noqa: PLC0415 - see above
    from feedsvc.contents import Contents  # noqa: PLC0415 - see above
    from feedsvc.health import PASSES, Judge, PassRecord  # noqa: PLC0415 - see above
    from feedsvc.publish import Entries, Overviews, Statuses  # noqa: PLC0415 - see above
    from feedsvc.reports import status_lines  # noqa: PLC0415 - see above
    from feedsvc.silence import KEY, Silences  # noqa: PLC0415 - see above

    config, now = _load(config_file), utc_now()
    file = file_of(config.state.url)
    if file is not None and not file.exists():
        raise StateError(f"there is no state at {file} yet; `feedsvc serve` makes it")
    with closing(open_index(config)) as index, closing(Cleaner()) as cleaner:
        config = with_base_url(config, index)
        entries = Entries(config, index, Contents(config, index, cleaner))
        numbers = None
        if index.meta.is_ready():
            statuses = Statuses(config, index, Overviews(config, index, entries))
            numbers = statuses.read(now.astimezone(config.site.timezone).date())
        health = Judge(time.time).health_of(index)
        ready = numbers is not None and health.well
        if as_json:
            from feedsvc.web.pages.status import report  # noqa: PLC0415 - it needs Flask

            answer = {**report(index, numbers, now, everything=True), "ready": ready}
            click.echo(json.dumps(answer, ensure_ascii=False))
        else:
            reading = index.database.progress.read()
            for line in status_lines(
                numbers,
                title=config.site.title,
                address=config.site.base_url,
                ready=ready,
                health=health,
                record=PassRecord.parse(index.meta.get(PASSES)),
                silences=Silences.parse(index.meta.get(KEY)),
                reading=(reading.done, reading.total),
                now=now,
            ):
                click.echo(line)
    if not ready:
        sys.exit(_PROBLEMS)


@main.command()
@_config_option
@click.argument("file")
def explain(config_file: Path | None, file: str) -> None:
    """Show one article step by step: how FILE is read, its id, its content, its feeds.

    FILE is a path, or the article's path inside the articles directory.
    """
    from feedsvc.cleaning import Cleaner  # noqa: PLC0415 - see above
    from feedsvc.contents import Contents  # noqa: PLC0415 - see above
    from feedsvc.diagnosis import Explainer  # noqa: PLC0415 - see above

    config = _load(config_file)
    with closing(open_index(config)) as index, closing(Cleaner()) as cleaner:
        config = with_base_url(config, index)
        explainer = Explainer(config, index, Contents(config, index, cleaner))
        for heading, lines in explainer.explain(file, utc_now()):
            click.echo(f"{heading}:")
            for line in lines:
                click.echo(f"  {xmltext.shown(line.expandtabs())}")


@main.group()
def ledger() -> None:
    """Back up the ids of all entries, or put them back."""


@ledger.command("export")
@_config_option
@click.argument("file", type=click.File("w", encoding="utf-8", atomic=True), default="-")
def ledger_export(config_file: Path | None, file: TextIO) -> None:
    """Write the ledger to FILE, or to standard output, as lines of JSON."""
    with closing(open_index(_load(config_file))) as index:
        file.writelines(f"{journal.line(identity)}\n" for identity in index.ledger.all())


@ledger.command("import")
@_config_option
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
def ledger_import(config_file: Path | None, file: TextIO) -> None:
    """Take over the ids in FILE, or in standard input, as `ledger export` writes them.

    For an article that the ledger knows already, the id in FILE counts.
    """
    with closing(open_index(_load(config_file))) as index:
        number = index.import_ledger(journal.parse_all(file))
    click.echo(f"{number} ids taken over")


def _joined(first: Refresh, second: Refresh) -> Refresh:
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


def _load(file: Path | None) -> Config:
    return configuration.find(file, os.environ)


def _problems_by_cure(problems: Sequence[Problem]) -> str:
    """Return the problems that keep an article out, then the others; each group by cure."""
    lines: list[str] = []
    for published, heading in ((False, "not published"), (True, "published all the same")):
        by_cure: dict[str, list[Problem]] = {}
        for problem in problems:
            if problem.published is published:
                by_cure.setdefault(problem.cure, []).append(problem)
        if by_cure:
            lines.append(f"{heading}: {sum(map(len, by_cure.values()))}")
        for cure, group in sorted(by_cure.items(), key=lambda item: (-len(item[1]), item[0])):
            lines.append(f"  {xmltext.shown(cure)}:")
            lines += [f"    {problem.place}: {problem.what}" for problem in group]
    return "\n".join(lines) or "no problems"


def _ignored_by_extension(reason: str, groups: "Sequence[Ignored]") -> Iterator[str]:
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


def _as_text(report: Refresh) -> str:
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


def _as_json(report: Refresh) -> str:
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
