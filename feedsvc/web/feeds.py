"""Feeds, and the list of them for subscribing to all at once.

A machine gets a feed's bytes. A person who opens its address in a browser gets a page about it, and
may ask for the source to look at.
"""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from flask import Blueprint, Response, request

from feedsvc.errors import NotFoundError
from feedsvc.feeds import PLACE, SIGNS, document_address
from feedsvc.formats import FORMATS
from feedsvc.model import Document
from feedsvc.publish import Archives, Combining, Documents
from feedsvc.web.http import for_other_sites, send, send_source
from feedsvc.web.pages.feed import to_page
from feedsvc.web.response_cache import MADE, OTHER_OPML, VERSION, opml_path
from feedsvc.web.visitor import asks_for_source, filters_feed, is_navigation, selects_page

_A_DAY = timedelta(days=1)


def blueprint(
    documents: Documents,
    clock: Callable[[], datetime],
    max_age: timedelta,
    preview: Callable[[str, str], Response],
    *,
    archives: Archives,
    combining: Combining,
    base_url: str,
    hubs: Callable[[str], Sequence[str]],
) -> Blueprint:
    """Return the routes of feeds and of the OPML list.

    `preview` makes the page about the feed with a slug, in the format of a suffix. Each feed names
    its `hubs`, by slug, and its address in a header, where hubs look for them (W3C WebSub, 4).
    """
    routes = Blueprint("feeds", __name__)
    routes.after_request(for_other_sites)

    def answer(path: str, hubs: Sequence[str] = ()) -> Response:
        canonical = unicodedata.normalize("NFC", path)
        document, now = documents.document(canonical), clock()
        if canonical == path and document.last_modified <= now:
            request.environ[VERSION] = document.version  # the response cache may keep the answer
        return send(request, document, max_age=max_age, now=now, link=link(canonical, hubs))

    def link(path: str, hubs: Sequence[str]) -> str:
        if not hubs:
            return ""
        links = [(hub, "hub") for hub in hubs]
        links.append((document_address(base_url, path), "self"))
        return ", ".join(f'<{address}>; rel="{relation}"' for address, relation in links)

    def show_source(path: str) -> Response:
        canonical = unicodedata.normalize("NFC", path)
        document = documents.document(canonical)
        if canonical == path:
            request.environ[VERSION] = document.version
        return send_source(request, document)

    def send_made(document: Document, max_age: timedelta, *, is_kept: bool = True) -> Response:
        """Answer with a document that was made for this request."""
        now = clock()
        if is_kept and document.last_modified <= now:
            request.environ[VERSION] = MADE
        if asks_for_source(request.environ):
            return send_source(request, document)
        return send(request, document, max_age=max_age, now=now)

    def page(slug: str, suffix: str) -> Response:
        place = request.args.get(PLACE)  # else the oldest page is asked for
        document = archives.document(unicodedata.normalize("NFC", slug), place, suffix)
        return send_made(document, _A_DAY)

    def combined(slug: str, suffix: str) -> Response:
        parameters = request.args if filters_feed(request.environ) else {}
        if is_navigation(request.environ) and not asks_for_source(request.environ):
            combining.check(slug, parameters)
            return to_page(slug)
        document = combining.document(slug, parameters, suffix)
        # What has no new article for a time loses those that are too old.
        return send_made(document, max_age, is_kept="filter_time" not in parameters)

    def own(slug: str, suffix: str) -> Response:
        if is_navigation(request.environ) and not asks_for_source(request.environ):
            return preview(slug, suffix)
        if selects_page(request.environ):
            return page(slug, suffix)
        path = f"/feeds/{slug}.{suffix}"
        if asks_for_source(request.environ):
            return show_source(path)
        return answer(path, hubs(unicodedata.normalize("NFC", slug)))

    # The suffix alone chooses the format: the Accept of many readers names formats by mistake.
    @routes.get(f"/feeds/<slug>.<any({', '.join(FORMATS)}):suffix>")
    def feed(slug: str, suffix: str) -> Response:
        canonical = unicodedata.normalize("NFC", slug)
        if filters_feed(request.environ):
            return combined(canonical, suffix)
        try:
            return own(slug, suffix)
        except NotFoundError:
            if selects_page(request.environ) or not {*SIGNS} & {*slug}:
                raise
            return combined(canonical, suffix)

    @routes.get(OTHER_OPML)
    @routes.get("/opml.xml")
    def opml() -> Response:
        return answer(opml_path(request.query_string.decode("latin-1")))

    return routes
