"""What each feed shows, as a fingerprint: a feed whose fingerprint has moved has changed.

Content that was cleaned by an older policy is cleaned again here too, because a feed has changed
when the content that it shows has been cleaned anew, not before.
"""

import time
from datetime import datetime

from feedsvc import feeds, sitelanguage
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.index import LIST, LIST_OF_ALL, Content, Index, Writer
from feedsvc.policies import digest, policies

_CLEANED_AT_ONCE = 50  # articles


class Fingerprints:
    """Notes what the feeds of one configuration show."""

    def __init__(self, config: Config, index: Index, contents: Contents) -> None:
        self._config = config
        self._index = index
        self._contents = contents
        self._view = policies(config)["view"]
        self._configured = {category.slug: repr(category) for category in config.categories}

    def note(self, writer: Writer, now: datetime, *, everything: bool) -> None:
        """Note what each feed that was touched, or each feed of all, shows now."""
        touched = set(writer.feeds.touched)
        if everything:
            touched |= {feeds.ALL, *self._configured}
            touched |= writer.feeds.all_slugs() - {LIST, LIST_OF_ALL}
        language = sitelanguage.declared(self._config, writer.meta(sitelanguage.KEY))
        view = digest(self._view, language)
        limit, stamp = self._config.feeds.limit, self._contents.stamp
        fingerprints = {
            slug: digest(
                view,
                self._configured.get(slug, slug),
                *writer.feeds.versions(slug, limit, stamp),
            )
            for slug in touched
        }
        terms = (f"{slug}\n{term}" for slug, term in writer.feeds.term_slugs())
        fingerprints[LIST] = digest(view, *self._configured.values())
        fingerprints[LIST_OF_ALL] = digest(view, *self._configured.values(), *terms)
        writer.feeds.settle(fingerprints, now)

    def clean_again(self, now: datetime, seconds: float) -> bool:
        """Clean content of an older policy for so long, newest first; tell whether more is left.

        The content of the older policy is served meanwhile.
        """
        stamp = self._contents.stamp
        if self._index.meta.get("content") == stamp:
            return False
        until = time.monotonic() + seconds
        while True:
            fresh: dict[str, Content] = {}
            for article in self._index.contents.outdated(stamp, _CLEANED_AT_ONCE):
                fresh.update(self._contents.cleaned([article]))
                if time.monotonic() >= until:
                    break  # a single article may have taken all of the time
            with self._index.writing() as writer:
                writer.keep_contents(fresh)
                self.note(writer, now, everything=False)
                if not fresh:
                    writer.set_meta("content", stamp)
            if not fresh:
                return False
            if time.monotonic() >= until:
                return True
