"""Telling hubs of changed feeds (W3C WebSub): a hub then asks for the feed, and sends it on.

A hub that cannot be reached, or that says that it has a problem, is told again, each time later.
One topic a request: hubs differ in whether they read several.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import urllib3

from feedsvc import feeds
from feedsvc.errors import StateError
from feedsvc.index import Index, Ping

logger = logging.getLogger(__name__)

_MOST = 50  # pings between two looks at the state
_SECONDS = 15.0  # that a hub may take for one answer
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=6)
_GIVE_UP = timedelta(days=2)
_LOOK_SECONDS = 60.0  # another process may have changed documents
_TRY_AGAIN = frozenset({408, 425, 429})  # of the answers that refuse a request


class Pinger:
    """Sends the pings of one index; `clock` returns the time."""

    def __init__(
        self, index: Index, base_url: str, hubs: tuple[str, ...], clock: Callable[[], datetime]
    ) -> None:
        self._index = index
        self._base_url = base_url
        self._hubs = hubs
        self._clock = clock
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(total=_SECONDS),
            retries=False,
            headers={"User-Agent": "feedsvc"},
        )
        self._failing: set[str] = set()  # hubs, so that each failure is logged once
        self._woken = threading.Event()
        self._stopping = threading.Event()

    def start(self) -> None:
        """Send pings in a thread of its own, which ends with the process."""
        threading.Thread(target=self._run, name="feedsvc-pings", daemon=True).start()

    def wake(self) -> None:
        """Look at once whether there is something to send."""
        self._woken.set()

    def stop(self) -> None:
        """Send no more; what is left is sent after the next start."""
        self._stopping.set()
        self._woken.set()

    def send(self) -> datetime | None:
        """Send what is due; return when the next ping is. Raises StateError."""
        self._index.pings.keep_only(self._hubs)
        while not self._stopping.is_set() and (due := self._index.pings.due(self._clock(), _MOST)):
            silent: set[str] = set()  # hubs that did not answer just now are left in peace
            for ping in due:
                if self._stopping.is_set():
                    break
                if ping.hub in silent or not self._send(ping):
                    silent.add(ping.hub)
                    self._later(ping)
                else:
                    self._index.pings.done(ping)
        return self._index.pings.next_due()

    def _send(self, ping: Ping) -> bool:
        """Tell one hub of one feed; return whether that is done."""
        topic = feeds.document_address(self._base_url, ping.path)
        # WebSub leaves the names to the hub; these are the ones that hubs know.
        fields = {"hub.mode": "publish", "hub.topic": topic, "hub.url": topic}
        try:
            answer = self._http.request("POST", ping.hub, fields=fields, encode_multipart=False)
        except urllib3.exceptions.HTTPError as error:
            return self._failed(ping.hub, type(error).__name__)
        if answer.status in _TRY_AGAIN or answer.status >= 500:
            return self._failed(ping.hub, f"it answers {answer.status}")
        if answer.status >= 300:
            logger.warning("the hub %s refuses %s: %d", ping.hub, topic, answer.status)
        elif ping.hub in self._failing:
            self._failing.remove(ping.hub)
            logger.info("the hub %s answers again", ping.hub)
        return True

    def _failed(self, hub: str, reason: str) -> bool:
        if hub not in self._failing:
            self._failing.add(hub)
            logger.warning("the hub %s cannot be told of changes, later again: %s", hub, reason)
        return False

    def _later(self, ping: Ping) -> None:
        now = self._clock()
        if now - ping.since > _GIVE_UP:
            logger.warning(
                "the hub %s was not told of %s",
                ping.hub,
                feeds.document_address(self._base_url, ping.path),
            )
            self._index.pings.done(ping)
            return
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 4 ** min(ping.attempts, 10))
        self._index.pings.try_again(ping, now + wait)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            seconds = _LOOK_SECONDS
            try:
                due = self.send()
                if due is not None:
                    seconds = min(seconds, max(0.0, (due - self._clock()).total_seconds()))
            except StateError:  # the watcher's pass tells of it
                pass
            except Exception:
                logger.exception("hubs could not be told of changes")
            self._woken.wait(seconds)
