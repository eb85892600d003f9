"""One article for its page: the feeds that it belongs to, and the articles beside it."""

import math
import re
from dataclasses import dataclass

from feedsvc import feeds, html5, weburl, xmltext
from feedsvc.config import Config
from feedsvc.index import Index
from feedsvc.model import Entry, Published
from feedsvc.publish.entries import Entries

# Han, kana, hangul, and the full-width forms; a word in other letters.
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CJK_A_MINUTE = 400
_WORDS_A_MINUTE = 230


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A term or a configured category; `slug` is None where it has no feed."""

    title: str
    slug: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """An article beside another one."""

    key: str
    title: str
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticlePage:
    """An article, and where it belongs.

    `categories` are configured. `crumbs` are they, or the first term where there are none; `tags`
    are the other terms. `slug`, `title` and `link` are of the feed that the article belongs to
    first: `newer` and `older` are beside it there. `original` is the host of the original, None
    where the article has no other address than ours.
    """

    entry: Entry
    minutes: int
    categories: tuple[Topic, ...]
    crumbs: tuple[Topic, ...]
    tags: tuple[Topic, ...]
    slug: str
    title: str
    link: str
    newer: Beside | None
    older: Beside | None
    original: str | None


class ArticlePages:
    """The pages of all articles of one configuration."""

    def __init__(self, config: Config, index: Index, entries: Entries) -> None:
        self._site = config.site
        self._titles = {category.slug: category.title for category in config.public_categories}
        self._private_titles = {
            category.slug: category.title for category in config.categories if category.access
        }
        self._index = index
        self._entries = entries

    def page(self, key: str) -> ArticlePage:
        """Return the page of one article.

        Raises NotFoundError, GoneError for one that was withdrawn, NotReadyError before the first
        pass.
        """
        article = self._entries.published(key)
        entry = self._entries.entry_of(article)
        slugs = self._entries.slugs(article)
        categories = tuple(
            Topic(title=self._titles[slug], slug=slug)
            for slug, term in slugs.items()
            if term is None and slug in self._titles
        )
        terms = _terms(
            self._entries.shown_terms(article),
            slugs,
            {topic.title.casefold() for topic in categories},
        )
        # An article of no category is found again by its first term.
        crumbs = categories or tuple(topic for topic in terms if topic.slug)[:1]
        first = crumbs[0] if crumbs else None
        slug = first.slug if first and first.slug else feeds.ALL
        return ArticlePage(
            entry=entry,
            minutes=minutes(html5.text(entry.content or "")),
            categories=categories,
            crumbs=crumbs,
            tags=tuple(topic for topic in terms if topic not in crumbs),
            slug=slug,
            title=first.title if first else self._site.title,
            link=feeds.address(self._site.base_url, slug),
            newer=self._beside(slug, article, newer=True),
            older=self._beside(slug, article, newer=False),
            original=self._original(entry),
        )

    def private_page(self, slug: str, key: str) -> ArticlePage:
        """Return the page of one article for the readers of a private feed, without neighbours.

        Raises NotFoundError, GoneError for one that was withdrawn, NotReadyError before the first
        pass.
        """
        article = self._entries.in_private_feed(slug, key)
        entry = self._entries.entry_of(article, slug)
        title = self._private_titles[slug]
        return ArticlePage(
            entry=entry,
            minutes=minutes(html5.text(entry.content or "")),
            categories=(),
            crumbs=(Topic(title=title, slug=slug),),
            tags=_terms(article.article.terms, {}, {title.casefold()}),
            slug=slug,
            title=title,
            link=feeds.address(self._site.base_url, slug),
            newer=None,
            older=None,
            original=self._original(entry),
        )

    def _beside(self, slug: str, article: Published, *, newer: bool) -> Beside | None:
        beside = self._index.articles.beside(slug, article, newer=newer)
        if beside is None:
            return None
        return Beside(
            key=beside.key, title=self._entries.title(beside), language=beside.article.language
        )

    def _original(self, entry: Entry) -> str | None:
        """Return the host of an article's original, without `www.`."""
        if entry.link.startswith(f"{self._site.base_url}/"):
            return None
        parts = weburl.split(entry.link)
        host = (parts.hostname or "") if parts else ""
        return host.removeprefix("www.") or entry.link


def _terms(
    terms: tuple[str, ...], slugs: dict[str, str | None], shown: set[str]
) -> tuple[Topic, ...]:
    """Return the terms of an article, but those with the name of a category that is shown."""
    by_term = {term: slug for slug, term in slugs.items() if term is not None}
    topics = {
        xmltext.plain(term): by_term.get(term)
        for term in terms
        if xmltext.plain(term).casefold() not in shown
    }
    return tuple(Topic(title=title, slug=slug) for title, slug in topics.items())


def minutes(text: str) -> int:
    """Return in about how many minutes people read a text, at least one.

    >>> minutes("字" * 1200), minutes("word " * 460), minutes("字" * 400 + " word" * 230)
    (3, 2, 2)
    """
    characters = len(_CJK.findall(text))
    words = sum(1 for _ in _WORD.finditer(_CJK.sub(" ", text)))
    return max(1, math.floor(characters / _CJK_A_MINUTE + words / _WORDS_A_MINUTE + 0.5))
