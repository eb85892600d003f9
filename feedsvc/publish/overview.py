"""The overview of a site: its categories, its topics, and the newest entries of all."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from feedsvc import feeds
from feedsvc.config import Config
from feedsvc.index import Index
from feedsvc.model import Entry
from feedsvc.publish.entries import Entries
from feedsvc.publish.nearest import nearest
from feedsvc.publish.topics import Topic, parents, tree

WEEKS = 12
_NEWEST = 20
MOST_TOPICS = 300
"""How many topics the overview shows; a page of its own has all of them."""

_FEW_TOPICS = 30  # so many or fewer are all shown, also those of a single article
_SAMPLE = 2000  # the newest articles, by whose terms topics become a tree


@dataclass(frozen=True, slots=True, kw_only=True)
class CategorySummary:
    """A configured feed, or the feed of everything.

    `articles` is their number, `weeks` how many came in each of the last weeks, the oldest first.
    `newest` is the newest entry, None where there is none.
    """

    slug: str
    title: str
    description: str
    link: str
    articles: int
    weeks: tuple[int, ...]
    newest: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All feeds of a site at one moment.

    `topics` are terms as a tree; `single` are those of one article, where there are many. The terms
    of configured categories are in neither. `first_topics` is the tree of the largest topics.
    """

    everything: CategorySummary
    categories: tuple[CategorySummary, ...]
    first_topics: tuple[Topic, ...]
    topics: tuple[Topic, ...]
    single: tuple[Topic, ...]
    number_of_topics: int


class Overviews:
    """Makes the overview of one index; safe to share between threads."""

    def __init__(self, config: Config, index: Index, entries: Entries) -> None:
        self._config = config
        self._index = index
        self._entries = entries
        self._lock = threading.Lock()
        self._last: tuple[tuple[str, date], Overview] | None = None

    def overview(self, today: date) -> Overview:
        """Return the overview on a day of the site's zone. Raises NotReadyError, StateError."""
        self._entries.check_ready()
        version = (self._index.meta.edition(), today)
        with self._lock:  # made once, however many threads ask
            if self._last is None or self._last[0] != version:
                self._last = (version, self._make(today))
            return self._last[1]

    def newest(self) -> list[Entry]:
        """Return the newest entries of all. Raises NotReadyError and StateError."""
        self._entries.check_ready()
        published = self._index.articles.published(feeds.ALL, _NEWEST)
        return self._entries.entries(published, full=False)

    def names(self, today: date) -> dict[str, str]:
        """Return the titles of feeds by their slugs, the configured and largest ones first."""
        overview = self.overview(today)
        names = {summary.slug: summary.title for summary in overview.categories}
        waiting = list(overview.first_topics)
        while waiting:
            topic = waiting.pop(0)
            names.setdefault(topic.slug, topic.title)
            waiting += topic.children
        return names

    def nearest(self, text: str, today: date) -> list[tuple[str, str]]:
        """Return the slugs and titles of the feeds whose names or terms are most like a text."""
        titles = self.names(today)
        slugs = {
            term: category.slug
            for category in self._config.public_categories
            for term in category.terms
        }
        slugs |= {name: slug for slug, title in titles.items() for name in (title, slug)}
        return [(slug, titles[slug]) for slug in nearest(text, slugs)]

    def _make(self, today: date) -> Overview:
        site, categories = self._config.site, self._config.public_categories
        counts = self._index.overview.counts()
        slugs = [feeds.ALL, *(category.slug for category in categories)]
        end = datetime.combine(today + timedelta(days=1), time(), site.timezone)
        weeks = self._index.overview.weeks(slugs, end, WEEKS)
        newest = {slug: self._newest(slug) for slug in slugs}

        def summary(slug: str, title: str, description: str) -> CategorySummary:
            return CategorySummary(
                slug=slug,
                title=title,
                description=description,
                link=feeds.address(site.base_url, slug),
                articles=counts.get(slug, 0),
                weeks=tuple(weeks[slug]),
                newest=newest[slug],
            )

        terms = self._index.overview.terms() if self._config.feeds.auto_categories else {}
        topics = self._topics(counts, terms)
        least = 1 if len(topics) <= _FEW_TOPICS else 2
        shown = [topic for topic in topics if topic.articles >= least]
        above = self._above(shown, terms)
        return Overview(
            everything=summary(feeds.ALL, site.title, site.description),
            categories=tuple(
                summary(category.slug, category.title, category.description)
                for category in categories
            ),
            first_topics=tree(shown[:MOST_TOPICS], above),
            topics=tree(shown, above),
            single=tuple(topic for topic in topics if topic.articles < least),
            number_of_topics=len(topics),
        )

    def _newest(self, slug: str) -> Entry | None:
        entries = self._entries.entries(self._index.articles.published(slug, 1), full=False)
        return entries[0] if entries else None

    def _topics(self, counts: Mapping[str, int], terms: Mapping[str, str]) -> list[Topic]:
        """Return the feeds of `terms` that repeat no configured category, the largest first."""
        configured = {category.slug for category in self._config.categories}
        configured |= self._config.moves.slugs
        repeated = {
            name.casefold()
            for category in self._config.public_categories
            for name in (category.slug, category.title, *category.terms)
        }
        topics = [
            Topic(slug=slug, title=feeds.of_term(slug, terms[slug]).title, articles=number)
            for slug, number in counts.items()
            if slug in terms and slug not in configured and terms[slug].casefold() not in repeated
        ]
        return sorted(topics, key=lambda topic: (-topic.articles, topic.title))

    def _above(self, topics: list[Topic], terms: Mapping[str, str]) -> dict[str, str]:
        """Return the slug of the topic above each topic that has one; `terms` are by slug."""
        slugs = {terms[topic.slug]: topic.slug for topic in topics}
        counts = {terms[topic.slug]: topic.articles for topic in topics}
        articles = self._index.overview.terms_of_articles(feeds.ALL, _SAMPLE)
        above = parents(articles, counts)
        return {slugs[term]: slugs[other] for term, other in above.items()}
