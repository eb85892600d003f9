"""The web: feeds, pages and health over HTTP, by Flask.

Not inside: the choice of articles, and the cleaning of HTML. Requests may be hostile; no handler
writes anything.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Flask, Response, render_template, request
from flask_babel import Babel
from werkzeug.exceptions import HTTPException

from feedsvc.cleaning import Cleaner
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.errors import GoneError, NotFoundError, NotReadyError, StateError
from feedsvc.health import Judge
from feedsvc.index import Index
from feedsvc.policies import needs_image_key
from feedsvc.publish import Documents, Entries
from feedsvc.web import feeds, icon, imageproxy, media, ops, pages, visitor
from feedsvc.web.boundary import Boundary
from feedsvc.web.headers import ReadableHeaders
from feedsvc.web.hostaddress import HostAddress, host_address
from feedsvc.web.http import page_headers
from feedsvc.web.pages.answering import Versions
from feedsvc.web.response_cache import PAGE, ResponseCache
from feedsvc.web.slow import SlowRequests
from feedsvc.web.subpath import SubPath
from feedsvc.web.wsgi import Header

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

__all__ = ["SLOW_REQUESTS", "build_app"]

SLOW_REQUESTS = 32
"""How many requests that may hold a thread for long are answered at a time."""


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

    With a `cache`, a request that was answered before is answered from memory, in front of Flask.
    `slow_requests` is how many are answered at a time: fewer than the server has threads.
    """
    app = Flask("feedsvc.web")
    app.config["MAX_CONTENT_LENGTH"] = 0  # no route takes a body
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
    page_versions = Versions(index, clock, site.timezone)
    app.register_blueprint(pages.blueprint(entries, site.timezone, page_versions))
    Babel(app, locale_selector=lambda: visitor.visitor_of(request.environ, site.language).locale)

    def error_page(status: int, text: str, headers: Iterable[Header] = ()) -> Response:
        page = render_template("error.html", status=status, text=text)
        response = Response(page, status, mimetype="text/html")
        response.headers["Cache-Control"] = "no-store"
        response.headers.update(headers)
        return page_headers(response)

    @app.errorhandler(NotFoundError)
    def not_found(error: NotFoundError) -> Response:
        return error_page(410 if isinstance(error, GoneError) else 404, str(error))

    @app.errorhandler(NotReadyError)
    def not_ready(error: NotReadyError) -> Response:
        return error_page(503, str(error), [("Retry-After", "5")])

    @app.errorhandler(StateError)
    def no_state(error: StateError) -> Response:
        app.logger.error("%s", error)
        return error_page(503, "The service cannot read its state just now.")

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return error_page(error.code or 500, error.name, error.get_headers())

    def versions(paths: Collection[str]) -> dict[str, str]:
        current = documents.versions([path for path in paths if path != PAGE])
        return {**current, PAGE: page_versions.now()} if PAGE in paths else current

    def variant(environ: "WSGIEnvironment") -> str:
        known = visitor.variant(environ, site.language)
        return f"{host_address(environ)} {known}" if known and not site.has_base_url else known

    inner: WSGIApplication = SlowRequests(ReadableHeaders(app.wsgi_app), slow_requests)
    if not site.has_base_url:
        inner = HostAddress(inner, site.base_url)
    if cache:
        inner = ResponseCache(
            inner,
            generation=index.database.generation,
            versions=versions,
            variant=variant,
            wall=lambda: clock().timestamp(),
        )
    inner = Boundary(inner)
    if site.has_base_url:
        inner = SubPath(inner, site.base_url, is_address=_is_address(app))
    app.wsgi_app = inner  # type: ignore[method-assign, assignment]  # documented by Flask
    return app


def _is_address(app: Flask) -> Callable[[str], bool]:
    """Return a function that tells whether a path, as WSGI gives it, is an address of `app`."""
    adapter = app.url_map.bind("")

    def is_address(path: str) -> bool:
        return path == "/healthz" or adapter.test(
            path.encode("latin-1", "replace").decode("utf-8", "replace"), method="GET"
        )

    return is_address
