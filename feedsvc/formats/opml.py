"""OPML 2.0 (http://opml.org/spec2.opml): a list of feeds to subscribe to."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, count

from lxml import etree

from feedsvc.formats.plaintext import either_way

MEDIA_TYPE = "text/x-opml; charset=utf-8"
TOPICS = "Topics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One feed in the list; `name` is added to its title if another feed has the same one."""

    title: str
    xml_url: str
    html_url: str
    description: str = ""
    name: str = ""


def render(title: str, outlines: Iterable[Outline], *, topics: Iterable[Outline] = ()) -> bytes:
    """Return an OPML document in UTF-8, with the `topics` in a folder of their own.

    All titles differ, because `rss2email opmlimport` saves no feeds when two have the same name.
    """
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = either_way(title)
    body = etree.SubElement(root, "body")
    topics, taken = list(topics), set[str]()
    if topics:
        taken.add(TOPICS.casefold())
    for outline in outlines:
        _add(body, outline, taken)
    if topics:
        folder = etree.SubElement(body, "outline", text=TOPICS, title=TOPICS)
        for outline in topics:
            _add(folder, outline, taken)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _add(parent: etree._Element, outline: Outline, taken: set[str]) -> None:
    title = _distinct(either_way(outline.title), either_way(outline.name), taken)
    # "Text should be present in every outline". The type of Atom feeds is "rss", too.
    element = etree.SubElement(
        parent,
        "outline",
        text=title,
        title=title,
        type="rss",
        xmlUrl=outline.xml_url,
        htmlUrl=outline.html_url,
    )
    if outline.description:
        element.set("description", either_way(outline.description))


def _distinct(title: str, name: str, taken: set[str]) -> str:
    """Return a title that is not in `taken`, whatever the case, and add it there."""
    named = (f"{title} ({name})",) if name else ()
    numbered = (f"{title} ({name} {number})".replace("( ", "(") for number in count(2))
    candidates = chain((title,), named, numbered)
    distinct = next(each for each in candidates if each.casefold() not in taken)
    taken.add(distinct.casefold())
    return distinct
