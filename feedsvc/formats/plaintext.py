"""Plain text that reads the same when a reader shows it as text and when it shows it as HTML.

Titles, names, terms and summaries are plain text in every format. Many readers put them into a page
as HTML all the same, and many of those remove tags first. So no reader may find a tag, a comment or
a character reference in them.

* `<` and `>` become `‹` and `›` (U+2039, U+203A). Nine readers and libraries, four HTML parsers
  (Chromium, html5lib, libxml2, Python) and four removers of tags (PHP's strip_tags, w3lib, npm's
  striptags, the pattern `<[^>]*>`) show `Vec‹T›` unchanged. With U+2060 after the `<` instead, all
  removers leave `Vec`, and some readers end the title there. The wide `＜` looks too wide in Latin
  text, and software that applies NFKC turns it into `<`.
* A `<` before a space with no `>` after it is a tag to none of them and stays: `a < b`. So does a
  `>` that ends nothing: `a -> b`.
* An `&` that begins a character reference of HTML, with a semicolon or without one as in `&copy=1`,
  is followed by the invisible U+2060. `AT&T` is unchanged.
"""

import html
import re
from dataclasses import replace

from feedsvc.model import Entry, Feed, Person

_JOINER = "\u2060"
# HTML 13.2.5.73: a name is "the maximum number of characters possible", and none has more than 31.
_MARKS = re.compile(r"[<>]|&#?[0-9A-Za-z]{1,32};?")


def either_way(text: str) -> str:
    """Return one line of `text` so that it reads the same as text and as HTML.

    >>> either_way("Map<K, List<V>> 与 a < b"), either_way("<img src=x onerror=y> -> AT&T")
    ('Map‹K, List‹V›› 与 a < b', '‹img src=x onerror=y› -> AT&T')
    >>> either_way("&lt; ?a=1&copy=2").replace(_JOINER, "|")
    '&|lt; ?a=1&|copy=2'
    """
    last_end = text.rfind(">")
    opened = 0

    def defused(match: re.Match[str]) -> str:
        nonlocal opened
        mark = match[0]
        if mark == "<":
            if match.start() > last_end and text.startswith(" ", match.end()):
                return mark
            opened += 1
            return "‹"
        if mark == ">":
            if not opened:
                return mark
            opened -= 1
            return "›"
        return mark if html.unescape(mark) == mark else f"&{_JOINER}{mark[1:]}"

    return _MARKS.sub(defused, text)


def of_feed(feed: Feed) -> Feed:
    """Return `feed` with `either_way` applied to its plain texts, but not to its entries."""
    return replace(
        feed,
        title=either_way(feed.title),
        subtitle=either_way(feed.subtitle),
        author=_person(feed.author),
    )


def of_entry(entry: Entry) -> Entry:
    """Return `entry` with `either_way` applied to its plain texts."""
    origin = entry.origin
    return replace(
        entry,
        title=either_way(entry.title),
        summary=either_way(entry.summary),
        authors=tuple(map(_person, entry.authors)),
        categories=tuple(map(either_way, entry.categories)),
        origin=replace(origin, name=either_way(origin.name)) if origin else None,
        rights=either_way(entry.rights) if entry.rights else None,
    )


def _person(person: Person) -> Person:
    return replace(person, name=either_way(person.name))
