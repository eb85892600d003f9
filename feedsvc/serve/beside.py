"""The watcher beside another server: a process of its own, one for all that have the state open."""

import logging
import os
import threading
import time

from feedsvc.children import Child
from feedsvc.config import Config
from feedsvc.index import watchlock
from feedsvc.serve.watching import STOP_SECONDS, lock_file_of

logger = logging.getLogger(__name__)

_SOUND_SECONDS = 60.0  # a watcher that lived for so long is started again at once
_LONGEST_PAUSE = 60.0  # seconds between two attempts to start one that dies


class WatcherBeside:
    """Keeps a watcher process while this process lives and no other one keeps one."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock_file = lock_file_of(config)
        self._process_id = os.getpid()
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._child: Child | None = None

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

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                status = self._watch()
            except Exception:
                logger.exception("the watcher cannot be started; it is tried again")
            else:
                if not self._stopping.is_set():
                    logger.error("the watcher ended (%d); starting it again", status)
            if time.monotonic() - began > _SOUND_SECONDS:
                pause = 0.0
            self._stopping.wait(pause)
            pause = min(max(1.0, 2 * pause), _LONGEST_PAUSE)

    def _watch(self) -> int:
        """Start a watcher when no other one has the lock, and return its status at its end."""
        lock = watchlock.take(self._lock_file)
        try:
            with self._guard:
                if self._stopping.is_set():
                    return 0
                child = self._child = Child(
                    "feedsvc.serve.watching", lock, descriptors=(lock,), logs=True
                )
        finally:
            os.close(lock)  # the watcher has it now: it ends when the watcher ends
        child.connection.send(self._config)
        return child.wait()
