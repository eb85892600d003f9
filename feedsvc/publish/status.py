"""The status of a service in numbers: its articles, problems, feeds, and the requests for them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from feedsvc import feeds
from feedsvc.config import Config
from feedsvc.formats import FORMATS
from feedsvc.index import Index
from feedsvc.model import Problem
from feedsvc.policies import policies
from feedsvc.publish.overview import Overviews

DAYS = 30
"""How many days the charts show."""
LATELY = 7
"""In how many days requests and subscribers of a feed are counted."""
MOST_FEEDS = 100
"""How many feeds are shown: the configured ones, then those with the most articles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStatus:
    """One feed. `bytes` is by format, of the documents that are kept, in their smallest coding.

    `entries` is how many of its `articles` it shows. `requests` and `unchanged` (those answered by
    304) are of the last days. `subscribers` is by service.
    """

    slug: str
    title: str
    articles: int
    entries: int
    changed: datetime | None
    bytes: Mapping[str, int]
    requests: int
    unchanged: int
    subscribers: Mapping[str, int]
    is_private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStatus:
    """One day: articles dated on it, requests by class of status, clients that asked for feeds."""

    day: date
    articles: int
    requests: Mapping[str, int]
    clients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The whole status. `days` has the oldest first, and today last.

    `sent` and `unchanged` are the answers to requests for feeds today, with a feed and by 304.
    """

    articles: int
    newest: datetime | None
    problems: tuple[Problem, ...]
    feeds: tuple[FeedStatus, ...]
    days: tuple[DayStatus, ...]
    sent: int
    unchanged: int

    @property
    def public(self) -> "Status":
        """The status without private feeds, for everybody."""
        return replace(self, feeds=tuple(feed for feed in self.feeds if not feed.is_private))

    @property
    def subscribers(self) -> int:
        """The subscribers of all feeds and services; who has two feeds counts twice."""
        return sum(sum(feed.subscribers.values()) for feed in self.feeds)


class Statuses:
    """Reads the status of one index; safe to share between threads."""

    def __init__(self, config: Config, index: Index, overviews: Overviews) -> None:
        self._config = config
        self._index = index
        self._overviews = overviews
        self._view = policies(config)["view"]
        self._articles: tuple[object, dict[str, int], dict[date, int]] | None = None

    def read(self, today: date) -> Status:
        """Return the status on a day of the site's zone. Raises NotReadyError, StateError."""
        overview = self._overviews.overview(today)
        requests = self._index.requests
        of_today = requests.by_path(today).values()
        newest = overview.everything.newest
        return Status(
            articles=overview.everything.articles,
            newest=newest.published if newest else None,
            problems=self._index.problems.all(),
            feeds=tuple(self._feeds(today)),
            days=tuple(self._days(today)),
            sent=sum(numbers.get("2xx", 0) for numbers in of_today),
            unchanged=sum(numbers.get("304", 0) for numbers in of_today),
        )

    def _counts(self, today: date) -> tuple[dict[str, int], dict[date, int]]:
        """Return the number of articles by feed, and by day; counted again only after changes."""
        version = self._index.meta.edition(), today
        if self._articles is None or self._articles[0] != version:
            first, zone = today - timedelta(days=DAYS - 1), self._config.site.timezone
            counts = self._index.overview.counts()
            since = datetime.combine(first, time(), zone)
            self._articles = version, counts, self._index.overview.days(feeds.ALL, since, zone)
        return self._articles[1:]

    def _days(self, today: date) -> Iterable[DayStatus]:
        first = today - timedelta(days=DAYS - 1)
        articles = self._counts(today)[1]
        requests = self._index.requests.by_day(first)
        clients = self._index.requests.clients(first)
        for day in (first + timedelta(days=n) for n in range(DAYS)):
            yield DayStatus(
                day=day,
                articles=articles.get(day, 0),
                requests=requests.get(day, {}),
                clients=clients.get(day, 0),
            )

    def _feeds(self, today: date) -> Iterable[FeedStatus]:
        lately = today - timedelta(days=LATELY - 1)
        requests = self._index.requests.by_path(lately)
        subscribers = self._index.requests.subscribers(lately)
        counts, names = self._counts(today)[0], self._names(today)
        private = self._config.private_slugs
        states = self._index.feeds.states(names)
        sizes = self._index.documents.sizes(
            [path for slug in names for path in _paths(slug).values()], self._view
        )
        for slug, title in names.items():
            paths = _paths(slug)
            numbers = [requests.get(path, {}) for path in paths.values()]
            articles = counts.get(slug, 0)
            yield FeedStatus(
                slug=slug,
                title=title,
                articles=articles,
                entries=min(articles, self._config.feeds.limit),
                changed=states[slug].changed if slug in states else None,
                bytes={name: sizes[path] for name, path in paths.items() if path in sizes},
                requests=sum(sum(of_path.values()) for of_path in numbers),
                unchanged=sum(of_path.get("304", 0) for of_path in numbers),
                subscribers=_added(subscribers.get(path, {}) for path in paths.values()),
                is_private=slug in private,
            )

    def _names(self, today: date) -> dict[str, str]:
        """Return the titles of the feeds that are shown, by slug."""
        private = {c.slug: c.title for c in self._config.categories if c.access is not None}
        names = {feeds.ALL: self._config.site.title, **private, **self._overviews.names(today)}
        return dict(list(names.items())[: max(MOST_FEEDS, 1 + len(self._config.categories))])


def _paths(slug: str) -> dict[str, str]:
    """Return the paths of a feed by format."""
    return {name: f"/feeds/{slug}.{name}" for name in FORMATS}


def _added(mappings: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sums of numbers, the largest first."""
    sums: dict[str, int] = {}
    for mapping in mappings:
        for name, number in mapping.items():
            sums[name] = sums.get(name, 0) + number
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))
