"""The state that a service works on, and where its log goes."""

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from feedsvc.config import Config, State
from feedsvc.errors import ConfigError, StateError
from feedsvc.index import Index, file_of, journal_of
from feedsvc.schedule import trigger

logger = logging.getLogger(__name__)


def open_index(config: Config, *, owner: bool = False) -> Index:
    """Open the index that `config` names, as its `owner` in order to refresh. Raises StateError."""
    return Index.open(config.state.url, owner=owner)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def available_cores() -> int:
    """Return how many cores this process may use, 64 at most."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return min(64, len(affinity(0)) if affinity else os.cpu_count() or 1)


def log_to_stderr() -> None:
    """Send this process's log to standard error, a line an event."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", force=True
    )
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


class States:
    """Finds for a configuration the state that can be written, for one run of the service.

    With `until_stopped`, one that can be written takes for so long the place of one that cannot.
    """

    def __init__(self, until_stopped: contextlib.ExitStack | None) -> None:
        self._until_stopped = until_stopped
        self._used: dict[str, str] = {}  # instead of each that a configuration named

    def usable(self, config: Config) -> Config:
        """Open the state once, so that its schema is made and errors are seen; return what to use.

        What takes the place of one that cannot be written has the ledger's ids, so that readers are
        served all the same. Raises StateError.
        """
        url = config.state.url
        if url in self._used:  # the watcher has it open: it must not be opened as its owner again
            return replace(config, state=State(url=self._used[url]))
        self._used[url] = self._opened(config)
        return replace(config, state=State(url=self._used[url]))

    def reread(self, config: Config, read: Callable[[], Config] | None) -> Config | None:
        """Return the configuration as it is now, None (and say why) where it cannot be used."""
        try:
            new = read() if read else config
            trigger(new.articles.rescan, new.site.timezone)
            return self.usable(new)
        except (ConfigError, StateError) as error:
            logger.error("not reloaded, all goes on as before:\n%s", error)  # noqa: TRY400
            return None

    def _opened(self, config: Config) -> str:
        url = config.state.url
        try:
            open_index(config, owner=True).close()
        except StateError as error:
            file = file_of(url)
            if self._until_stopped is None or file is None or error.__cause__ is None:
                raise  # the latter: no database here, or a newer version's; nothing that would pass
            folder = Path(
                self._until_stopped.enter_context(tempfile.TemporaryDirectory(prefix="feedsvc-"))
            )
            with contextlib.suppress(OSError):
                shutil.copy(journal_of(file), folder / journal_of(file).name)
            logger.error(  # noqa: TRY400 - it says all there is
                "%s. Serving from %s until feedsvc is started again: known ids stay, new ones may"
                " not",
                error,
                folder,
            )
            return f"sqlite:///{folder / file.name}"
        return url
