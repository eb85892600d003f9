"""Private feeds: everything below `/feeds/SLUG` of a private category needs a token or a password.

A token comes as `?token=…`, as `Authorization: Bearer …` (RFC 6750), or as the password of HTTP
Basic with any user name; a password by HTTP Basic (RFC 7617). The query keeps the address of a feed
as it is without a token, every feed reader keeps queries, and logs can leave them out.

The gate stands before the response cache, so what is kept there of a private feed is given only to
requests that passed. It takes the token out of the query: nothing behind it can log or repeat it.
"""

import hashlib
import hmac
import secrets
import threading
import time
import unicodedata
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from feedsvc import credentials
from feedsvc.config import Config
from feedsvc.errors import NotFoundError
from feedsvc.model import Access
from feedsvc.slugs import FORMAT_SUFFIX
from feedsvc.web.wsgi import Header, answer_text, client_address

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PERMIT = "feedsvc.permit"
"""The key of the WSGI environment under which a request that passed has its `Permit`."""
PARAMETER = "token"

_FEEDS = "/feeds/"
_LONGEST_VALUE = 1000  # characters of a header, of a token
_MOST_KNOWN = 1000  # right passwords that are remembered, and clients that gave wrong ones
_MOST_WRONG = 10  # passwords of one client in a minute
_MINUTE = 60.0
_PATIENCE = 5.0  # seconds that a request waits until another password has been checked


@dataclass(frozen=True, slots=True)
class Permit:
    """What a request may read: the private feed `slug`.

    `query` is `token=…` where the address had the token, else "": links to other pages of the feed
    need it.
    """

    slug: str
    query: str

    @property
    def end(self) -> str:
        """What follows the address of another page of the feed."""
        return f"?{self.query}" if self.query else ""


def slug_of(path: str) -> str:
    """Return the slug in a path below `/feeds/`, "" for any other path.

    >>> [slug_of(path) for path in ("/feeds/a.atom", "/feeds/a", "/feeds/a/0123", "/a")]
    ['a', 'a', 'a', '']
    """
    if not path.startswith(_FEEDS):
        return ""
    name = path.removeprefix(_FEEDS).partition("/")[0]
    return FORMAT_SUFFIX.split(unicodedata.normalize("NFC", name))[0]


def guard(config: Config) -> Callable[["WSGIEnvironment", str], None]:
    """Return a function that raises NotFoundError for a private feed unless the request passed.

    It is a second lock behind the gate, where the slug is already known.
    """
    private = config.private_slugs

    def check(environ: "WSGIEnvironment", slug: str) -> None:
        slug = unicodedata.normalize("NFC", slug)
        permit: Permit | None = environ.get(PERMIT)
        if slug in private and (permit is None or permit.slug != slug):
            raise NotFoundError("There is no such feed.")

    return check


class PrivateFeeds:
    """A WSGI application around `app`, which gets a request for a private feed only if it may."""

    def __init__(self, app: "WSGIApplication", config: Config) -> None:
        self._app = app
        self._accesses = {
            category.slug: category.access for category in config.categories if category.access
        }
        # An old name leads to the new one, which a stranger is not to learn.
        self._slugs = {slug: slug for slug in self._accesses} | {
            old: new for old, new in config.moves.moved if new in self._accesses
        }
        self._passwords = Passwords()

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        path: str = environ["PATH_INFO"]
        slug = self._slugs.get(slug_of(path.encode("latin-1").decode("utf-8", "replace")))
        if slug is None:
            return self._app(environ, start)
        start = _as_private(start)
        if environ["REQUEST_METHOD"] == "OPTIONS":  # browsers ask without credentials
            return self._app(environ, start)
        access = self._accesses[slug]
        token, query = _without_token(environ.get("QUERY_STRING", ""))
        environ["QUERY_STRING"] = query
        query = ""
        if _has_token(access, unquote_plus(token)):
            query = f"{PARAMETER}={token}"
        else:
            refusal = self._refusal(environ, access)
            if refusal is not None:
                status, headers, text = refusal
                return answer_text(environ, start, status, *headers, text=text)
        environ[PERMIT] = Permit(slug, query)
        return self._app(environ, start)

    def _refusal(
        self, environ: "WSGIEnvironment", access: Access
    ) -> tuple[str, tuple[Header, ...], str] | None:
        """Judge the Authorization header.

        Return status, headers and text for who may not read the feed, None for who may.
        """
        header: str = environ.get("HTTP_AUTHORIZATION", "")[:_LONGEST_VALUE]
        scheme, _, given = header.partition(" ")
        if scheme.lower() == "bearer" and _has_token(access, given.strip()):
            return None
        user, password = _basic(given) if scheme.lower() == "basic" else ("", "")
        if _has_token(access, password):
            return None
        if password and access.passwords:
            client = client_address(environ)
            seconds = self._passwords.seconds_to_wait(client)
            if seconds:
                return (
                    "429 Too Many Requests",
                    (("Retry-After", str(seconds)),),
                    "Too many wrong passwords. Try again in a minute.",
                )
            if self._passwords.is_right(dict(access.passwords), user, password, client):
                return None
        return (
            "401 Unauthorized",
            # RFC 7617, 2 and 2.1; RFC 6750, 3. The realm is the same for all private feeds, so that
            # it tells nothing.
            (
                ("WWW-Authenticate", 'Basic realm="private feeds", charset="UTF-8"'),
                ("WWW-Authenticate", 'Bearer realm="private feeds"'),
            ),
            "This feed is private. Add ?token=… to its address, or give a user name and a password;"
            " the password may be the token, with any user name.",
        )


class Passwords:
    """Checks passwords slowly, and those that were right before quickly.

    One at a time is checked, because each takes half a second of a core.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)  # so that memory has no hash that can be guessed from
        self._lock = threading.Lock()
        self._right: set[bytes] = set()
        self._began = clock()
        self._wrong: dict[str, int] = {}  # passwords by client, in this minute

    def seconds_to_wait(self, client: str) -> int:
        """Return for how many seconds no further password of this client is checked."""
        since = self._clock() - self._began
        if since >= _MINUTE or len(self._wrong) >= _MOST_KNOWN:
            self._began, since = self._clock(), 0.0
            self._wrong.clear()
        return max(1, round(_MINUTE - since)) if self._wrong.get(client, 0) >= _MOST_WRONG else 0

    def is_right(self, known: Mapping[str, str], user: str, password: str, client: str) -> bool:
        """Tell whether a user has this password; `known` are hashes by user, one at least."""
        # A user who is not there takes as long as another one.
        hashed = known.get(user) or next(iter(known.values()))
        digest = hmac.digest(self._key, f"{user}\n{password}\n{hashed}".encode(), hashlib.sha256)
        if digest in self._right:
            return True
        if not self._lock.acquire(timeout=_PATIENCE):
            return False
        try:
            right = credentials.is_password(password, hashed) and user in known
        finally:
            self._lock.release()
        if right:
            if len(self._right) >= _MOST_KNOWN:
                self._right.clear()
            self._right.add(digest)
        else:
            self._wrong[client] = self._wrong.get(client, 0) + 1
        return right


def _has_token(access: Access, token: str) -> bool:
    return bool(token) and credentials.is_token(token, [known for _, known in access.tokens])


def _basic(given: str) -> tuple[str, str]:
    """Return user and password of HTTP Basic (RFC 7617, 2), "" for both where there are none."""
    try:
        user, _, password = b64decode(given.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


def _without_token(query: str) -> tuple[str, str]:
    """Return the token in a query, as it is there, and the query without it.

    >>> _without_token("page=2&token=abc")
    ('abc', 'page=2')
    """
    if PARAMETER not in query:
        return "", query
    beginning = f"{PARAMETER}="
    parts = query.split("&")
    tokens = [part.removeprefix(beginning) for part in parts if part.startswith(beginning)]
    rest = "&".join(part for part in parts if not part.startswith(beginning))
    return tokens[-1][:_LONGEST_VALUE] if tokens else "", rest


def _as_private(start: "StartResponse") -> "StartResponse":
    """Return a `start_response` that adds what each answer of a private feed has."""

    def start_privately(
        status: str, headers: list[Header], exc_info: "OptExcInfo | None" = None, /
    ) -> Callable[[bytes], object]:
        return start(status, private_headers(headers), exc_info)

    return start_privately


def private_headers(headers: Iterable[Header]) -> list[Header]:
    """Return headers that keep an answer out of shared caches, search engines and referrers.

    >>> private_headers([("Cache-Control", "public, max-age=900, stale-if-error=86400")])[0]
    ('Cache-Control', 'private, max-age=900')
    """
    kept: list[Header] = []
    for name, value in headers:
        small = name.lower()
        if small == "cache-control":
            parts = [part.strip() for part in value.split(",")]
            # RFC 9111, 5.2.2.7. The rest is for shared caches (RFC 5861).
            own = [part for part in parts if part.startswith(("max-age", "no-"))]
            kept.append((name, ", ".join(("private", *own))))
        elif small == "vary":
            kept.append((name, f"{value}, Authorization"))
        elif small != "referrer-policy":
            kept.append((name, value))
    kept += [("Referrer-Policy", "no-referrer"), ("X-Robots-Tag", "noindex")]
    names = {name.lower() for name, _ in kept}
    if "vary" not in names:
        kept.append(("Vary", "Authorization"))
    if "cache-control" not in names:
        kept.append(("Cache-Control", "private, no-store"))
    return kept
