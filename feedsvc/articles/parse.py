"""One file's bytes to one `Article`. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import PurePosixPath

from feedsvc import weburl, xmltext
from feedsvc.articles import dates, emptiness, encoding, frontmatter
from feedsvc.articles.tables import Field, Value
from feedsvc.model import Article, Markup, Person, Problem

POLICY = "2"
"""Changes whenever the same bytes come to be read as another Article."""

ZoneOf = Callable[[str, tuple[str, ...]], tzinfo]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An article and how it was read; `fields` are name, line and value as they stand there."""

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
_COMMA = re.compile("[,，]")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_MAIL_IN_BRACKETS = re.compile(r"<[^<>]*@")
_BRACKETS = re.compile(r"<([^<>]*)>")
_MAIL_WITH_NAME = re.compile(r"[^\s@]+@[^\s(]+\s*\((?P<name>.+)\)")
_MAIL = re.compile(r"(?P<local>[^\s@]+)@(?P<host>[^\s@]+)")
_LONE_CR = re.compile(r"\r(?!\n)")
_LONGEST_LINE = 1000
_MOST_TERMS = 100
_MOST_PROBLEMS = 20  # of one article: enough to see that all of it is wrong
_NO_IMAGE = {"false", "no", "none", "off", "true", "yes", "on", "null"}
_SOMEWHERE = "https://articles.invalid/"  # RFC 2606: nobody's; stands for the article's folder
_YES = {"true", "yes", "on", "1"}
_NO = {"false", "no", "off", "0"}
_LANGUAGE = re.compile(r"^[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*$")  # RFC 5646 2.1, near enough


def parse(source: str, data: bytes, *, zone_of: ZoneOf) -> Article:
    """Read the article in `data`, the bytes of the file `source`.

    `zone_of` returns, of the article's title and terms, the zone of dates that name none. Raises
    ArticleError when the file cannot be read at all; whatever else is wrong is in the article's
    `problems`.
    """
    return explain(source, data, zone_of=zone_of).article


def explain(source: str, data: bytes, *, zone_of: ZoneOf) -> Reading:
    """Read an article as `parse` does, and return how it was read besides."""
    decoded = encoding.decode(data)
    # Old Macs ended lines with CR alone, and some programs write two marks.
    text = decoded.text.lstrip("\ufeff")
    matter = frontmatter.split(_LONE_CR.sub("\n", text) if "\r" in text else text)
    body = matter.body
    reader = _Fields(source=source, matter=matter.fields)
    if decoded.doubt:
        reader.doubt(None, None, decoded.doubt, cure="save it as UTF-8")
    for doubt in matter.doubts:
        reader.doubt(doubt.line, doubt.field, doubt.reason, cure=doubt.cure)
    path = PurePosixPath(source)
    title = reader.line("title") or emptiness.name_as_title(source)
    terms = reader.terms("categories", "category", "tags")
    zone = zone_of(title, terms)
    article = Article(
        source=source,
        title=title,
        markup=_markup(path.suffix.lower(), body),
        body=xmltext.legal(body),
        terms=terms,
        authors=reader.people("authors", "author"),
        published=reader.date("date", zone=zone),
        updated=reader.date("updated", "modified", "lastmod", zone=zone),
        lead_image=reader.address("headimg", "thumbnail", "cover", "image"),
        link=reader.url("link", "from", "source_url"),
        id=reader.line("id", "guid"),
        summary=reader.line("description", "summary", "excerpt", longest=10_000),
        language=reader.language("lang", "language"),
        draft=reader.flag("draft", default=False) or not reader.flag("published", default=True),
        problems=tuple(reader.problems),
    )
    return Reading(
        article=article,
        encoding=f"{decoded.encoding}: {decoded.why}",
        kind=matter.kind,
        fields=tuple((name, given.line, given.value) for name, given in matter.fields.items()),
        zone=str(zone),
    )


def _markup(suffix: str, body: str) -> Markup:
    if suffix in _MARKUP:
        return _MARKUP[suffix]
    return "html" if _TAG.search(body) else "text"


@dataclass(slots=True, kw_only=True)
class _Fields:
    """Reads fields by any of their names and notes what it had to pass over."""

    source: str
    matter: Mapping[str, Field]
    problems: list[Problem] = field(default_factory=list)

    def line(self, *names: str, longest: int = _LONGEST_LINE) -> str | None:
        """Return the first of these fields that holds text, as one line."""
        for name, given in self._given(names):
            if isinstance(given.value, str):
                if text := xmltext.line(given.value, longest):
                    return text
            elif isinstance(given.value, datetime):
                return given.value.isoformat()
            else:
                self._pass_over(name, given, "is not text", cure="write one line of text")
        return None

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a yes or no; a date under `published` (as some write it) is no such flag."""
        given = self.matter.get(name)
        word = given.value.strip().lower() if given and isinstance(given.value, str) else ""
        if given and word and word not in _YES | _NO and name == "draft":
            self._pass_over(name, given, "is neither true nor false", cure="write true or false")
        return True if word in _YES else False if word in _NO else default

    def date(self, *names: str, zone: tzinfo) -> datetime | None:
        """Return the first of these dates that can be read."""
        for name, given in self._given(names):
            if isinstance(given.value, str | datetime):
                try:
                    return dates.parse(given.value, zone)
                except ValueError as error:
                    self._pass_over(name, given, str(error), cure="write it as 2022-02-23 21:06:12")
            else:
                self._pass_over(
                    name, given, "is not a date", cure="write it as 2022-02-23 21:06:12"
                )
        return None

    def url(self, *names: str) -> str | None:
        """Return the first of these fields that is an address on the web."""
        for name, given in self._given(names):
            if isinstance(given.value, str) and (address := weburl.absolute(given.value)):
                return address
            self._pass_over(
                name, given, "is not an address", cure="write it in full, from https:// on"
            )
        return None

    def address(self, *names: str) -> str | None:
        """Return the first of these fields that can be an image's address, relative or not."""
        for name, given in self._given(names):
            if not isinstance(given.value, str):
                self._pass_over(name, given, "is not an address", cure="write one address")
            elif (text := xmltext.line(given.value, 4096)) and text.lower() not in _NO_IMAGE:
                if _can_be_image(text):
                    return text
                self._pass_over(
                    name,
                    given,
                    "cannot be an image's address",
                    cure="write it in full, from https:// on, or as a path such as img/a.png",
                )
        return None

    def language(self, *names: str) -> str | None:
        """Return the first of these fields that can be a language tag (RFC 5646)."""
        for name, given in self._given(names):
            if isinstance(given.value, str) and _LANGUAGE.match(tag := given.value.strip()):
                return tag.replace("_", "-")
            self._pass_over(name, given, "is not a language tag", cure="write one such as zh-CN")
        return None

    def terms(self, *names: str) -> tuple[str, ...]:
        """Return all terms of these fields, flattened, each once, in the order given."""
        places: dict[str, tuple[str, Field]] = {}
        for name, given in self._given(names):
            for text in _texts(given.value):
                for part in _COMMA.split(text):
                    if term := xmltext.line(part, _LONGEST_LINE):
                        places.setdefault(term, (name, given))
        self._name_what_is_left_out(list(places.values()))
        return tuple(places)[:_MOST_TERMS]

    def people(self, *names: str) -> tuple[Person, ...]:
        """Return all authors of these fields, each name once."""
        people: dict[str, Person] = {}
        places: dict[str, tuple[str, Field]] = {}
        for name, given in self._given(names):
            for person in _people(given.value):
                people.setdefault(person.name, person)
                places.setdefault(person.name, (name, given))
        self._name_what_is_left_out(list(places.values()))
        return tuple(people.values())[:_MOST_TERMS]

    def _name_what_is_left_out(self, places: Sequence[tuple[str, Field]]) -> None:
        """Note how many terms or authors are too many, with the field of the first of them."""
        if len(places) > _MOST_TERMS:
            name, given = places[_MOST_TERMS]
            reason = (
                f"there are {len(places)} of them;"
                f" the {len(places) - _MOST_TERMS} after the {_MOST_TERMS}th are left out"
            )
            self._pass_over(name, given, reason, cure=f"name {_MOST_TERMS} at most")

    def _given(self, names: Iterable[str]) -> Iterator[tuple[str, Field]]:
        for name in names:
            given = self.matter.get(name)
            if given is not None and given.value is not None and given.value not in ("", [], {}):
                yield name, given

    def _pass_over(self, name: str, given: Field, reason: str, *, cure: str) -> None:
        self.doubt(given.line, name, reason, cure=cure)

    def doubt(self, line: int | None, name: str | None, reason: str, *, cure: str) -> None:
        """Note what an operator should know of an article that is published all the same."""
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


def _can_be_image(address: str) -> bool:
    """Tell whether an address, relative or not, leads somewhere on the web or holds its image."""
    return address[:5].lower() == "data:" or weburl.resolve(_SOMEWHERE, address) is not None


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


def _people(value: Value) -> Iterator[Person]:
    match value:
        case str():
            for name in _names(value):
                yield Person(name=name)
        case list():
            for item in value:
                yield from _people(item)
        case {"name": str(name), **more}:
            page = more.get("url") or more.get("uri") or more.get("link")
            uri = weburl.absolute(page) if isinstance(page, str) else None
            for text in _names(name):
                yield Person(name=text, uri=uri)


def _names(text: str) -> Iterator[str]:
    """Yield the names in an author's text; an e-mail address is nobody's business but theirs."""
    text = xmltext.line(text, _LONGEST_LINE)
    parts = text.split(",") if _MAIL_IN_BRACKETS.search(text) else [text]
    for part in parts:
        name = _BRACKETS.sub(lambda found: "" if "@" in found[1] else found[0], part)
        if mail := _MAIL_WITH_NAME.fullmatch(name.strip()):
            name = mail["name"]
        elif (mail := _MAIL.fullmatch(name.strip())) and "." in mail["host"][1:-1]:
            name = mail["local"]
        if name := xmltext.line(name):
            yield name
