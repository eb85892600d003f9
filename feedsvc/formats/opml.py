"""OPML 2.0 (http://opml.org/spec2.opml): a list of feeds to subscribe to all at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from feedsvc.formats.plaintext import either_way

MEDIA_TYPE = "text/x-opml; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One feed in the list."""

    title: str
    xml_url: str
    html_url: str
    description: str = ""


def render(title: str, outlines: Iterable[Outline]) -> bytes:
    """Return the list as an OPML document in UTF-8."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = either_way(title)
    body = etree.SubElement(root, "body")
    for outline in outlines:
        # "Text should be present in every outline"; `type="rss"` is said of Atom feeds as well.
        element = etree.SubElement(
            body,
            "outline",
            text=either_way(outline.title),
            title=either_way(outline.title),
            type="rss",
            xmlUrl=outline.xml_url,
            htmlUrl=outline.html_url,
        )
        if outline.description:
            element.set("description", either_way(outline.description))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)
