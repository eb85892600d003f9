"""Cleaned content: how each article is cleaned, and what is kept of it.

What is kept is of one version of an article and of one policy. Content of an older policy is good
enough to be served until it has been cleaned again, in the background and newest first; content of
another version is not.
"""

import logging
import posixpath
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from feedsvc import content, feeds
from feedsvc.cleaning import Cleaner
from feedsvc.config import Config
from feedsvc.errors import CleaningError
from feedsvc.index import Content, Index
from feedsvc.model import Article, Cleaning, Problem, Published, SafeHTML
from feedsvc.policies import stamp

logger = logging.getLogger(__name__)

IMAGE_KEY = "image_key"
"""Under which the index remembers the key of our image proxy, in hexadecimal."""


class Contents:
    """Cleans the articles of one configuration, and keeps what comes out."""

    def __init__(self, config: Config, index: Index, cleaner: Cleaner) -> None:
        self._config = config
        self._index = index
        self._cleaner = cleaner
        self._image_key: bytes | None = None
        self._lock = threading.Lock()
        self.stamp = stamp(config)
        self._cleaning = lru_cache(maxsize=4096)(self._cleaning_of)

    def of(self, found: Sequence[Published]) -> dict[str, Content]:
        """Return the content of these articles, by source; what is not kept is cleaned and kept."""
        kept = self._kept_of(found)
        if len(kept) < len(found):
            # Other formats of a feed want the same articles cleaned, perhaps at this moment.
            with self._lock:
                kept = self._kept_of(found)
                fresh = self.cleaned(one for one in found if one.article.source not in kept)
                self._index.contents.keep(fresh)
            kept.update(fresh)
        return kept

    def _kept_of(self, found: Sequence[Published]) -> dict[str, Content]:
        kept = self._index.contents.read([one.article.source for one in found])
        versions = {one.article.source: one.version for one in found}
        return {source: one for source, one in kept.items() if one.version == versions[source]}

    def cleaned(self, found: Iterable[Published]) -> dict[str, Content]:
        """Clean these articles, which come without their bodies; return them by source."""
        found = list(found)
        bodies = self._index.articles.bodies([one.article.source for one in found])
        return self.cleaned_of(
            replace(one, article=replace(one.article, body=bodies[one.article.source]))
            for one in found
            if one.article.source in bodies
        )

    def cleaned_of(self, found: Iterable[Published]) -> dict[str, Content]:
        """Clean these articles, which have their bodies; return them by source.

        One that fails for a reason nobody foresaw is left out, and named.
        """
        kept: dict[str, Content] = {}
        for one in found:
            try:
                kept[one.article.source] = self._kept(one)
            except Exception as error:  # noqa: BLE001 - whatever one article causes stays with it
                self.failed(one.article.source, "cleaning it", error)
        return kept

    def failed(self, source: str, what: str, error: Exception) -> None:
        """Log why an article cannot be shown, and have the index name it as a problem."""
        logger.error("%s: %s failed", source, what, exc_info=error)
        self._index.problems.keep(
            Problem(
                source=source,
                reason=f"{what} failed ({type(error).__name__}), so no feed shows it",
                cure="write it more simply, and report what the log says of it",
            )
        )

    def clean(self, article: Article, key: str) -> content.Cleaned:
        """Clean one article. Raises CleaningError where that cannot be done within limits."""
        # One may take as long as it may, and a feed has many.
        self._index.database.progress.note_alive()
        return self._cleaner.clean(article.body, article.markup, self.policy(article, key))

    def _kept(self, one: Published) -> Content:
        article, problem = one.article, None
        try:
            cleaned = self.clean(article, one.key)
            html, summary = cleaned.html, cleaned.summary
            if not cleaned.formatted:
                problem = (
                    "its HTML means something else each time it is read, so only its text is shown"
                )
        except CleaningError as error:
            summary = article.summary or ""
            problem = f"{error}, so only its summary and a link are published"
            html = content.instead(article.link or self.page(one.key), summary)
        return Content(
            version=one.version, policy=self.stamp, html=html, summary=summary, problem=problem
        )

    def policy(self, article: Article, key: str) -> content.Policy:
        """Return how an article is cleaned: relative addresses are the original's, or ours."""
        base_url = self._config.site.base_url
        page = self.page(key)
        cleaning = self._cleaning(article.title, article.terms)
        return content.Policy(
            link_base=article.link or page,
            media_base=article.link or self._media_base(article.source),
            page=page,
            anchor=f"a{key[:8]}-",
            title=article.title,
            link=article.link or page,
            site=self._config.site.title,
            lead_image=article.lead_image,
            base_url=base_url,
            image_key=self.image_key() if cleaning.images else None,
            cleaning=cleaning,
        )

    def page(self, key: str) -> str:
        """Return the address of our page of an article."""
        return f"{self._config.site.base_url}/articles/{key}"

    def image_key(self) -> bytes | None:
        """Return the key of our image proxy, None where there is none yet."""
        if self._image_key is None and (known := self._index.meta.get(IMAGE_KEY)):
            self._image_key = bytes.fromhex(known)
        return self._image_key

    def _media_base(self, source: str) -> str:
        folder = posixpath.dirname(source)
        base = f"{self._config.site.base_url}/media/"
        return f"{base}{quote(folder)}/" if folder else base

    def _cleaning_of(self, title: str, terms: tuple[str, ...]) -> Cleaning:
        """Return the site's rules, with those of the first category of the article to name each."""
        named: dict[str, Any] = {}
        for category in self._config.categories:
            if category.cleaning and feeds.matches(category, title, terms):
                named = {**dict(category.cleaning), **named}
        return replace(self._config.content, **named)


def safe(kept: Content) -> SafeHTML:
    """Return kept HTML; only what `content` made is ever kept."""
    return SafeHTML(kept.html)
