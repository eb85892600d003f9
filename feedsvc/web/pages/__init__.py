"""Pages for people: the list of feeds, a feed, an article."""

from flask import Blueprint, Response

from feedsvc.config import Config
from feedsvc.formats import FORMATS
from feedsvc.index import Index
from feedsvc.publish import Entries
from feedsvc.web.pages import article, feed
from feedsvc.web.pages.answering import Answering
from feedsvc.web.pages.look import add_look


def blueprint(config: Config, index: Index, entries: Entries, answering: Answering) -> Blueprint:
    """Return the routes of all pages."""
    routes = Blueprint("pages", __name__, static_folder="../static", static_url_path="/static")
    routes.before_request(answering.begin)
    add_look(routes, config.site.timezone, answering.today, config.pages.readers)

    @routes.get("/", endpoint="index")
    def home() -> Response:
        listings, language = entries.listings(), entries.language()
        return answering.page("index.html", formats=FORMATS, listings=listings, language=language)

    feed.add_routes(routes, config, index, entries, answering)
    article.add_routes(routes, config, index, entries, answering)
    return routes
