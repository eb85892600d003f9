"""The page of an article, and the article as Markdown."""

import json
import unicodedata

from flask import Blueprint, Response, request

from feedsvc.config import Config
from feedsvc.content.headings import under_title
from feedsvc.content.tomarkdown import markdown_of
from feedsvc.index import Index
from feedsvc.model import Entry, SafeHTML
from feedsvc.publish import Entries
from feedsvc.publish.articlepages import ArticlePage, ArticlePages
from feedsvc.web.pages.answering import Answering
from feedsvc.web.visitor import visitor_of

MARKDOWN = "text/markdown"  # RFC 7763


def add_to(
    routes: Blueprint, config: Config, index: Index, entries: Entries, answering: Answering
) -> None:
    """Add the routes of articles."""
    article_pages = ArticlePages(config, index, entries)
    site = config.site

    @routes.get("/articles/<key>")
    def article(key: str) -> Response:
        if visitor_of(request.environ, site.language).wants_markdown:
            return markdown(key)
        return answer(article_pages.page(key))

    def answer(page: ArticlePage) -> Response:
        return answering.page(
            "article.html",
            page=page,
            entry=page.entry,
            text=under_title(page.entry.content or SafeHTML("")),
            own_address=own_address(page.entry.key),
            language=page.entry.language or entries.language(),
            site_language=entries.language(),
        )

    @routes.get("/feeds/<slug>/<key>")
    def private_article(slug: str, key: str) -> Response:
        return answer(article_pages.private_page(unicodedata.normalize("NFC", slug), key))

    @routes.get("/articles/<key>.md")
    def markdown(key: str) -> Response:
        entry = entries.entry(key)
        response = answering.text(as_markdown(entry), MARKDOWN)
        response.headers["Link"] = f'<{entry.link}>; rel="canonical"'  # RFC 6596
        return response

    def own_address(key: str) -> str:
        return f"{site.base_url}/articles/{key}"


def as_markdown(entry: Entry) -> str:
    """Return an article as Markdown, its title, date, authors and address before the text."""
    front_matter = {
        "title": entry.title,
        "date": entry.published.isoformat(),
        "author": ", ".join(person.name for person in entry.authors),
        "link": entry.link,
    }
    # A string of JSON is one of YAML 1.2 (5.7) too.
    lines = (f"{name}: {_quoted(value)}" for name, value in front_matter.items() if value)
    text = markdown_of(entry.content or SafeHTML("")).strip()
    return "\n".join(["---", *lines, "---", "", text, ""])


def _quoted(text: str) -> str:
    """Return a text as a string of YAML, in one line."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
