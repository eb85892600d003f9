"""Pages for people: the list of feeds, a feed, an article."""

from flask import Blueprint, Response

from feedsvc.config import Config
from feedsvc.formats import FORMATS
from feedsvc.publish import Entries, Overviews
from feedsvc.web.pages import home
from feedsvc.web.pages.answering import Answering, Versions
from feedsvc.web.pages.look import add_look


def blueprint(
    config: Config, entries: Entries, overviews: Overviews, versions: Versions
) -> Blueprint:
    """Return the routes of all pages."""
    routes = Blueprint("pages", __name__, static_folder="../static", static_url_path="/static")
    add_look(routes, config.site.timezone, versions.today, config.pages.readers)
    answer = Answering(versions).page

    home.add_to(routes, answer, overviews, entries, versions.today)

    @routes.get("/feeds/<slug>")
    def feed(slug: str) -> Response:
        return answer("feed.html", formats=FORMATS, feed=entries.feed(slug))

    @routes.get("/articles/<key>")
    def article(key: str) -> Response:
        return answer("article.html", entry=entries.entry(key), language=entries.language())

    return routes
