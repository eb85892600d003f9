"""The web server: granian, which starts, restarts, replaces and stops the web workers.

Each worker is a process with the whole application. The hooks of the server replace and stop the
watcher's process.
"""

import logging
import multiprocessing
import os
import resource
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from granian import Granian
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.errors import ConfigurationError, PidFileError
from granian.http import HTTP1Settings
from granian.log import LogLevels

from feedsvc.config import Config
from feedsvc.serve import systemd
from feedsvc.serve.endpoint import Endpoint, ServeError
from feedsvc.serve.log import Log, log_to_stderr
from feedsvc.serve.state import open_index, utc_now
from feedsvc.serve.watcherprocess import WatcherProcess
from feedsvc.web import SLOW_REQUESTS, build_app

if TYPE_CHECKING:
    from flask import Flask

logger = logging.getLogger(__name__)

_BACKLOG = 1024  # connections that wait to be accepted
_CONNECTIONS = 8192  # of one worker at a time; an idle one costs some kilobytes
_THREADS = 2 * SLOW_REQUESTS  # of one worker: half of them stay free for all other requests
_HEADER_SECONDS = 15  # for a connection to send the head of a request
_REPLACE_SECONDS = 2.0  # for a new worker to be ready before the old one ends
_STOP_SECONDS = 10  # for requests under way to end
# granian's log goes to the handlers of ours.
_LOGGING = {"loggers": {"_granian": {}, "granian.access": {"level": "INFO"}}}


class _Loader:
    """Makes the application of a worker; granian calls it in each worker's process."""

    def __init__(self, config: Config, log: Log | None) -> None:
        self.config = config
        self._log = log

    def __call__(self) -> "Flask":
        log_to_stderr(self._log)
        threading.Thread(target=_end_with_parent, name="feedsvc-parent", daemon=True).start()
        app = build_app(self.config, open_index(self.config), utc_now, write_counts=True)
        logger.info("worker %d answers", os.getpid())
        return app


def run(
    config: Config,
    endpoint: Endpoint,
    watcher: WatcherProcess,
    *,
    workers: int,
    log: Log | None,
    reload: Callable[[], Config | None],
) -> None:
    """Serve until SIGTERM or SIGINT; on SIGHUP, use the configuration that `reload` returns.

    None means to go on as before. Raises ServeError.
    """
    _allow_connections(_CONNECTIONS + 1000)
    loader = _Loader(config, log)
    try:
        server = Granian(
            "feedsvc",
            address=endpoint.host,
            port=endpoint.port,
            uds=endpoint.uds,
            interface=Interfaces.WSGI,
            workers=workers,
            blocking_threads=_THREADS,
            runtime_mode=RuntimeModes.st,
            backlog=_BACKLOG,
            backpressure=_CONNECTIONS,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_SECONDS * 1000),
            http=HTTPModes.http1,
            websockets=False,
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
            log_access=endpoint.access_log,
            ssl_cert=endpoint.certificate,
            ssl_key=endpoint.key,
            respawn_failed_workers=True,
            respawn_interval=_REPLACE_SECONDS,
            workers_kill_timeout=_STOP_SECONDS,
            pid_file=endpoint.pid_file,
        )
    except OSError as error:  # ssl.SSLError is one
        raise ServeError(f"cannot serve by HTTPS: {error}") from error

    def reloaded() -> None:
        new = reload()
        if new is not None:
            loader.config = new
            watcher.replace(new)
            logger.info("reloaded")

    def stopping() -> None:
        systemd.notify("STOPPING=1")
        watcher.stop()

    server.on_startup(lambda: systemd.start(endpoint))
    server.on_reload(reloaded)
    server.on_shutdown(stopping)
    logger.info("serving %s on %s", config.articles.directory, endpoint)
    try:
        server.serve(target_loader=loader, wrap_loader=False)
    except (ConfigurationError, PidFileError) as error:
        raise ServeError("the service cannot start; the log says why") from error
    logger.info("stopped")


def _allow_connections(number: int) -> None:
    """Raise the limit of open files, for this process and its children, as far as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _end_with_parent() -> None:
    """End this worker at once when the process that started it has ended, in any way."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
