"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

import json
from typing import Any

from feedsvc.formats import plaintext
from feedsvc.model import Entry, Feed, Person

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def render(feed: Feed) -> bytes:
    """Return `feed` as a JSON Feed document in UTF-8."""
    feed = plaintext.of_feed(feed)
    document = _filled(
        version="https://jsonfeed.org/version/1.1",
        title=feed.title,
        home_page_url=feed.page or feed.link,
        feed_url=feed.address("json"),
        # "the URL of a feed that provides the next n items"
        next_url=feed.related("json").get("next"),
        description=feed.subtitle,
        icon=feed.icon,
        favicon=feed.icon,
        language=feed.language,
        authors=[_author(feed.author)],
        hubs=[{"type": "WebSub", "url": hub} for hub in feed.hubs],
    )
    # "items (required, array)", even when empty
    document["items"] = [_item(plaintext.of_entry(entry)) for entry in feed.entries]
    return _JSON.encode(document).encode()


def _item(entry: Entry) -> dict[str, Any]:
    item = _filled(
        id=entry.id,
        url=entry.link,
        title=entry.title,
        content_html=entry.content,
        summary=entry.summary,
        image=entry.lead_image,
        date_published=entry.published.isoformat(),
        date_modified=entry.updated.isoformat(),
        authors=[_author(person) for person in entry.authors],
        tags=list(entry.categories),
        language=entry.language,
        attachments=[
            _filled(url=e.href, mime_type=e.type, size_in_bytes=e.length) for e in entry.enclosures
        ],
        _source=_source(entry),
    )
    if "content_html" not in item:
        # "content_html and content_text are each optional - but one or both must be present."
        item["content_text"] = entry.summary or entry.title
    return item


def _source(entry: Entry) -> dict[str, Any]:
    """Return our extension: whose an entry is. "Custom objects: … names must start with _"."""
    origin, license = entry.origin, entry.license
    return _filled(
        name=origin and origin.name,
        url=origin and origin.url,
        feed_url=origin and origin.feed,
        icon=origin and origin.icon,
        rights=entry.rights,
        license=license and license.url,
    )


def _author(person: Person) -> dict[str, Any]:
    return _filled(name=person.name, url=person.uri)


def _filled(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}
