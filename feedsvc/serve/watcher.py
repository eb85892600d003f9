"""The watcher of a state: a process of its own, one for all processes that have the state open.

`WatcherProcess` keeps it from another process; `main` and what it calls run in its own.
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
LONG_PASS = 1000  # articles; a pass over fewer is soon done
QUIET_SECONDS = 60.0  # for which a pass may not get on before the watcher ends
STOP_SECONDS = 1.0  # for a pass to end once the watcher is told to; then it is given up
_NICE = 5  # readers come first
_SOUND_SECONDS = 60.0  # a watcher that lived for so long is started again at once
_LOCK_SECONDS = 1.0  # between two attempts to have the lock that another process has
_LONGEST_PAUSE = 60.0  # seconds between two attempts to start one that dies


@contextmanager
def log_progress() -> Iterator[Progress]:
    """Say in the log, every few seconds, how far a long pass is."""
    said = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if total <= LONG_PASS or done == total:
            said = now
        elif now - said >= _PROGRESS_SECONDS:
            said = now
            logger.info("reading articles: %d of %d (%d %%)", done, total, 100 * done // total)

    yield say


def watch(config: Config, lock: int, told: threading.Event) -> None:
    """Run the watcher in this process, which has the lock, until it is told to end."""
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
            lock = watchlock.keep(lock_file, lock)  # somebody may have taken the state away
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
    told.wait()
    if watcher.stop(STOP_SECONDS):
        passes.close()
        index.close()
    else:
        _give_up()


def _give_up() -> None:
    # What a pass has not committed is rolled back; the first pass after a start does it again.
    logger.info("the pass under way is given up; the next start makes it anew")
    os._exit(0)


def main(descriptor: int, lock: int) -> None:
    """Be the watcher until the process that keeps it says so, or ends.

    Signals are for that process: a terminal, or who stops a service, sends them to all of them.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    log_to_stderr()
    told = threading.Event()
    with Connection(descriptor) as connection:
        try:
            config = connection.recv()
        except EOFError:
            return

        def listen() -> None:
            with suppress(EOFError, OSError):
                connection.recv()
            told.set()
            time.sleep(1.5 * STOP_SECONDS)  # whatever the other threads are doing
            _give_up()

        threading.Thread(target=listen, name="feedsvc-end", daemon=True).start()
        watch(config, lock, told)


def lock_file_of(config: Config) -> Path:
    """Return the file whose lock the watcher of this state has."""
    file = watchlock.watcher_lock_of(config.state.url)
    if file is not None:
        return file
    name = hashlib.sha256(config.state.url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"feedsvc-{name}.watcher"


# A fork while this process has the lock would have it as well, for as long as it lives.
_forking = threading.Lock()
os.register_at_fork(
    before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_forking.release
)


class WatcherProcess:
    """Keeps a watcher process while this process lives and no other one keeps one."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock_file = lock_file_of(config)
        self._process_id = os.getpid()
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._child: Child | None = None
        self._replacing = False

    def start(self) -> None:
        """Begin as soon as no other process watches, in a thread of its own."""
        threading.Thread(target=self._run, name="feedsvc-watcher", daemon=True).start()

    def stop(self) -> None:
        """End the watcher, if this process keeps it."""
        if os.getpid() != self._process_id:
            return  # a fork of that process, which leaves it alone
        self._stopping.set()
        with self._guard:
            if self._child is not None:
                self._child.end(2 * STOP_SECONDS)

    def replace(self, config: Config) -> None:
        """End the watcher, and start another for a configuration."""
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
        """Start a watcher when no other one has the lock, and return its status at its end."""
        while not self._stopping.is_set():
            with _forking, self._guard:
                lock = watchlock.take(self._lock_file)
                if lock is not None:
                    try:
                        child = Child("feedsvc.serve.watcher", lock, descriptors=(lock,), logs=True)
                    finally:
                        os.close(lock)  # the watcher has it now, until it ends
                    child.connection.send(self._config)
                    self._child = child
                    break
            self._stopping.wait(_LOCK_SECONDS)
        else:
            return 0
        return child.wait()
