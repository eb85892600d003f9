"""feedgen, with what it leaves out: the one module that knows its ways.

What is mended here, each with a test that fails when upstream mends it:

* feedgen 1.0.0 stamps dates with the clock unless both are set, and formats RSS dates by switching
  the whole process to another locale; the dates of items are written here.
* RSS items get no author without an e-mail address; `dc:creator` is written here.
* Atom entry links lose their `rel` and `type` (lkiesow/python-feedgen#135).
* Entries know no language (RFC 4287 2).
* Content is escaped, or in CDATA by way of `type="CDATA"`, which Atom does not know. Escaped HTML
  has thousands of references in one feed, and parsers that allow a thousand refuse it
  (fast-xml-parser 4.5.7 and 5.5.9, REXML). In CDATA it came out the same in the 18 readers and
  libraries tried; `with_html` writes it.

feedgen makes the feed and its entries apart, so that an entry is made again only when it changed.
Its `entry` and `item` elements lean on the feed for the prefixes of their namespaces: `within` puts
each into a parent that declares the same ones and cuts the parent off by its length, and `joined`
puts the bytes where feedgen would have put the elements.
"""

import threading
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from feedsvc import xmltext
from feedsvc.formats import plaintext
from feedsvc.model import Entry, Feed

GENERATOR = "feedsvc"

_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_DC = "http://purl.org/dc/elements/1.1/"
_MEDIA = "http://search.yahoo.com/mrss/"  # with its slash
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES = {"content": _CONTENT, "dc": _DC, "media": _MEDIA}

# To write lastBuildDate, feedgen reads the locale of the whole process, sets another, and sets
# the first again: two at once can leave the wrong one. So `rss_str` runs under LOCK, and it alone:
# Atom writes its dates with isoformat, and the dates of RSS items are written here.
LOCK = threading.Lock()


def generator(feed: Feed, format: str, media_type: str) -> FeedGenerator:
    """Return a FeedGenerator filled with `feed`, without entries; write RSS of it under LOCK."""
    feed = plaintext.of_feed(feed)
    made = FeedGenerator()
    made.register_extension("feedsvc", _FeedExtension, _EntryExtension)
    made.id(feed.id)
    made.title(feed.title)
    made.subtitle(feed.subtitle or feed.title)
    made.description(feed.subtitle or feed.title)
    if feed.language:
        made.language(feed.language)
    made.updated(feed.updated)
    made.lastBuildDate(feed.updated)
    made.generator(GENERATOR)
    made.docs("https://www.rssboard.org/rss-specification")
    made.author({"name": feed.author.name, "uri": feed.author.uri})
    made.link(href=f"{feed.link}.{format}", rel="self", type=media_type)
    # The last link added becomes RSS's <link>.
    made.link(href=feed.link, rel="alternate", type="text/html")
    if feed.icon:
        made.icon(feed.icon)
        # This makes Atom's `logo` as well. RSS 2.0, "<image>": title and link "should have the same
        # value as the channel's".
        made.image(url=feed.icon, title=feed.title, link=feed.link)
    return made


def feed_entry(entry: Entry) -> FeedEntry:
    """Return a FeedEntry filled with `entry`."""
    entry = plaintext.of_entry(entry)
    made = FeedEntry()
    made.register_extension("feedsvc", _EntryExtension)
    made.id(entry.id)
    made.title(entry.title)
    made.updated(entry.updated)
    made.link(href=entry.link, rel="alternate", type="text/html")
    # All at once: feedgen goes over all that it has whenever it is given more.
    made.author([{"name": p.name, **({"uri": p.uri} if p.uri else {})} for p in entry.authors])
    made.category([{"term": term, "label": term} for term in entry.categories])
    if summary := _summary(entry):
        made.summary(summary)
    made.feedsvc.entry = entry
    return made


def within(element: etree._Element) -> bytes:
    """Return an entry's element in UTF-8, as it is written within a feed: it declares no prefix."""
    parent = etree.Element("feed", nsmap=_PREFIXES)
    parent.append(element)
    written = etree.tostring(parent, encoding="UTF-8", xml_declaration=False)
    return written[_OPENING : len(written) - _CLOSING]


def with_html(written: bytes, empty: bytes, html: str | None) -> bytes:
    """Return a written entry with `html`, in CDATA, in its `empty` element, if it has that.

    >>> with_html(b"<entry><content/></entry>", b"<content/>", "a ]]> b")
    b'<entry><content><![CDATA[a ]]]]><![CDATA[> b]]></content></entry>'
    """
    # No text and no attribute holds a raw "<", so these bytes are the element.
    before, found, after = written.partition(empty)
    if not found or not html:
        return written
    # XML 1.0 2.7: a section ends at the first "]]>". 2.11: a raw CR would be read as LF, and only
    # outside of a section can it be written as a reference.
    cut = xmltext.legal(html).replace("]]>", "]]]]><![CDATA[>")
    cut = cut.replace("\r", "]]>&#13;<![CDATA[")
    name = empty.removeprefix(b"<").partition(b" ")[0].removesuffix(b"/>")
    opening = empty.removesuffix(b"/>")
    return b"".join((before, opening, b"><![CDATA[", cut.encode(), b"]]></", name, b">", after))


_OPENING = _CLOSING = 0
_OPENING, _CLOSING = map(len, within(etree.Element("entry")).split(b"<entry/>"))


def joined(around: bytes, fragments: Sequence[bytes], end: bytes) -> bytes:
    """Return a document without entries with `fragments` put in before the tags of its `end`.

    >>> joined(b"<feed><id>urn:x</id></feed>", [b"<entry/>", b"<entry/>"], b"</feed>")
    b'<feed><id>urn:x</id><entry/><entry/></feed>'
    """
    # Text holds no raw "<", so the last of these are the tags.
    place = around.rindex(end)
    return b"".join((around[:place], *fragments, around[place:]))


def _summary(entry: Entry) -> str:
    """Return the summary of an entry; of one without any content, that is its title."""
    return entry.summary or ("" if entry.content else entry.title)


class _FeedExtension(BaseExtension):  # type: ignore[misc]  # feedgen ships no types
    def extend_ns(self) -> dict[str, str]:
        return {"dc": _DC, "media": _MEDIA}


class _EntryExtension(BaseEntryExtension):  # type: ignore[misc]  # feedgen ships no types
    """Adds to the element that feedgen made of an entry what feedgen cannot."""

    entry: Entry

    def extend_atom(self, element: etree._Element) -> etree._Element:
        entry = self.entry
        for link in element.findall("link"):
            link.attrib.update({"rel": "alternate", "type": "text/html"})
        if entry.language:
            element.set(_LANG, entry.language)
        _add(element, "published", entry.published.isoformat())
        if entry.content:
            _add(element, "content", type="html")  # `with_html` fills it
        for enclosure in entry.enclosures:
            # RFC 4287 4.2.7.6: `length` is a hint, so it is left out where it is not known.
            length = {} if enclosure.length is None else {"length": str(enclosure.length)}
            _add(
                element, "link", rel="enclosure", href=enclosure.href, type=enclosure.type, **length
            )
        return self._media(element)

    def extend_rss(self, element: etree._Element) -> etree._Element:
        entry = self.entry
        for description in element.findall("description"):
            element.remove(description)
        # RSS 2.0: "entity-encoded HTML is allowed", and every reader takes it for HTML. Some know
        # nothing else, so it is there even where the content holds no text to summarise.
        _add(element, "description", escape(_summary(entry), quote=False) or None)
        _add(element, "pubDate", rfc822(entry.published))
        if entry.content:
            _add(element, f"{{{_CONTENT}}}encoded")  # `with_html` fills it
        if entry.authors:
            # RSS 2.0's own `author` must be an e-mail address. Of several `dc:creator`, readers
            # keep the first or the last.
            names = ", ".join(person.name for person in entry.authors)
            _add(element, f"{{{_DC}}}creator", names)
        if entry.language:
            _add(element, f"{{{_DC}}}language", entry.language)
        for enclosure in entry.enclosures[:1]:  # readers expect one an item
            # RSS 2.0 requires a length; 0 where it is not known.
            _add(
                element,
                "enclosure",
                url=enclosure.href,
                length=str(enclosure.length or 0),
                type=enclosure.type,
            )
        return self._media(element)

    def _media(self, element: etree._Element) -> etree._Element:
        image = self.entry.lead_image
        if image is not None:
            # Some readers know one of the two only.
            type = {"type": self.entry.lead_image_type} if self.entry.lead_image_type else {}
            _add(element, f"{{{_MEDIA}}}content", url=image, medium="image", **type)
            _add(element, f"{{{_MEDIA}}}thumbnail", url=image)
        return element


def rfc822(moment: datetime) -> str:
    """Return a date as RSS wants it, whatever the locale: `Wed, 23 Feb 2022 13:06:12 +0000`."""
    return format_datetime(moment)


def _add(parent: etree._Element, name: str, text: str | None = None, **attributes: Any) -> None:
    element = etree.SubElement(parent, name, attributes)
    element.text = text
