"""Feeds, and the list of them for subscribing to all at once."""

import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Blueprint, Response, request

from feedsvc.formats import FORMATS
from feedsvc.publish import Documents
from feedsvc.web.http import for_other_sites, send
from feedsvc.web.response_cache import VERSION, opml_path


def blueprint(documents: Documents, clock: Callable[[], datetime], max_age: timedelta) -> Blueprint:
    """Return the routes of feeds and of the OPML list."""
    routes = Blueprint("feeds", __name__)
    routes.after_request(for_other_sites)

    def answer(path: str) -> Response:
        canonical = unicodedata.normalize("NFC", path)
        document, now = documents.document(canonical), clock()
        if canonical == path and document.last_modified <= now:
            request.environ[VERSION] = document.version  # the response cache may keep the answer
        return send(request, document, max_age=max_age, now=now)

    # The suffix alone chooses the format: the Accept of many readers names formats by mistake.
    @routes.get(f"/feeds/<slug>.<any({', '.join(FORMATS)}):suffix>")
    def feed(slug: str, suffix: str) -> Response:
        return answer(f"/feeds/{slug}.{suffix}")

    @routes.get("/opml.xml")
    def opml() -> Response:
        return answer(opml_path(request.query_string.decode("latin-1")))

    return routes
