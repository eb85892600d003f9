"""What a page depends on beside its address: the visitor's language, and who asks.

A machine that asks for a feed gets the feed, whatever it accepts. A person who opens the feed's
address in a browser gets a page about it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from werkzeug.datastructures import LanguageAccept, MIMEAccept
from werkzeug.http import parse_accept_header, parse_cookie

from feedsvc.formats import FORMATS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LOCALES = ("en", "zh_Hans", "zh_Hant")
"""The languages of the pages, as Babel names them."""
PARAMETER = COOKIE = "lang"
"""The parameter of an address, and the cookie, by which a visitor chooses a language."""

_MACHINE_SUFFIXES = (*(f".{name}" for name in FORMATS), ".xml")
_MARKDOWN = "text/markdown"
_SOURCE = "raw=1"
# Only as they are written here: the response cache asks before parameters are decoded.
_PAGES = re.compile(r"(?:^|&)(?:before=|page=oldest(?:&|$))")
_FILTERS = re.compile(r"(?:^|&)(?:filter[a-z_]*|limit)=")
_CHOSEN = re.compile(r"(?:^|&)lang=([A-Za-z_]{1,10})(?=&|$)")
_KEY, _NAVIGATES = "feedsvc.visitor", "feedsvc.navigates"  # in the environment of a request
_LONGEST_VALUE = 1000  # characters of a header that are read
_BEGINS_WITH_HTML = re.compile(r"\s*text/html", re.IGNORECASE).match
_TRADITIONAL = ("zh-hant", "zh-tw", "zh-hk", "zh-mo")


def locale_of(environ: "WSGIEnvironment", site_language: str) -> str:
    """Return the one of LOCALES that a visitor chose, else accepts; else that of the site.

    >>> locale_of({"HTTP_ACCEPT_LANGUAGE": "de, zh-TW;q=0.8, en;q=0.5"}, "zh-CN")
    'zh_Hant'
    >>> locale_of({"HTTP_ACCEPT_LANGUAGE": "zh-TW", "QUERY_STRING": "lang=en"}, "zh-CN")
    'en'
    """
    return _locale(
        environ.get("QUERY_STRING", "")[:_LONGEST_VALUE],
        environ.get("HTTP_COOKIE", "")[:_LONGEST_VALUE],
        environ.get("HTTP_ACCEPT_LANGUAGE", "")[: _LONGEST_VALUE + 1],
        site_language,
    )


@lru_cache(maxsize=256)  # most visitors send the same few headers, which take 20 µs to parse
def _locale(query: str, cookies: str, accepted: str, site_language: str) -> str:
    chosen: str = ["", *_CHOSEN.findall(query)][-1]
    if chosen not in LOCALES and COOKIE in cookies:
        chosen = str(parse_cookie(cookies).get(COOKIE, ""))
    if chosen in LOCALES:
        return chosen
    if len(accepted) <= _LONGEST_VALUE:
        for language, quality in parse_accept_header(accepted, LanguageAccept):
            if quality > 0 and (locale := _nearest(language)):
                return locale
    return _nearest(site_language) or "en"


def is_navigation(environ: "WSGIEnvironment") -> bool:
    """Tell whether a person opens the address in a browser.

    Without Sec-Fetch headers (W3C Fetch Metadata) the Accept must begin with HTML: feed readers
    name it further on. The answer stays in the environment of the request: the response cache asks
    before `ReadableHeaders` takes headers away, and the application must not decide otherwise.
    """
    known: bool | None = environ.get(_NAVIGATES)
    if known is None:
        destination = environ.get("HTTP_SEC_FETCH_DEST")
        if destination is not None:
            known = bool(destination == "document")
        else:
            known = _BEGINS_WITH_HTML(environ.get("HTTP_ACCEPT", "")) is not None
        environ[_NAVIGATES] = known
    return known


def asks_for_source(environ: "WSGIEnvironment") -> bool:
    """Tell whether somebody wants to look at the source of a feed: `?raw=1`."""
    query: str = environ.get("QUERY_STRING", "")
    return _SOURCE in query and _SOURCE in query.split("&")


def selects_page(environ: "WSGIEnvironment") -> bool:
    """Tell whether the query asks for older entries of a feed than its newest ones.

    >>> selects_page({"QUERY_STRING": "_=5&page=oldest"}), selects_page({"QUERY_STRING": "page=2"})
    (True, False)
    """
    return _PAGES.search(environ.get("QUERY_STRING", "")) is not None


def filters_feed(environ: "WSGIEnvironment") -> bool:
    """Tell whether the query has filters of a feed (`feedsvc.filters`)."""
    return _FILTERS.search(environ.get("QUERY_STRING", "")) is not None


def wants_markdown(environ: "WSGIEnvironment") -> bool:
    """Tell whether a client accepts Markdown, and prefers no HTML.

    >>> wants_markdown({"HTTP_ACCEPT": "text/markdown, text/html;q=0.9, */*;q=0.8"})
    True
    >>> wants_markdown({"HTTP_ACCEPT": "text/html, text/markdown;q=0.5"})
    False
    """
    accept = environ.get("HTTP_ACCEPT", "")
    if _MARKDOWN not in accept or len(accept) > _LONGEST_VALUE:
        return False
    accepted = parse_accept_header(accept, MIMEAccept)
    return 0 < accepted[_MARKDOWN] >= accepted["text/html"]


def is_of_feed(path: str) -> bool:
    """Tell whether a path is that of a feed or of a list of feeds, which machines read."""
    return path.endswith(_MACHINE_SUFFIXES) and (path.startswith("/feeds/") or path == "/opml.xml")


@dataclass(frozen=True, slots=True)
class Visitor:
    """On what a page depends beside its address."""

    locale: str  # one of LOCALES
    navigates: bool
    wants_markdown: bool


def visitor_of(environ: "WSGIEnvironment", site_language: str) -> Visitor:
    """Return who asks; the answer stays in the environment of the request."""
    known: Visitor | None = environ.get(_KEY)
    if known is None:
        known = environ[_KEY] = Visitor(
            locale=locale_of(environ, site_language),
            navigates=is_navigation(environ),
            wants_markdown=wants_markdown(environ),
        )
    return known


def variant(environ: "WSGIEnvironment", site_language: str) -> str:
    """Return on what the answer depends beside method, path, validators and codings.

    It is "" for a machine that asks for a feed: this is nearly every request.
    """
    path = environ["PATH_INFO"]
    query: str = environ.get("QUERY_STRING", "")
    if is_of_feed(path) and not is_navigation(environ):
        depends = query and (
            path.startswith("/feeds/search.")
            or selects_page(environ)
            or filters_feed(environ)
            or asks_for_source(environ)
        )
        return query if depends else ""
    visitor = visitor_of(environ, site_language)
    return f"{visitor.locale} {visitor.navigates:d} {visitor.wants_markdown:d} {query}"


def _nearest(language: str) -> str | None:
    """Return the one of LOCALES for a language tag (BCP 47), None for other languages."""
    tag = language.lower().replace("_", "-")
    if tag == "zh" or tag.startswith("zh-"):
        return "zh_Hant" if tag.startswith(_TRADITIONAL) else "zh_Hans"
    return "en" if tag == "en" or tag.startswith("en-") else None
