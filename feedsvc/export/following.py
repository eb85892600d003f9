"""Keeps an export up to date while articles change."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from feedsvc.config import Config
from feedsvc.errors import FeedsvcError, NotReadyError
from feedsvc.export import Exporter, Report
from feedsvc.export.purge import purge
from feedsvc.index import Index

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 1.0
"""After which a feed that changes now has changed: its date is the next whole second."""

_AGAIN_SECONDS = 10.0  # after an export that failed


class Follower:
    """Exports when something has changed, in a thread of its own or until a signal.

    `look_seconds` are between two looks whether something has changed; `wake` has it look at once.
    """

    def __init__(
        self,
        config: Config,
        index: Index,
        exporter: Exporter,
        clock: Callable[[], datetime],
        *,
        look_seconds: float,
    ) -> None:
        self._config = config
        self._index = index
        self._exporter = exporter
        self._clock = clock
        self._look_seconds = look_seconds
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._done: object = None  # the generation and the day of the last export
        self._failure = ""
        self._untold: list[str] = []  # addresses of which the network could not be told

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        threading.Thread(target=self.run, name="feedsvc-export", daemon=True).start()

    def wake(self) -> None:
        """Look at once whether something has changed."""
        self._woken.set()

    def stop(self) -> None:
        """Export no more. What is under way is not waited for: the next start completes it."""
        self._stopping.set()
        self._woken.set()

    def run(self) -> None:
        """Export until `stop`."""
        while not self._stopping.is_set():
            self._woken.clear()
            seconds = self._look_seconds
            try:
                report = self.follow()
                if report is not None and report.again:
                    seconds = min(seconds, SETTLE_SECONDS)
            except NotReadyError:
                pass
            except FeedsvcError as error:
                self._log(str(error))
                seconds = max(seconds, _AGAIN_SECONDS)
            except Exception:
                if not self._stopping.is_set():  # when the watcher stops, it closes the index
                    logger.exception("the export failed")
                seconds = max(seconds, _AGAIN_SECONDS)
            self._woken.wait(seconds)

    def follow(self) -> Report | None:
        """Export if something has changed since the last time. Raises what `export` raises."""
        meta = self._index.meta
        if not (meta.is_ready() and meta.is_whole()):
            return None
        # Noted first: what changes during the export leads to another one.
        now = (
            self._index.database.generation(),
            self._clock().astimezone(self._config.site.timezone).date(),
        )
        report = None
        if now != self._done:
            report = self._exporter.export(complete=False)
            self._done = None if report.again else now
            self._tell(report)
            self._untold += report.changed
        self._purge()
        self._log("")
        return report

    def _purge(self) -> None:
        addresses: Sequence[str] = list(dict.fromkeys(self._untold))
        purge(self._config.cdn, addresses)
        self._untold.clear()

    def _tell(self, report: Report) -> None:
        if report.written or report.deleted:
            logger.info(
                "exported in %.1f s: %d files written, %d addresses deleted",
                report.seconds,
                report.written,
                report.deleted,
            )
        for path, reason in report.left_out.items():
            logger.warning("not exported: %s: %s", path, reason)

    def _log(self, failure: str) -> None:
        """Log why the export fails, once for each series of failures."""
        if failure and failure != self._failure and not self._stopping.is_set():
            logger.warning(
                "the export failed: %s; it is tried again, and not logged again", failure
            )
        elif self._failure and not failure:
            logger.info("the export works again")
        self._failure = failure
