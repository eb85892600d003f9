"""Pages for people: the list of feeds, a feed, an article."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response
from markupsafe import Markup

from feedsvc.config import Config
from feedsvc.formats import FORMATS
from feedsvc.index import Index
from feedsvc.model import SafeHTML
from feedsvc.publish import Entries
from feedsvc.web.pages import article, feed
from feedsvc.web.pages.answering import Answering, Versions


def blueprint(config: Config, index: Index, entries: Entries, answering: Answering, versions: Versions) -> Blueprint:
    """Return the routes of all pages."""
    routes = Blueprint("pages", __name__, static_folder="../static", static_url_path="/static")
    routes.before_request(answering.begin)
    zone: ZoneInfo = config.site.timezone
    answer = answering.page

    @routes.get("/", endpoint="index")
    def index_() -> Response:
        listings, language = entries.listings(), entries.language()
        return answer("index.html", formats=FORMATS, listings=listings, language=language)

    feed.add_routes(routes, config, index, entries, answering, versions)
    article.add_routes(routes, config, index, entries, answering)

    @routes.app_template_filter()
    def safe_html(html: SafeHTML) -> Markup:
        """Leave the sanitiser's HTML as it is; templates escape everything else."""
        return Markup(html)  # noqa: S704 - the type SafeHTML says that it is safe

    @routes.app_template_filter()
    def local(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")

    return routes
