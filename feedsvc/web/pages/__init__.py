"""Pages for people: home, a feed, an article, a search."""

from flask import Blueprint

from feedsvc.config import Config
from feedsvc.index import Index
from feedsvc.publish import Combining, Entries, Overviews, Searching
from feedsvc.web.pages import article, feed, home, search
from feedsvc.web.pages.answering import Answering
from feedsvc.web.pages.look import add_look


def blueprint(
    config: Config,
    index: Index,
    entries: Entries,
    overviews: Overviews,
    answering: Answering,
    *,
    combining: Combining,
    searching: Searching | None,
    for_files: bool = False,
) -> Blueprint:
    """Return the routes of all pages, without search where `searching` is None."""
    routes = Blueprint("pages", __name__, static_folder="../static", static_url_path="/static")
    routes.before_request(answering.begin)
    add_look(routes, config.site.timezone, answering.today, config.pages.readers)
    home.add_to(routes, answering.page, overviews, entries, answering.today)
    feed.add_to(routes, config, index, entries, answering, combining=combining, for_files=for_files)
    article.add_to(routes, config, index, entries, answering)
    if searching is not None:
        search.add_to(routes, searching, overviews, answering)
    return routes
