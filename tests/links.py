"""The addresses in what the service sends: pages, feeds, and the HTML inside feeds."""

import html
import re
from collections.abc import Iterator
from urllib.parse import urljoin

from werkzeug.urls import iri_to_uri


def addresses(text: str, page: str, base_url: str) -> Iterator[str]:
    """Yield every address in the answer from `page`, and any text that begins with `base_url`."""
    text = text.replace("\\/", "/").replace('\\"', '"')  # the HTML in JSON
    found = [
        address
        for level in (text, html.unescape(text))
        for address in (
            *re.findall(r'\s(?:href|src|url|xmlUrl|htmlUrl|action)="([^"]*)"', level),
            *re.findall(rf"{re.escape(base_url)}[^\s<>\"'&\]]*", level),
        )
    ]
    for address in dict.fromkeys(found):
        joined = urljoin(page, html.unescape(address)).partition("#")[0]
        if joined.startswith(("http://", "https://")):
            yield iri_to_uri(joined)
