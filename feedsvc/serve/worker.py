"""A web worker: granian, in this process, on a socket that was made elsewhere.

One thread answers what is held in memory, and never waits: more would take the interpreter from
each other at every request. What takes longer, it hands to others.
"""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from flask import Flask
from granian.constants import Interfaces, RuntimeModes
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]  # its own home is private
from granian.server import mp
from granian.wsgi import _callback_wrapper as as_wsgi

from feedsvc.config import Config
from feedsvc.serve.listening import BACKLOG
from feedsvc.serve.state import log_to_stderr, open_republisher
from feedsvc.web import WAITING, build_app
from feedsvc.web.boundary import Boundary
from feedsvc.web.imageproxy import MOST_FETCHES
from feedsvc.web.replay import Header

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FAREWELL = signal.SIGUSR1  # of the parent; SIGTERM may come from anybody
_PARENT_SECONDS = 3.0  # after SIGTERM, for the parent to say so
_LAST_REQUEST_SECONDS = 0.2  # for the request of a connection that was accepted last to come in

logger = logging.getLogger(__name__)

# For what is not held in memory. Documents are made by few threads, which would otherwise take the
# interpreter from the one that answers, and from each other. Those for what waits, for each of the
# paths in WAITING, do nothing most of the time: twice as many as images are fetched at once, so
# that others need not wait for these. What is too large to be handed over whole has a thread for
# each reader, who may take it as slowly as he likes: as many as granian has connections.
_MAKING, _WAITING, _STREAMING = 2, 2 * MOST_FETCHES, BACKLOG


def work(config: Config, listens: socket.socket, workers: int, ready: Callable[[], None]) -> None:
    """Answer requests at a socket until told to end; `workers` of them share the work."""
    log_to_stderr()
    threading.Thread(target=_leave, args=(listens,), name="feedsvc-leaving", daemon=True).start()
    app = build_app(open_republisher(config))

    def loaded() -> Flask:
        ready()
        logger.info("worker %d answers", os.getpid())
        return app

    # granian has no way in at this height: its workers call what this returns with each request.
    mp._wsgi_call_wrap = _answering  # type: ignore[attr-defined, assignment]  # noqa: SLF001
    server = _Server(
        "feedsvc",
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=1,
        backlog=BACKLOG,
        runtime_mode=RuntimeModes.st,
        websockets=False,
        log_level=LogLevels.warning,
    )
    server.work(listens, loaded)


def _leave(listens: socket.socket) -> None:
    """Wait to be told; then accept no more connections, and end when those made have answers."""
    if signal.sigwait({FAREWELL, signal.SIGTERM}) == signal.SIGTERM and sys.platform == "linux":
        # Who stops a service may tell all of its processes (as systemd does), and the parent first
        # sees to it that nobody waits for us any more.
        signal.sigtimedwait({FAREWELL}, _PARENT_SECONDS)
    # Its place is taken by a socket at which nobody knocks: what waits at the real one is for the
    # worker that comes after this one.
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setblocking(False)
        os.dup2(deaf.fileno(), listens.fileno(), inheritable=False)
    time.sleep(_LAST_REQUEST_SECONDS)
    end = signal.getsignal(signal.SIGTERM)  # of granian, once it runs
    if callable(end):
        end(signal.SIGTERM, None)
    else:
        os._exit(0)


class _Asker(Protocol):
    """What granian waits at for the answer to a request; it may come from any thread."""

    def response_bytes(self, status: int, headers: Sequence[Header], body: bytes) -> None: ...

    def response_iter(
        self, status: int, headers: Sequence[Header], body: Iterator[bytes]
    ) -> None: ...


class _StreamingAsker:
    """The same; an answer in pieces is given by a thread that does nothing else meanwhile."""

    def __init__(self, asker: _Asker, streaming: Executor) -> None:
        self.response_bytes = asker.response_bytes
        self._asker = asker
        self._streaming = streaming

    def response_iter(self, status: int, headers: Sequence[Header], body: Iterator[bytes]) -> None:
        """Return at once, though granian's own returns when the reader has taken all of it."""
        self._streaming.submit(self._asker.response_iter, status, headers, body)


def _answering(app: Flask, *options: Any) -> Callable[[_Asker, "WSGIEnvironment"], None]:
    """Return what granian is to call with each request."""
    boundary = app.wsgi_app
    assert isinstance(boundary, Boundary)
    slowly = as_wsgi(app, *options)
    making = ThreadPoolExecutor(_MAKING, "feedsvc-making")
    waiting = {start: ThreadPoolExecutor(_WAITING, "feedsvc-waiting") for start in WAITING}
    streaming = ThreadPoolExecutor(_STREAMING, "feedsvc-streaming")

    def slow(asker: _Asker, request: "WSGIEnvironment") -> None:
        try:
            slowly(_StreamingAsker(asker, streaming), request)
        except Exception:
            logger.exception("%s %.200r failed", request["REQUEST_METHOD"], request["PATH_INFO"])
            asker.response_bytes(500, (), b"")  # ignored where an answer had begun

    def answer(asker: _Asker, request: "WSGIEnvironment") -> None:
        try:
            found = boundary.at_once(request)
        except Exception:
            logger.exception("%s %.200r failed", request["REQUEST_METHOD"], request["PATH_INFO"])
            found = 500, (), b""
        if found is not None:
            asker.response_bytes(*found)
            return
        path = request["PATH_INFO"]
        pools = (pool for start, pool in waiting.items() if path.startswith(start))
        next(pools, making).submit(slow, asker, request)

    return answer


class _Server(mp.MPServer):
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
