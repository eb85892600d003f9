"""The home page: what this site is, its categories and topics, and the newest entries of all."""

from collections.abc import Callable
from datetime import date

from flask import Blueprint, Response, request

from feedsvc.publish import Entries, Overviews
from feedsvc.web.pages.sparkline import sparkline

_MOST_DIGITS = 9  # of the number of a page


def add_to(
    routes: Blueprint,
    answer: Callable[..., Response],
    overviews: Overviews,
    entries: Entries,
    today: Callable[[], date],
) -> None:
    """Add the routes of the home page and of the page of all topics."""
    routes.app_template_filter("sparkline")(sparkline)

    @routes.get("/")
    def index() -> Response:
        page = _page()
        newest, pages = overviews.newest(page, today())
        return answer(
            "index.html",
            overview=overviews.overview(today()),
            newest=newest,
            page=page,
            pages=pages,
            site_language=entries.language(),
        )

    @routes.get("/topics")
    def topics() -> Response:
        overview = overviews.overview(today())
        return answer("topics.html", overview=overview, site_language=entries.language())


def _page() -> int:
    """Return the number of the page that is asked for; 0 where it is no number."""
    number = request.args.get("page", "1")
    return int(number) if number.isdecimal() and len(number) <= _MOST_DIGITS else 0
