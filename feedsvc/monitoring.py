"""Tells the operator that passes go well, by a heartbeat, and that articles have stopped coming.

A thread of the watcher does it, so that a pass never waits for another host.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from feedsvc import __version__, feeds, outgoing, silence
from feedsvc.config import Config
from feedsvc.errors import OutgoingError, StateError
from feedsvc.index import Index
from feedsvc.silence import Silence, Silences, Stream

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 10.0  # between two heartbeats, however many passes there are
_CHECK_SECONDS = 600.0  # between two looks for streams that are quiet
_AGENT = f"feedsvc/{__version__}"


class Monitor:
    """Tells what `monitoring:` of one configuration asks for; `monotonic` is a clock in seconds."""

    def __init__(
        self,
        config: Config,
        index: Index,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = config.monitoring
        self._site = config.site
        self._categories = [category.slug for category in config.categories]
        self._private = config.private_slugs
        self._expected = {
            Stream("folder", folder): expect.total_seconds()
            for folder, expect in config.monitoring.folders
        } | {
            Stream("category", category.slug): category.expect.total_seconds()
            for category in config.categories
            if category.expect is not None
        }
        self._index = index
        self._clock = clock
        self._monotonic = monotonic
        self._checked = -_CHECK_SECONDS
        self._failures: dict[str, str] = {}  # the last of each kind, by what failed
        self._ended = threading.Event()  # a good pass has ended
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin, in a thread of its own."""
        threading.Thread(target=self._run, name="feedsvc-monitor", daemon=True).start()

    def stop(self) -> None:
        """Tell nothing more. What is under way is not waited for."""
        self._stopping.set()
        self._ended.set()

    def note_good_pass(self) -> None:
        """Note that a pass has ended without an error."""
        self._ended.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._ended.wait()
            self._ended.clear()
            if not self._stopping.is_set():
                self.tell()
            self._stopping.wait(_PAUSE_SECONDS)

    def tell(self) -> None:
        """Send the heartbeat; every ten minutes, look for streams that are quiet."""
        if self._settings.heartbeat_url is not None:
            address = self._settings.heartbeat_url
            self._try("the heartbeat", lambda: outgoing.fetch(address, agent=_AGENT))
        if self._monotonic() - self._checked >= _CHECK_SECONDS:
            self._checked = self._monotonic()
            self._try("the look for silent folders and categories", self.check)

    def check(self) -> None:
        """Look for streams that are quiet, tell of those that were not, and remember them.

        Raises StateError and OutgoingError; what the webhook has not got is sent again next time.
        """
        meta = self._index.meta
        if not (meta.is_ready() and meta.is_whole()):
            return
        now = self._clock()
        text = meta.get(silence.KEY)
        before = Silences.parse(text) or Silences(begun=now.timestamp())
        found = self._after(before, now)
        for stream in sorted({s.stream for s in before.silent} - {s.stream for s in found.silent}):
            logger.info("%s is not silent any more", self._logged(stream, stream))
        known = {one.stream for one in before.silent}
        for one in found.silent:
            if one.stream not in known:
                logger.warning("%s", self._logged(one, one.stream))
        if str(found) != text:
            meta.note(silence.KEY, str(found))
        untold = [one for one in found.silent if not one.told]
        if untold and self._settings.webhook_url is not None:
            value = message(untold, self._site.title, self._site.base_url, now)
            outgoing.post(self._settings.webhook_url, value, agent=_AGENT)
            told = tuple(replace(one, told=True) for one in found.silent)
            meta.note(silence.KEY, str(replace(found, silent=told)))

    def _logged(self, text: object, stream: Stream) -> object:
        """Return what the log says of a stream; names of private categories are not logged.

        Nor are those of folders then, which may have private articles alone.
        """
        if not self._private or (stream.kind == "category" and stream.name not in self._private):
            return text
        return str(text).replace(str(stream), f"a {stream.kind} (`feedsvc status` names it)", 1)

    def _after(self, before: Silences, now: datetime) -> Silences:
        arrivals = self._index.arrivals.since(
            [feeds.ALL, *self._categories], max(now - silence.WINDOW, feeds.EPOCH)
        )
        quiet, judged = silence.judge(
            arrivals,
            now.timestamp(),
            self._site.timezone,
            everything=feeds.ALL,
            expected=self._expected,
            categories=self._categories,
            begun=before.begun,
            learn=self._settings.learn,
            quiet=[one.name for one in before.silent if one.kind == "folder"],
            last=self._last,
        )
        if not self._settings.learn:
            before = replace(before, silent=tuple(one for one in before.silent if not one.learnt))
        return silence.after(before, quiet, judged, self._last)

    def _last(self, stream: Stream) -> float | None:
        arrivals = self._index.arrivals
        if stream.kind == "folder":
            return arrivals.last_in_folder(stream.name)
        return arrivals.last_in_feed(stream.name)

    def _try(self, name: str, action: Callable[[], None]) -> None:
        """Do something; log why it fails, once for each series of failures."""
        try:
            action()
        except (OutgoingError, StateError) as error:
            failure = f"{name} failed: {error}"
            if self._failures.get(name) != failure and not self._stopping.is_set():
                logger.warning("%s; it is tried again, and not logged again", failure)
        except Exception as error:
            failure = f"{name} failed: {type(error).__name__}"
            # When the watcher stops, it closes the index.
            if self._failures.get(name) != failure and not self._stopping.is_set():
                logger.exception("%s failed", name)
        else:
            if self._failures.pop(name, None) is not None:
                logger.info("%s works again", name)
            return
        self._failures[name] = failure


def message(
    silent: Sequence[Silence], title: str, base_url: str, now: datetime
) -> dict[str, object]:
    """Return what the webhook gets: `text` for people, `silent` for programs, times in UTC."""
    return {
        "event": "silence",
        "site": {"title": title, "base_url": base_url},
        "text": "\n".join(f"{title}: {one}" for one in silent),
        "silent": [as_json(one, now) for one in silent],
    }


def as_json(one: Silence, now: datetime) -> dict[str, object]:
    """Return a silence for programs."""
    since = datetime.fromtimestamp(one.since, UTC)
    return {
        "kind": one.kind,
        "name": one.name,
        "since": since.isoformat(timespec="seconds"),
        "seconds": round((now - since).total_seconds()),
        "limit_seconds": round(one.limit),
        "learnt": one.learnt,
    }
