"""The watchdog of a process that makes passes: ends it when a pass does not get on any more.

What hangs in a thread cannot be ended in any other way. Whoever started the process starts another,
and a transaction that was under way is rolled back.
"""

import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

logger = logging.getLogger(__name__)

STATUS = 70  # with which the process ends
_LOOKS = 10  # while a pass may be quiet


class Watchdog:
    """Ends this process when `quiet_seconds` returns more than `most`.

    `quiet_seconds` returns for how long the pass under way has not got on, None if there is none.
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
            # A call into C may hold the interpreter, and this thread with it; faulthandler has a
            # thread that needs none. While this one runs, that one's time begins anew.
            faulthandler.dump_traceback_later(1.5 * self._most, exit=True, file=sys.stderr)
            quiet = self._quiet_seconds()
            if quiet is not None and quiet > self._most:
                end_where_it_hangs(quiet)
            pause.wait(self._most / _LOOKS)


def end_where_it_hangs(seconds: float) -> NoReturn:
    """Log what every thread is doing, and end this process with an error."""
    logger.critical(
        "a pass over the articles has not got on for %.0f s: this process ends, and another begins"
        " anew. What each of its threads was doing:",
        seconds,
    )
    faulthandler.dump_traceback(all_threads=True, file=sys.stderr)
    os._exit(STATUS)
