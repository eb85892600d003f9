"""The page of a feed: all its articles, by pages, and how to subscribe to it."""

import unicodedata
from datetime import date
from typing import Any

from babel.dates import format_interval
from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import get_locale, ngettext

from feedsvc.config import Config
from feedsvc.errors import NotFoundError
from feedsvc.feeds import SIGNS
from feedsvc.index import Index
from feedsvc.publish import Combining, Entries
from feedsvc.publish.feedpages import FeedPage, FeedPages, Rhythm, combined_page
from feedsvc.web.pages.answering import Answering
from feedsvc.web.pages.look import feed_link
from feedsvc.web.visitor import filters_feed

_PAGE = "page"
_MOST_DIGITS = 9


def add_to(
    routes: Blueprint,
    config: Config,
    index: Index,
    entries: Entries,
    answering: Answering,
    *,
    combining: Combining,
) -> None:
    """Add the route of the pages of feeds."""
    feed_pages = FeedPages(config, index, entries)
    zone = config.site.timezone

    def page_of(slug: str) -> FeedPage:
        if filters_feed(request.environ):
            return combined_page(combining.feed(slug, request.args))
        try:
            return feed_pages.page(slug, _number(), answering.today(), zone)
        except NotFoundError:
            if _PAGE in request.args or not {*SIGNS} & {*slug}:
                raise
            return combined_page(combining.feed(slug, {}))

    @routes.get("/feeds/<slug>")
    def feed(slug: str) -> Response:
        page = page_of(unicodedata.normalize("NFC", slug))
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
            newest = page.feed.page or page.feed.link
            return newest if number is None else f"{page.feed.link}?{_PAGE}={number}"
        values: dict[str, Any] = {} if number is None else {_PAGE: number}
        return feed_link(page.feed.slug, **values)

    return {
        "canonical": link(page.number, absolute=True),
        "newest": link(None) if page.number else None,
        "newer": link(page.newer) if page.has_newer else None,
        "older": link(page.older) if page.older else None,
    }


def to_page(slug: str) -> Response:
    """Lead a person from the address of a combined or filtered feed to its page."""
    query = request.query_string.decode("latin-1")
    address = url_for("pages.feed", slug=slug)
    response = redirect(f"{address}?{query}" if query else address, 303)
    assert isinstance(response, Response)
    response.headers["Cache-Control"] = "private, no-store"
    return response


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
