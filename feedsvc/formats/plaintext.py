"""Plain text as formats write it: harmless and legible shown as text and shown as HTML.

Titles, names, terms and summaries are plain text in every format. Many readers put them into a page
as HTML all the same, and many of those take the tags out first. So what they get must mean the
same either way: no reader may find a tag, a comment or a character reference in it.

* `<` and `>` become `‹` and `›` (U+2039, U+203A). Tried with newsboat, sfeed, elfeed, rss2email,
  feedparser, SimplePie and three npm parsers; with the HTML parsers of Chromium, html5lib, libxml2
  and Python; with PHP's strip_tags, npm's striptags, w3lib and the pattern `<[^>]*>`: all of them
  show `Vec‹T›` as it is. With U+2060 behind the `<` instead, no parser sees a tag, but all those
  last four and two of the npm parsers leave `Vec`, and some end the title there. The wide `＜` is
  turned into `<` by who brings text into NFKC, and stands apart in Latin text.
* A `<` before a space, with no `>` to follow, is a tag to none of them and stays: `a < b`. So does
  a `>` that ends nothing: `a -> b`.
* An `&` stays unless it begins a character reference of HTML, with a semicolon or, as in `&copy=1`,
  without; then U+2060, which nobody sees, parts it from its name. `AT&T` is untouched.
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

    def defused(found: re.Match[str]) -> str:
        nonlocal opened
        mark = found[0]
        if mark == "<":
            if found.start() > last_end and text.startswith(" ", found.end()):
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
    """Return `feed` with every plain text of its own readable either way; not its entries."""
    return replace(
        feed,
        title=either_way(feed.title),
        subtitle=either_way(feed.subtitle),
        author=_person(feed.author),
    )


def of_entry(entry: Entry) -> Entry:
    """Return `entry` with every plain text in it readable either way."""
    return replace(
        entry,
        title=either_way(entry.title),
        summary=either_way(entry.summary),
        authors=tuple(map(_person, entry.authors)),
        categories=tuple(map(either_way, entry.categories)),
    )


def _person(person: Person) -> Person:
    return replace(person, name=either_way(person.name))
