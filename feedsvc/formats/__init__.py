"""Formats: a `Feed` in, bytes out; one module for each format, one table of all.

Pure: equal feeds give equal bytes on every machine and every day.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from feedsvc.formats import atom, jsonfeed, opml, rss
from feedsvc.model import Feed

__all__ = ["FORMATS", "POLICY", "Format", "opml"]

POLICY = "5"
"""Raise it when the same feed is rendered as other bytes than before: then all are made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of feeds: its name for people, its media type, and its writer."""

    label: str
    media_type: str
    render: Callable[[Feed], bytes]


FORMATS: Mapping[str, Format] = {
    # RFC 4287 7
    "atom": Format(
        label="Atom", media_type="application/atom+xml; charset=utf-8", render=atom.render
    ),
    "rss": Format(label="RSS", media_type="application/rss+xml; charset=utf-8", render=rss.render),
    # JSON Feed 1.1, "Suggestions for Publishers"; JSON has no charset parameter (RFC 8259 11).
    "json": Format(
        label="JSON Feed",
        media_type="application/feed+json; charset=utf-8",
        render=jsonfeed.render,
    ),
}
"""By the suffix of a feed's address."""
