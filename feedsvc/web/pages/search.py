"""The search page: one field, the articles found, and how to follow the search."""

from typing import Any

from flask import Blueprint, Response, redirect, request, url_for

from feedsvc.fulltext import Query
from feedsvc.publish import Overviews, Results, Searching
from feedsvc.web.pages.answering import Answering

_MOST_DIGITS = 6
BY_DATE, BY_RELEVANCE = "date", "relevance"
"""The values of the parameter `sort`; the first is the default."""


def add_to(
    routes: Blueprint, searching: Searching, overviews: Overviews, answering: Answering
) -> None:
    """Add the route of the search page."""

    @routes.get("/search")
    def search() -> Response:
        is_available = searching.is_available()
        by_relevance = request.args.get("sort") == BY_RELEVANCE
        results = (
            searching.results(request.args.get("q", ""), by_relevance=by_relevance, page=_number())
            if is_available
            else Results(query=Query())
        )
        # A form without a value for `sort` means the default, so its address stays short.
        sort: dict[str, Any] = {"sort": BY_RELEVANCE} if by_relevance else {}

        def link(query: str, page: int = 1) -> str:
            further: dict[str, Any] = {"page": page} if page > 1 else {}
            return url_for("pages.search", q=query, **sort, **further)

        response = answering.page(
            "search.html",
            results=results,
            query=results.query,
            is_available=is_available,
            by_relevance=by_relevance,
            feed_link=searching.link,
            link=link,
            # A topic is no word of the texts, and somebody who looks for it finds its feed here.
            near=overviews.nearest(
                " ".join((*results.query.words, *results.query.categories)), answering.today()
            )
            if results.query and not results.total
            else [],
        )
        if not is_available:
            response.status_code = 404
        return response

    @routes.get("/feeds/search")
    def search_by_feed() -> Response:
        return to_page()


def to_page() -> Response:
    """Lead a person from the address of a search's feed to the page of the search."""
    response = redirect(url_for("pages.search", q=request.args.get("q", "")), 303)
    assert isinstance(response, Response)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _number() -> int:
    """Return the number of the page that is asked for, 1 where it is no number."""
    number = request.args.get("page", "1")
    usable = number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS
    return max(1, int(number)) if usable else 1
