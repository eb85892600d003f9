"""The commands that run until they are stopped."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, get_args

import click

from feedsvc.cli.common import PATH, config_option, load
from feedsvc.config import Config
from feedsvc.serve import (
    Endpoint,
    Log,
    available_cores,
    log_to_stderr,
    serve as run_service,
    watch as run_watcher,
)
from feedsvc.serve.log import Format, Level


def rereading(config: Config) -> Callable[[], Config]:
    """Return what reads the file of a configuration again, or the first that comes.

    Once there is a file, it must stay: without it, the defaults would take all feeds away.
    """
    file = config.file

    def reread() -> Config:
        nonlocal file
        new = load(Path(file) if file else None)
        file = new.file
        return new

    return reread


def with_log_options(command: Callable[..., None]) -> Callable[..., None]:
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
@with_log_options
def serve(config_file: Path | None, workers: int, log: Log, **endpoint: Any) -> None:
    """Serve the feeds and watch the articles, until stopped.

    An edited configuration is taken over within seconds, and at SIGHUP.
    """
    config = load(config_file)
    log_to_stderr(log)
    reread = rereading(config)
    run_service(config, Endpoint(**endpoint), workers=workers, reread=reread, log=log)


@click.command()
@config_option
@with_log_options
def watch(config_file: Path | None, log: Log) -> None:
    """Watch the articles, until stopped, for another server that runs the application.

    An edited configuration is taken over within seconds, and at SIGHUP.
    """
    config = load(config_file)
    log_to_stderr(log)
    run_watcher(config, reread=rereading(config), log=log)
