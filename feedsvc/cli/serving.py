"""The commands that run until they are stopped."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from feedsvc.cli.common import PATH, config_option, load
from feedsvc.serve import (
    Endpoint,
    available_cores,
    log_to_stderr,
    serve as run_service,
    watch as run_watcher,
)


@click.command()
@config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers",
    default=available_cores,
    show_default="one for each core",
    type=click.IntRange(1, 64),
    help="How many processes answer requests.",
)
@click.option("--uds", type=PATH, help="Listen at this Unix socket, not at --host and --port.")
@click.option("--certificate", type=PATH, help="Serve HTTPS, with this certificate (PEM).")
@click.option("--key", type=PATH, help="The private key of the certificate (PEM).")
@click.option("--access-log", is_flag=True, help="Log every request.")
@click.option("--pid-file", type=PATH, help="Write the id of the main process to this file.")
def serve(config_file: Path | None, workers: int, **endpoint: Any) -> None:
    """Serve the feeds and watch the articles, until stopped.

    SIGHUP makes it read the configuration again.
    """
    config = load(config_file)
    log_to_stderr()
    reread = partial(load, config_file)
    run_service(config, Endpoint(**endpoint), workers=workers, reread=reread)


@click.command()
@config_option
def watch(config_file: Path | None) -> None:
    """Watch the articles, until stopped, for another server that runs the application.

    SIGHUP makes it read the configuration again.
    """
    config = load(config_file)
    log_to_stderr()
    run_watcher(config, reread=partial(load, config_file))
