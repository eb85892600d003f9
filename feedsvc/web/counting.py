"""Counts requests in memory, and hands the sums to the index once a minute and at the end.

What is counted: answers by feed and class of status, the subscribers that reading services name in
their User-Agent, and about how many other clients asked for feeds today. Neither addresses nor
User-Agents are kept. Nearly every request costs an addition in a dict, and a look whether this
reader was seen today.

Everything in a request may be hostile: a path is counted by name only where a feed was sent, and a
service by the name that it has here.
"""

import logging
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from itertools import count
from typing import TYPE_CHECKING

from feedsvc.distinct import Distinct
from feedsvc.errors import StateError
from feedsvc.index import Counts
from feedsvc.index.requests import OTHER, PATIENCE, RequestTable
from feedsvc.web.visitor import is_of_feed
from feedsvc.web.wsgi import client_address

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger(__name__)

WRITE_SECONDS = 60.0
"""The time between two writings of the sums."""
_LAST_PATIENCE = 1.0  # seconds that the last sums of a process wait while others write

_LONGEST = 300  # characters of a User-Agent and of a path
_MOST_KINDS = 4000  # pairs of a feed and a status, or of a feed and a service, in a minute
_MOST_SEEN = 100_000  # readers of today that are remembered, each as a number of 64 bits

# By a part of the User-Agent in lower case. These services ask once for all their subscribers, and
# say how many these are.
_SERVICES = {
    "bazqux": "BazQux",
    "bloglovin": "Bloglovin’",
    "dreamwidth": "Dreamwidth",
    "feed wrangler": "Feed Wrangler",
    "feedbin": "Feedbin",
    "feedly": "Feedly",
    "inoreader": "Inoreader",
    "livejournal": "LiveJournal",
    "netvibes": "Netvibes",
    "newsblur": "NewsBlur",
    "overcast": "Overcast",
    "theoldreader": "The Old Reader",
}
_SUBSCRIBERS = re.compile(r"\b([0-9]{1,9}) (?:subscriber|reader)s?\b", re.IGNORECASE)


_Kind = tuple[str | None, str]
"""The path of a feed, None for all that is no feed, and a status."""


def subscribers(agent: str) -> tuple[str, int] | None:
    """Return the service that a User-Agent names, and its number of subscribers; None if not both.

    >>> subscribers("Feedly/1.0 (+http://www.feedly.com/fetcher.html; 462 subscribers; )")
    ('Feedly', 462)
    >>> subscribers("newsboat/2.36") is subscribers("A reader of mine; 5000 subscribers") is None
    True
    """
    number = _SUBSCRIBERS.search(agent)
    if number is None:
        return None
    folded = agent.lower()
    services = (name for part, name in _SERVICES.items() if part in folded)
    service = next(services, None)
    return None if service is None else (service, int(number[1]))


class RequestCounter:
    """Counts the requests of this process; `today` returns the day in the site's zone.

    With `background`, a thread of its own writes the sums, the last time when the process ends. It
    starts with the first request, so that it is there after a fork.
    """

    def __init__(
        self, table: RequestTable, today: Callable[[], date], *, background: bool = False
    ) -> None:
        self._table = table
        self._today = today
        self._background = background
        # Threads use these two without a lock: at worst, a request is not counted. `count` is the
        # fastest addition that no other thread can come between.
        self._numbers: dict[_Kind, count[int]] = {}
        self._seen: set[int] = set()  # hashes of a path, a User-Agent and an address
        self._lock = threading.Lock()  # of all below
        self._day = date.min  # of all counts
        self._subscribers: dict[tuple[str, str], int] = {}  # by path and service
        self._clients = Distinct()
        self._key: bytes | None = None  # by which clients are counted
        self._key_asked = -WRITE_SECONDS  # by the monotonic clock
        self._failed = False
        self._thread: threading.Thread | None = None

    def note(self, environ: "WSGIEnvironment", status: str) -> None:
        """Note that a request was answered with a status such as `200 OK`."""
        path = environ["PATH_INFO"]
        number = self._numbers.get((path, status))
        if number is None:
            is_feed, number = self._number(path, status)
            next(number)
            if not is_feed:
                return
        else:
            next(number)
        agent = environ.get("HTTP_USER_AGENT")
        address = client_address(environ)
        reader = hash((path, agent, address))
        if reader not in self._seen:
            self._see(reader, path, agent or "", address)

    def write(self, *, patience: float = PATIENCE) -> None:
        """Write the sums into the index; where that fails, keep them for the next time."""
        with self._lock:
            self._go_to_today()
            self._ask_key()
            counted, self._numbers = self._numbers, {}
            numbers = {kind: next(number) for kind, number in counted.items()}
            counts = Counts(
                day=self._day,
                requests=_by_feed(numbers),
                subscribers=self._subscribers.copy(),
                key=self._key,
                clients=self._clients.registers,
            )
        try:
            self._table.add(counts, patience=patience)
            self._failed = False
        except StateError as error:
            if not self._failed:
                logger.warning("requests are counted in memory only: %s", error)
            self._failed = True
            with self._lock:
                for kind, number in numbers.items():
                    more = next(self._numbers.get(kind, count()))
                    self._numbers[kind] = count(number + more)

    def _number(self, path: str, status: str) -> tuple[bool, "count[int]"]:
        """Tell whether a request got a feed; return also the number that it is counted in.

        Requests for anything else are counted together, so that made-up paths take no memory.
        """
        is_feed = status.startswith(("200", "304")) and len(path) <= _LONGEST and is_of_feed(path)
        by_name = is_feed and len(self._numbers) < _MOST_KINDS
        kind = (path if by_name else None), status
        number = self._numbers.get(kind)
        if number is None:
            with self._lock:
                self._go_to_today()
                number = self._numbers.setdefault(kind, count())
                if self._background:
                    self._start_writing()
        return is_feed, number

    def _see(self, reader: int, path: str, agent: str, address: str) -> None:
        """Count a reader that has not asked for this feed today."""
        with self._lock:
            service = subscribers(agent[:_LONGEST])
            if service is not None:
                name = _feed(path), service[0]
                if name in self._subscribers or len(self._subscribers) < _MOST_KINDS:
                    self._subscribers[name] = max(service[1], self._subscribers.get(name, 0))
            else:
                if self._key is None:
                    self._ask_key()
                if self._key is None:
                    return  # it counts when it asks again
                self._clients.add(f"{address}\0{agent}", self._key)
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen.add(reader)

    def _start_writing(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            # No daemon, because Python waits for it when the process ends.
            self._thread = threading.Thread(
                target=self._write_until_the_end, name="feedsvc-counts", daemon=False
            )
            self._thread.start()

    def _write_until_the_end(self) -> None:
        main = threading.main_thread()
        while main.is_alive():
            main.join(WRITE_SECONDS)
            try:
                if self._numbers:
                    self.write(patience=PATIENCE if main.is_alive() else _LAST_PATIENCE)
            except Exception:
                logger.exception("requests could not be counted")

    def _go_to_today(self) -> None:
        """Begin anew on a new day; what was not written by then is lost."""
        today = self._today()
        if today != self._day:
            self._day = today
            self._subscribers.clear()
            self._set_key(None)
            self._key_asked = -WRITE_SECONDS

    def _ask_key(self) -> None:
        """Learn today's key, once a minute at most; clients are not counted without it."""
        now = time.monotonic()
        if now - self._key_asked >= WRITE_SECONDS:
            self._key_asked = now
            with suppress(StateError):  # `write` tells of it
                key = self._table.key(self._day)
                if key != self._key:  # also after the state was made anew
                    self._set_key(key)

    def _set_key(self, key: bytes | None) -> None:
        self._key = key
        self._seen.clear()  # whoever asks again counts with the new key
        self._clients = Distinct()


def _by_feed(numbers: Mapping[_Kind, int]) -> dict[tuple[str, str], int]:
    """Return numbers of requests by the path of the feed and the class of the status."""
    sums: dict[tuple[str, str], int] = {}
    for (path, status), number in numbers.items():
        name = OTHER if path is None else _feed(path)
        key = name, "304" if status.startswith("304") else f"{status[:1]}xx"
        sums[key] = sums.get(key, 0) + number
    return sums


def _feed(path: str) -> str:
    """Return the path of a feed as text (PEP 3333, "Unicode Issues"), written in one way."""
    return unicodedata.normalize(
        "NFC", path.encode("latin-1", "replace").decode("utf-8", "replace")
    )
