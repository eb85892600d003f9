"""Searching: what a person typed → the articles found, as a page of results and as a feed."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from feedsvc import feeds, fulltext, identity, xmltext
from feedsvc.config import Config
from feedsvc.errors import NotFoundError, NotReadyError
from feedsvc.formats import FORMATS
from feedsvc.fulltext import Piece, Query
from feedsvc.index import Index, Period
from feedsvc.model import Category, Document, Feed, Published
from feedsvc.publish.documents import Documents, as_document
from feedsvc.publish.entries import Entries

MOST = 500
"""Results that are counted, the newest; common words have many thousands."""
RANKED = 100
"""Results that are ranked, the newest: the text of each is read."""
PAGE = 20
"""Results on a page."""

_AT_ONCE = 50  # bodies in memory
_CHIPS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An article that was found: its title, and an excerpt, with the words marked."""

    published: Published
    title: tuple[Piece, ...]
    excerpt: tuple[Piece, ...]

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms of the article, as readers see them."""
        return tuple(dict.fromkeys(map(xmltext.plain, self.published.article.terms)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A filter that may be added to a query, or removed from it, and the query then."""

    label: str
    query: str
    articles: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A page of results.

    `is_cut` tells that there may be more than `total`. `is_built` is False while articles are being
    indexed.
    """

    query: Query
    hits: tuple[Hit, ...] = ()
    total: int = 0
    is_cut: bool = False
    page: int = 1
    is_built: bool = True
    added: tuple[Chip, ...] = ()  # the filters that the query has
    offered: tuple[Chip, ...] = ()

    @property
    def pages(self) -> int:
        """The number of pages, at least 1."""
        return max(1, -(-self.total // PAGE))

    @property
    def canonical_parameter(self) -> str:
        """The query of the addresses of this search's feed."""
        return parameter(self.query)


def parameter(query: Query) -> str:
    """Return the end of the addresses of a search's page and feed."""
    return "?" + urlencode({"q": query.text})


class Searching:
    """Searches one index under one configuration; safe to share between threads."""

    def __init__(
        self, config: Config, index: Index, entries: Entries, documents: Documents
    ) -> None:
        self._config = config
        self._index = index
        self._entries = entries
        self._documents = documents
        self._private = config.private_slugs
        self._titles = {category.slug: category.title for category in config.public_categories}
        self._slugs = {
            name.casefold(): category.slug
            for category in reversed(config.public_categories)
            for name in (category.title, category.slug)
        }
        self._making = threading.Lock()
        self.link = feeds.address(config.site.base_url, feeds.SEARCH)

    def is_available(self) -> bool:
        """Tell whether the database can search."""
        return self._index.search.is_available()

    def results(self, text: str, *, by_relevance: bool, page: int) -> Results:
        """Return a page of the results of a query, the newest or the best first.

        Raises NotFoundError where the database cannot search, NotReadyError before the first pass.
        """
        self._check_available()
        query = fulltext.parse(text)
        is_built = self._index.search.is_built() and self._index.meta.is_whole()
        if not query:
            return Results(query=query, is_built=is_built)
        by_relevance = by_relevance and bool(query.words)
        most = RANKED if by_relevance else MOST
        # One more than the page has, to know that there is another page.
        sources, is_cut = self._index.search.find_enough(
            self._by_slugs(query), self._period(query), min(PAGE * page + 1, most), most
        )
        shown = self._best_first(sources, query) if by_relevance else sources
        page = min(page, max(1, -(-len(sources) // PAGE)))
        part = shown[PAGE * (page - 1) : PAGE * page]
        return Results(
            query=query,
            hits=tuple(self._hit(article, query) for article in self._with_bodies(part)),
            total=len(sources),
            is_cut=is_cut,
            page=page,
            is_built=is_built,
            added=tuple(Chip(label=part, query=query.without(part)) for part in query.filters),
            offered=tuple(self._offered(query, sources)),
        )

    def document(self, text: str, suffix: str) -> Document:
        """Return the feed of a search in the format with this suffix, without a version.

        Raises NotFoundError for a query without any words or filters, and NotReadyError while
        articles are being indexed: an article that is found late would seem to be new.
        """
        self._check_available()
        query = fulltext.parse(text)
        if not query:
            raise NotFoundError("Put what to search for at the end of the address: ?q=…")
        if not self._index.search.is_built():
            raise NotReadyError("The articles are being indexed for the search.")
        format = FORMATS[suffix]
        with self._making:
            changed = self._index.meta.changed()  # before the articles are read
            body = self._documents.rendered(format, self._feed(query))
        # Each change of articles counts as a change of this feed: who compares dates alone misses
        # none, and who sends an entity tag gets a 304 unless the feed has really changed.
        return as_document(body, format.media_type, changed, "")

    def _feed(self, query: Query) -> Feed:
        site, limits = self._config.site, self._config.feeds
        sources = self._find(query, limits.limit)
        if len(sources) < limits.limit:
            self._entries.check_whole()
        articles = tuple(self._index.search.articles(sources))
        entries = self._entries.entries(articles, full=limits.content == "full")
        made = feeds.build(
            Category(slug=feeds.SEARCH, title=query.text),
            entries,
            id=identity.search_id(site.id, query.canonical),
            site_title=site.title,
            base_url=site.base_url,
            language=self._entries.language(),
            updated=self._entries.last_change(entries),
            limit=limits.limit,
            icon=site.icon_address,
            license=site.license_url,
        )
        return replace(
            made, query=parameter(query), page=f"{site.base_url}/search{parameter(query)}"
        )

    def _check_available(self) -> None:
        self._entries.check_ready()
        if not self.is_available():
            raise NotFoundError("There is no search here: it needs a state in SQLite.")

    def _find(self, query: Query, most: int) -> list[str]:
        return self._index.search.find(self._by_slugs(query), self._period(query), most)

    def _period(self, query: Query) -> Period:
        zone = self._config.site.timezone
        start, end = (
            None if day is None else datetime(day.year, day.month, day.day, tzinfo=zone)
            for day in (query.after, query.before)
        )
        return Period(start=start, end=end)

    def _by_slugs(self, query: Query) -> Query:
        return replace(
            query,
            # The full-text index has private articles too, which are not in the feed of all.
            categories=(
                *map(self._slug, query.categories),
                *((feeds.ALL,) if self._private else ()),
            ),
            not_categories=tuple(map(self._slug, query.not_categories)),
        )

    def _slug(self, name: str) -> str:
        """Return the slug of the category that a person named by its slug, title or term."""
        configured = self._slugs.get(name.casefold())
        if configured is not None:
            return configured
        slug = name
        if self._index.feeds.state(name) is None:
            slug = feeds.slug(name, self._titles)
        return "" if slug in self._private else slug  # no feed has this slug

    def _with_bodies(self, sources: Sequence[str]) -> Iterator[Published]:
        for start in range(0, len(sources), _AT_ONCE):
            part = list(sources[start : start + _AT_ONCE])
            bodies = self._index.articles.bodies(part)
            for published in self._index.search.articles(part):
                body = bodies.get(published.article.source, "")
                yield replace(published, article=replace(published.article, body=body))

    def _best_first(self, sources: Sequence[str], query: Query) -> list[str]:
        scores = {
            published.article.source: fulltext.score(
                published.article.title, published.article.body, query.words
            )
            for published in self._with_bodies(sources)
        }
        return sorted(scores, key=lambda source: -scores[source])  # ties: the newest first

    def _hit(self, published: Published, query: Query) -> Hit:
        article = published.article
        text = fulltext.plain(article.body, article.markup)
        terms = self._entries.shown_terms(published)
        return Hit(
            published=replace(published, article=replace(article, terms=terms)),
            title=fulltext.marked(xmltext.plain(article.title), query.words),
            excerpt=fulltext.excerpt(text, query.words),
        )

    def _offered(self, query: Query, sources: Sequence[str]) -> Iterable[Chip]:
        """Yield the categories that have some of the results, but not all of them."""
        named = {self._slug(name) for name in (*query.categories, *query.not_categories)}
        counts = self._index.search.memberships(sources)
        chips = [
            (slug, number)
            for slug, number in counts.items()
            if slug not in {feeds.ALL, *self._private, *named} and number < len(sources)
        ]
        # Configured categories come first, then those with the most results.
        chips.sort(key=lambda chip: (chip[0] not in self._titles, -chip[1], chip[0]))
        for slug, number in chips[:_CHIPS]:
            value = f'"{slug}"' if " " in slug else slug
            yield Chip(
                label=self._titles.get(slug) or self._term(slug),
                query=f"{query.text} category:{value}".strip(),
                articles=number,
            )

    def _term(self, slug: str) -> str:
        state = self._index.feeds.state(slug)
        return xmltext.plain(state.term) if state and state.term else slug
