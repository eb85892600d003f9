"""The web: feeds, pages and health over HTTP, by Flask.

Not inside: what is in a feed, what is safe to show. Every request is hostile until looked at; no
handler writes anything.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Flask, Response, render_template
from werkzeug.exceptions import HTTPException

from feedsvc.cleaning import Cleaner
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.errors import GoneError, NotFoundError, NotReadyError, StateError
from feedsvc.health import Judge
from feedsvc.index import Index
from feedsvc.policies import needs_image_key
from feedsvc.publish import Documents, Entries
from feedsvc.web import feeds, icon, imageproxy, media, ops, pages
from feedsvc.web.boundary import Boundary
from feedsvc.web.headers import ReadableHeaders
from feedsvc.web.http import page_headers
from feedsvc.web.response_cache import ResponseCache
from feedsvc.web.slow import SlowRequests

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["SLOW_REQUESTS", "build_app"]

SLOW_REQUESTS = 32
"""How many requests are answered at a time that may hold a thread for long."""


def build_app(
    config: Config,
    index: Index,
    clock: Callable[[], datetime],
    *,
    cleaner: Cleaner | None = None,
    cache: bool = True,
    slow_requests: int = SLOW_REQUESTS,
) -> Flask:
    """Return the WSGI application that serves what `index` holds.

    With a `cache`, requests that were answered before are answered from memory, in front of Flask.
    So many `slow_requests` are answered at a time: fewer than the server has threads.
    """
    app = Flask("feedsvc.web")
    app.config["MAX_CONTENT_LENGTH"] = 0  # nothing here takes a body
    app.url_map.merge_slashes = False  # some feed readers fail on any redirect
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    contents = Contents(config, index, cleaner or Cleaner())
    entries = Entries(config, index, contents)
    documents = Documents(config, index, entries, clock)
    site = config.site
    app.jinja_env.globals["site"] = site
    app.register_blueprint(feeds.blueprint(documents, clock, config.feeds.max_age))
    app.register_blueprint(media.blueprint(config.articles, clock))
    app.register_blueprint(icon.blueprint(site))
    app.register_blueprint(
        imageproxy.blueprint(
            contents.image_key if needs_image_key(config) else lambda: None,
            config.image_proxy,
            base_url=site.base_url,
        )
    )
    app.register_blueprint(ops.blueprint(index, Judge(lambda: clock().timestamp())))
    app.register_blueprint(pages.blueprint(entries, site.timezone))

    def sorry(error: Exception, status: int, text: str) -> Response:
        response = Response(
            render_template("error.html", status=status, text=text), status, mimetype="text/html"
        )
        response.headers["Cache-Control"] = "no-store"
        page_headers(response)
        if isinstance(error, HTTPException):  # Allow, Retry-After
            for name, value in error.get_headers():
                if name not in {"Content-Type", "Content-Length"}:
                    response.headers[name] = value
        return response

    @app.errorhandler(NotFoundError)
    def not_found(error: NotFoundError) -> Response:
        return sorry(error, 410 if isinstance(error, GoneError) else 404, str(error))

    @app.errorhandler(NotReadyError)
    def not_ready(error: NotReadyError) -> Response:
        response = sorry(error, 503, str(error))
        response.headers["Retry-After"] = "5"
        return response

    @app.errorhandler(StateError)
    def no_state(error: StateError) -> Response:
        app.logger.error("%s", error)
        return sorry(error, 503, "The service cannot read its state just now.")

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return sorry(error, error.code or 500, error.name)

    inner: WSGIApplication = SlowRequests(ReadableHeaders(app.wsgi_app), slow_requests)
    if cache:
        inner = ResponseCache(
            inner,
            generation=index.database.generation,
            versions=documents.versions,
            wall=lambda: clock().timestamp(),
        )
    app.wsgi_app = Boundary(inner)  # type: ignore[method-assign, assignment]  # Flask's own way
    return app
