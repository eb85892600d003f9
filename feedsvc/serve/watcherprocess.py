"""The watcher of a state, as its parent sees it: one process for all that have the state open.

It is a process of its own, so that a web worker never waits for a pass. `watcher` runs in it.
"""

import hashlib
import logging
import os
import tempfile
import threading
import time
from pathlib import Path

from feedsvc.children import Child
from feedsvc.config import Config
from feedsvc.index import watchlock
from feedsvc.serve.log import Log

logger = logging.getLogger(__name__)

STOP_SECONDS = 1.0  # for a pass to end after the stop signal; then it is given up
_SOUND_SECONDS = 60.0  # a watcher that lived for so long is started again at once
_LOCK_SECONDS = 1.0  # between two attempts to take the lock
_LONGEST_PAUSE = 60.0  # seconds before a watcher that dies at once is started again


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

    def __init__(self, config: Config, log: Log | None = None) -> None:
        self._config = config
        self._log = log
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
            child.connection.send((self._config, self._log))
            self._child = child
            return child
