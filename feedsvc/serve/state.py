"""The state of a service."""

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
from feedsvc.health import CONFIG_REFUSED
from feedsvc.index import Index, file_of, journal_of
from feedsvc.schedule import schedule_of
from feedsvc.serve.baseurl import warn_of_other_address, with_base_url
from feedsvc.serve.endpoint import Endpoint

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


class States:
    """Opens the states that configurations name, during one run of the service.

    A state that cannot be written is replaced by a copy, which `until_stopped` deletes; without
    `until_stopped`, it is an error. `endpoint` is where this process serves, None if it does not.
    """

    def __init__(
        self, until_stopped: contextlib.ExitStack | None, endpoint: Endpoint | None = None
    ) -> None:
        self._until_stopped = until_stopped
        self._endpoint = endpoint
        self._used: dict[str, str] = {}  # the URL in use, by the configured URL
        self._in_use: Config | None = None
        self.as_read: Config | None = None
        """The configuration in use as its file has it."""

    def usable(self, config: Config) -> Config:
        """Open the state, which makes its schema; return the configuration to use.

        It has the URL of the state in use, and the `base_url` of that state. A copy has the ids of
        the ledger, so that readers see the same entries. Raises StateError.
        """
        url, as_read = config.state.url, config
        if url not in self._used:  # opened once only: the watcher is its owner from then on
            self._used[url] = self._opened(config)
        config = replace(config, state=State(url=self._used[url]))
        with contextlib.closing(open_index(config)) as index:
            config = with_base_url(config, index, self._endpoint)
            self._in_use, self.as_read = config, as_read
            _note_refusal(index, "")
        warn_of_other_address(config, self._endpoint)
        return config

    def reread(self, config: Config, read: Callable[[], Config] | None) -> Config | None:
        """Return the configuration as it is now; log why and return None if it is not valid."""
        try:
            new = read() if read else config
            schedule_of(new)
            return self.usable(new)
        except (ConfigError, StateError) as error:
            self.refuse(error)
            return None

    def refuse(self, error: ConfigError | StateError) -> None:
        """Log why a new configuration is not taken over, and note it for the status page."""
        logger.error("not reloaded, all goes on as before:\n%s", error)
        self._note(str(error))

    def accept(self) -> None:
        """Note that the configuration in use is the one in the file again."""
        self._note("")

    def _note(self, refusal: str) -> None:
        if self._in_use is not None:
            with (
                contextlib.suppress(StateError),
                contextlib.closing(open_index(self._in_use)) as index,
            ):
                _note_refusal(index, refusal)

    def _opened(self, config: Config) -> str:
        url = config.state.url
        try:
            open_index(config, owner=True).close()
        except StateError as error:
            file = file_of(url)
            if self._until_stopped is None or file is None or error.__cause__ is None:
                raise  # no cause: a state that a copy does not mend, as of a newer feedsvc
            folder = Path(
                self._until_stopped.enter_context(tempfile.TemporaryDirectory(prefix="feedsvc-"))
            )
            with contextlib.suppress(OSError):
                shutil.copy(journal_of(file), folder / journal_of(file).name)
            logger.error(  # noqa: TRY400 - a traceback would say nothing more
                "%s. Serving from %s until feedsvc is started again: known ids stay, new ones may"
                " not",
                error,
                folder,
            )
            return f"sqlite:///{folder / file.name}"
        return url


def _note_refusal(index: Index, refusal: str) -> None:
    with contextlib.suppress(StateError):  # a state that cannot be written
        if (index.meta.get(CONFIG_REFUSED) or "") != refusal:
            index.meta.note(CONFIG_REFUSED, refusal)
