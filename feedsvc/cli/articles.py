"""The commands that read articles once and report."""

import json
import sys
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click

from feedsvc import xmltext
from feedsvc.cli.common import CONFIG, PROBLEMS, config_option, json_option, load
from feedsvc.cli.reports import (
    as_json as report_as_json,
    as_text,
    faults_by_cure,
    feed_warnings,
    ignored_by_extension,
    joined,
    notes,
    problems_by_cure,
)
from feedsvc.config import Config
from feedsvc.errors import ConfigError, FeedsvcError
from feedsvc.progressbar import progress_bar
from feedsvc.schedule import schedule_of
from feedsvc.serve import available_cores, open_index, utc_now, with_base_url

_MOST_WAITS = 5  # for files that are being written


@click.command()
@config_option
@json_option
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

    config = load(config_file)
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
                report = joined(report, passes.make(progress))
            note.report = report
    click.echo(report_as_json(report) if as_json else as_text(report))


@click.command()
@config_option
@json_option
@click.option("--live", is_flag=True, help="Check what readers get at the public address instead.")
@click.option("--feeds", is_flag=True, help="Also judge the feeds as the W3C validator does.")
@click.argument("url", required=False)
def check(
    config_file: Path | None, as_json: bool, live: bool, feeds: bool, url: str | None
) -> None:
    """Check the configuration and every article; change nothing.

    With --live, ask for the feed at URL as feed readers do, by default at site.base_url.

    Exits with 0 when all is well, 1 when articles have problems, 2 when the configuration has.
    """
    if url is not None and not live:
        raise click.UsageError("a URL is for --live")
    try:
        if live:
            _check_live(url or load(config_file).site.base_url, as_json=as_json)
        else:
            _check_articles(load(config_file), as_json=as_json, lint=feeds)
    except FeedsvcError as error:
        if not as_json:
            raise
        mistakes = error.mistakes if isinstance(error, ConfigError) else ()
        report = {"error": str(error), "mistakes": [asdict(mistake) for mistake in mistakes]}
        click.echo(json.dumps(report, ensure_ascii=False))
        sys.exit(CONFIG if mistakes else PROBLEMS)


def _check_articles(config: Config, *, as_json: bool, lint: bool) -> None:
    """Report what is wrong with the articles and the feeds."""
    from feedsvc.diagnosis import check as check_articles, ignored  # noqa: PLC0415 - see above

    schedule_of(config)  # raises ConfigError
    with progress_bar() as progress:
        checked = check_articles(
            config, utc_now(), progress, processes=available_cores(), lint=lint
        )
    problems = checked.problems
    unmatched, left_behind = ignored(config)
    if as_json:
        report = {
            "problems": [asdict(problem) for problem in problems],
            "last_good_served": sorted(checked.old_served),
            "empty_categories": checked.empty,
            "copies": [{"source": source, "shown": shown} for source, shown in checked.copies],
            "feed_warnings": [asdict(warning) for warning in checked.warnings] if lint else None,
            "ignored": {
                "unmatched": [asdict(group) for group in unmatched],
                "left_behind": [asdict(group) for group in left_behind],
            },
            "language": checked.language,
        }
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        click.echo(problems_by_cure(problems, checked.old_served))
        for line in (
            *ignored_by_extension("no pattern of articles.include matches", unmatched),
            *ignored_by_extension("an editor or a download left them", left_behind),
            *notes(checked),
            *(feed_warnings(checked.warnings) if lint else ()),
        ):
            click.echo(line)
    if problems or any(not warning.kept for warning in checked.warnings):
        sys.exit(PROBLEMS)


def _check_live(address: str, *, as_json: bool) -> None:
    """Report what is wrong at a public address."""
    from feedsvc.diagnosis import LiveCheck  # noqa: PLC0415 - see above

    check = LiveCheck(address)
    faults = list(check.faults())
    if as_json:
        report = {"address": check.address, "faults": [asdict(fault) for fault in faults]}
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        click.echo(faults_by_cure(check.address, faults))
    if faults:
        sys.exit(PROBLEMS)


@click.command()
@config_option
@click.argument("file")
def explain(config_file: Path | None, file: str) -> None:
    """Show one article step by step: how FILE is read, its id, its content, its feeds.

    FILE is a path, or the article's path inside the articles directory.
    """
    from feedsvc.cleaning import Cleaner  # noqa: PLC0415 - see above
    from feedsvc.contents import Contents  # noqa: PLC0415 - see above
    from feedsvc.diagnosis import Explainer  # noqa: PLC0415 - see above

    config = load(config_file)
    with closing(open_index(config)) as index, closing(Cleaner()) as cleaner:
        config = with_base_url(config, index)
        explainer = Explainer(config, index, Contents(config, index, cleaner))
        for heading, lines in explainer.explain(file, utc_now()):
            click.echo(f"{heading}:")
            for line in lines:
                click.echo(f"  {xmltext.shown(line.expandtabs())}")
