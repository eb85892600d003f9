"""How a page is answered: its template, language, headers, and its place in the response cache."""

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Response, render_template, request
from flask_babel import get_locale

from feedsvc.index import Index
from feedsvc.web.http import page_headers
from feedsvc.web.response_cache import PAGE, VERSION

_BEGUN = "feedsvc.version_of_pages"  # the version of all pages when the request came


class Versions:
    """The version of all pages: it moves when articles change, and with the day.

    A page shows what was published "today", and the activity of the last weeks.
    """

    def __init__(self, index: Index, clock: Callable[[], datetime], zone: ZoneInfo) -> None:
        self._index = index
        self._clock = clock
        self._zone = zone

    def now(self) -> str:
        """Return the version of the pages as they are now. Raises StateError."""
        return f"{PAGE} {self._index.meta.edition()} {self.today()}"

    def today(self) -> date:
        """Return the day in the site's zone."""
        return self._clock().astimezone(self._zone).date()


class Answering:
    """Answers requests with pages."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    def today(self) -> date:
        """Return the day in the site's zone."""
        return self._versions.today()

    def begin(self) -> None:
        """Note the version of the pages before anything else is read from the index.

        Else articles might change between what a page shows and the version that it is kept under.
        """
        if request.endpoint != "pages.static":
            request.environ[_BEGUN] = self._versions.now()

    def version(self) -> str:
        """Return the version of the pages when the request came."""
        return str(request.environ[_BEGUN])

    def page(self, template: str, *, private: bool = False, **values: object) -> Response:
        """Return the page that a template makes of these values.

        A `private` one is not for shared caches, which may ignore Vary.
        """
        text = render_template(template, locale=str(get_locale()), **values)
        return self.text(text, "text/html", private=private)

    def text(self, text: str, media_type: str, *, private: bool = False) -> Response:
        """Return a text with the headers of pages; the response cache keeps it as it keeps them."""
        response = Response(text, mimetype=media_type)
        request.environ[VERSION] = self.version()
        if private:
            response.headers["Cache-Control"] = "private, no-store"
        else:
            response.headers["Cache-Control"] = "no-cache"
            response.headers["Vary"] = "Accept-Language, Cookie, Sec-Fetch-Dest, Accept"
            response.add_etag()
            response.make_conditional(request)
        return page_headers(response)
