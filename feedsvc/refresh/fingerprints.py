"""Fingerprints: digests of what each feed shows. A feed has changed when its fingerprint has.

Content of an older policy is cleaned again here, because that changes the feeds that show it.
"""

import time
from datetime import datetime

from feedsvc import feeds, sitelanguage
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.index import LIST, LIST_OF_ALL, Content, FeedWriter, Index, Writer
from feedsvc.policies import digest, policies

_CLEANED_AT_ONCE = 50  # articles


class Fingerprints:
    """Writes the fingerprints of the feeds of one configuration."""

    def __init__(self, config: Config, index: Index, contents: Contents) -> None:
        self._config = config
        self._index = index
        self._contents = contents
        self._view = policies(config)["view"]
        self._configured = {category.slug: repr(category) for category in config.categories}

    def note(self, writer: Writer, now: datetime, *, everything: bool) -> None:
        """Write the fingerprint of each feed that was touched, or of all feeds."""
        touched = set(writer.feeds.touched)
        if everything:
            touched |= {feeds.ALL, *self._configured}
            touched |= writer.feeds.all_slugs() - {LIST, LIST_OF_ALL}
        language = sitelanguage.declared(self._config, writer.meta(sitelanguage.KEY))
        view = digest(self._view, language)
        notices = writer.feeds.notices()
        fingerprints = {
            slug: digest(
                view,
                self._configured.get(slug, slug),
                *self._shown(writer.feeds, slug),
                *notices.get(slug, ()),
            )
            for slug in touched
        }
        terms = (f"{slug}\n{term}" for slug, term in writer.feeds.term_slugs())
        fingerprints[LIST] = digest(view, *self._configured.values())
        fingerprints[LIST_OF_ALL] = digest(view, *self._configured.values(), *terms)
        writer.feeds.settle(fingerprints, now)
        if writer.has_changed or writer.feeds.has_changed:
            writer.note_change(now)

    def _shown(self, feed_writer: FeedWriter, slug: str) -> list[str]:
        """Return what a feed shows: its newest articles, and whether there are older ones."""
        limit = self._config.feeds.limit
        # One more than it shows: it links to older ones.
        versions = feed_writer.versions(slug, limit + 1, self._contents.stamp)
        return versions[:limit] + ["older"] * (len(versions) > limit)

    def clean_again(self, now: datetime, seconds: float) -> bool:
        """Clean content of an older policy again, for so many seconds; tell whether more is left.

        The newest comes first. Feeds show the old content meanwhile.
        """
        stamp = self._contents.stamp
        until = time.monotonic() + seconds
        while True:
            fresh: dict[str, Content] = {}
            for article in self._index.contents.outdated(stamp, _CLEANED_AT_ONCE):
                fresh.update(self._contents.cleaned([article]))
                if time.monotonic() >= until:
                    break  # one article may take all of the time
            with self._index.writing() as writer:
                writer.keep_contents(fresh)
                self.note(writer, now, everything=False)
                if not fresh:
                    writer.set_meta("content", stamp)
            if not fresh:
                return False
            if time.monotonic() >= until:
                return True
