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


class SignedFiles:
    """Signs the addresses of one site's files; `key` returns the secret, None if there is none."""

    def __init__(self, base_url: str, key: Callable[[], bytes | None]) -> None:
        self._key = key
        # Up to a character that no address in an attribute has, or a query; `srcset` is a list.
        self._address = re.compile(
            rf"({re.escape(base_url)}/media/)([^\s\"'<>?#,]+)(\?(?=[^\s\"'<>#,]))?"
        )

    def signed(self, entry: Entry) -> Entry:
        """Return the entry with a signature in each address of a file.

        Raises NotReadyError before the watcher has made the key.
        """
        return replace(
            entry,
            content=None if entry.content is None else self._in_html(entry.content),
            lead_image=None if entry.lead_image is None else self._in_text(entry.lead_image),
            enclosures=tuple(
                replace(enclosure, href=self._in_text(enclosure.href))
                for enclosure in entry.enclosures
            ),
        )

    def _in_html(self, content: SafeHTML) -> SafeHTML:
        return SafeHTML(self._address.sub(lambda match: self._sign(match, "&amp;"), content))

    def _in_text(self, address: str) -> str:
        return self._address.sub(lambda match: self._sign(match, "&"), address)

    def _sign(self, match: re.Match[str], joint: str) -> str:
        key = self._key()
        if key is None:
            raise NotReadyError("The key for addresses of files is being made.")
        beginning, path, query = match.groups()
        source = unquote(html.unescape(path) if joint == "&amp;" else path)
        signature = f"{_PARAMETER}={signing.of_file(key, source)}"
        return f"{beginning}{path}?{signature}{joint if query else ''}"
