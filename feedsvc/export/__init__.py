"""The export: what the service answers, as files in a folder or an object store.

An `Exporter` asks the web application itself, in this process, for each public address, so a file
has the bytes that the service sends. It writes what differs from the manifest in the target, a file
in the place of another at once, and deletes at the end.

Not inside: when to export (`serve`), and what each address answers (`web`).
"""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from feedsvc.cleaning import Cleaner
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.errors import ExportError
from feedsvc.export import store
from feedsvc.export.addresses import Addresses
from feedsvc.export.asking import Asking
from feedsvc.export.folder import Folder
from feedsvc.export.round import NOT_READY, Report, Round
from feedsvc.export.target import ConflictError, Target
from feedsvc.index import Index
from feedsvc.model import Progress
from feedsvc.policies import uses_image_proxy
from feedsvc.publish import Entries
from feedsvc.web import build_app

__all__ = ["ConflictError", "Exporter", "Report", "target_at"]

logger = logging.getLogger(__name__)

_AGAIN = 3  # times, where another export has written to the target meanwhile


def target_at(where: str, config: Config) -> Target:
    """Return the folder or the store that `where` names. Raises ExportError."""
    scheme, separator, rest = where.partition("://")
    if separator and scheme in store.SCHEMES:
        return store.at(where)
    if separator and scheme != "file":
        known = ", ".join(f"{name}://" for name in store.SCHEMES)
        raise ExportError(f"{where} is no folder, and begins with none of {known}")
    folder = Path(unquote(rest) if separator else where).absolute()
    if folder.resolve().is_relative_to(config.articles.directory.resolve()):
        raise ExportError(
            f"{folder} is in the directory of the articles, where its files would become articles"
        )
    return Folder(folder)


class Exporter:
    """Exports the feeds of one configuration to one target."""

    def __init__(
        self,
        config: Config,
        index: Index,
        clock: Callable[[], datetime],
        target: Target,
        *,
        cleaner: Cleaner | None = None,
    ) -> None:
        self._config = config
        self._index = index
        self._clock = clock
        self._target = target
        self._cleaner = cleaner or Cleaner()
        app = build_app(config, index, clock, cleaner=self._cleaner, cache=False, for_files=True)
        self._asking = Asking(app.wsgi_app, config.site.base_url)
        entries = Entries(config, index, Contents(config, index, self._cleaner))
        self._addresses = Addresses(config, index, entries)
        if uses_image_proxy(config):
            logger.warning(
                "images with `via: proxy` in content.images need the running service: the export"
                " has no /image/"
            )

    def close(self) -> None:
        """End the processes that clean articles. The index stays open."""
        self._cleaner.close()

    def export(self, progress: Progress | None = None, *, complete: bool) -> Report:
        """Bring the target up to date; return what was done.

        A `complete` export asks for every address and looks at each file. Another one trusts the
        manifest, and asks where the articles or settings have changed. Raises ExportError,
        NotReadyError and StateError; the next export does what was left.
        """
        started = time.monotonic()
        if not (self._index.meta.is_ready() and self._index.meta.is_whole()):
            raise ExportError(NOT_READY)
        doubtful: set[str] = set()
        for attempt in range(_AGAIN):
            try:
                one = Round(
                    self._config,
                    self._asking,
                    self._addresses,
                    self._target,
                    self._clock().astimezone(self._config.site.timezone).date(),
                    complete=complete,
                    doubtful=doubtful,
                )
                with closing(one):
                    report = one.run(progress)
            except ConflictError:
                if attempt == _AGAIN - 1:
                    raise
            else:
                report.seconds = time.monotonic() - started
                return report
        raise AssertionError
