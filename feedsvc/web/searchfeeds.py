"""The feed of a search: `/feeds/search.atom?q=…`, made when it is asked for."""

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Blueprint, Response, request

from feedsvc.formats import FORMATS
from feedsvc.publish import Searching
from feedsvc.web.http import for_other_sites, send, send_source
from feedsvc.web.pages.search import to_page
from feedsvc.web.response_cache import VERSION
from feedsvc.web.visitor import asks_for_source, is_navigation


def blueprint(
    searching: Searching,
    clock: Callable[[], datetime],
    max_age: timedelta,
    version: Callable[[], str],
) -> Blueprint:
    """Return the routes of the feeds of searches.

    `version` is that of all pages: the response cache keeps an answer until articles change.
    """
    routes = Blueprint("searchfeeds", __name__)
    routes.after_request(for_other_sites)

    @routes.get(f"/feeds/search.<any({', '.join(FORMATS)}):suffix>")
    def feed(suffix: str) -> Response:
        if is_navigation(request.environ) and not asks_for_source(request.environ):
            return to_page()
        before = version()  # before anything is read from the index
        document, now = searching.document(request.args.get("q", ""), suffix), clock()
        if document.last_modified <= now:
            request.environ[VERSION] = before
        if asks_for_source(request.environ):
            return send_source(request, document)
        return send(request, document, max_age=max_age, now=now)

    return routes
