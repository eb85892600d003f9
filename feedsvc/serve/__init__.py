"""Processes: granian's web workers, and one watcher beside them.

`serve` runs all of it, `watch` the watcher alone, and `create_app` is for any other WSGI server: it
starts a watcher process, and however many processes call it, only one watcher runs.
"""

import atexit
import logging
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from feedsvc import config as configuration
from feedsvc.config import Config
from feedsvc.schedule import trigger
from feedsvc.serve.endpoint import Endpoint, ServeError
from feedsvc.serve.state import States, available_cores, log_to_stderr, open_index, utc_now
from feedsvc.serve.watcher import WatcherProcess

if TYPE_CHECKING:
    from flask import Flask

__all__ = [
    "Endpoint",
    "ServeError",
    "available_cores",
    "create_app",
    "log_to_stderr",
    "open_index",
    "serve",
    "utc_now",
    "watch",
]

logger = logging.getLogger(__name__)


def create_app(config: Config | Path | str | None = None, *, watch: bool = True) -> "Flask":
    """Return the WSGI application of a configuration, of a file, or of the one found.

    With `watch`, this process keeps a watcher in a process of its own, unless another process keeps
    one for the same state; then this process takes over when that one ends. Raises ConfigError and
    StateError.
    """
    from feedsvc.web import build_app  # noqa: PLC0415 - a watcher does without, and is smaller

    if not isinstance(config, Config):
        config = configuration.find(Path(config) if config else None, os.environ)
    index = open_index(config)
    if watch:
        trigger(config.articles.rescan, config.site.timezone)  # raises before anything runs
        watcher = WatcherProcess(config)
        watcher.start()
        atexit.register(watcher.stop)
    return build_app(config, index, utc_now)


def serve(
    config: Config,
    endpoint: Endpoint,
    *,
    workers: int,
    reread: Callable[[], Config] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests and passes under way are finished first.

    On SIGHUP, what `reread` returns takes the place of `config`.

    Raises ServeError when nobody can listen there, StateError, and ConfigError for a bad schedule.
    """
    from feedsvc.serve.server import run  # noqa: PLC0415 - as `create_app` does

    trigger(config.articles.rescan, config.site.timezone)  # raises before anything runs
    with ExitStack() as until_stopped:
        states = States(until_stopped)

        def reload() -> Config | None:
            return states.reread(config, reread)

        run(states.usable(config), endpoint, workers=workers, reload=reload)


def watch(config: Config, *, reread: Callable[[], Config] | None = None) -> None:
    """Run the watcher alone, until SIGTERM or SIGINT, beside another server's `create_app`.

    As `serve` otherwise; but a state that cannot be written is an error here.
    """
    trigger(config.articles.rescan, config.site.timezone)  # raises before anything runs
    states = States(None)
    watcher = WatcherProcess(states.usable(config))
    # Blocked in every thread, and waited for here.
    signals = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    logger.info("watching %s", config.articles.directory)
    watcher.start()
    while signal.sigwait(signals) == signal.SIGHUP:
        new = states.reread(config, reread)
        if new is not None:
            watcher.replace(new)
            logger.info("reloaded")
    logger.info("stopping")
    watcher.stop()
    logger.info("stopped")
