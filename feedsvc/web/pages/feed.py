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
    for_files: bool = False,
) -> None:
    """Add the routes of the pages of feeds.

    The pages of older articles have two addresses each: `/feeds/SLUG?page=2`, to which other pages
    link, and `/feeds/SLUG/2`, to which they link `for_files`: a host of files ignores the query.
    """
    feed_pages = FeedPages(config, index, entries)
    zone = config.site.timezone

    def page_of(slug: str, number: str | None) -> FeedPage:
        if filters_feed(request.environ):
            return combined_page(combining.feed(slug, request.args))
        try:
            return feed_pages.page(slug, _number(number), answering.today(), zone)
        except NotFoundError:
            if number is not None or not {*SIGNS} & {*slug}:
                raise
            return combined_page(combining.feed(slug, {}))

    @routes.get("/feeds/<slug>")
    def feed(slug: str) -> Response:
        return answer(page_of(unicodedata.normalize("NFC", slug), request.args.get(_PAGE)))

    # A number of more digits may be the key of an article in a private feed.
    @routes.get("/feeds/<slug>/<int(max=999999999):number>")
    def feed_page(slug: str, number: int) -> Response:
        return answer(page_of(unicodedata.normalize("NFC", slug), str(number)))

    def answer(page: FeedPage) -> Response:
        days = [entry.published.astimezone(zone).date() for entry in page.feed.entries]
        return answering.page(
            "feed.html",
            page=page,
            feed=page.feed,
            language=page.feed.language,
            rhythm=rhythm_words(page.rhythm) if page.rhythm else None,
            dates=interval(days[-1], days[0]) if days else None,
            **_links(page, in_path=for_files),
        )


def _number(text: str | None) -> int | None:
    """Return the number of the page that is asked for, None for the newest articles."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise NotFoundError("There is no such page.")
    return int(text)


def _links(page: FeedPage, *, in_path: bool) -> dict[str, Any]:
    """Return the addresses of a page of a feed and of the pages beside it.

    The number of a page is `in_path`, else in the query.
    """

    def link(number: int | None) -> str:
        if number is not None and in_path:
            return url_for("pages.feed_page", slug=page.feed.slug, number=number)
        values: dict[str, Any] = {} if number is None else {_PAGE: number}
        return feed_link(page.feed.slug, **values)

    suffix = f"/{page.number}" if in_path else f"?{_PAGE}={page.number}"
    return {
        "canonical": page.feed.link + suffix if page.number else page.feed.page or page.feed.link,
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
