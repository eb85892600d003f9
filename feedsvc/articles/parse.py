"""One file's bytes to one `Article`. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import lru_cache, partial
from itertools import islice
from pathlib import PurePosixPath
from typing import TypeVar

from feedsvc import commonmark, licenses, weburl, xmltext
from feedsvc.articles import dates, encoding, frontmatter
from feedsvc.articles.tables import Field, Value
from feedsvc.model import (
    Article,
    License,
    Markup,
    Notice,
    Origin,
    Person,
    Problem,
    name_as_title,
)

POLICY = "5"
"""Raise it when the same bytes are read as another Article than before."""

T = TypeVar("T")
ZoneOf = Callable[[str, tuple[str, ...]], tzinfo]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """An article and how it was read; `fields` are names, lines and values as written."""

    article: Article
    encoding: str
    kind: str
    fields: tuple[tuple[str, int, Value], ...]
    zone: str


_MARKUP: Mapping[str, Markup] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
}
FIELDS = frozenset(
    """title categories category tags author authors date updated modified lastmod headimg thumbnail
    cover image link from source_url id guid description summary excerpt lang language source rights
    license licence withdrawn legal expires draft published""".split()
)
"""The fields of front matter that are read."""
_SHORTEST_MISSPELLED = 5  # letters
_MOST_LOOKED_AT = 100  # fields whose names may be misspelled
_COMMA = re.compile("[,，]")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_MAIL_IN_BRACKETS = re.compile(r"<[^<>]*@")
_BRACKETS = re.compile(r"<([^<>]*)>")
_MAIL_WITH_NAME = re.compile(r"[^\s@]+@[^\s(]+\s*\((?P<name>.+)\)")
_MAIL = re.compile(r"(?P<local>[^\s@]+)@(?P<host>[^\s@]+)")
_LONE_CR = re.compile(r"\r(?!\n)")
_LONGEST_LINE = 1000
_LONGEST_SUMMARY = 10_000
_LONGEST_NAME = 200
_LICENSE_CURE = "write an SPDX name such as CC-BY-4.0, or an address; other words are for `rights`"
_MOST_TERMS = 100
_MOST_PROBLEMS = 20  # of one article
_NO_IMAGE = {"false", "no", "none", "off", "true", "yes", "on", "null"}
_SOMEWHERE = "https://articles.invalid/"  # stands for the article's folder (RFC 2606)
_YES = {"true", "yes", "on", "1"}
_NO = {"false", "no", "off", "0"}
_LANGUAGE = re.compile(r"^[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*$")  # RFC 5646 2.1, near enough


def parse(source: str, data: bytes, *, zone_of: ZoneOf) -> Article:
    """Read the article in `data`, the bytes of the file `source`.

    `zone_of` takes the article's title and terms, and returns the zone of dates without one. Raises
    ArticleError when the file cannot be read; lesser mistakes are in the article's `problems`.
    """
    return explain(source, data, zone_of=zone_of).article


def explain(source: str, data: bytes, *, zone_of: ZoneOf) -> ParsedFile:
    """Read an article as `parse` does, and return how it was read."""
    decoded = encoding.decode(data)
    # Some programs write two byte order marks; old Macs ended lines with CR alone.
    matter = frontmatter.split(_LONE_CR.sub("\n", decoded.text.lstrip("\ufeff")))
    fields = _Fields(source=source, matter=matter.fields)
    if decoded.doubt:
        fields.note(None, None, decoded.doubt, cure="save it as UTF-8")
    for doubt in matter.doubts:
        fields.note(*doubt)
    body = xmltext.legal(matter.body)
    markup = _markup(source, body)
    title, heading = fields.first(_line, "title"), ""
    if not title and markup == "markdown" and (first := commonmark.first_heading(body)):
        title, heading, body = first
    title = title or name_as_title(source)
    terms = fields.all(_terms, "categories", "category", "tags")
    zone = zone_of(title, terms)
    date, summary = partial(_date, zone=zone), partial(_line, longest=_LONGEST_SUMMARY)
    legal = fields.flag("legal", default=False)
    fields.note_misspelled()
    article = Article(
        source=source,
        title=title,
        markup=markup,
        body=body,
        terms=terms,
        authors=fields.all(_people, "authors", "author"),
        published=fields.first(date, "date"),
        updated=fields.first(date, "updated", "modified", "lastmod"),
        lead_image=fields.first(_image, "headimg", "thumbnail", "cover", "image"),
        link=fields.first(_url, "link", "from", "source_url"),
        id=fields.first(_line, "id", "guid"),
        summary=fields.first(summary, "description", "summary", "excerpt"),
        language=fields.first(_language, "lang", "language"),
        origin=fields.first(_origin, "source"),
        rights=fields.first(_rights, "rights"),
        license=fields.first(_license, "license", "licence"),
        withdrawn=fields.first(partial(_withdrawn, legal=legal), "withdrawn"),
        expires=fields.first(date, "expires"),
        draft=fields.flag("draft", default=False) or not fields.flag("published", default=True),
        heading=heading,
        problems=tuple(fields.problems),
    )
    return ParsedFile(
        article=article,
        encoding=f"{decoded.encoding}: {decoded.why}",
        kind=matter.kind,
        fields=tuple((name, given.line, given.value) for name, given in matter.fields.items()),
        zone=str(zone),
    )


def _markup(source: str, body: str) -> Markup:
    by_name = _MARKUP.get(PurePosixPath(source).suffix.lower())
    return by_name or ("html" if _TAG.search(body) else "text")


@lru_cache(maxsize=4096)
def misspelled(name: str) -> str | None:
    """Return the known field from which a name differs by one letter, or by two in wrong order.

    None for known fields, and for short names and plurals, which are other programs' fields.

    >>> misspelled("titel"), misspelled("catgories"), misspelled("title"), misspelled("images")
    ('title', 'categories', None, None)
    """
    name = name.lower()
    if len(name) < _SHORTEST_MISSPELLED or name in FIELDS or name.removesuffix("s") in FIELDS:
        return None
    return next((field for field in sorted(FIELDS) if _is_near(name, field)), None)


def _is_near(name: str, field: str) -> bool:
    if abs(len(name) - len(field)) > 1:
        return False
    if len(name) > len(field):
        name, field = field, name
    pairs = enumerate(zip(name, field, strict=False))
    start = next((n for n, (one, other) in pairs if one != other), len(name))
    rest, other = name[start:], field[start:]
    if len(rest) < len(other):
        return rest == other[1:]
    return rest[1:] == other[1:] or (rest[:2] == other[1::-1] and rest[2:] == other[2:])


class _UnreadableError(Exception):
    """A field cannot be read: the reason, and the cure."""


@dataclass(slots=True, kw_only=True)
class _Fields:
    """Reads fields by any of their names, and notes those that cannot be read."""

    source: str
    matter: Mapping[str, Field]
    problems: list[Problem] = field(default_factory=list)

    def first(self, read: Callable[[Value], T | None], *names: str) -> T | None:
        """Return the first value of these fields that can be read and is not empty."""
        for name, given in self._given(names):
            try:
                if value := read(given.value):
                    return value
            except _UnreadableError as error:
                self.note(given.line, name, *error.args)
        return None

    def all(self, read: Callable[[Value], Iterator[tuple[str, T]]], *names: str) -> tuple[T, ...]:
        """Return the values of all these fields in order, of each key the first."""
        values: dict[str, T] = {}
        places: list[tuple[str, Field]] = []
        for name, given in self._given(names):
            for key, value in read(given.value):
                if key not in values:
                    values[key] = value
                    places.append((name, given))
        if len(places) > _MOST_TERMS:
            name, given = places[_MOST_TERMS]
            reason = (
                f"there are {len(places)} of them;"
                f" the {len(places) - _MOST_TERMS} after the {_MOST_TERMS}th are left out"
            )
            self.note(given.line, name, reason, cure=f"name {_MOST_TERMS} at most")
        return tuple(values.values())[:_MOST_TERMS]

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a yes or no; `published` may be a date instead, and is not noted."""
        given = self.matter.get(name)
        word = given.value.strip().lower() if given and isinstance(given.value, str) else ""
        if given and word and word not in _YES | _NO and name == "draft":
            self.note(given.line, name, "is neither true nor false", cure="write true or false")
        return True if word in _YES else False if word in _NO else default

    def _given(self, names: Iterable[str]) -> Iterator[tuple[str, Field]]:
        for name in names:
            given = self.matter.get(name)
            if given is not None and given.value is not None and given.value not in ("", [], {}):
                yield name, given

    def note_misspelled(self) -> None:
        """Note the unknown fields whose names are one letter from a known field that is not set."""
        for name, given in islice(self.matter.items(), _MOST_LOOKED_AT):
            meant = misspelled(name)
            if meant is not None and meant not in self.matter:
                self.note(given.line, name, "is not a known field", cure=f"did you mean {meant}?")

    def note(self, line: int | None, name: str | None, reason: str, cure: str) -> None:
        """Note a problem of an article that is published all the same."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(
                Problem(
                    source=self.source,
                    line=line,
                    field=xmltext.line(name, 80) if name else None,
                    reason=xmltext.line(reason, 500),
                    cure=cure,
                    published=True,
                )
            )


def _line(value: Value, longest: int = _LONGEST_LINE) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str):
        raise _UnreadableError("is not text", "write one line of text")
    return xmltext.line(value, longest)


def _date(value: Value, zone: tzinfo) -> datetime:
    try:
        if isinstance(value, str | datetime):
            return dates.parse(value, zone)
        reason = "is not a date"
    except ValueError as error:
        reason = str(error)
    raise _UnreadableError(reason, "write it as 2022-02-23 21:06:12")


def _url(value: Value) -> str:
    if isinstance(value, str) and (address := weburl.absolute(value)):
        return address
    raise _UnreadableError("is not an address", "write it in full, from https:// on")


def _image(value: Value) -> str | None:
    """Return the address of an image, relative or not; None for a word such as `false`."""
    if not isinstance(value, str):
        raise _UnreadableError("is not an address", "write one address")
    address = xmltext.line(value, weburl.LONGEST)
    if not address or address.lower() in _NO_IMAGE:
        return None
    if address[:5].lower() == "data:" or weburl.resolve(_SOMEWHERE, address) is not None:
        return address
    raise _UnreadableError(
        "cannot be an image's address",
        "write it in full, from https:// on, or as a path such as img/a.png",
    )


def _language(value: Value) -> str:
    if isinstance(value, str) and _LANGUAGE.match(tag := value.strip()):
        return tag.replace("_", "-")
    raise _UnreadableError("is not a language tag", "write one such as zh-CN")


def _origin(value: Value) -> Origin | None:
    """Return the publisher of the original; an address alone is one with the host as its name."""
    match value:
        case str():
            if _word(value) in _YES | _NO:
                return None
            url = weburl.absolute(value)
            parts = weburl.split(url) if url else None
            name = parts.hostname if parts else xmltext.line(value, _LONGEST_NAME)
            return Origin(name=name, url=url) if name else None
        case {"name": str(text), **more} if name := xmltext.line(text, _LONGEST_NAME):
            addresses = {
                field: weburl.absolute(address)
                for field in ("url", "feed", "icon")
                if isinstance(address := more.get(field), str)
            }
            return Origin(name=name, **addresses)
    raise _UnreadableError(
        "is neither a name nor a mapping with a name",
        "write a name, or {name: …, url: …, feed: …, icon: …}",
    )


def _rights(value: Value) -> str:
    """Return a sentence about rights, "" for a mere yes or no, as some themes of blogs have it."""
    text = _line(value)
    return "" if _word(text) in _YES | _NO else text


def _license(value: Value) -> License | None:
    if not isinstance(value, str):
        raise _UnreadableError("is not text", _LICENSE_CURE)
    if not value.strip() or _word(value) in _YES | _NO:
        return None
    if license := licenses.named(value):
        return license
    raise _UnreadableError("is neither the SPDX name of a licence nor an address", _LICENSE_CURE)


def _withdrawn(value: Value, legal: bool) -> Notice | None:
    """Return what to say of a withdrawn article; only a clear no means that it is not withdrawn."""
    text = value if isinstance(value, str) else ""
    if _word(text) in _NO:
        return None
    reason = "" if _word(text) in _YES else xmltext.line(text, _LONGEST_LINE)
    return Notice(reason=reason, legal=legal)


def _word(text: str) -> str:
    return text[:10].strip().lower()


def _terms(value: Value) -> Iterator[tuple[str, str]]:
    for text in _texts(value):
        for part in _COMMA.split(text):
            if term := xmltext.line(part, _LONGEST_LINE):
                yield term, term


def _texts(value: Value) -> Iterator[str]:
    """Yield the texts in a value, however its lists are nested (Hexo nests them by level)."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case {"name": str(name)}:
            yield name
        case dict():
            for key, item in value.items():
                yield key
                yield from _texts(item)


def _people(value: Value) -> Iterator[tuple[str, Person]]:
    match value:
        case str():
            for name in _names(value):
                yield name, Person(name=name)
        case list():
            for item in value:
                yield from _people(item)
        case {"name": str(text), **more}:
            page = more.get("url") or more.get("uri") or more.get("link")
            uri = weburl.absolute(page) if isinstance(page, str) else None
            for name in _names(text):
                yield name, Person(name=name, uri=uri)


def _names(text: str) -> Iterator[str]:
    """Yield the names in an author's text, without e-mail addresses."""
    text = xmltext.line(text, _LONGEST_LINE)
    parts = text.split(",") if _MAIL_IN_BRACKETS.search(text) else [text]
    for part in parts:
        name = _BRACKETS.sub(lambda match: "" if "@" in match[1] else match[0], part)
        if mail := _MAIL_WITH_NAME.fullmatch(name.strip()):
            name = mail["name"]
        elif (mail := _MAIL.fullmatch(name.strip())) and "." in mail["host"][1:-1]:
            name = mail["local"]
        if name := xmltext.line(name):
            yield name
