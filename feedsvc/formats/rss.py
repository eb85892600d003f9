"""RSS 2.0, with `content:encoded`, `dc:creator` and Media RSS."""

from feedsvc.formats import _feedgen
from feedsvc.model import Feed


def render(feed: Feed) -> bytes:
    """Return `feed` as an RSS document in UTF-8."""
    made = _feedgen.generator(feed, "rss", "application/rss+xml")
    with _feedgen.LOCK:
        written: bytes = made.rss_str()
    return written
