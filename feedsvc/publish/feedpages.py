"""All articles of a feed, by pages of a fixed size.

Pages are numbered from the oldest article on, so that a page has the same articles, and the link to
it stays right, when newer articles come. The first page that people see has no number: it has the
newest articles, at least as many as a numbered page where there are so many.
"""

import threading
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from feedsvc.config import Config
from feedsvc.errors import NotFoundError
from feedsvc.index import FeedState, Index
from feedsvc.model import Category, Feed
from feedsvc.publish.entries import Entries

SIZE = 50
"""Articles on a numbered page."""

_RECENT_DAYS = 84  # twelve weeks
_FEWEST_DAYS = 7  # a feed that began yesterday has no rhythm yet

Period = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How many articles about come in each period."""

    number: int
    period: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """A part of a feed, newest first.

    `title` is the feed's, without the site's. `number` is None for the newest articles. `older` is
    the number of the next page, None on the last one. `has_newer` tells whether there are newer
    articles; they are on the page `newer`, or on the page without a number where that is None.
    """

    feed: Feed
    title: str
    number: int | None
    articles: int
    rhythm: Rhythm | None
    older: int | None
    has_newer: bool
    newer: int | None


def combined_page(feed: Feed) -> FeedPage:
    """Return the only page of a combined or filtered feed: its newest articles."""
    return FeedPage(
        feed=feed,
        title=feed.title,
        number=None,
        articles=len(feed.entries),
        rhythm=None,
        older=None,
        has_newer=False,
        newer=None,
    )


class FeedPages:
    """The pages of all feeds of one configuration."""

    def __init__(self, config: Config, index: Index, entries: Entries) -> None:
        self._limit = config.feeds.limit
        self._index = index
        self._entries = entries
        self._lock = threading.Lock()  # of the two below
        self._version: tuple[str, date] | None = None
        self._known: dict[str, tuple[int, Rhythm | None]] = {}  # by slug

    def page(self, slug: str, number: int | None, today: date, zone: ZoneInfo) -> FeedPage:
        """Return one page of a feed. Raises NotFoundError and NotReadyError."""
        state = self._entries.state(slug)
        category = self._entries.category(slug, state)
        if not self._index.meta.is_whole():
            return self._first_articles(category, state, number)
        articles, rhythm = self._numbers(category.slug, today, zone)
        start, end, older = bounds(articles, number)
        # The newest page begins at the same article as a numbered page.
        newer = None if number is None or end >= newest_start(articles) else number + 1
        return FeedPage(
            feed=self._feed(category, state, start, end),
            title=category.title,
            number=number,
            articles=articles,
            rhythm=rhythm,
            older=older,
            has_newer=number is not None and end < articles,
            newer=newer,
        )

    def _first_articles(
        self, category: Category, state: FeedState | None, number: int | None
    ) -> FeedPage:
        """Return the newest articles, while the older ones are still to be read.

        Their numbers are not known yet.
        """
        articles = self._index.articles.count_in(category.slug)
        if number is not None or articles < self._limit:
            self._entries.check_whole()
        return FeedPage(
            feed=self._feed(category, state, max(0, articles - SIZE), articles),
            title=category.title,
            number=None,
            articles=articles,
            rhythm=None,
            older=None,
            has_newer=False,
            newer=None,
        )

    def _feed(self, category: Category, state: FeedState | None, start: int, end: int) -> Feed:
        part = self._index.articles.part_of_feed(category.slug, start=start, end=end)
        return self._entries.feed_of(category, state, part, full=False)

    def _numbers(self, slug: str, today: date, zone: ZoneInfo) -> tuple[int, Rhythm | None]:
        """Return how many articles a feed has, and how often they come.

        Counted once for all pages of a feed, until articles change.
        """
        version = (self._index.meta.edition(), today)
        with self._lock:
            if version != self._version:
                self._version = version
                self._known.clear()
            known = self._known.get(slug)
        if known is None:
            known = self._index.articles.count_in(slug), self._rhythm(slug, today, zone)
            with self._lock:
                if version == self._version:
                    self._known[slug] = known
        return known

    def _rhythm(self, slug: str, today: date, zone: ZoneInfo) -> Rhythm | None:
        since = datetime.combine(today - timedelta(days=_RECENT_DAYS), time(), zone)
        recent = self._index.articles.count_in(slug, since)
        if not recent:
            return None
        oldest = self._index.articles.part_of_feed(slug, start=0, end=1)
        days = (today - oldest[0].published.astimezone(zone).date()).days if oldest else 0
        return rhythm_of(recent, min(max(days, _FEWEST_DAYS), _RECENT_DAYS))


def newest_start(articles: int) -> int:
    """Return the number of the first article on the newest page.

    >>> [newest_start(articles) for articles in (0, 49, 50, 99, 100, 149, 150)]
    [0, 0, 0, 0, 50, 50, 100]
    """
    return max(articles // SIZE - 1, 0) * SIZE


def bounds(articles: int, number: int | None) -> tuple[int, int, int | None]:
    """Return where a page of so many articles starts and ends, and the number of the next page.

    Raises NotFoundError where there is no such page.

    >>> bounds(120, None), bounds(120, 3), bounds(120, 1)
    ((50, 120, 1), (100, 120, 2), (0, 50, None))
    """
    if number is None:
        start, end = newest_start(articles), articles
    else:
        start, end = (number - 1) * SIZE, min(number * SIZE, articles)
        if number < 1 or (start >= articles and number > 1):
            raise NotFoundError("There is no such page.")
    return start, end, start // SIZE or None


def rhythm_of(articles: int, days: int) -> Rhythm | None:
    """Return in which rhythm so many articles in so many days came, None for very few.

    >>> rhythm_of(300, 84), rhythm_of(84, 84).period, rhythm_of(1, 84)
    (Rhythm(number=4, period='day'), 'day', None)
    """
    periods: tuple[tuple[Period, int], ...] = (("day", 1), ("week", 7), ("month", 30))
    for period, length in periods:
        number = round(articles / days * length)
        if number >= 1 and articles / days * length >= 0.8:
            return Rhythm(number=number, period=period)
    return None
