"""Formats: a `Feed` in, bytes out; one module a format, one table.

Not inside: which entries, in what order, what is safe. A function of the feed alone: equal feeds
give equal bytes, on every machine, on every day.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from feedsvc.formats import atom, jsonfeed, opml, rss
from feedsvc.model import Feed

__all__ = ["FORMATS", "POLICY", "Format", "opml"]

POLICY = "4"
"""Change it whenever the same feed comes to be rendered as other bytes: then all are made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format: what people call it, its media type, and what writes a feed in it, in UTF-8."""

    label: str
    media_type: str
    render: Callable[[Feed], bytes]


FORMATS: Mapping[str, Format] = {
    # RFC 4287 7
    "atom": Format(
        label="Atom",
        media_type="application/atom+xml; charset=utf-8",
        render=atom.render,
    ),
    "rss": Format(
        label="RSS",
        media_type="application/rss+xml; charset=utf-8",
        render=rss.render,
    ),
    # JSON Feed 1.1, "Suggestions for Publishers"; JSON has no charset parameter (RFC 8259 11).
    "json": Format(
        label="JSON Feed",
        media_type="application/feed+json; charset=utf-8",
        render=jsonfeed.render,
    ),
}
"""By the suffix of a feed's address."""
