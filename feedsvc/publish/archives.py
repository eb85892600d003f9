"""Archives: all entries of a feed, by pages that lead from its newest entries to its oldest.

A page is made when it is asked for. Its address says after which article it begins, and it ends
where the number of older articles is a multiple of its size. So newer articles change no page: all
pages keep their addresses and entries. Each page names as the next one what begins after its own
last article. So who follows `next` gets each entry once, whatever comes or goes meanwhile, and also
where some of the pages are a day old (RFC 5005, 3 and 4).
"""

from dataclasses import replace
from datetime import datetime

from feedsvc import feeds
from feedsvc.config import Config
from feedsvc.errors import NotFoundError
from feedsvc.formats import FORMATS
from feedsvc.index import Index
from feedsvc.model import Document, Feed, Paging, Published
from feedsvc.publish import feedpages
from feedsvc.publish.documents import Documents, as_document
from feedsvc.publish.entries import Entries
from feedsvc.publish.making import OneAtATime


class Archives:
    """The pages of older entries of one configuration; safe to share between threads."""

    def __init__(
        self,
        config: Config,
        index: Index,
        entries: Entries,
        documents: Documents,
        making: OneAtATime,
    ) -> None:
        self._limits = config.feeds
        self._index = index
        self._entries = entries
        self._documents = documents
        self._making = making
        # No larger than the feed itself: so its newest entries and whole pages leave no gap.
        self._size = min(feedpages.SIZE, config.feeds.limit)

    def document(self, slug: str, place: str | None, suffix: str) -> Document:
        """Return the page that begins after a place, or the oldest page where that is None.

        It has no version. Raises NotFoundError, BusyError, and NotReadyError before all articles
        have been read.
        """
        format = FORMATS[suffix]
        with self._making:
            changed = self._index.meta.changed()  # before the articles are read
            body = self._documents.rendered(format, self.page(slug, place))
        return as_document(body, format.media_type, changed, "")

    def page(self, slug: str, place: str | None) -> Feed:
        """Return a page as a feed; raises what `document` raises."""
        state = self._entries.state(slug)
        category = self._entries.category(slug, state)
        self._entries.check_whole()
        articles = self._index.articles
        point = None if place is None else self._point(place)
        if point is None:
            query, found = feeds.OLDEST, articles.newer(slug, None, self._size)[::-1]
            end = number = len(found)
        else:
            query = f"?{feeds.PLACE}={place}"
            end = articles.count_older(slug, point)
            number = (end - 1) % self._size + 1 if end else 0
            # One more than the page shows, to know whether there are older ones.
            found = articles.older(slug, *point, number + 1)
        shown, has_older = found[:number], len(found) > number
        feed = self._entries.feed_of(category, state, shown, full=self._limits.content == "full")
        return replace(
            feed,
            query=query,
            hubs=(),  # a page is not what anybody subscribes to
            updated=self._entries.last_change(feed.entries),
            paging=None
            if self._entries.is_private(slug)
            else self._paging(slug, point, end, shown[-1] if has_older else None),
        )

    def _paging(
        self, slug: str, point: tuple[datetime, str] | None, end: int, last: Published | None
    ) -> Paging:
        """Return the links of the page that begins after a point, where `end` articles are older.

        `last` is the last article on it, None where there are no older ones.
        """
        articles = self._index.articles
        # The next newer page begins with the next multiple of the size.
        start = (end // self._size + 1) * self._size
        skipped = start if point is None else start - end
        above = articles.newer(slug, point, 1, skipped=skipped)
        newer_page = feeds.place_query(above[0]) if above else None
        adjoins_newest = articles.count_older(slug, None) - end <= self._limits.limit
        return Paging(
            older=feeds.place_query(last) if last else None,
            oldest=feeds.OLDEST,
            newer="" if adjoins_newest or newer_page is None else newer_page,
            newer_page=newer_page,
            is_page=True,
        )

    def _point(self, place: str) -> tuple[datetime, str]:
        """Return the date and the id of the article that a place names."""
        parsed = feeds.parse_place(place)
        id = None if parsed is None else self._index.ledger.id_of(parsed[1])
        if parsed is None or id is None:
            raise NotFoundError("There is no such page.")
        return parsed[0], id
