"""Formats: a `Feed` in, bytes out; one module a format, one table.

Not inside: which entries, in what order, what is safe. A function of the feed alone: equal feeds
give equal bytes, on every machine, on every day.

A document is made in two steps, so that one changed entry costs one entry: each entry becomes a
*fragment*, a function of that entry alone which may be kept for as long as POLICY stays; then the
fragments are joined, as bytes, with the document around them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from feedsvc.formats import atom, jsonfeed, opml, rss
from feedsvc.model import Entry, Feed

__all__ = ["FORMATS", "POLICY", "Format", "opml"]

POLICY = "3"
"""Changes whenever the same feed, or the same entry, comes to be rendered as other bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format: what people call it, its media type, how to write a feed in it.

    `fragment(entry)` returns one entry's part of a document. `assemble(feed, fragments)` returns
    the document around them, in the order given; it does not look at the feed's own entries.
    """

    label: str
    media_type: str
    fragment: Callable[[Entry], bytes]
    assemble: Callable[[Feed, Sequence[bytes]], bytes]

    def render(self, feed: Feed) -> bytes:
        """Return `feed` as a document in UTF-8."""
        return self.assemble(feed, [self.fragment(entry) for entry in feed.entries])


FORMATS: Mapping[str, Format] = {
    # RFC 4287 7
    "atom": Format(
        label="Atom",
        media_type="application/atom+xml; charset=utf-8",
        fragment=atom.fragment,
        assemble=atom.assemble,
    ),
    "rss": Format(
        label="RSS",
        media_type="application/rss+xml; charset=utf-8",
        fragment=rss.fragment,
        assemble=rss.assemble,
    ),
    # JSON Feed 1.1, "Suggestions for Publishers"; JSON has no charset parameter (RFC 8259 11).
    "json": Format(
        label="JSON Feed",
        media_type="application/feed+json; charset=utf-8",
        fragment=jsonfeed.fragment,
        assemble=jsonfeed.assemble,
    ),
}
"""By the suffix of a feed's address."""
