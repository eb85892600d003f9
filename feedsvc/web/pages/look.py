"""What the templates of all pages use: words for dates, the languages, the feed readers."""

import json
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, request, url_for
from flask_babel import format_date, format_time, get_locale, gettext as _
from markupsafe import Markup
from werkzeug.urls import uri_to_iri

from feedsvc import __version__
from feedsvc.feedreaders import READERS
from feedsvc.formats import FORMATS
from feedsvc.model import Entry, SafeHTML
from feedsvc.web.private import permit
from feedsvc.web.visitor import COOKIE, LOCALES, PARAMETER

_LANGUAGES = dict(zip(LOCALES, ("English", "简体中文", "繁體中文"), strict=True))
_A_YEAR = timedelta(days=365)
_LONGEST_QUERY = 1000  # characters that links to the same page repeat


def add_look(
    routes: Blueprint, zone: ZoneInfo, today: Callable[[], date], readers: tuple[str, ...]
) -> None:
    """Give all templates the filters, variables and cookies that they share."""
    offered = [READERS[name] for name in readers]
    own_hosts = {reader.name: reader.pattern for reader in offered if reader.is_self_hosted}
    hosted = [reader for reader in offered if not reader.is_self_hosted]

    @routes.app_context_processor
    def values() -> dict[str, Any]:
        locale = str(get_locale())
        return {
            "formats": FORMATS,
            "interface": locale.replace("_", "-"),  # as HTML names it (BCP 47)
            "languages": {tag: name for tag, name in _LANGUAGES.items() if tag != locale},
            "endpoints": current_app.view_functions,
            "feed_readers": hosted,
            "self_hosted": json.dumps(own_hosts) if own_hosts else "",
            "here": here,
            "article_link": article_link,
            "feed_link": feed_link,
            "permit": permit(),
            "version": __version__,
        }

    @routes.after_app_request
    def remember_language(response: Response) -> Response:
        chosen = request.args.get(PARAMETER)
        if chosen in LOCALES and response.mimetype == "text/html":
            path = f"{request.script_root}/"
            response.set_cookie(COOKIE, chosen, max_age=_A_YEAR, path=path, samesite="Lax")
        return response

    @routes.app_template_filter()
    def safe_html(html: SafeHTML) -> Markup:
        """Leave the sanitiser's HTML as it is; templates escape everything else."""
        return Markup(html)  # noqa: S704 - the type SafeHTML says that it is safe

    @routes.app_template_filter()
    def local(moment: datetime) -> str:
        """Return a date and a time in the site's zone, in figures."""
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")

    @routes.app_template_filter()
    def iso(moment: datetime) -> str:
        """Return a moment in the site's zone, as <time> needs it."""
        return moment.astimezone(zone).isoformat()

    @routes.app_template_filter()
    def time_words(moment: datetime) -> str:
        """Return the time of day in the site's zone."""
        return str(format_time(moment.astimezone(zone), "short", rebase=False))

    @routes.app_template_filter()
    def date_words(moment: datetime | date) -> str:
        """Return the date in the site's zone, in words."""
        day = moment.astimezone(zone).date() if isinstance(moment, datetime) else moment
        return str(format_date(day, "long", rebase=False))

    @routes.app_template_filter()
    def day_words(day: date) -> str:
        """Return the name of a day: today, yesterday, or its date in words."""
        if day == today():
            return str(_("Today"))
        if day == today() - timedelta(days=1):
            return str(_("Yesterday"))
        return date_words(day)

    @routes.app_template_filter()
    def days(entries: Iterable[Entry]) -> list[tuple[date, list[Entry]]]:
        """Return entries by the day on which they were published, in the site's zone."""
        groups = groupby(entries, key=lambda entry: entry.published.astimezone(zone).date())
        return [(day, list(group)) for day, group in groups]

    routes.app_template_filter("shortened")(shortened)
    routes.app_template_filter("readable")(uri_to_iri)  # half as long, for Chinese addresses


def here(**changed: str) -> str:
    """Return the query of this page with some parameters changed, as a relative address."""
    kept = request.args.to_dict() if len(request.query_string) <= _LONGEST_QUERY else {}
    kept.pop("token", None)
    query = urlencode({**kept, **changed})
    # No page has a secret in it, except that of a private feed, for whoever came with its token.
    known = permit()
    return f"?{query}&{known.query}" if known and known.query else f"?{query}"


def article_link(key: str) -> str:
    """Return the address of an article's page, as links on this page have it."""
    known = permit()
    if known is None:
        return url_for("pages.article", key=key)
    return url_for("pages.private_article", slug=known.slug, key=key) + known.end


def feed_link(slug: str, suffix: str = "", **parameters: Any) -> str:
    """Return the address of a feed, as links on this page have it; without a suffix, of its page.

    The token of who reads a private feed is only in links to other addresses of the same feed.
    """
    endpoint = "feeds.feed" if suffix else "pages.feed"
    values = {"suffix": suffix, **parameters} if suffix else parameters
    link = url_for(endpoint, slug=slug, **values)
    known = permit()
    if known is None or known.slug != slug or not known.query:
        return link
    return f"{link}{'&' if '?' in link else '?'}{known.query}"


def shortened(text: str, width: int = 200) -> str:
    """Return the beginning of a text, as much as two lines on a wide screen have.

    `width` counts Latin letters, of which a Chinese character is as wide as two.

    >>> shortened("seven words that are cut at a space", 20), shortened("海平面每天涨落", 8)
    ('seven words that…', '海平面每…')
    """
    total = 0
    for place, character in enumerate(text):
        total += 1 + (unicodedata.east_asian_width(character) in "WF")
        if total > width:
            whole, space, _rest = text[:place].rpartition(" ")
            return (whole if space and place - len(whole) < width / 4 else text[:place]) + "…"
    return text
