"""Names the feed or the article of an answer for content delivery networks, which drop by name.

`Cache-Tag` is read by Cloudflare, Akamai and Google, `Surrogate-Key` by Fastly and Varnish. A
feed's name is on all its formats and pages, an article's on its page and its Markdown.
"""

import unicodedata
from urllib.parse import quote

from flask import Response, request

from feedsvc.slugs import FORMAT_SUFFIX


def tag_of(path: str) -> str | None:
    """Return the name of what is at a path.

    >>> tag_of("/feeds/财经.atom"), tag_of("/feeds/ai/2"), tag_of("/articles/0a1b.md"), tag_of("/")
    ('feed-%E8%B4%A2%E7%BB%8F', 'feed-ai', 'article-0a1b', None)
    """
    _, kind, name, *_ = (*path.split("/"), "", "")
    if kind == "feeds" and name:
        return f"feed-{quote(unicodedata.normalize('NFC', FORMAT_SUFFIX.split(name)[0]), safe='')}"
    if kind == "articles" and name:
        return f"article-{quote(name.removesuffix('.md'), safe='')}"
    return None


def add_tag(response: Response) -> Response:
    """Add the headers to an answer."""
    tag = tag_of(request.path)
    if tag is not None:
        response.headers["Cache-Tag"] = response.headers["Surrogate-Key"] = tag
    return response
