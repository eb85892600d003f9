"""Pages for people: the list of feeds, a feed, an article."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response
from markupsafe import Markup

from feedsvc.formats import FORMATS
from feedsvc.model import SafeHTML
from feedsvc.publish import Entries
from feedsvc.web.pages.answering import Answering, Versions


def blueprint(entries: Entries, zone: ZoneInfo, versions: Versions) -> Blueprint:
    """Return the routes of all pages."""
    routes = Blueprint("pages", __name__, static_folder="../static", static_url_path="/static")
    answer = Answering(versions).page

    @routes.get("/")
    def index() -> Response:
        listings, language = entries.listings(), entries.language()
        return answer("index.html", formats=FORMATS, listings=listings, language=language)

    @routes.get("/feeds/<slug>")
    def feed(slug: str) -> Response:
        return answer("feed.html", formats=FORMATS, feed=entries.feed(slug))

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
