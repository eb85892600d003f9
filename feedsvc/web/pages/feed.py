"""The page of a feed: all its articles, by pages, and how to subscribe to it."""

import unicodedata
from datetime import date
from typing import Any

from babel.dates import format_interval
from flask import Blueprint, Response, request
from flask_babel import get_locale, ngettext

from feedsvc.config import Config
from feedsvc.errors import NotFoundError
from feedsvc.index import Index
from feedsvc.publish import Entries
from feedsvc.publish.feedpages import FeedPage, FeedPages, Rhythm
from feedsvc.web.pages.answering import Answering
from feedsvc.web.pages.look import feed_link

_PAGE = "page"
_MOST_DIGITS = 9


def add_to(
    routes: Blueprint, config: Config, index: Index, entries: Entries, answering: Answering
) -> None:
    """Add the route of the pages of feeds."""
    feed_pages = FeedPages(config, index, entries)
    zone = config.site.timezone

    @routes.get("/feeds/<slug>")
    def feed(slug: str) -> Response:
        slug = unicodedata.normalize("NFC", slug)
        page = feed_pages.page(slug, _number(), answering.today(), zone)
        days = [entry.published.astimezone(zone).date() for entry in page.feed.entries]
        return answering.page(
            "feed.html",
            page=page,
            feed=page.feed,
            language=page.feed.language,
            rhythm=rhythm_words(page.rhythm) if page.rhythm else None,
            dates=interval(days[-1], days[0]) if days else None,
            **_links(page),
        )


def _number() -> int | None:
    """Return the number of the page that is asked for, None for the newest articles."""
    text = request.args.get(_PAGE)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise NotFoundError("There is no such page.")
    return int(text)


def _links(page: FeedPage) -> dict[str, Any]:
    """Return the addresses of a page of a feed and of the pages beside it."""

    def link(number: int | None, *, absolute: bool = False) -> str:
        if absolute:
            return page.feed.link if number is None else f"{page.feed.link}?{_PAGE}={number}"
        values: dict[str, Any] = {} if number is None else {_PAGE: number}
        return feed_link(page.feed.slug, **values)

    return {
        "canonical": link(page.number, absolute=True),
        "newest": link(None) if page.number else None,
        "newer": link(page.newer) if page.has_newer else None,
        "older": link(page.older) if page.older else None,
    }


def rhythm_words(rhythm: Rhythm) -> str:
    """Return how often articles come, in words."""
    number = rhythm.number
    if rhythm.period == "day":
        text = ngettext("about one a day", "about %(num)s a day", number)
    elif rhythm.period == "week":
        text = ngettext("about one a week", "about %(num)s a week", number)
    else:
        text = ngettext("about one a month", "about %(num)s a month", number)
    return str(text)


def interval(first: date, last: date) -> str:
    """Return two days and the time between them, in the words of the visitor's language."""
    return str(format_interval(first, last, "yMMMd", locale=get_locale()))
