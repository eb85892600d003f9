"""The process of the watcher; `watcherprocess` starts it."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from feedsvc.children import lower_priority
from feedsvc.config import Config
from feedsvc.errors import ExportError, FeedsvcError
from feedsvc.health import PassNotes
from feedsvc.index import Index, file_of, journal_of, watchlock
from feedsvc.model import Progress, Refresh
from feedsvc.monitoring import Monitor
from feedsvc.passes import Passes
from feedsvc.progressbar import show_progress
from feedsvc.refresh import Paths
from feedsvc.schedule import schedule_of
from feedsvc.serve.log import log_to_stderr
from feedsvc.serve.state import available_cores, open_index, utc_now
from feedsvc.serve.watchdog import Watchdog
from feedsvc.serve.watcherprocess import STOP_SECONDS, lock_file_of
from feedsvc.watch import Watcher
from feedsvc.websub import Pinger

if TYPE_CHECKING:
    from feedsvc.export.following import Follower

logger = logging.getLogger(__name__)

_PROGRESS_SECONDS = 2.0  # between two lines in the log
LONG_PASS = 1000  # articles; the progress of a longer pass is shown
QUIET_SECONDS = 60.0  # without progress of a pass, after which the watcher ends
_EXPORT_SECONDS = 30.0  # between two looks at the day, and at documents that a worker has made
_NICE = 5  # the processes that answer readers come first


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


def own_files(config: Config) -> tuple[str, ...]:
    """Return how the paths of the files begin that the service itself writes."""
    file = file_of(config.state.url)
    files = [path.absolute() for path in ((file, journal_of(file)) if file else ())]
    images = config.image_proxy.directory.absolute()
    own = [str(path) for known in files for path in (known, known.resolve())]
    return (*own, f"{images}/", f"{images.resolve()}/")


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
    hubs = config.websub.hubs
    pinger = Pinger(index, config.site.base_url, hubs, utc_now) if hubs else None

    monitor = Monitor(config, index, utc_now)
    follower = _follower(config, index)

    def refresh(paths: Paths | None) -> Refresh:
        with notes.noting() as note, showing() as progress:
            nonlocal lock
            report = passes.make(progress, paths=paths, one_stage=True)
            lock = watchlock.keep(lock_file, lock)  # the state's files may have been deleted
            note.report = report
        if pinger is not None:
            pinger.wake()
        if follower is not None:
            follower.wake()
        if not report.failures:
            monitor.note_good_pass()
        return report

    watcher = Watcher(
        refresh,
        schedule_of(config),
        articles.directory if articles.events else None,
        own=own_files(config),
    )
    notes.note_start()
    Watchdog(index.database.progress.quiet_seconds, QUIET_SECONDS).start()
    watcher.start()
    monitor.start()
    if pinger is not None:
        pinger.start()
    if follower is not None:
        follower.start()
    logger.info("watcher %d watches %s", os.getpid(), articles.directory)
    stop_signal.wait()
    if pinger is not None:
        pinger.stop()
    if follower is not None:
        follower.stop()
    monitor.stop()
    if watcher.stop(STOP_SECONDS):
        passes.close()
        index.close()
    else:
        _give_up()


def _follower(config: Config, index: Index) -> "Follower | None":
    """Return what keeps the export up to date, in a thread: no pass waits for it."""
    if config.export.to is None:
        return None
    from feedsvc.export import Exporter, target_at  # noqa: PLC0415 - it imports the web
    from feedsvc.export.following import Follower  # noqa: PLC0415 - see above

    try:
        exporter = Exporter(config, index, utc_now, target_at(config.export.to, config))
    except ExportError as error:
        logger.error("there is no export: %s", error)  # noqa: TRY400 - the error says it all
        return None
    return Follower(config, index, exporter, utc_now, look_seconds=_EXPORT_SECONDS)


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
    stop_signal = threading.Event()
    with Connection(descriptor) as connection:
        try:
            config, log = connection.recv()
        except EOFError:
            return
        log_to_stderr(log)

        def listen() -> None:
            with suppress(EOFError, OSError):
                connection.recv()
            stop_signal.set()
            time.sleep(1.5 * STOP_SECONDS)
            _give_up()  # should the other threads hang

        threading.Thread(target=listen, name="feedsvc-end", daemon=True).start()
        watch(config, lock, stop_signal)
