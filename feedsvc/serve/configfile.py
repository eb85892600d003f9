"""Has an edited config.yaml taken over, as if somebody had sent SIGHUP.

A thread of the service's first process looks at the file's signature once a second. File events
would not do: editors, git and Kubernetes put another file, or another link, in its place.
"""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from feedsvc.config import Config
from feedsvc.errors import ConfigError

logger = logging.getLogger(__name__)

_SECONDS = 1.0  # between two looks

Signature = tuple[int, int, int] | None


class ConfigFile:
    """Watches the file of a configuration, which `read` reads.

    `in_use` returns the configuration in use. Where the file has another, `take_over` is called;
    where it has mistakes, `refuse`, and when it is again the one in use, `accept`. A file that does
    not exist yet is watched too.
    """

    def __init__(
        self,
        in_use: Callable[[], Config],
        read: Callable[[], Config],
        *,
        take_over: Callable[[], None],
        refuse: Callable[[ConfigError], None],
        accept: Callable[[], None],
    ) -> None:
        file = in_use().file
        self._path = Path(file or "config.yaml").absolute()
        self._in_use, self._read = in_use, read
        self._take_over, self._refuse, self._accept = take_over, refuse, accept
        self._seen: Signature | str = "not yet"
        self._judged: Signature | str = "not yet"
        self._refused = False
        self._may_be_missing = file is None

    def start(self) -> None:
        """Look once a second, in a thread of its own, until the process ends."""

        def run() -> None:
            pause = threading.Event()
            while True:
                pause.wait(_SECONDS)
                try:
                    self.look()
                except Exception:
                    logger.exception("the configuration file cannot be watched")

        threading.Thread(target=run, name="feedsvc-config", daemon=True).start()

    def look(self) -> None:
        """Look at the file once; judge it when two looks in a row saw the same file."""
        signature = _signature(self._path)
        if signature != self._seen:
            self._seen = signature  # it may still be being written
            return
        if signature == self._judged:
            return
        self._judged = signature
        if signature is None and self._may_be_missing:
            return
        try:
            config = self._read()
        except ConfigError as error:
            self._refused = True
            self._refuse(error)
            return
        self._may_be_missing = config.file is None
        if config != self._in_use():
            logger.info("%s has changed", self._path)
            self._take_over()
        elif self._refused:
            logger.info("%s is without mistakes again", self._path)
            self._accept()
        self._refused = False


def _signature(path: Path) -> Signature:
    try:
        status = os.stat(path)  # noqa: PTH116 - it follows links, as Kubernetes makes them
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
