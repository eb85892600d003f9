"""Processes: one watcher and the web workers; started, restarted and stopped in order.

`serve` runs all of it. `create_app` is for any other WSGI server: it brings a watcher along, and
however many processes call it, only one watcher runs.
"""

import atexit
import contextlib
import fcntl
import hashlib
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path

from flask import Flask
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from feedsvc import config as configuration
from feedsvc.config import Config, State
from feedsvc.errors import FeedsvcError, StateError
from feedsvc.index import Index, file_of, journal_of
from feedsvc.republisher import Progress, Republisher, needs_image_key
from feedsvc.watch import Watcher, trigger
from feedsvc.web import build_app
from feedsvc.web.imageproxy import MOST_FETCHES

logger = logging.getLogger(__name__)

# Requests at a time in one worker; nearly all of them wait for nothing.
_THREADS = min(4, 2 * multiprocessing.cpu_count() + 1)
_STOP_SECONDS = 10  # for a pass, or for requests, to come to an end
_PROGRESS_SECONDS = 2.0  # between two lines in the log
_QUIET_ARTICLES = 1000  # a pass over so few is soon done
_LONGEST_PAUSE = 60.0  # seconds between two attempts to start a watcher that dies


class ServeError(FeedsvcError):
    """The service cannot start: its address is taken, or is not this machine's."""


def open_republisher(config: Config, *, owner: bool = False) -> Republisher:
    """Open the index that `config` names, as its `owner` in order to refresh. Raises StateError."""
    index = Index.open(config.state.url, owner=owner)
    return Republisher(config, index, lambda: datetime.now(UTC))


def create_app(config: Config | Path | str | None = None, *, watch: bool = True) -> Flask:
    """Return the WSGI application of a configuration, of a file, or of the one found.

    With `watch`, a watcher runs in this process, unless one does for the same state in another;
    then this process takes over when that one ends. Raises ConfigError and StateError.
    """
    if not isinstance(config, Config):
        config = configuration.find(Path(config) if config else None, os.environ)
    republisher = open_republisher(config, owner=watch)
    if watch:
        atexit.register(republisher.close)  # after the watcher has stopped: the last comes first
        watcher = _SoleWatcher(config, republisher)
        watcher.start()
        atexit.register(watcher.stop)
    return build_app(republisher)


def serve(config: Config, *, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or SIGINT; requests and passes under way are finished first.

    Raises ServeError when the address cannot be listened at, and StateError.
    """
    trigger(
        config.articles.rescan, config.site.timezone
    )  # a bad schedule is said before anything runs
    _check_free(host, port)
    with contextlib.ExitStack() as until_stopped:
        config = _with_usable_state(config, until_stopped)
        _run(config, host=host, port=port, workers=workers)
    logger.info("stopped")


def _run(config: Config, *, host: str, port: int, workers: int) -> None:
    # Every process starts from nothing: threads and open databases do not survive a fork.
    multiprocessing.set_start_method("spawn", force=True)
    watcher = _WatcherProcess(config)
    server = Server(
        "feedsvc.serve:create_app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=_threads(config),
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_SECONDS,
        log_level=LogLevels.warning,
    )
    server.on_startup(watcher.start)
    logger.info("serving %s on http://%s:%d", config.articles.directory, host, port)
    try:
        server.serve(target_loader=partial(_load_app, config), wrap_loader=False)
    finally:
        watcher.stop()


def _threads(config: Config) -> int:
    """Return how many requests one worker answers at a time."""
    # A request for an image of another host waits for that host, and must not hold up the others.
    return _THREADS + (2 * MOST_FETCHES if needs_image_key(config) else 0)


def available_cores() -> int:
    """Return how many cores this process may use, 64 at most."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return min(64, len(affinity(0)) if affinity else os.cpu_count() or 1)


def log_to_stderr() -> None:
    """Send this process's log to standard error, a line an event."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", force=True
    )
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


def _progress_line() -> Progress:
    """Return what says in the log, every few seconds, how far a long pass is."""
    said = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if done <= _QUIET_ARTICLES or done == total:
            said = now
        elif now - said >= _PROGRESS_SECONDS:
            said = now
            logger.info("reading articles: %d of %d (%d %%)", done, total, 100 * done // total)

    return say


def _load_app(config: Config) -> Flask:
    log_to_stderr()
    # Ctrl-C reaches every process of a terminal; the parent says when to stop. Blocked, because
    # granian 2.8 installs a handler of its own later, and a worker that gets both SIGINT and
    # SIGTERM may never end (tried: one time in four).
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, name="feedsvc-parent", daemon=True).start()
    return create_app(config, watch=False)


def _end_with_parent() -> None:
    """Stop this worker when its parent has died: it would go on holding the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _with_usable_state(config: Config, until_stopped: contextlib.ExitStack) -> Config:
    """Open the state once, so that its schema is made and errors are seen, and return what to use.

    Where it cannot be written, readers are served all the same, from a state for this run alone
    that has the ledger's ids.
    """
    try:
        open_republisher(config, owner=True).close()
    except StateError as error:
        file = file_of(config.state.url)
        if file is None or error.__cause__ is None:
            raise  # no database here, or one of a newer version: nothing that would pass
        folder = Path(until_stopped.enter_context(tempfile.TemporaryDirectory(prefix="feedsvc-")))
        with contextlib.suppress(OSError):
            shutil.copy(journal_of(file), folder / journal_of(file).name)
        logger.error(  # noqa: TRY400 - it says all there is
            "%s. Serving from %s until feedsvc is started again: known ids stay, new ones may not",
            error,
            folder,
        )
        return replace(config, state=State(url=f"sqlite:///{folder / file.name}"))
    return config


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ServeError(
            f"cannot listen at {host}:{port}: {error.strerror}; choose another --host or --port"
        ) from error


class _SoleWatcher:
    """The watcher of one state: waits until no other process has one, then runs it."""

    def __init__(self, config: Config, republisher: Republisher) -> None:
        articles, progress = config.articles, _progress_line()
        self._watcher = Watcher(
            lambda paths: republisher.refresh(progress, paths=paths),
            trigger(articles.rescan, config.site.timezone),
            articles.directory if articles.events else None,
        )
        self._directory = articles.directory
        self._lock_file = _lock_file(config)
        self._lock = threading.Lock()
        self._started = self._stopped = False

    def start(self) -> None:
        threading.Thread(target=self._wait_and_start, name="feedsvc-watcher", daemon=True).start()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._started:
                self._watcher.stop()

    def _wait_and_start(self) -> None:
        self._lock_file.parent.mkdir(parents=True, exist_ok=True)
        # Held until this process ends, however it ends; never closed here.
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with self._lock:
            if not self._stopped:
                self._started = True
                self._watcher.start()
                logger.info("watcher %d watches %s", os.getpid(), self._directory)


def _lock_file(config: Config) -> Path:
    database = file_of(config.state.url)
    if database is not None:
        return database.with_name(database.name + ".watcher")
    name = hashlib.sha256(config.state.url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"feedsvc-{name}.watcher"


class _WatcherProcess:
    """The watcher in a process of its own, started again whenever it dies."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="feedsvc-keeper", daemon=True)

    def start(self) -> None:
        self._keeper.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._keeper.is_alive():
            self._keeper.join(_STOP_SECONDS + 5)

    def _keep(self) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            theirs, ours = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.Process(
                target=_watch, args=(self._config, theirs), name="feedsvc-watcher", daemon=True
            )
            process.start()
            theirs.close()
            while process.is_alive() and not self._stopping.is_set():
                wait([process.sentinel], timeout=0.5)
            ours.close()  # tells it to stop
            process.join(_STOP_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
            if not self._stopping.is_set():
                logger.error("the watcher ended (%s); starting it again", process.exitcode)
                self._stopping.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)


def _watch(config: Config, life: Connection) -> None:
    """Run the watcher until `life` ends at the other side: on purpose, or with the parent."""
    log_to_stderr()
    stopping = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    os.nice(5)  # readers come first
    republisher = open_republisher(config, owner=True)
    watcher = _SoleWatcher(config, republisher)
    watcher.start()

    def listen() -> None:
        life.poll(None)
        stopping.set()

    threading.Thread(target=listen, daemon=True).start()
    stopping.wait()
    watcher.stop()
    republisher.close()
