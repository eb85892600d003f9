"""The page that a person sees who opens a feed's own address in a browser."""

import unicodedata

from flask import Response

from feedsvc.formats import FORMATS
from feedsvc.publish import Entries
from feedsvc.web.pages.answering import Answering

SHOWN = 20
"""How many of the newest entries a preview shows."""


class Preview:
    """Makes the pages about feeds."""

    def __init__(self, entries: Entries, answering: Answering) -> None:
        self._entries = entries
        self._answering = answering

    def page(self, slug: str, suffix: str) -> Response:
        """Return the page about a feed in one format. Raises NotFoundError and NotReadyError.

        It is private: a shared cache that ignores Vary would give it to feed readers.
        """
        self._answering.begin()
        feed = self._entries.feed(unicodedata.normalize("NFC", slug))
        return self._answering.page(
            "preview.html",
            private=True,
            feed=feed,
            entries=feed.entries[:SHOWN],
            suffix=suffix,
            format=FORMATS[suffix],
            language=feed.language,
        )
