"""Contents: clean each article by the rules of its categories, and keep the result in the index.

Content belongs to one version of an article and to one policy. Content of an older policy is served
until the watcher has cleaned it again; content of another version is never served.
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
from feedsvc.stopwatch import Stopwatch

logger = logging.getLogger(__name__)

IMAGE_KEY = "image_key"
"""The key under which the index remembers the secret that signs addresses, in hexadecimal."""


class Contents:
    """Cleans the articles of one configuration, and keeps their content."""

    def __init__(self, config: Config, index: Index, cleaner: Cleaner) -> None:
        self._config = config
        self._index = index
        self._cleaner = cleaner
        self._image_key: bytes | None = None
        self._lock = threading.Lock()
        self.stamp = stamp(config)
        self.stopwatch = Stopwatch()  # of cleaning
        self._cleaning = lru_cache(maxsize=4096)(self._cleaning_of)

    def of(self, articles: Sequence[Published]) -> dict[str, Content]:
        """Return the content of these articles, by source; clean what is not kept, and keep it."""
        contents = self._kept(articles)
        if len(contents) < len(articles):
            # Another thread may be cleaning the same articles for another format of the feed.
            with self._lock:
                contents = self._kept(articles)
                fresh = self.cleaned(
                    published for published in articles if published.article.source not in contents
                )
                self._index.contents.keep(fresh)
            contents.update(fresh)
        return contents

    def _kept(self, articles: Sequence[Published]) -> dict[str, Content]:
        versions = {published.article.source: published.version for published in articles}
        contents = self._index.contents.read(list(versions))
        return {
            source: kept for source, kept in contents.items() if kept.version == versions[source]
        }

    def cleaned(self, articles: Iterable[Published]) -> dict[str, Content]:
        """Clean these articles, whose bodies are read from the index; return content by source."""
        by_source = {published.article.source: published for published in articles}
        bodies = self._index.articles.bodies(list(by_source))
        return self.cleaned_of(
            replace(published, article=replace(published.article, body=bodies[source]))
            for source, published in by_source.items()
            if source in bodies
        )

    def cleaned_of(self, articles: Iterable[Published]) -> dict[str, Content]:
        """Clean these articles, which have their bodies; return content by source.

        An article that fails for an unforeseen reason is left out and named as a problem.
        """
        contents: dict[str, Content] = {}
        for published in articles:
            source = published.article.source
            try:
                contents[source] = self._content(published)
            except Exception as error:  # noqa: BLE001 - the other articles are cleaned
                self.failed(source, "cleaning it", error)
        return contents

    def failed(self, source: str, step: str, error: Exception) -> None:
        """Log why an article cannot be shown, and have the index name it as a problem."""
        if self._config.private_slugs and not self._index.articles.members(feeds.ALL, [source]):
            # Neither the name of a private file is logged nor what the error says of it.
            logger.error("a file that is not public: %s failed (%s)", step, type(error).__name__)
        else:
            logger.error("%s: %s failed", source, step, exc_info=error)
        self._index.problems.keep(
            Problem(
                source=source,
                reason=f"{step} failed ({type(error).__name__}), so no feed shows it",
                cure="write it more simply, and report what the log says of it",
            )
        )

    def clean(self, article: Article, key: str) -> content.Cleaned:
        """Clean one article. Raises CleaningError where that exceeds the limits."""
        self._index.database.progress.note_alive()
        policy = self.policy(article, key)
        with self.stopwatch.measuring():
            # A traceback may repeat the text of a private article.
            traces = not self._config.private_slugs
            return self._cleaner.clean(article.body, article.markup, policy, traces=traces)

    def _content(self, published: Published) -> Content:
        article, key, problem = published.article, published.key, None
        try:
            cleaned = self.clean(article, key)
            html, summary = cleaned.html, cleaned.summary
            if not cleaned.formatted:
                problem = (
                    "its HTML means something else each time it is read, so only its text is shown"
                )
        except CleaningError as error:
            summary = article.summary or ""
            problem = f"{error}, so only its summary and a link are published"
            html = content.instead(article.link or self.page(key), summary)
        return Content(
            version=published.version,
            policy=self.stamp,
            html=html,
            summary=summary,
            problem=problem,
        )

    def policy(self, article: Article, key: str) -> content.Policy:
        """Return the policy for an article; relative addresses are the original's, or else ours."""
        base_url = self._config.site.base_url
        page = self.page(key)
        folder = posixpath.dirname(article.source)
        media = f"{base_url}/media/{quote(folder)}/" if folder else f"{base_url}/media/"
        cleaning = self._cleaning(article.title, article.terms)
        return content.Policy(
            link_base=article.link or page,
            media_base=article.link or media,
            page=page,
            anchor=f"a{key[:8]}-",
            title=article.title,
            authors=tuple(person.name for person in article.authors),
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
        """Return the key that signs addresses, None where there is none yet."""
        if self._image_key is None and (known := self._index.meta.get(IMAGE_KEY)):
            self._image_key = bytes.fromhex(known)
        return self._image_key

    def _cleaning_of(self, title: str, terms: tuple[str, ...]) -> Cleaning:
        """Return the site's rules, each replaced by that of the first category to set it."""
        rules: dict[str, Any] = {}
        for category in self._config.categories:
            if category.cleaning and feeds.matches(category, title, terms):
                rules = {**dict(category.cleaning), **rules}
        return replace(self._config.content, **rules)


def safe(kept: Content) -> SafeHTML:
    """Return kept HTML, which only the package `content` made."""
    return SafeHTML(kept.html)
