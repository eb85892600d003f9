"""The command that tells how the service is."""

import json
import sys
import time
from contextlib import closing
from pathlib import Path

import click

from feedsvc.cli.common import PROBLEMS, config_option, json_option, load
from feedsvc.errors import StateError
from feedsvc.index import file_of
from feedsvc.serve import open_index, utc_now, with_base_url


@click.command()
@config_option
@json_option
def status(config_file: Path | None, as_json: bool) -> None:
    """Tell how the service is: passes, problems, silence, feeds, requests.

    It reads the state, as the page /status does. Exits with 0 when feeds can be served and passes
    are made, else with 1.
    """
    from feedsvc.cleaning import Cleaner  # noqa: PLC0415 - `serve` starts without it
    from feedsvc.cli.statuslines import status_lines  # noqa: PLC0415
    from feedsvc.contents import Contents  # noqa: PLC0415
    from feedsvc.health import PASSES, Judge, PassRecord  # noqa: PLC0415
    from feedsvc.publish import Entries, Overviews, Statuses  # noqa: PLC0415
    from feedsvc.silence import KEY, Silences  # noqa: PLC0415

    config, now = load(config_file), utc_now()
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
        sys.exit(PROBLEMS)
