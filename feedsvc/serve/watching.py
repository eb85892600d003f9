"""The watcher of a state: one for all processes that have the state open."""

import fcntl
import hashlib
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from feedsvc.children import step_back
from feedsvc.config import Config
from feedsvc.index import file_of
from feedsvc.model import Refresh
from feedsvc.republisher import Paths, Progress, Republisher
from feedsvc.serve.state import log_to_stderr, open_republisher
from feedsvc.watch import Watcher, trigger

logger = logging.getLogger(__name__)

_PROGRESS_SECONDS = 2.0  # between two lines in the log
LONG_PASS = 1000  # articles; a pass over fewer is soon done
_NICE = 5  # readers come first

# Shows how far one pass is; asked for at each.
Showing = Callable[[], AbstractContextManager[Progress | None]]


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


class SoleWatcher:
    """The watcher of one state: waits until no other process has one, then runs it."""

    def __init__(
        self, config: Config, republisher: Republisher, showing: Showing = log_progress
    ) -> None:
        def refresh(paths: Paths | None) -> Refresh:
            with showing() as progress:
                return republisher.refresh(progress, paths=paths, one_stage=True)

        articles = config.articles
        self._watcher = Watcher(
            refresh,
            trigger(articles.rescan, config.site.timezone),
            articles.directory if articles.events else None,
        )
        self._directory = articles.directory
        self._lock_file = _lock_file(config)
        self._lock = threading.Lock()
        self._started = self._stopped = False

    def start(self) -> None:
        """Begin as soon as no other process watches, in threads of its own."""
        threading.Thread(target=self._wait_and_start, name="feedsvc-watcher", daemon=True).start()

    def stop(self) -> None:
        """Stop; a pass under way is finished first."""
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


def watch(config: Config, showing: Showing, ready: Callable[[], None]) -> None:
    """Run the watcher in this process, until SIGTERM."""
    log_to_stderr()
    step_back(_NICE, apart=True)
    republisher = open_republisher(config, owner=True)
    watcher = SoleWatcher(config, republisher, showing)
    watcher.start()
    ready()
    signal.sigwait({signal.SIGTERM})
    watcher.stop()
    republisher.close()


def _lock_file(config: Config) -> Path:
    database = file_of(config.state.url)
    if database is not None:
        return database.with_name(database.name + ".watcher")
    name = hashlib.sha256(config.state.url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"feedsvc-{name}.watcher"
