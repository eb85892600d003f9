"""Private feeds: every address of a private category's feed needs one of its tokens.

A token comes as `?token=…`, as `Authorization: Bearer …` (RFC 6750), or as the password of HTTP
Basic with any user name (RFC 7617): each feed reader knows one of these. In the query, the rest of
the address is as it is without a token, and logs can leave the query out.

Flask tells which feed an address is of, so no way of writing an address leads past this. Answers
are not for the response cache, which would give them to everybody.
"""

import unicodedata
from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Flask, Response, g, request

from feedsvc import credentials
from feedsvc.config import Config
from feedsvc.web.response_cache import VERSION

PARAMETER = "token"
_REFUSAL = (
    "This feed is private. Add ?token=… to its address, or give the token as the password, with"
    " any user name.\n"
)


@dataclass(frozen=True, slots=True)
class Permit:
    """What a request may read: the private feed `slug`.

    `query` is `token=…` where the address had the token, else "": links to other addresses of the
    feed need it.
    """

    slug: str
    query: str

    @property
    def end(self) -> str:
        """What follows another address of the feed."""
        return f"?{self.query}" if self.query else ""


def permit() -> Permit | None:
    """Return the permit of this request, None if it is not for a private feed."""
    known: Permit | None = g.get("permit")
    return known


def guard(app: Flask, config: Config) -> None:
    """Have requests for private feeds answered with 401, unless they have a token.

    Called before anything else is registered: it comes first before a request, and last after it.
    """
    hashes = {
        category.slug: category.access
        for category in config.categories
        if category.access is not None
    }
    # An old name leads to the new one, which a stranger is not to learn.
    slugs = {slug: slug for slug in hashes} | {
        old: new for old, new in config.moves.moved if new in hashes
    }
    if not hashes:
        return

    @app.before_request
    def check() -> Response | None:
        asked = (request.view_args or {}).get("slug", "")
        slug = slugs.get(unicodedata.normalize("NFC", asked))
        # A browser asks by OPTIONS without credentials, and gets nothing of the feed.
        if slug is None or request.method == "OPTIONS":
            return None
        given = request.args.get(PARAMETER, "")
        if credentials.is_known(given, hashes[slug]):
            g.permit = Permit(slug, urlencode({PARAMETER: given}))
            return None
        g.permit = Permit(slug, "")
        if credentials.is_known(_from_header(), hashes[slug]):
            return None
        return _refusal()

    @app.after_request
    def keep_private(response: Response) -> Response:
        if permit() is not None:
            request.environ.pop(VERSION, None)  # not for the response cache
            max_age = response.cache_control.max_age
            response.headers["Cache-Control"] = (
                f"private, max-age={max_age}" if max_age else "private, no-store"
            )
            response.vary.add("Authorization")
            response.headers["Referrer-Policy"] = "no-referrer"  # the address may have the token
            response.headers["X-Robots-Tag"] = "noindex"
        return response


def _from_header() -> str:
    """Return the token of the Authorization header, "" where it has none."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _refusal() -> Response:
    response = Response(_REFUSAL, 401, mimetype="text/plain")
    # RFC 7617, 2 and 2.1; RFC 6750, 3. The realm is the same for all private feeds: it tells
    # nothing.
    response.headers.add("WWW-Authenticate", 'Basic realm="private feeds", charset="UTF-8"')
    response.headers.add("WWW-Authenticate", 'Bearer realm="private feeds"')
    return response
