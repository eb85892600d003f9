"""Processes: one watcher and the web workers; started, restarted, replaced and stopped in order.

`serve` runs all of it:

    parent ──► watcher          `watching`: files → index
       │   ──► worker, worker   `worker`: index → readers, by granian
       │
       └── `processes` keeps them, `listening` has their sockets, `state` what they work on

`create_app` is for any other WSGI server: it starts a watcher in a process `beside` it, and however
many processes call it, only one watcher runs. `watch` runs one on its own instead.
"""

import atexit
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from feedsvc import config as configuration
from feedsvc.config import Config
from feedsvc.errors import ConfigError, StateError
from feedsvc.serve import watching
from feedsvc.serve.beside import WatcherBeside
from feedsvc.serve.listening import ServeError, listen, turn_away
from feedsvc.serve.passes import PassNotes
from feedsvc.serve.processes import Children, Task
from feedsvc.serve.state import States, available_cores, log_to_stderr, open_republisher
from feedsvc.serve.watching import LONG_PASS, Showing, log_progress
from feedsvc.watch import trigger

if TYPE_CHECKING:
    from flask import Flask

__all__ = [
    "LONG_PASS",
    "PassNotes",
    "ServeError",
    "available_cores",
    "create_app",
    "log_progress",
    "log_to_stderr",
    "open_republisher",
    "serve",
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
    republisher = open_republisher(config)
    if watch:
        trigger(config.articles.rescan, config.site.timezone)  # raises before anything runs
        watcher = WatcherBeside(config)
        watcher.start()
        atexit.register(watcher.stop)
    return build_app(republisher)


def serve(
    config: Config,
    *,
    host: str,
    port: int,
    workers: int,
    reread: Callable[[], Config] | None = None,
    showing: Showing = log_progress,
) -> None:
    """Serve until SIGTERM or SIGINT; requests and passes under way are finished first.

    On SIGHUP, what `reread` returns takes the place of `config`. `showing` shows the passes.

    Raises ServeError when the address cannot be listened at, StateError, and ConfigError for a bad
    schedule.
    """
    sockets = listen(host, port, workers)
    with contextlib.ExitStack() as until_stopped:
        for one in sockets:
            until_stopped.enter_context(one)
        said = f"serving {config.articles.directory} on http://{host}:{port}"
        states = States(until_stopped)
        _run(config, states, sockets, said=said, reread=reread, showing=showing)


def watch(
    config: Config,
    *,
    reread: Callable[[], Config] | None = None,
    showing: Showing = log_progress,
) -> None:
    """Run the watcher alone, until SIGTERM or SIGINT, beside another server's `create_app`.

    As `serve` otherwise; but a state that cannot be written is an error here.
    """
    said = f"watching {config.articles.directory}"
    _run(config, States(None), [], said=said, reread=reread, showing=showing)


def _run(
    config: Config,
    states: States,
    sockets: list[socket.socket],
    *,
    said: str,
    reread: Callable[[], Config] | None,
    showing: Showing,
) -> None:
    """Run a watcher, and a worker for each socket, until told to stop."""
    trigger(config.articles.rescan, config.site.timezone)  # raises before anything runs
    config = states.usable(config)
    with Children(sockets) as children:
        logger.info("%s", said)
        children.start([_watcher(config, showing)])
        children.start(_workers(config, sockets))

        def reload() -> None:
            try:
                new = reread() if reread else config
                trigger(new.articles.rescan, new.site.timezone)
                new = states.usable(new)
            except (ConfigError, StateError) as error:
                logger.error("not reloaded, all goes on as before:\n%s", error)  # noqa: TRY400
                return
            # The workers first: one with the old settings must not render what the new watcher
            # says has changed, and keep it for all.
            if children.replace(_workers(new, sockets)):
                children.restart([_watcher(new, showing)])
                logger.info("reloaded")
            else:
                logger.error("not reloaded, all goes on as before: no worker could be started")

        children.keep(reload)
        logger.info("stopping")
        turn_away(sockets)
        for one in sockets:
            one.close()  # before the workers end: who comes now is refused at once
    logger.info("stopped")


def _watcher(config: Config, showing: Showing) -> Task:
    return Task(name="watcher", run=partial(watching.watch, config, showing))


def _workers(config: Config, sockets: list[socket.socket]) -> list[Task]:
    if not sockets:
        return []
    # Now and not before: the watcher, which was forked already, does without the web.
    from feedsvc.serve.worker import FAREWELL, work  # noqa: PLC0415

    return [
        Task(
            name=f"worker {n}",
            run=partial(work, config, one, len(sockets)),
            farewell=FAREWELL,
            listens=one,
        )
        for n, one in enumerate(sockets, start=1)
    ]
