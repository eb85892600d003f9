"""The watchdog of the watcher's process: ends the process when a pass hangs.

A thread that hangs cannot be ended alone. The parent starts another process, and the transaction of
the pass is rolled back.
"""

import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

STATUS = 70  # the exit status of the process
_LOOKS = 10  # in the time for which a pass may be quiet


class Watchdog:
    """Ends this process when `quiet_seconds` returns more than `most`.

    `quiet_seconds` returns the seconds since the pass under way made progress, None without a pass.
    """

    def __init__(self, quiet_seconds: Callable[[], float | None], most: float) -> None:
        self._quiet_seconds = quiet_seconds
        self._most = most

    def start(self) -> None:
        """Begin, in a thread of its own."""
        threading.Thread(target=self._run, name="feedsvc-watchdog", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            # A call into C may hold the interpreter, and so this thread. The thread of faulthandler
            # does not need the interpreter; each turn of this loop starts its time anew.
            faulthandler.dump_traceback_later(1.5 * self._most, exit=True, file=sys.stderr)
            quiet = self._quiet_seconds()
            if quiet is not None and quiet > self._most:
                logger.critical(
                    "a pass over the articles has made no progress for %.0f s: this process ends,"
                    " and another one starts. Its threads were doing this:",
                    quiet,
                )
                faulthandler.dump_traceback(all_threads=True, file=sys.stderr)
                os._exit(STATUS)
            pause.wait(self._most / _LOOKS)
