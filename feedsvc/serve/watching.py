"""The watcher of a state: a process of its own, one for all processes that have the state open."""

import hashlib
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from feedsvc import memory
from feedsvc.children import on_hangup, step_back
from feedsvc.config import Config
from feedsvc.errors import FeedsvcError
from feedsvc.index import watchlock
from feedsvc.model import Refresh
from feedsvc.republisher import Paths, Progress
from feedsvc.serve.passes import PassNotes
from feedsvc.serve.state import log_to_stderr, open_republisher
from feedsvc.serve.watchdog import Watchdog
from feedsvc.watch import Watcher, trigger

logger = logging.getLogger(__name__)

_PROGRESS_SECONDS = 2.0  # between two lines in the log
LONG_PASS = 1000  # articles; a pass over fewer is soon done
QUIET_SECONDS = 60.0  # for which a pass may not get on before the watcher ends
STOP_SECONDS = 1.0  # for a pass to end once the watcher is told to; then it is given up
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


def watch(
    config: Config, showing: Showing, ready: Callable[[], None], *, lock: int | None = None
) -> None:
    """Run the watcher in this process, until SIGTERM, which all its threads must block.

    It begins when no other process watches for this state, unless the `lock` is held here already.
    """
    log_to_stderr()
    step_back(_NICE, apart=True)
    told = threading.Event()
    threading.Thread(target=_end_when_told, args=(told,), name="feedsvc-end", daemon=True).start()
    try:
        if lock is None:
            lock = watchlock.take(lock_file_of(config))  # until this process ends
        republisher = open_republisher(config, owner=True)
    except (FeedsvcError, OSError) as error:
        logger.critical("the watcher cannot begin: %s", error)
        sys.exit(1)
    articles = config.articles
    notes = PassNotes(config, republisher, watched=True)

    def refresh(paths: Paths | None) -> Refresh:
        with notes.noting() as failures, showing() as progress:
            report = republisher.refresh(progress, paths=paths, one_stage=True)
            failures.extend(report.failures)
            return report

    watcher = Watcher(
        refresh,
        trigger(articles.rescan, config.site.timezone),
        articles.directory if articles.events else None,
    )
    notes.note_start()
    Watchdog(republisher.quiet_seconds, QUIET_SECONDS).start()
    watcher.start()
    logger.info("watcher %d watches %s", os.getpid(), articles.directory)
    ready()
    told.wait()
    if watcher.stop(STOP_SECONDS):
        republisher.close()
    else:
        _give_up()


def _end_when_told(told: threading.Event) -> None:
    """Wait for SIGTERM, and see to it that this process ends soon, whatever it is doing."""
    signal.sigwait({signal.SIGTERM})
    told.set()
    time.sleep(1.5 * STOP_SECONDS)
    _give_up()


def _give_up() -> None:
    # What a pass has not committed is rolled back; the first pass after a start does it again.
    logger.info("the pass under way is given up; the next start makes it anew")
    os._exit(0)


def main(descriptor: int, lock: int) -> None:
    """Be the watcher beside another server, until that ends; has the `lock` already."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    memory.keep_together()
    with Connection(descriptor) as connection, suppress(EOFError):
        config = connection.recv()
        on_hangup(descriptor, lambda: os.kill(os.getpid(), signal.SIGTERM))
        watch(config, log_progress, lambda: None, lock=lock)


def lock_file_of(config: Config) -> Path:
    """Return the file whose lock the watcher of this state has."""
    file = watchlock.watcher_lock_of(config.state.url)
    if file is not None:
        return file
    name = hashlib.sha256(config.state.url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"feedsvc-{name}.watcher"
