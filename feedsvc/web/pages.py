"""Pages for people: the list of feeds, a feed, an article."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup

from feedsvc.formats import FORMATS
from feedsvc.model import SafeHTML
from feedsvc.publish import Entries
from feedsvc.web.http import page_headers


def blueprint(entries: Entries, zone: ZoneInfo) -> Blueprint:
    """Return the routes of all pages."""
    routes = Blueprint("pages", __name__, static_folder="static", static_url_path="/static")

    def answer(template: str, **values: object) -> Response:
        response = Response(
            render_template(template, formats=FORMATS, **values), mimetype="text/html"
        )
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        response.make_conditional(request)
        return page_headers(response)

    @routes.get("/")
    def index() -> Response:
        return answer("index.html", listings=entries.listings(), language=entries.language())

    @routes.get("/feeds/<slug>")
    def feed(slug: str) -> Response:
        return answer("feed.html", feed=entries.feed(slug))

    @routes.get("/articles/<key>")
    def article(key: str) -> Response:
        return answer("article.html", entry=entries.entry(key), language=entries.language())

    @routes.app_template_filter()
    def safe_html(html: SafeHTML) -> Markup:
        """Leave the sanitiser's HTML as it is; templates escape everything else."""
        return Markup(html)  # noqa: S704 - the type SafeHTML says that it is safe

    @routes.app_template_filter()
    def local(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")

    return routes
