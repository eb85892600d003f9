"""The warnings about a document: Atom, RSS, and the content of JSON Feed."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from feedsvc.validator.values import (
    WEB,
    Warned,
    Warnings,
    address,
    canonical,
    contact,
    html,
    language,
    rfc822,
    rfc3339,
    text,
    web,
)

ATOM = "{http://www.w3.org/2005/Atom}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
DC = "{http://purl.org/dc/elements/1.1/}"
SOURCE = f"{ATOM}source"
MEDIA = "{http://search.yahoo.com/mrss/}"
ARCHIVE = "{http://purl.org/syndication/history/1.0}archive"
ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"
LICENSE = "{http://backend.userland.com/creativeCommonsRssModule}license"

RELATIONS = frozenset(
    """alternate current describedby edit edit-media enclosure first hub last license next
    next-archive payment prev-archive previous related replies search self service up via""".split()
)
_DIGITS = re.compile(r"\d*")
_NUMBER = re.compile(r"\d+")
_SHORT_NUMBER = re.compile(r"\d{0,8}")
MAIL = re.compile(r"[\w.+'-]{1,64}@([\w-]{1,63}\.){1,20}[\w-]{1,63}")
MIME = re.compile(r"[^\s()<>,;:\\\"/\[\]?=]+/[^\s()<>,;:\\\"/\[\]?=]+(;\s*charset=[\w-]+)?")


def one_each(parent: Any, *names: str, place: str) -> Warnings:
    """Yield a warning for each of these elements that `parent` lacks or has more than once."""
    for name in names:
        number = len(parent.findall(name))
        if number != 1:
            yield Warned("DuplicateElement" if number else "MissingElement", place, name)


def links(parent: Any, place: str) -> Warnings:
    alternates = set()
    for link in parent.findall(f"{ATOM}link"):
        rel, type_ = link.get("rel", "alternate"), link.get("type")
        yield from address(f"{place}/link", link.get("href"), *WEB)
        if rel not in RELATIONS:
            yield Warned("UnregisteredAtomLinkRel", f"{place}/link", rel)
        if type_ is not None and not MIME.fullmatch(type_):
            yield Warned("InvalidMIMEType", f"{place}/link", type_)
        # A link to the feed of a source may have no type: that one is often not known.
        types = {"application/atom+xml", "application/rss+xml"}
        if rel == "self" and type_ not in (types if parent.tag != SOURCE else {*types, None}):
            yield Warned("SelfNotAtom", f"{place}/link", str(type_))
        if not _DIGITS.fullmatch(link.get("length", "")):
            yield Warned("InvalidNonNegativeInteger", f"{place}/link", link.get("length"))
        if rel == "alternate":
            if (type_, link.get("hreflang")) in alternates:
                yield Warned("DuplicateAtomLink", f"{place}/link", str(type_))
            alternates.add((type_, link.get("hreflang")))
        if link.text or len(link):
            yield Warned("AtomLinkNotEmpty", f"{place}/link", str(link.text))


def pages(feed: Any, place: str) -> Warnings:
    """Yield the warnings about links between pages (RFC 5005)."""
    named = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    for end, beyond in (("first", "previous"), ("last", "next")):
        if named.get(end) == named.get("self") and end in named and beyond in named:
            yield Warned("LinkPastEnd", f"{place}/link", beyond)
    if feed.find(ARCHIVE) is not None:
        if not named.keys() & {"prev-archive", "next-archive"}:
            yield Warned("ArchiveIncomplete", place, "")
        if "current" not in named:
            yield Warned("MissingCurrentInArchive", place, "")


def construct(parent: Any, name: str, place: str) -> Warnings:
    """Yield the warnings about an Atom text construct, by the type that it declares."""
    for element in parent.findall(f"{ATOM}{name}"):
        kind = element.get("type", "text")
        if not element.text:
            yield Warned("NotBlank", f"{place}/{name}", "")
        if len(element):
            yield Warned("UndefinedElement", f"{place}/{name}", element[0].tag)
        if kind == "html":
            yield from html(f"{place}/{name}", element.text)
        elif kind == "text":
            yield from text(f"{place}/{name}", element.text, "ContainsUndeclaredHTML")
        else:
            yield Warned("InvalidTextType", f"{place}/{name}", kind)


def persons(parent: Any, place: str) -> Warnings:
    for person in parent.findall(f"{ATOM}author"):
        yield from one_each(person, f"{ATOM}name", place=f"{place}/author")
        yield from text(f"{place}/author/name", person.findtext(f"{ATOM}name"))
        for uri in person.findall(f"{ATOM}uri"):
            yield from address(f"{place}/author/uri", uri.text)
        for email in person.findall(f"{ATOM}email"):
            if not MAIL.fullmatch(email.text or ""):
                yield Warned("InvalidContact", f"{place}/author/email", str(email.text))


def unique(place: str, values: list[str | None], warning: str) -> Warnings:
    for value in values:
        if values.count(value) > 1:
            yield Warned(warning, place, str(value))


def of_atom(body: bytes) -> Warnings:
    """Yield the warnings about an Atom document."""
    feed: Any = etree.fromstring(body)
    entries = feed.findall(f"{ATOM}entry")
    if feed.tag != f"{ATOM}feed":
        yield Warned("InvalidNamespace", "feed", feed.tag)
    if {child.tag for child in feed[: len(feed) - len(entries)]} & {f"{ATOM}entry"}:
        yield Warned("MisplacedMetadata", "feed", "")
    if not feed.findall(f"{ATOM}link[@rel='self']"):
        yield Warned("MissingSelf", "feed", "")
    yield from pages(feed, "feed")
    for place, element in [("feed", feed), *(("entry", entry) for entry in entries)]:
        yield from one_each(
            element, *(f"{ATOM}{name}" for name in ("id", "title", "updated")), place=place
        )
        yield from canonical(f"{place}/id", element.findtext(f"{ATOM}id"))
        yield from rfc3339(f"{place}/updated", element.findtext(f"{ATOM}updated"))
        yield from links(element, place)
        yield from persons(element, place)
        for name in ("title", "subtitle", "summary", "rights", "content"):
            yield from construct(element, name, place)
        if element.get(XML_LANG) is not None:
            yield from language(f"{place}/@xml:lang", element.get(XML_LANG))
        for category in element.findall(f"{ATOM}category"):
            yield from text(f"{place}/category", category.get("term"))
            yield from text(f"{place}/category/@label", category.get("label"))
    for entry in entries:
        if not [*feed.findall(f"{ATOM}author"), *entry.findall(f"{ATOM}author")]:
            yield Warned("MissingElement", "entry", "author")
        for published in entry.findall(f"{ATOM}published"):
            yield from rfc3339("entry/published", published.text)
        if not [*entry.findall(f"{ATOM}content"), *entry.findall(f"{ATOM}summary")]:
            yield Warned("MissingTextualContent", "entry", str(entry.findtext(f"{ATOM}id")))
        yield from media(entry, "entry")
        yield from sources(entry)
    for element in (*feed.findall(f"{ATOM}icon"), *feed.findall(f"{ATOM}logo")):
        yield from address("feed/icon", element.text, *WEB)
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    yield from unique("entry/id", ids, "DuplicateEntries")


def sources(entry: Any) -> Warnings:
    """Yield the warnings about the feed that an entry comes from."""
    for source in entry.findall(SOURCE):
        for name in ("id", "title", "updated"):
            if source.find(f"{ATOM}{name}") is None:
                yield Warned("MissingSourceElement", "entry/source", name)
        yield from canonical("entry/source/id", source.findtext(f"{ATOM}id"))
        yield from rfc3339("entry/source/updated", source.findtext(f"{ATOM}updated"))
        yield from construct(source, "title", "entry/source")
        yield from links(source, "entry/source")
        for icon in source.findall(f"{ATOM}icon"):
            yield from address("entry/source/icon", icon.text, *WEB)


def of_rss(body: bytes) -> Warnings:
    """Yield the warnings about an RSS document."""
    rss: Any = etree.fromstring(body)
    channel = rss.find("channel")
    items = channel.findall("item")
    if (rss.tag, rss.get("version")) != ("rss", "2.0"):
        yield Warned("ObsoleteVersion", "rss", str(rss.get("version")))
    if {child.tag for child in channel[: len(channel) - len(items)]} & {"item"}:
        yield Warned("MisplacedItem", "channel", "")
    if not channel.findall(f"{ATOM}link[@rel='self']"):
        yield Warned("MissingAtomSelfLink", "channel", "")
    yield from one_each(channel, "title", "link", "description", place="channel")
    if len(channel.findall("language")) > 1:
        yield Warned("DuplicateElement", "channel", "language")
    for image in channel.findall("image"):
        yield from one_each(image, "url", "title", "link", place="channel/image")
        yield from each(image, "channel/image", {"url": web, "title": text, "link": web})
        for name in ("title", "link"):
            if image.findtext(name) != channel.findtext(name):
                yield Warned("Image" + name.title() + "DoesntMatch", "channel/image", name)
    yield from each(channel, "channel", {
        "title": text, "description": text, "link": web, "docs": web, "language": language,
        "lastBuildDate": rfc822, "pubDate": rfc822, "managingEditor": contact, "webMaster": contact,
    })  # fmt: skip
    yield from links(channel, "channel")
    yield from pages(channel, "channel")
    for item in items:
        yield from of_item(item)
    yield from unique("item/guid", [item.findtext("guid") for item in items], "DuplicateValue")


def of_item(item: Any) -> Warnings:
    yield from one_each(item, "title", "link", "guid", "pubDate", place="item")
    yield from each(item, "item", {
        "title": text, "link": web, "pubDate": rfc822, "description": html, ENCODED: html,
        "category": text, "author": contact, f"{DC}creator": text, f"{DC}language": language,
        f"{DC}rights": text, "source": text, LICENSE: web,
    })  # fmt: skip
    names = [child.tag for child in item]
    if ENCODED in names and "description" not in names[: names.index(ENCODED)]:
        yield Warned("NeedDescriptionBeforeContent", "item", str(item.findtext("guid")))
    for name in ("description", ENCODED):
        if names.count(name) > 1:
            yield Warned("DuplicateElement", "item", name)
    if names.count("enclosure") > 1:
        yield Warned("DuplicateEnclosure", "item", str(item.findtext("guid")))
    for guid in item.findall("guid"):
        if guid.get("isPermaLink") != "false":
            yield from web("item/guid", guid.text)
        if _SHORT_NUMBER.fullmatch(guid.text or ""):
            yield Warned("NotSufficientlyUnique", "item/guid", str(guid.text))
    for source in item.findall("source"):
        yield from web("item/source", source.get("url"))
    for enclosure in item.findall("enclosure"):
        yield from web("item/enclosure", enclosure.get("url"))
        if not _NUMBER.fullmatch(enclosure.get("length", "")):
            yield Warned("InvalidIntegerAttribute", "item/enclosure", str(enclosure.get("length")))
        if not MIME.fullmatch(enclosure.get("type", "")):
            yield Warned("InvalidMIMEAttribute", "item/enclosure", str(enclosure.get("type")))
    yield from media(item, "item")


def each(
    parent: Any, place: str, checks: Mapping[str, Callable[[str, str | None], Warnings]]
) -> Warnings:
    """Yield the warnings about the text of each element, by its name."""
    for name, check in checks.items():
        for element in parent.findall(name):
            yield from check(f"{place}/{name.rpartition('}')[2]}", element.text)


def media(parent: Any, place: str) -> Warnings:
    for name in ("content", "thumbnail"):
        for element in parent.findall(f"{MEDIA}{name}"):
            yield from address(f"{place}/media:{name}", element.get("url"), *WEB)
            if element.get("medium", "image") != "image":
                yield Warned("InvalidMediaMedium", f"{place}/media:{name}", element.get("medium"))


def of_json(body: bytes) -> Warnings:
    """Yield the warnings about the content of a JSON Feed, which the service does not read."""
    document = json.loads(body)
    yield from text("title", document["title"])
    for name in ("icon", "favicon"):
        if name in document:
            yield from address(name, document[name], *WEB)
    for item in document["items"]:
        yield from text("item/title", item["title"])
        yield from html("item/content_html", item.get("content_html"))
        for name in ("summary", "content_text"):
            if name in item:
                yield from text(f"item/{name}", item[name])
        for value in [
            *item.get("tags", []),
            *(author["name"] for author in item.get("authors", [])),
        ]:
            yield from text("item/tags or authors", value)
        for name in ("url", "image"):
            if name in item:
                yield from address(f"item/{name}", item[name], *WEB)
        for name in ("date_published", "date_modified"):
            yield from rfc3339(f"item/{name}", item[name])
    yield from unique("item/id", [item["id"] for item in document["items"]], "DuplicateEntries")


JUDGES: Mapping[str, Callable[[bytes], Warnings]] = {
    "atom": of_atom,
    "rss": of_rss,
    "json": of_json,
}
