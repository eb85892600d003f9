"""Processes: granian's web workers, and one watcher beside them.

`serve` runs all of them, `watch` the watcher alone. `create_app` is for any other WSGI server: it
starts a watcher process. One watcher runs for each state, however many processes ask for one.
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
from feedsvc.schedule import schedule_of
from feedsvc.serve.baseurl import warn_of_other_address, with_base_url
from feedsvc.serve.configfile import ConfigFile
from feedsvc.serve.endpoint import Endpoint, ServeError
from feedsvc.serve.log import Log, log_to_stderr
from feedsvc.serve.state import States, available_cores, open_index, utc_now
from feedsvc.serve.watcherprocess import WatcherProcess

if TYPE_CHECKING:
    from flask import Flask

__all__ = [
    "Endpoint",
    "Log",
    "ServeError",
    "available_cores",
    "create_app",
    "log_to_stderr",
    "open_index",
    "serve",
    "utc_now",
    "watch",
    "with_base_url",
]

logger = logging.getLogger(__name__)


def create_app(config: Config | Path | str | None = None, *, watch: bool = True) -> "Flask":
    """Return the WSGI application of a configuration or its file, by default of the usual file.

    With `watch`, this process keeps a watcher process. While another process keeps one for the same
    state, it waits, and takes over when that one ends. Raises ConfigError and StateError.
    """
    from feedsvc.web import build_app  # noqa: PLC0415 - `feedsvc watch` does not need Flask

    if not isinstance(config, Config):
        config = configuration.find(Path(config) if config else None, os.environ)
    index = open_index(config)
    config = with_base_url(config, index)
    warn_of_other_address(config, None)
    if watch:
        schedule_of(config)  # raises before anything runs
        watcher = WatcherProcess(config)
        watcher.start()
        atexit.register(watcher.stop)
    return build_app(config, index, utc_now, write_counts=True)


def serve(
    config: Config,
    endpoint: Endpoint,
    *,
    workers: int,
    reread: Callable[[], Config] | None = None,
    log: Log | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests are finished first, and a pass has a second for it.

    On SIGHUP, `reread` returns the configuration that takes the place of `config`. Raises
    ServeError where the endpoint cannot be used, StateError, and ConfigError for a bad schedule.
    """
    endpoint.check()
    _tell_of_defaults(config)
    schedule_of(config)  # raises before anything runs
    with ExitStack() as until_stopped:
        states = States(until_stopped, endpoint)
        usable = states.usable(config)
        watcher = WatcherProcess(usable, log)
        watcher.start()
        until_stopped.callback(watcher.stop)  # the server stops it sooner, unless it cannot start
        # The watcher's process imports its modules meanwhile.
        from feedsvc.serve.server import run  # noqa: PLC0415 - `feedsvc watch` does not need it

        _take_over_edits(config, reread, states)
        run(
            usable,
            endpoint,
            watcher,
            workers=workers,
            log=log,
            reload=lambda: states.reread(config, reread),
        )


def watch(
    config: Config, *, reread: Callable[[], Config] | None = None, log: Log | None = None
) -> None:
    """Run the watcher alone, until SIGTERM or SIGINT, beside another server's `create_app`.

    Unlike `serve`, it raises StateError for a state that cannot be written.
    """
    _tell_of_defaults(config)
    schedule_of(config)  # raises before anything runs
    states = States(None)
    watcher = WatcherProcess(states.usable(config), log)
    # Blocked in every thread, so that `sigwait` gets them.
    signals = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    logger.info("watching %s", config.articles.directory)
    watcher.start()
    _take_over_edits(config, reread, states)
    while signal.sigwait(signals) == signal.SIGHUP:
        new = states.reread(config, reread)
        if new is not None:
            watcher.replace(new)
            logger.info("reloaded")
    logger.info("stopping")
    watcher.stop()
    logger.info("stopped")


def _tell_of_defaults(config: Config) -> None:
    if config.file is None:
        logger.warning(
            "there is no config.yaml in %s, so each key has its default; articles are looked for in"
            " %s (`feedsvc init DIR` writes a config.yaml for the articles in DIR)",
            Path.cwd(),
            config.articles.directory.absolute(),
        )


def _take_over_edits(config: Config, reread: Callable[[], Config] | None, states: States) -> None:
    """Reload after each change of the configuration file that has no mistakes."""
    if reread is None:
        return

    def read() -> Config:
        new = reread()
        schedule_of(new)
        return new

    ConfigFile(
        lambda: states.as_read or config,
        read,
        take_over=lambda: os.kill(os.getpid(), signal.SIGHUP),
        refuse=states.refuse,
        accept=states.accept,
    ).start()
