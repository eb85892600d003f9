"""RSS 2.0, with `content:encoded`, `dc:creator` and Media RSS."""

from collections.abc import Sequence

from feedsvc.formats import _feedgen
from feedsvc.model import Entry, Feed


def fragment(entry: Entry) -> bytes:
    """Return `entry` as an `item` element in UTF-8, whose prefixes the document declares."""
    written = _feedgen.within(_feedgen.feed_entry(entry).rss_entry())
    # What holds no text to summarise is described by what it holds.
    written = _feedgen.with_html(written, b"<description/>", entry.content)
    return _feedgen.with_html(written, b"<content:encoded/>", entry.content)


def assemble(feed: Feed, fragments: Sequence[bytes]) -> bytes:
    """Return the RSS document of `feed` around the fragments of its entries."""
    made = _feedgen.generator(feed, "rss", "application/rss+xml")
    with _feedgen.LOCK:
        around = made.rss_str()
    return _feedgen.joined(around, fragments, b"</channel></rss>")
