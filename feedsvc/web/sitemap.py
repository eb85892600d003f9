"""What search engines read: `/robots.txt` (RFC 9309) and `/sitemap.xml` (sitemaps.org, 0.9)."""

import threading
from collections.abc import Iterable
from xml.sax.saxutils import escape

from flask import Blueprint, Response, request, url_for

from feedsvc.config import Site
from feedsvc.publish.sitemap import Place, Sitemap
from feedsvc.web.pages.answering import Answering


def blueprint(sitemap: Sitemap, site: Site, answering: Answering) -> Blueprint:
    """Return the routes for search engines."""
    routes = Blueprint("sitemap", __name__)
    routes.before_request(answering.begin)
    lock = threading.Lock()
    last: dict[str, str] = {}  # the sitemap by the version of all pages; one at most

    @routes.get("/robots.txt")
    def robots() -> Response:
        # Behind a proxy at a path, the proxy's own file names these paths.
        root = request.script_root
        # Really Simple Licensing 1.0, 3: the address of the terms for automatic use.
        terms = (f"License: {site.license_url}",) if site.license_url else ()
        lines = (
            *terms,
            "User-agent: *",
            f"Disallow: {root}/search",
            f"Disallow: {root}/feeds/search.",
            f"Disallow: {root}/*?raw=",
            f"Disallow: {root}/*&raw=",
            f"Allow: {url_for('pages.index')}",
            "",
            f"Sitemap: {site.base_url}/sitemap.xml",
        )
        return answering.text("\n".join(lines) + "\n", "text/plain")

    @routes.get("/sitemap.xml")
    def all_pages() -> Response:
        version = answering.version()
        with lock:  # made once, however many ask: it is long
            if version not in last:
                text = written(sitemap.places())
                last.clear()
                last[version] = text
            return answering.text(last[version], "application/xml")

    return routes


def written(places: Iterable[Place]) -> str:
    """Return these places as a sitemap."""
    addresses = "".join(
        f"<url><loc>{escape(place.address)}</loc>"
        f"<lastmod>{place.changed.date().isoformat()}</lastmod></url>\n"
        for place in places
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{addresses}</urlset>\n"
    )
