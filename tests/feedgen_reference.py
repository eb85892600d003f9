"""Reference for the formats: feedgen makes each document, and HTML is put into CDATA afterwards.

`feedsvc.formats` must write exactly these bytes. Of its code, only `either_way` is used here.
A change of a format is made here as well, and raises POLICY.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from email.utils import format_datetime
from html import escape
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from feedsvc.formats.plaintext import either_way
from feedsvc.model import Entry, Feed, Person

DC = "http://purl.org/dc/elements/1.1/"
MEANT = {b"lt": b"<", b"gt": b">", b"amp": b"&", b"#13": b"\r"}
MEDIA = "http://search.yahoo.com/mrss/"


def atom(feed: Feed) -> bytes:
    return in_cdata(generator(feed, "atom", "application/atom+xml").atom_str())


def rss(feed: Feed) -> bytes:
    return in_cdata(generator(feed, "rss", "application/rss+xml").rss_str())


def in_cdata(document: bytes) -> bytes:
    """Return the document with its escaped HTML in CDATA: the same text to every parser."""

    def section(match: re.Match[bytes]) -> bytes:
        text = re.sub(b"&(lt|gt|amp|#13);", lambda reference: MEANT[reference[1]], match[2])
        return b"<%b><![CDATA[%b]]></%b>" % (
            match[1],
            text.replace(b"]]>", b"]]]]><![CDATA[>").replace(b"\r", b"&#13;"),
            match[3],
        )

    html = rb'<(content type="html"|content:encoded)>([^<]*)</(content(?::encoded)?)>'
    document = re.sub(html, section, document)
    # The description of an entry that has no other text than its content.
    return re.sub(rb'<(description) html="">([^<]*)</(description)>', section, document)


def generator(feed: Feed, format: str, media_type: str) -> FeedGenerator:
    feed = defused(feed)
    generated = FeedGenerator()
    generated.register_extension("feedsvc", FeedExtension, EntryExtension)
    generated.id(feed.id)
    generated.title(feed.title)
    generated.subtitle(feed.subtitle or feed.title)
    generated.description(feed.subtitle or feed.title)
    if feed.language:
        generated.language(feed.language)
    generated.updated(feed.updated)
    generated.lastBuildDate(feed.updated)
    generated.generator("feedsvc")
    generated.docs("https://www.rssboard.org/rss-specification")
    generated.author({"name": feed.author.name, "uri": feed.author.uri})
    generated.link(href=f"{feed.link}.{format}", rel="self", type=media_type)
    generated.link(href=feed.link, rel="alternate", type="text/html")
    if feed.icon:
        generated.icon(feed.icon)
        generated.image(url=feed.icon, title=feed.title, link=feed.link)
    for entry in feed.entries:
        item = generated.add_entry(order="append")
        item.id(entry.id)
        item.title(entry.title)
        item.updated(entry.updated)
        item.link(href=entry.link, rel="alternate", type="text/html")
        for person in entry.authors:
            item.author({"name": person.name, **({"uri": person.uri} if person.uri else {})})
        for term in entry.categories:
            item.category({"term": term, "label": term})
        if text := summary(entry):
            item.summary(text)
        item.feedsvc.entry = entry
    return generated


def summary(entry: Entry) -> str:
    return entry.summary or ("" if entry.content else entry.title)


class FeedExtension(BaseExtension):
    def extend_ns(self) -> dict[str, str]:
        return {"dc": DC, "media": MEDIA}


class EntryExtension(BaseEntryExtension):
    entry: Entry

    def extend_atom(self, element: Any) -> Any:
        entry = self.entry
        for link in element.findall("link"):
            link.attrib.update({"rel": "alternate", "type": "text/html"})
        if entry.language:
            element.set("{http://www.w3.org/XML/1998/namespace}lang", entry.language)
        add(element, "published", entry.published.isoformat())
        if entry.content:
            add(element, "content", entry.content, type="html")
        for enclosure in entry.enclosures:
            length = {} if enclosure.length is None else {"length": str(enclosure.length)}
            add(
                element, "link", rel="enclosure", href=enclosure.href, type=enclosure.type, **length
            )
        return self.media(element)

    def extend_rss(self, element: Any) -> Any:
        entry = self.entry
        for description in element.findall("description"):
            element.remove(description)
        if text := escape(summary(entry), quote=False):
            add(element, "description", text)
        else:
            add(element, "description", entry.content, html="")
        add(element, "pubDate", format_datetime(entry.published))
        if entry.content:
            add(element, "{http://purl.org/rss/1.0/modules/content/}encoded", entry.content)
        if entry.authors:
            add(element, f"{{{DC}}}creator", ", ".join(author.name for author in entry.authors))
        if entry.language:
            add(element, f"{{{DC}}}language", entry.language)
        for first in entry.enclosures[:1]:
            length_text = str(first.length or 0)
            add(element, "enclosure", url=first.href, length=length_text, type=first.type)
        return self.media(element)

    def media(self, element: Any) -> Any:
        image = self.entry.lead_image
        if image is not None:
            type = {"type": self.entry.lead_image_type} if self.entry.lead_image_type else {}
            add(element, f"{{{MEDIA}}}content", url=image, medium="image", **type)
            add(element, f"{{{MEDIA}}}thumbnail", url=image)
        return element


def add(parent: Any, name: str, text: str | None = None, **attributes: Any) -> None:
    etree.SubElement(parent, name, attributes).text = text


def jsonfeed(feed: Feed) -> bytes:
    feed = defused(feed)
    document = filled(
        version="https://jsonfeed.org/version/1.1",
        title=feed.title,
        home_page_url=feed.link,
        feed_url=f"{feed.link}.json",
        description=feed.subtitle,
        icon=feed.icon,
        favicon=feed.icon,
        language=feed.language,
        authors=[author(feed.author)],
    )
    document["items"] = [item(entry) for entry in feed.entries]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def item(entry: Entry) -> dict[str, Any]:
    members = filled(
        id=entry.id,
        url=entry.link,
        title=entry.title,
        content_html=entry.content,
        summary=entry.summary,
        image=entry.lead_image,
        date_published=entry.published.isoformat(),
        date_modified=entry.updated.isoformat(),
        authors=[author(person) for person in entry.authors],
        tags=list(entry.categories),
        language=entry.language,
        attachments=[
            filled(url=e.href, mime_type=e.type, size_in_bytes=e.length) for e in entry.enclosures
        ],
    )
    if "content_html" not in members:
        members["content_text"] = entry.summary or entry.title
    return members


def author(person: Person) -> dict[str, Any]:
    return filled(name=person.name, url=person.uri)


def filled(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in (None, "", [])}


def defused(feed: Feed) -> Feed:
    """Return `feed` with every plain text readable as text and as HTML."""
    return replace(
        feed,
        title=either_way(feed.title),
        subtitle=either_way(feed.subtitle),
        author=replace(feed.author, name=either_way(feed.author.name)),
        entries=tuple(
            replace(
                entry,
                title=either_way(entry.title),
                summary=either_way(entry.summary),
                authors=tuple(replace(p, name=either_way(p.name)) for p in entry.authors),
                categories=tuple(map(either_way, entry.categories)),
            )
            for entry in feed.entries
        ),
    )


REFERENCE: dict[str, Callable[[Feed], bytes]] = {"atom": atom, "rss": rss, "json": jsonfeed}
