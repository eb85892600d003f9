"""Documents over HTTP: validators, codings, caching (RFC 9110, RFC 9111)."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flask import Request, Response, request
from werkzeug.datastructures import Headers
from werkzeug.http import http_date

from feedsvc.formats import source
from feedsvc.model import Document

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Cleaned HTML may hold frames (players) and style attributes (alignment).
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src http: https: data:; media-src http: https:; frame-src https:;"
    " style-src 'self'; style-src-attr 'unsafe-inline'; script-src 'self'; base-uri 'none';"
    " form-action 'self';"
    " frame-ancestors 'none'"
)
# RFC 5861: a shared cache answers with what it has while it asks us for the next version, and for a
# day if we do not answer.
_STALE = "stale-while-revalidate=60, stale-if-error=86400"
# Compressing proxies and servers add such a suffix to an entity tag.
_SUFFIX = re.compile(r"[-;](?:gzip|br|zstd|deflate)$")


def send(
    request: Request, document: Document, *, max_age: timedelta, now: datetime, link: str = ""
) -> Response:
    """Answer a GET or HEAD for `document`: 200, or 304 where the client has it already.

    `link` is the value of a Link header (RFC 8288).
    """
    coding, body = _choose_coding(request, document)
    etag = document.etag if coding == "identity" else f"{document.etag}-{coding}"
    # RFC 9110 8.8.2.1: a server must not send a Last-Modified that is later than its own clock.
    last_modified = min(document.last_modified, now.replace(microsecond=0))
    response = Response(body, mimetype=None, content_type=document.media_type)
    if _is_current(request, document, now):
        response = _NotModified(status=304)
        del response.headers["Content-Type"]
    elif coding != "identity":
        response.headers["Content-Encoding"] = coding
    # RFC 9110 15.4.5: a 304 repeats these.
    response.set_etag(etag)
    response.last_modified = last_modified
    response.headers["Cache-Control"] = f"public, max-age={int(max_age.total_seconds())}, {_STALE}"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if link:
        response.headers["Link"] = link
    return response


def send_source(request: Request, document: Document) -> Response:
    """Answer with the source of a feed, indented, for people who want to look at it."""
    text = source.indented(document.body, document.media_type)
    response = Response(text, mimetype="text/plain")
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return page_headers(response)


class _NotModified(Response):
    """A 304 with a Last-Modified, which Werkzeug takes away.

    Readers that compare dates alone have no other validator (RFC 9110 15.4.5).
    """

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:
        headers = super().get_wsgi_headers(environ)
        headers["Last-Modified"] = http_date(self.last_modified)
        return headers


def for_other_sites(response: Response) -> Response:
    """Let the pages of any site read an answer and its validators (WHATWG Fetch 3.2).

    Before a page may send If-None-Match or If-Modified-Since, its browser asks by OPTIONS.
    """
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "ETag, Last-Modified, Retry-After"
    if request.method == "OPTIONS":
        response.status_code = 204
        del response.headers["Content-Type"]
        response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = (
            "If-None-Match, If-Modified-Since, Accept, Cache-Control, Pragma, A-IM, User-Agent"
        )
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


def forbid_guessing(response: Response) -> Response:
    """Tell browsers to take an answer for what it says it is, never for a page or a script."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


def page_headers(response: Response) -> Response:
    """Add the headers that forbid scripts in articles, forms to other hosts, and framing."""
    response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _choose_coding(request: Request, document: Document) -> tuple[str, bytes]:
    """Return the coding that the client prefers, and the body in it (RFC 9110 12.5.3).

    Among equals, the document's first coding wins. Without an Accept-Encoding the body is not
    coded: the RFC allows any coding then, but feed readers that send no header cannot read gzip.
    """
    accepted = request.accept_encodings
    named = {value.lower() for value, _ in accepted}
    best = accepted.quality("identity") if "identity" in named else 0.0
    chosen = "identity", document.body
    for name, body in document.encoded:
        # A client that says `*` may not know br and zstd.
        quality = accepted.quality(name) if name in named or name == "gzip" else 0.0
        if quality > best or (quality == best > 0 and chosen[0] == "identity"):
            best, chosen = quality, (name, body)
    return chosen


def _is_current(request: Request, document: Document, now: datetime) -> bool:
    """Tell whether the client's copy, by its validators, is this document."""
    if "If-None-Match" in request.headers:
        # RFC 9110 13.1.3: then If-Modified-Since is ignored. 13.1.2: the comparison is weak.
        tags = request.if_none_match
        return tags.star_tag or any(
            _SUFFIX.sub("", tag or "") == document.etag for tag in tags.as_set(include_weak=True)
        )
    since = request.if_modified_since
    # RFC 9110 13.1.3: the client got the date from our clock. A future date was sent while our
    # clock was ahead, so it proves nothing; RFC 2616 14.25 called such a date invalid. Clients that
    # send their own time may be a second ahead.
    return since is not None and document.last_modified <= since <= now + timedelta(seconds=1)
