"""Atom and RSS by feedgen, with what it lacks. No other module imports feedgen.

For each fault of feedgen 1.0.0 that is mended in this module, a test fails when upstream mends it:

* It takes dates from the clock unless both are set, and formats RSS dates by switching the whole
  process to another locale. So this module writes the dates of items.
* RSS items get no author without an e-mail address. So this module writes `dc:creator`.
* Atom entry links lose their `rel` and `type` (lkiesow/python-feedgen#135).
* RSS gets no link to a hub or to another page. So this module writes them.
* Entries have no language (RFC 4287 2).
* The `source` of an entry has neither id nor date (RFC 4287 4.2.11).
* Content is escaped, or in CDATA with `type="CDATA"`, which Atom does not know. Escaped HTML has
  thousands of references in one feed, and parsers that allow a thousand refuse it (fast-xml-parser
  4.5.7 and 5.5.9, REXML). 18 readers and libraries read CDATA the same; `_in_cdata` writes it.
"""

import threading
import uuid
from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from html import escape
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from feedsvc import xmltext
from feedsvc.formats import plaintext
from feedsvc.model import Entry, Feed, Origin

GENERATOR = "feedsvc"

_ATOM = "http://www.w3.org/2005/Atom"
_CC = "http://backend.userland.com/creativeCommonsRssModule"
_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_DC = "http://purl.org/dc/elements/1.1/"
_HISTORY = "http://purl.org/syndication/history/1.0"
_MEDIA = "http://search.yahoo.com/mrss/"  # with its slash
_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

# For lastBuildDate, feedgen switches the locale of the whole process and back: two threads at once
# can leave the wrong one. So `rss_str` runs under LOCK. Atom's dates need no locale.
LOCK = threading.Lock()


def generator(feed: Feed, format: str, media_type: str) -> FeedGenerator:
    """Return a FeedGenerator filled with `feed` and its entries; call its `rss_str` under LOCK."""
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
    made.link(href=feed.address(format), rel="self", type=media_type)
    for hub in feed.hubs:
        made.link(href=hub, rel="hub")
    made.feedsvc.feed = feed
    pages = feed.related(format)
    for relation, address in pages.items():
        made.link(href=address, rel=relation, type=media_type)
    made.feedsvc.links = [
        *({"href": hub, "rel": "hub"} for hub in feed.hubs),
        *(
            {"href": address, "rel": relation, "type": media_type}
            for relation, address in pages.items()
        ),
    ]
    if feed.license:
        made.link(href=feed.license, rel="license")  # RFC 4946
        made.feedsvc.links.append({"href": feed.license, "rel": "license"})
    # RFC 5005 4: an archive document leads to others; the only page of a feed has none.
    made.feedsvc.is_archive = "current" in pages and bool(
        {"prev-archive", "next-archive"} & {*pages}
    )
    # The last link added becomes RSS's <link>.
    made.link(href=feed.page or feed.link, rel="alternate", type="text/html")
    if feed.icon:
        made.icon(feed.icon)
        # This makes Atom's `logo` as well. RSS 2.0, "<image>": title and link "should have the same
        # value as the channel's".
        made.image(url=feed.icon, title=feed.title, link=feed.page or feed.link)
    for entry in feed.entries:
        _add_entry(made, plaintext.of_entry(entry))
    return made


def _add_entry(feed: FeedGenerator, entry: Entry) -> None:
    made = feed.add_entry(order="append")
    made.id(entry.id)
    made.title(entry.title)
    made.updated(entry.updated)
    made.link(href=entry.link, rel="alternate", type="text/html")
    # All at once: each call of feedgen goes over all authors and categories again.
    made.author([{"name": p.name, **({"uri": p.uri} if p.uri else {})} for p in entry.authors])
    made.category([{"term": term, "label": term} for term in entry.categories])
    if summary := _summary(entry):
        made.summary(summary)
    made.feedsvc.entry = entry


def _in_cdata(html: str) -> etree.CDATA:
    """Return HTML as a CDATA section; lxml splits it at each "]]>" (XML 1.0 2.7).

    XML parsers read a raw CR as LF (2.11), so it is written as a reference of HTML.
    """
    return etree.CDATA(xmltext.legal(html).replace("\r", "&#13;"))


def _summary(entry: Entry) -> str:
    """Return the summary of an entry; without summary and content, its title."""
    return entry.summary or ("" if entry.content else entry.title)


class _FeedExtension(BaseExtension):  # type: ignore[misc]  # feedgen ships no types
    """Declares the namespaces, marks archives and withdrawn entries, and adds to RSS the links."""

    feed: Feed
    links: Sequence[Mapping[str, str]] = ()
    is_archive = False

    def extend_ns(self) -> dict[str, str]:
        return {"dc": _DC, "media": _MEDIA, **({"fh": _HISTORY} if self.is_archive else {})}

    def extend_atom(self, element: etree._Element) -> etree._Element:
        if self.is_archive:
            _add(element, f"{{{_HISTORY}}}archive")  # RFC 5005 4
        for id, when in self.feed.deleted:  # RFC 6721 3
            name = f"{{{_TOMBSTONES}}}deleted-entry"
            moment = {"ref": id, "when": when.isoformat()}
            etree.SubElement(element, name, moment, {"at": _TOMBSTONES})
        return element

    def extend_rss(self, element: etree._Element) -> etree._Element:
        for channel in element.findall("channel"):
            for link in self.links:
                _add(channel, f"{{{_ATOM}}}link", **link)
            if self.is_archive:
                _add(channel, f"{{{_HISTORY}}}archive")
        return element


class _EntryExtension(BaseEntryExtension):  # type: ignore[misc]  # feedgen ships no types
    """Adds to feedgen's element of an entry the parts that feedgen cannot write."""

    entry: Entry

    def extend_atom(self, element: etree._Element) -> etree._Element:
        entry = self.entry
        for link in element.findall("link"):
            link.attrib.update({"rel": "alternate", "type": "text/html"})
        if entry.language:
            element.set(_LANG, entry.language)
        _add(element, "published", entry.published.isoformat())
        if entry.content:
            _add(element, "content", _in_cdata(entry.content), type="html")
        for enclosure in entry.enclosures:
            # RFC 4287 4.2.7.6: `length` is a hint, so an unknown one is left out.
            length = {} if enclosure.length is None else {"length": str(enclosure.length)}
            _add(
                element, "link", rel="enclosure", href=enclosure.href, type=enclosure.type, **length
            )
        if entry.rights:
            _add(element, "rights", entry.rights)
        if entry.license:
            _add(element, "link", rel="license", href=entry.license.url)  # RFC 4946
        self._media(element)
        if entry.origin:
            # The last child: readers that take the first `title` or `id` below an entry for its own
            # would find those of the source instead.
            _add_source(element, entry, entry.origin)
        return element

    def extend_rss(self, element: etree._Element) -> etree._Element:
        entry = self.entry
        for description in element.findall("description"):
            element.remove(description)
        # RSS 2.0: "entity-encoded HTML is allowed", and every reader takes it for HTML. Some read
        # only this element, so content without text to summarise is repeated in it.
        summary = escape(_summary(entry), quote=False)
        _add(element, "description", summary or _in_cdata(entry.content or ""))
        _add(element, "pubDate", format_datetime(entry.published))
        if entry.content:
            _add(element, f"{{{_CONTENT}}}encoded", _in_cdata(entry.content))
        if entry.authors:
            # RSS 2.0's `author` must be an e-mail address. Of several `dc:creator`, readers keep
            # only the first or the last.
            names = ", ".join(person.name for person in entry.authors)
            _add(element, f"{{{_DC}}}creator", names)
        if entry.language:
            _add(element, f"{{{_DC}}}language", entry.language)
        for enclosure in entry.enclosures[:1]:  # readers expect one in an item
            # RSS 2.0 requires a length, so an unknown one is 0.
            _add(
                element,
                "enclosure",
                url=enclosure.href,
                length=str(enclosure.length or 0),
                type=enclosure.type,
            )
        if entry.rights:
            _add(element, f"{{{_DC}}}rights", entry.rights)
        if entry.license:
            # Declared here, so that feeds without a licence stay as they are.
            name, prefix = f"{{{_CC}}}license", {"creativeCommons": _CC}
            etree.SubElement(element, name, nsmap=prefix).text = entry.license.url
        if entry.origin and (address := entry.origin.feed or entry.origin.url):
            # RSS 2.0: "It has one required attribute, url, which links to the XMLization of the
            # source." Readers link it, so the site is better than nothing.
            _add(element, "source", entry.origin.name, url=address)
        return self._media(element)

    def _media(self, element: etree._Element) -> etree._Element:
        image = self.entry.lead_image
        if image is not None:
            # Some readers know only one of the two.
            type = {"type": self.entry.lead_image_type} if self.entry.lead_image_type else {}
            _add(element, f"{{{_MEDIA}}}content", url=image, medium="image", **type)
            _add(element, f"{{{_MEDIA}}}thumbnail", url=image)
        return element


def _add_source(element: etree._Element, entry: Entry, origin: Origin) -> None:
    """Add the feed that an entry comes from, as far as it is known (RFC 4287 4.2.11)."""
    source = etree.SubElement(element, "source")
    known_by = origin.feed or origin.url or origin.name
    _add(source, "id", uuid.uuid5(uuid.NAMESPACE_URL, known_by).urn)
    _add(source, "title", origin.name)
    # The source had changed when it had this entry; more is not known.
    _add(source, "updated", entry.updated.isoformat())
    if origin.url:
        _add(source, "link", rel="alternate", href=origin.url)
    if origin.feed:
        _add(source, "link", rel="self", href=origin.feed)
    if origin.icon:
        _add(source, "icon", origin.icon)


def _add(
    parent: etree._Element,
    name: str,
    text: str | etree.CDATA | None = None,
    **attributes: Any,
) -> None:
    element = etree.SubElement(parent, name, attributes)
    element.text = text
