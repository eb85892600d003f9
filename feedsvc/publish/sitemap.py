"""The addresses that search engines are to know, as sitemaps.org's protocol 0.9 has them.

An article that has its original elsewhere is not among them: its page names that address as its
canonical one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from feedsvc import feeds
from feedsvc.config import Config
from feedsvc.index import Index
from feedsvc.publish.entries import Entries

MOST = 50_000
"""Addresses in one sitemap: the protocol allows no more."""


@dataclass(frozen=True, slots=True)
class Place:
    """An absolute address, and when what is there last changed."""

    address: str
    changed: datetime


class Sitemap:
    """The addresses of one configuration."""

    def __init__(self, config: Config, index: Index, entries: Entries) -> None:
        self._base_url = config.site.base_url
        self._index = index
        self._entries = entries

    def places(self) -> list[Place]:
        """Return home, the pages of feeds, and the articles that are ours alone, newest first.

        Raises NotReadyError before the first pass.
        """
        pages = list(self._pages())[:MOST]
        articles = self._index.articles.without_original(feeds.ALL, MOST - len(pages))
        return pages + [
            Place(f"{self._base_url}/articles/{key}", changed) for key, changed in articles
        ]

    def _pages(self) -> Iterator[Place]:
        listings = self._entries.listings()
        changes = {state.slug: state.changed for state, _ in self._index.feeds.of_terms()}
        everything = self._entries.changed(None)
        yield Place(f"{self._base_url}/", everything)
        for listing in listings:
            changed = changes.get(listing.slug)
            if changed is None:
                changed = self._entries.changed(self._index.feeds.state(listing.slug))
            yield Place(feeds.address(self._base_url, listing.slug), changed)
