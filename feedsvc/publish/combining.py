"""Combining: feeds of several feeds, and filtered feeds, made when they are asked for.

`/feeds/finance+ai-ads.atom` has the articles of any of the first two and none of the last, and
`?filter_title=…` chooses among them (`filters`). Nothing of them is stored.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from feedsvc import feeds, filters, identity
from feedsvc.config import Config
from feedsvc.errors import NotFoundError
from feedsvc.feeds import Combination
from feedsvc.filters import Filters
from feedsvc.formats import FORMATS
from feedsvc.index import Index
from feedsvc.model import Category, Document, Feed, Published
from feedsvc.publish.documents import Documents, as_document
from feedsvc.publish.entries import Entries
from feedsvc.publish.making import OneAtATime


class Combining:
    """Combines and filters the feeds of one configuration; safe to share between threads."""

    def __init__(
        self,
        config: Config,
        index: Index,
        entries: Entries,
        documents: Documents,
        making: OneAtATime,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._index = index
        self._entries = entries
        self._documents = documents
        self._clock = clock
        self._moved = dict(config.moves.moved)
        self._making = making

    def check(self, text: str, parameters: Mapping[str, str]) -> None:
        """Raise what `document` raises before anything is made."""
        filters.parse(parameters)
        self._combination(text)

    def document(self, text: str, parameters: Mapping[str, str], suffix: str) -> Document:
        """Return the feed of a combination, with the filters among some parameters.

        It has no version. Raises NotFoundError, NotReadyError, BusyError and ParameterError.
        """
        format = FORMATS[suffix]
        chosen = filters.parse(parameters)
        combination, titles = self._combination(text)
        with self._making:
            changed = self._index.meta.changed()  # before the articles are read
            full = self._config.feeds.content == "full"
            feed = self._feed(text, combination, titles, chosen, full=full)
            body = self._documents.rendered(format, feed)
        return as_document(body, format.media_type, changed, "")

    def feed(self, text: str, parameters: Mapping[str, str]) -> Feed:
        """Return the same as a feed without the texts of articles; raises what `document` raises"""
        chosen = filters.parse(parameters)
        combination, titles = self._combination(text)
        with self._making:
            return self._feed(text, combination, titles, chosen, full=False)

    def _combination(self, text: str) -> tuple[Combination, dict[str, str]]:
        """Return the feeds that a text names, and their titles by slug."""
        self._entries.check_ready()
        possible = {text, *feeds.possible_slugs(text)}
        titles = self._entries.titles(
            {*possible, *(self._moved.get(slug, "") for slug in possible)}, text
        )
        # A slug that moved stands for the new one.
        current = {slug: self._moved.get(slug, slug) for slug in possible}
        known = {slug for slug, now in current.items() if now in titles}
        named = Combination(any=(text,)) if text in known else feeds.combination(text, known)
        if named is None:
            self._entries.check_whole()
            raise NotFoundError(f"There is no feed called “{text[:100]}”.")
        return Combination(
            any=tuple(current[slug] for slug in named.any),
            none=tuple(current[slug] for slug in named.none),
        ), titles

    def _feed(
        self,
        text: str,
        combination: Combination,
        titles: Mapping[str, str],
        chosen: Filters,
        *,
        full: bool,
    ) -> Feed:
        site, limits = self._config.site, self._config.feeds
        limit = min(chosen.limit or limits.limit, limits.limit)
        articles = self._articles(combination, chosen, limit)
        if len(articles) < limit:
            self._entries.check_whole()
        entries = self._entries.entries(articles, text, full=full)
        made = feeds.build(
            Category(slug=text, title=_title(combination, titles, chosen)),
            entries,
            id=identity.combined_id(site.id, _canonical(combination, chosen)),
            site_title=site.title,
            base_url=site.base_url,
            language=self._entries.language(),
            updated=self._entries.last_change(entries),
            limit=limit,
            icon=site.icon_address,
        )
        return replace(made, query=chosen.query, page=f"{made.link}{chosen.query}")

    def _articles(
        self, combination: Combination, chosen: Filters, limit: int
    ) -> tuple[Published, ...]:
        """Return the newest articles of a combination that pass the filters."""
        seconds, now = chosen.seconds, self._clock()
        age = None if seconds is None else min(timedelta(seconds=seconds), now - feeds.EPOCH)
        found = self._index.articles.newest_of(
            combination.any,
            none_of=combination.none,
            containing=chosen.literals(),
            since=None if age is None else now - age,
            passes=chosen.judge().passes if chosen.patterns else None,
        )
        articles: list[Published] = []
        while sources := list(islice(found, limit - len(articles))):
            articles += self._index.search.articles(sources)  # without copies and held ones
        return tuple(articles)


def _title(combination: Combination, titles: Mapping[str, str], chosen: Filters) -> str:
    title = " + ".join(titles[slug] for slug in combination.any)
    title += "".join(f" − {titles[slug]}" for slug in combination.none)
    return f"{title} ({chosen.words})" if chosen else title


def _canonical(combination: Combination, chosen: Filters) -> str:
    """Return a text that is equal for all addresses that mean the same."""
    parts = [
        *sorted(f"+{slug}" for slug in combination.any),
        *sorted(f"-{slug}" for slug in combination.none),
        *(f"{name}={value}" for name, value in chosen.parameters.items()),
    ]
    return "\n".join(parts)
