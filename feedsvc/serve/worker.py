"""A web worker: granian, in this process, on a socket that was made elsewhere."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

from flask import Flask
from granian.constants import Interfaces, RuntimeModes
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]  # its own home is private
from granian.server.mp import MPServer

from feedsvc.config import Config
from feedsvc.republisher import needs_image_key
from feedsvc.serve.listening import BACKLOG
from feedsvc.serve.state import log_to_stderr, open_republisher
from feedsvc.web import build_app
from feedsvc.web.imageproxy import MOST_FETCHES

# Asks a worker to end. SIGTERM does, too, but may close a connection that was just accepted before
# its request was read.
FAREWELL = signal.SIGUSR1
_LAST_REQUEST_SECONDS = 0.2  # for the request of a connection that was accepted last to come in

logger = logging.getLogger(__name__)

# Requests at a time in one worker; nearly all of them wait for nothing.
_THREADS = min(4, 2 * multiprocessing.cpu_count() + 1)


def work(config: Config, listens: socket.socket, workers: int, ready: Callable[[], None]) -> None:
    """Answer requests at a socket until told to end; `workers` of them share the work."""
    log_to_stderr()
    app = build_app(open_republisher(config))
    signal.signal(FAREWELL, lambda *_: _leave(listens))

    def loaded() -> Flask:
        ready()
        logger.info("worker %d answers", os.getpid())
        return app

    server = _Server(
        "feedsvc",
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=_threads(config),
        backlog=BACKLOG,
        runtime_mode=RuntimeModes.st,
        websockets=False,
        log_level=LogLevels.warning,
    )
    server.work(listens, loaded)


def _leave(listens: socket.socket) -> None:
    """Accept no more connections; end when those that were have been answered."""
    # Its place is taken by a socket at which nobody knocks: what waits at the real one is for the
    # worker that comes after this one.
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setblocking(False)
        os.dup2(deaf.fileno(), listens.fileno(), inheritable=False)
    end = threading.Timer(_LAST_REQUEST_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
    end.daemon = True
    end.start()


def _threads(config: Config) -> int:
    """Return how many requests one worker answers at a time."""
    # A request for an image of another host waits for that host, and must not hold up the others.
    return _THREADS + (2 * MOST_FETCHES if needs_image_key(config) else 0)


class _Server(MPServer):
    """granian without its supervisor.

    granian 2.8 opens a socket in each worker and closes it when the worker is replaced, which
    resets the connections that wait there; and it does not know when a new worker is ready.
    """

    def work(self, listens: socket.socket, loaded: Callable[[], Flask]) -> None:
        """Do in this process what granian does in a worker."""
        backlog = (BACKLOG,) if sys.platform == "linux" else ()
        # What granian's stubs say of both is not so: they take and hold these.
        self._shd = SocketHolder(listens.fileno(), False, *backlog)  # type: ignore[call-arg, assignment]
        self._sso = None
        self._spawn_worker(0, self._spawn_wsgi_worker, loaded).inner.run()
