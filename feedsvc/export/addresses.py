"""The list of all addresses that an export has, in the order in which they are written.

What a page refers to is written before the page. An address has a stamp: the version of all that
its answer depends on, apart from the settings. While the stamp stays, nobody needs to ask.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import PurePath

from feedsvc import __version__, content, formats
from feedsvc.config import CDN, Config, Export, Monitoring, State
from feedsvc.formats import FORMATS
from feedsvc.index import Index
from feedsvc.policies import digest, stamp as policy_of
from feedsvc.publish import Entries, feedpages
from feedsvc.publish.entries import Listing
from feedsvc.web import icon

MISSING = "/404.html"
"""What hosts of files answer for an address that is not there."""


@dataclass(frozen=True, slots=True)
class Address:
    """A path, not percent-encoded, and its stamp, None to ask each time.

    Addresses of the same `rank` may be written at the same time, those of a lower one before. The
    stamp of a `document` is the version that the document says it has.
    """

    path: str
    stamp: str | None
    rank: int
    document: bool = False


class Addresses:
    """The addresses of one configuration."""

    def __init__(self, config: Config, index: Index, entries: Entries) -> None:
        self._config = config
        self._index = index
        self._entries = entries

    def public_feeds(self) -> tuple[Listing, ...]:
        """Return the feeds that an export has, with the pages of all of their articles.

        This is the one place that decides it.
        """
        return self._entries.listings()

    def settings(self) -> str:
        """Return a digest of everything beside articles that the answers depend on."""
        config = replace(  # without what no answer depends on
            self._config,
            export=Export(),
            cdn=CDN(),
            monitoring=Monitoring(),
            state=State(),
            file=None,
        )
        return digest(
            __version__,
            content.POLICY,
            formats.POLICY,
            repr(config),
            self._entries.language(),
        )[:16]

    def all(self, today: date) -> Iterator[Address]:
        """Yield every address. Raises NotReadyError and StateError."""
        listings = self.public_feeds()
        slugs = [listing.slug for listing in listings]
        states = self._index.feeds.states(slugs)
        versions = Versions(self._index, slugs, policy_of(self._config))
        for path in self._static():
            yield Address(path, None, 0)
        for key, stamp in versions.articles():
            yield Address(f"/articles/{key}.md", stamp, 1)
            yield Address(f"/articles/{key}", stamp, 1)
        day = str(today)
        for listing in listings:
            for number, stamp in versions.pages(listing.slug):
                yield Address(f"/feeds/{listing.slug}/{number}", _stamp(stamp, day), 2)
        for listing in listings:
            state = states.get(listing.slug)
            version = state.fingerprint if state else ""
            stamp = _stamp(versions.feed(listing.slug), version, day)
            yield Address(f"/feeds/{listing.slug}", stamp, 3)
            for suffix in FORMATS:
                path = f"/feeds/{listing.slug}.{suffix}"
                yield Address(path, version or None, 3, document=True)
        for path in ("/opml.xml", "/feeds/opml.xml"):
            yield Address(path, None, 3, document=True)
        for path in ("/topics", "/sitemap.xml", "/robots.txt", MISSING, "/"):
            yield Address(path, None, 4)

    def _static(self) -> Iterator[str]:
        for file in sorted((icon.OURS.parent).iterdir()):
            yield f"/static/{file.name}"
        if not isinstance(self._config.site.icon, str):
            yield "/favicon.ico"
            yield f"/{PurePath(self._config.site.icon_address).name}"


class Versions:
    """The versions of articles and of the pages that show them, from one look at the index."""

    def __init__(self, index: Index, slugs: Collection[str], policy: str) -> None:
        """Read the versions; `policy` is the one by which content is cleaned now."""
        public = frozenset(slugs)
        known = {
            source: (key, f"{key} {version}")
            for source, (key, version) in index.articles.versions(policy).items()
        }
        self._members: dict[str, list[str]] = {}  # versions by slug, newest first
        # The page of an article names the articles beside it, in one of its feeds.
        self._beside: dict[str, list[str]] = defaultdict(list)  # versions by key
        self._own = dict(known.values())
        for slug, rows in groupby(index.articles.memberships(), key=itemgetter(0)):
            if slug in public:
                articles = [known[source] for _, source in rows if source in known]
                versions = [version for _, version in articles]
                beside = zip(articles, ["", *versions], [*versions[1:], ""], strict=False)
                for (key, _), newer, older in beside:
                    self._beside[key] += newer, older
                self._members[slug] = versions

    def articles(self) -> Iterator[tuple[str, str]]:
        """Yield the key and the stamp of every article."""
        for key, versions in self._beside.items():
            yield key, _stamp(self._own[key], *versions)

    def feed(self, slug: str) -> str:
        """Return the stamp of all articles of a feed."""
        return _stamp(*self._members.get(slug, ()))

    def pages(self, slug: str) -> Iterator[tuple[int, str]]:
        """Yield the number and the stamp of each numbered page to which pages link."""
        members = self._members.get(slug, ())
        last = feedpages.newest_start(len(members)) // feedpages.SIZE
        for number in range(1, last + 1):
            end = len(members) - (number - 1) * feedpages.SIZE
            is_last = "last" if number == last else ""  # its link leads to the newest page
            yield number, _stamp(is_last, *members[end - feedpages.SIZE : end])


def _stamp(*parts: str) -> str:
    # Twice as fast as SHA-256, and there are many.
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()
