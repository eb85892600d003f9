"""Pages for what went wrong: what it is, in kind words, and where to go on."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date

from flask import Response, render_template, request
from flask_babel import gettext as _

from feedsvc.errors import FeedsvcError, ForbiddenByLawError, GoneError
from feedsvc.index import Index
from feedsvc.publish import Overviews
from feedsvc.slugs import FORMAT_SUFFIX
from feedsvc.web.http import page_headers
from feedsvc.web.visitor import is_navigation
from feedsvc.web.wsgi import Header

_LONGEST_NAME = 60


class ErrorPages:
    """Makes pages with another status than 200."""

    def __init__(self, index: Index, overviews: Overviews, today: Callable[[], date]) -> None:
        self._index = index
        self._overviews = overviews
        self._today = today

    def missing(self) -> Response:
        """Return the page for an address at which there is nothing, with the nearest names."""
        name = FORMAT_SUFFIX.sub("", request.path.rstrip("/").rpartition("/")[2])[:_LONGEST_NAME]
        near: list[tuple[str, str]] = []
        if is_navigation(request.environ):  # a machine follows no link of it
            with suppress(FeedsvcError):
                near = self._overviews.nearest(name, self._today())
        text = _("There is nothing at this address.")
        if request.path.startswith("/feeds/"):
            text = _("There is no feed called “%(name)s”.", name=name)
        return self.page(404, _("Not found"), text, near=near)

    def gone(self, error: GoneError) -> Response:
        """Return the page of an article that was withdrawn, or of a feed that was closed."""
        if request.path.startswith("/feeds/"):
            return self.page(410, _("Closed"), _("This feed was here, and has been closed."))
        # RFC 7725: 451 is for what a legal demand has closed.
        status = 451 if isinstance(error, ForbiddenByLawError) else 410
        text = _("This article was here, and has been withdrawn.")
        return self.page(status, _("Withdrawn"), text, reason=error.reason)

    def refused(self, text: str) -> Response:
        """Return the page for an address with a parameter that cannot be used."""
        return self.page(400, _("This address has a mistake"), text)

    def not_ready(self) -> Response:
        """Return the page before all articles have been read once; a browser asks again for it."""
        progress = self._index.database.progress.read()
        text = _("The articles are being read for the first time. This page loads again by itself.")
        headers = [("Retry-After", "5")]
        return self.page(503, _("One moment"), text, headers, progress=progress)

    def busy(self) -> Response:
        """Return the page where too many feeds are being made."""
        text = _("Many feeds are being made just now. Please try again in a few seconds.")
        return self.page(503, _("One moment"), text, [("Retry-After", "1")])

    def no_state(self) -> Response:
        """Return the page for a state that cannot be read."""
        text = _("The service cannot read its state just now. Please try again in a minute.")
        return self.page(503, _("One moment"), text)

    def failure(self, status: int, name: str, headers: Iterable[Header]) -> Response:
        """Return the page for any other status, which has a `name` in English."""
        if status == 404:
            return self.missing()
        text = name
        if status >= 500:
            name = _("Something went wrong")
            text = _("This is a mistake of the service, not yours. It has been noted in its log.")
        return self.page(status, name, text, headers)

    def page(
        self,
        status: int,
        heading: str,
        text: str,
        headers: Iterable[Header] = (),
        **values: object,
    ) -> Response:
        """Return a page that nobody keeps."""
        page = render_template("error.html", status=status, heading=heading, text=text, **values)
        response = Response(page, status, mimetype="text/html")
        response.headers.update(headers)
        response.headers["Cache-Control"] = "no-store"
        return page_headers(response)
