"""Signed addresses of the files beside the articles, for a site with private feeds.

Nobody else can tell whether a file belongs to a private article, so none is sent without one.
"""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

from feedsvc import signing
from feedsvc.errors import NotReadyError
from feedsvc.model import Entry, SafeHTML

_PARAMETER = "signature"
_PATH = re.compile(r"[^\s\"<>?#]+")  # the rest of an address, up to its query


class SignedFiles:
    """Signs the addresses of one site's files; `key` returns the secret, None if there is none."""

    def __init__(self, base_url: str, key: Callable[[], bytes | None]) -> None:
        self._key = key
        self._beginning = f"{base_url}/media/"

    def signed(self, entry: Entry) -> Entry:
        """Return the entry with a signature in each address of a file.

        Raises NotReadyError before the watcher has made the key.
        """
        html = entry.content
        return replace(
            entry,
            content=None if html is None else SafeHTML(self._signed(html, "&amp;")),
            lead_image=None if entry.lead_image is None else self._signed(entry.lead_image, "&"),
            enclosures=tuple(
                replace(enclosure, href=self._signed(enclosure.href, "&"))
                for enclosure in entry.enclosures
            ),
        )

    def _signed(self, text: str, joint: str) -> str:
        """Return a text with a signature in each address; `joint` is written before a query."""
        before, *rests = text.split(self._beginning)
        if not rests:
            return text
        key = self._key()
        if key is None:
            raise NotReadyError("The key for addresses of files is being made.")
        return before + "".join(
            self._beginning + _with_signature(rest, key, joint) for rest in rests
        )


def _with_signature(rest: str, key: bytes, joint: str) -> str:
    match = _PATH.match(rest)
    if match is None:
        return rest
    path = match[0].rstrip(",")  # a comma at its end is of the list in `srcset`
    after = rest[len(path) :]
    source = unquote(html.unescape(path) if joint == "&amp;" else path)
    end = f"{joint}{after[1:]}" if after.startswith("?") else after
    return f"{path}?{_PARAMETER}={signing.of_file(key, source)}{end}"
