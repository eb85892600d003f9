"""Feed readers that subscribe by an address: one click on a page adds a feed to them. Pure."""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Reader:
    """A feed reader, and the address at which it subscribes.

    In `pattern`, `{e}` stands for the percent-encoded address of a feed, `{u}` for the address as
    it is. The pattern of a reader that people host themselves begins with a slash: the address of
    its host goes before it.
    """

    name: str
    pattern: str

    @property
    def is_self_hosted(self) -> bool:
        """Tell whether each person has another host of this reader."""
        return self.pattern.startswith("/")

    def link(self, feed: str) -> str:
        """Return the address at which this reader subscribes to the feed at an address.

        >>> READERS["Feedbin"].link("https://example.org/feeds/all.atom")
        'https://feedbin.com/?subscribe=https%3A%2F%2Fexample.org%2Ffeeds%2Fall.atom'
        """
        return self.pattern.replace("{e}", quote(feed, safe="")).replace("{u}", feed)


READERS = {
    reader.name: reader
    for reader in (
        Reader("Feedly", "https://feedly.com/i/subscription/feed/{e}"),
        Reader("Inoreader", "https://www.inoreader.com/?add_feed={e}"),
        Reader("Feedbin", "https://feedbin.com/?subscribe={e}"),
        Reader("NewsBlur", "https://www.newsblur.com/?url={e}"),
        Reader("The Old Reader", "https://theoldreader.com/feeds/subscribe?url={e}"),
        Reader("BazQux", "https://bazqux.com/add?url={e}"),
        Reader("CommaFeed", "https://commafeed.com/rest/feed/subscribe?url={e}"),
        Reader("Folo", "folo://add?url={e}"),
        Reader("App", "feed:{u}"),
        Reader("Miniflux", "/bookmarklet?uri={e}"),
        Reader("FreshRSS", "/i/?c=feed&a=add&url_rss={e}"),
        Reader("Tiny Tiny RSS", "/public.php?op=bookmarklets--subscribe&feed_url={e}"),
        Reader("Nextcloud News", "/?subscribe_to={e}"),
    )
}
"""The readers that pages can offer, by name. `App` is the one that the device opens by itself."""

OFFERED = tuple(name for name in READERS if name not in {"BazQux", "CommaFeed"})
"""The names of the readers that pages offer unless the configuration chooses others."""
