"""Cleaned HTML as Markdown."""

from markdownify import ATX, markdownify


def markdown_of(html: str) -> str:
    """Return the whole text of cleaned HTML as Markdown."""
    return str(markdownify(html, heading_style=ATX))
