"""The watcher of a state: a process of its own, one for all processes that have the state open.

`main` and `watch` run in the watcher's process, `WatcherProcess` in its parent.
"""

import hashlib
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from feedsvc.children import Child, lower_priority
from feedsvc.config import Config
from feedsvc.errors import FeedsvcError
from feedsvc.health import PassNotes
from feedsvc.index import watchlock
from feedsvc.model import Progress, Refresh
from feedsvc.passes import Passes
from feedsvc.progressbar import show_progress
from feedsvc.refresh import Paths
from feedsvc.schedule import trigger
from feedsvc.serve.state import available_cores, log_to_stderr, open_index, utc_now
from feedsvc.serve.watchdog import Watchdog
from feedsvc.watch import Watcher

logger = logging.getLogger(__name__)

_PROGRESS_SECONDS = 2.0  # between two lines in the log
LONG_PASS = 1000  # articles; the progress of a longer pass is shown
QUIET_SECONDS = 60.0  # without progress of a pass, after which the watcher ends
STOP_SECONDS = 1.0  # for a pass to end after the stop signal; then it is given up
_NICE = 5  # the processes that answer readers come first
_SOUND_SECONDS = 60.0  # a watcher that lived for so long is started again at once
_LOCK_SECONDS = 1.0  # between two attempts to take the lock
_LONGEST_PAUSE = 60.0  # seconds before a watcher that dies at once is started again


@contextmanager
def log_progress() -> Iterator[Progress]:
    """Log every few seconds how far a long pass is."""
    logged = time.monotonic()

    def log(done: int, total: int) -> None:
        nonlocal logged
        now = time.monotonic()
        if total <= LONG_PASS or done == total:
            logged = now
        elif now - logged >= _PROGRESS_SECONDS:
            logged = now
            logger.info("reading articles: %d of %d (%d %%)", done, total, 100 * done // total)

    yield log


def watch(config: Config, lock: int, stop_signal: threading.Event) -> None:
    """Run the watcher in this process, which has the lock, until the stop signal."""
    lower_priority(_NICE)
    showing = show_progress(LONG_PASS) if sys.stderr.isatty() else log_progress
    try:
        index = open_index(config, owner=True)
    except FeedsvcError as error:
        logger.critical("the watcher cannot begin: %s", error)
        sys.exit(1)
    articles, lock_file = config.articles, lock_file_of(config)
    passes = Passes(config, index, utc_now, processes=available_cores())
    notes = PassNotes(config, index, utc_now, watched=True)

    def refresh(paths: Paths | None) -> Refresh:
        with notes.noting() as failures, showing() as progress:
            nonlocal lock
            report = passes.make(progress, paths=paths, one_stage=True)
            lock = watchlock.keep(lock_file, lock)  # the state's files may have been deleted
            failures.extend(report.failures)
            return report

    watcher = Watcher(
        refresh,
        trigger(articles.rescan, config.site.timezone),
        articles.directory if articles.events else None,
    )
    notes.note_start()
    Watchdog(index.database.progress.quiet_seconds, QUIET_SECONDS).start()
    watcher.start()
    logger.info("watcher %d watches %s", os.getpid(), articles.directory)
    stop_signal.wait()
    if watcher.stop(STOP_SECONDS):
        passes.close()
        index.close()
    else:
        _give_up()


def _give_up() -> None:
    # The database rolls back; the first pass after the next start does the work again.
    logger.info("the pass under way is given up; the next start makes it anew")
    os._exit(0)


def main(descriptor: int, lock: int) -> None:
    """Watch until the parent sends the stop signal, or ends.

    The signals of the system are ignored: a terminal or systemd sends them to all processes of a
    service, and the parent acts on them.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    log_to_stderr()
    stop_signal = threading.Event()
    with Connection(descriptor) as connection:
        try:
            config = connection.recv()
        except EOFError:
            return

        def listen() -> None:
            with suppress(EOFError, OSError):
                connection.recv()
            stop_signal.set()
            time.sleep(1.5 * STOP_SECONDS)
            _give_up()  # should the other threads hang

        threading.Thread(target=listen, name="feedsvc-end", daemon=True).start()
        watch(config, lock, stop_signal)


def lock_file_of(config: Config) -> Path:
    """Return the file that the watcher of this state locks."""
    file = watchlock.watcher_lock_of(config.state.url)
    if file is not None:
        return file
    name = hashlib.sha256(config.state.url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"feedsvc-{name}.watcher"


# A process that was forked while this one holds the lock would hold it as well, until it ends.
_forking = threading.Lock()
os.register_at_fork(
    before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_forking.release
)


class WatcherProcess:
    """Keeps a watcher process, unless another process keeps one for the same state."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock_file = lock_file_of(config)
        self._process_id = os.getpid()
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._child: Child | None = None
        self._replacing = False

    def start(self) -> None:
        """Start a thread that starts the watcher, and starts it again when it ends."""
        threading.Thread(target=self._run, name="feedsvc-watcher", daemon=True).start()

    def stop(self) -> None:
        """End the watcher, if this process keeps it."""
        if os.getpid() != self._process_id:
            return  # this is a fork, and the watcher is that of its parent
        self._stopping.set()
        with self._guard:
            if self._child is not None:
                self._child.end(2 * STOP_SECONDS)

    def replace(self, config: Config) -> None:
        """End the watcher, and start another with this configuration."""
        with self._guard:
            self._config = config
            if self._child is not None:
                self._replacing = True
                self._child.end(2 * STOP_SECONDS)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                status = self._watch()
            except Exception:
                logger.exception("the watcher cannot be started; it is tried again")
            else:
                if self._replacing:
                    self._replacing = False
                    continue
                if not self._stopping.is_set():
                    logger.error("the watcher ended (%d); starting it again", status)
            if time.monotonic() - began > _SOUND_SECONDS:
                pause = 0.0
            self._stopping.wait(pause)
            pause = min(max(1.0, 2 * pause), _LONGEST_PAUSE)

    def _watch(self) -> int:
        """Wait for the lock, run a watcher with it, and return the watcher's exit status."""
        while (child := self._start_child()) is None:
            if self._stopping.wait(_LOCK_SECONDS):
                return 0
        return child.wait()

    def _start_child(self) -> Child | None:
        """Start a watcher with the lock; return None if another process has the lock."""
        with _forking, self._guard:
            lock = None if self._stopping.is_set() else watchlock.take(self._lock_file)
            if lock is None:
                return None
            try:
                child = Child("feedsvc.serve.watcher", lock, descriptors=(lock,), logs=True)
            finally:
                os.close(lock)  # the child has it now, until it ends
            child.connection.send(self._config)
            self._child = child
            return child
