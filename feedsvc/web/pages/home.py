"""The home page: what this site is, its categories and topics, and the newest entries of all."""

from collections.abc import Callable
from datetime import date

from flask import Blueprint, Response

from feedsvc.publish import Entries, Overviews
from feedsvc.web.pages.sparkline import sparkline


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
        return answer(
            "index.html",
            overview=overviews.overview(today()),
            newest=overviews.newest(),
            site_language=entries.language(),
        )

    @routes.get("/topics")
    def topics() -> Response:
        overview = overviews.overview(today())
        return answer("topics.html", overview=overview, site_language=entries.language())
