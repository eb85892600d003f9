"""The web: feeds, pages and health over HTTP, by Flask.

Not inside: the choice of articles, and the cleaning of HTML. Requests may be hostile; no handler
writes anything.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from traceback import format_tb
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, request
from flask_babel import Babel
from werkzeug.exceptions import HTTPException

from feedsvc.cleaning import Cleaner
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.errors import (
    BusyError,
    GoneError,
    NotFoundError,
    NotReadyError,
    ParameterError,
    StateError,
)
from feedsvc.feeds import ALL
from feedsvc.health import Judge
from feedsvc.index import Index
from feedsvc.policies import uses_image_proxy
from feedsvc.publish import (
    Archives,
    Combining,
    Documents,
    Entries,
    OneAtATime,
    Overviews,
    Searching,
    Statuses,
)
from feedsvc.publish.sitemap import Sitemap
from feedsvc.publish.withheld import WithheldMedia
from feedsvc.web import (
    feeds,
    icon,
    imageproxy,
    media,
    metrics,
    ops,
    pages,
    searchfeeds,
    sitemap,
    visitor,
)
from feedsvc.web.boundary import Boundary
from feedsvc.web.cachetags import add_tag
from feedsvc.web.counting import RequestCounter
from feedsvc.web.fairness import FairFetches
from feedsvc.web.headers import ReadableHeaders
from feedsvc.web.hostaddress import HostAddress, host_address
from feedsvc.web.http import forbid_guessing
from feedsvc.web.moves import follow_moves
from feedsvc.web.pages import status
from feedsvc.web.pages.answering import Answering, Versions
from feedsvc.web.pages.errors import ErrorPages
from feedsvc.web.pages.preview import Preview
from feedsvc.web.private import guard
from feedsvc.web.response_cache import PAGE, ResponseCache
from feedsvc.web.slow import SlowRequests
from feedsvc.web.subpath import SubPath

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
    write_counts: bool = False,
    for_files: bool = False,
) -> Flask:
    """Return the WSGI application that serves what `index` holds.

    With a `cache`, a request that was answered before is answered from memory, in front of Flask.
    `slow_requests` is how many are answered at a time: fewer than the server has threads. With
    `write_counts`, a thread writes once a minute how many requests there were. The application
    `for_files` has only what files can answer: no search, no status, no choice of language.
    """
    app = _empty_app(config, for_files=for_files)
    contents = Contents(config, index, cleaner or Cleaner())
    entries = Entries(config, index, contents)
    documents = Documents(config, index, entries, clock, has_pages=not for_files)
    site = config.site
    making = OneAtATime()
    combining = Combining(config, index, entries, documents, making, clock=clock)
    page_versions = Versions(index, clock, site.timezone)
    answering = Answering(page_versions)
    preview = Preview(entries, answering).page
    app.register_blueprint(
        feeds.blueprint(
            documents,
            clock,
            config.feeds.max_age,
            preview,
            archives=Archives(config, index, entries, documents, making),
            combining=combining,
            base_url=site.base_url,
            hubs=entries.hubs,
        )
    )
    app.register_blueprint(
        media.blueprint(
            config.articles,
            clock,
            WithheldMedia(index),
            contents.image_key if config.private_slugs else None,
        )
    )
    app.register_blueprint(icon.blueprint(site))
    overviews = Overviews(config, index, entries)
    searching = None if for_files else Searching(config, index, entries, documents)
    routes = pages.blueprint(
        config,
        index,
        entries,
        overviews,
        answering,
        combining=combining,
        searching=searching,
        for_files=for_files,
    )
    if searching is not None:
        _add_live(
            app,
            routes,
            config,
            index,
            clock,
            contents=contents,
            overviews=overviews,
            searching=searching,
            page_versions=page_versions,
        )
    app.register_blueprint(routes)
    app.register_blueprint(sitemap.blueprint(Sitemap(config, index, entries), site, answering))
    follow_moves(app, config.moves)
    app.after_request(forbid_guessing)
    if config.cdn.tags:
        app.after_request(add_tag)
    Babel(app, locale_selector=lambda: visitor.visitor_of(request.environ, site.language).locale)

    _add_error_pages(app, ErrorPages(index, overviews, page_versions.today))

    def versions(paths: Collection[str]) -> dict[str, str]:
        current = documents.versions([path for path in paths if path != PAGE])
        return {**current, PAGE: page_versions.now()} if PAGE in paths else current

    def variant(environ: "WSGIEnvironment") -> str:
        known = visitor.variant(environ, site.language)
        return known if site.has_base_url or not known else f"{host_address(environ)} {known}"

    inner: WSGIApplication = SlowRequests(ReadableHeaders(app.wsgi_app), slow_requests)
    if not site.has_base_url:
        inner = HostAddress(inner, site.base_url)
    if cache:
        inner = ResponseCache(
            inner,
            # Pages show the day, so all of them are outdated at midnight.
            generation=lambda: (index.database.generation(), page_versions.today()),
            versions=versions,
            variant=variant,
            wall=lambda: clock().timestamp(),
        )
    if config.feeds.full_fetches and not for_files:
        inner = FairFetches(inner, config.feeds.full_fetches)
    counter = RequestCounter(index.requests, page_versions.today, background=write_counts)
    app.extensions["feedsvc.counter"] = counter
    inner = Boundary(inner, counter.note, names_paths=not config.private_slugs)
    if site.has_base_url:
        inner = SubPath(inner, site.base_url, is_address=_is_address(app))
    app.wsgi_app = inner  # type: ignore[method-assign, assignment]  # documented by Flask
    return app


def _empty_app(config: Config, *, for_files: bool) -> Flask:
    """Return an application without routes."""
    app = _Application("feedsvc.web") if config.private_slugs else Flask("feedsvc.web")
    guard(app, config)
    app.config["MAX_CONTENT_LENGTH"] = 0  # no route takes a body
    app.url_map.merge_slashes = False  # some feed readers fail on any redirect
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["site"] = config.site
    app.jinja_env.globals["source"] = config.pages.source
    app.jinja_env.globals["for_files"] = for_files
    app.jinja_env.globals["status_is_public"] = config.status.access == "public" and not for_files
    return app


class _Application(Flask):
    """An application whose log does not name the address of a request that failed."""

    def log_exception(self, exc_info: Any) -> None:
        """Log where an unexpected error was, without its text, which may be of an article."""
        kind, _, where = exc_info
        self.logger.error("a request failed (%s)\n%s", kind.__name__, "".join(format_tb(where)))


def _add_live(
    app: Flask,
    routes: Blueprint,
    config: Config,
    index: Index,
    clock: Callable[[], datetime],
    *,
    contents: Contents,
    overviews: Overviews,
    searching: Searching,
    page_versions: Versions,
) -> None:
    """Add the routes that no file could answer."""
    judge, today = Judge(lambda: clock().timestamp()), page_versions.today
    statuses = Statuses(config, index, overviews)
    status.add_to(routes, index, statuses, config.status, clock=clock, today=today)
    image_key = contents.image_key if uses_image_proxy(config) else lambda: None
    count = partial(index.articles.count_in, ALL) if config.private_slugs else index.articles.count
    for others in (
        imageproxy.blueprint(image_key, config.image_proxy, base_url=config.site.base_url),
        ops.blueprint(index, judge, count),
        metrics.blueprint(config, index, judge, statuses, overviews, clock=clock, today=today),
        searchfeeds.blueprint(searching, clock, config.feeds.max_age, page_versions.now),
    ):
        app.register_blueprint(others)


def _add_error_pages(app: Flask, error_pages: ErrorPages) -> None:
    @app.errorhandler(NotFoundError)
    def not_found(error: NotFoundError) -> Response:
        return error_pages.gone(error) if isinstance(error, GoneError) else error_pages.missing()

    @app.errorhandler(BusyError)
    def busy(_: BusyError) -> Response:
        return error_pages.busy()

    @app.errorhandler(ParameterError)
    def refused(error: ParameterError) -> Response:
        return error_pages.refused(str(error))

    @app.errorhandler(NotReadyError)
    def not_ready(_: NotReadyError) -> Response:
        return error_pages.not_ready()

    @app.errorhandler(StateError)
    def no_state(error: StateError) -> Response:
        app.logger.error("%s", error)
        return error_pages.no_state()

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return error_pages.failure(error.code or 500, error.name, error.get_headers())


def _is_address(app: Flask) -> Callable[[str], bool]:
    """Return a function that tells whether a path, as WSGI gives it, is an address of `app`."""
    adapter = app.url_map.bind("")

    def is_address(path: str) -> bool:
        return path == "/healthz" or adapter.test(
            path.encode("latin-1", "replace").decode("utf-8", "replace"), method="GET"
        )

    return is_address
