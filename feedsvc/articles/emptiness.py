"""Whether an article has anything to show. Pure.

A crawler whose disk is full leaves files without content. They must not become entries, and must
not replace published ones.
"""

import html
import re

from feedsvc import xmltext
from feedsvc.model import Article, name_as_title

_MEDIA = re.compile(
    r"<(?:img|picture|video|audio|source|iframe|embed|object|svg|math|amp-)|!\[", re.IGNORECASE
)
_TAG = re.compile(r"<[^<>]*>")


def is_empty(article: Article) -> bool:
    """Tell whether an article has neither text nor media, and no title but its file's name.

    >>> is_empty(Article(source="a.md", title="a", markup="markdown", body="\\n<!-- x -->&nbsp;"))
    True
    """
    has_title = article.heading or article.title != name_as_title(article.source)
    if has_title or article.summary or article.lead_image:
        return False
    body = article.body
    if not body or body.isspace():
        return True
    if _MEDIA.search(body):
        return False
    text = _TAG.sub("", _without_comments(body)) if article.markup != "text" else body
    return not xmltext.line(html.unescape(text))


def _without_comments(body: str) -> str:
    """Drop HTML comments; a comment that does not end counts as text."""
    parts: list[str] = []
    position = 0
    while (start := body.find("<!--", position)) >= 0 and (end := body.find("-->", start + 4)) >= 0:
        parts.append(body[position:start])
        position = end + 3
    return "".join((*parts, body[position:]))
