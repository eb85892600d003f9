"""Feeds: which articles belong to a category, in what order, cut where; and their names. Pure."""

import hashlib
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from urllib.parse import quote

from feedsvc import mediatypes, patterns, xmltext
from feedsvc.model import (
    Article,
    Category,
    Enclosure,
    Entry,
    Feed,
    Origin,
    Person,
    Published,
    SafeHTML,
    SourceRule,
)
from feedsvc.slugs import FORMAT_SUFFIX

POLICY = "2"
"""To be changed with each change of this module that moves articles to other feeds or slugs."""

ALL = "all"
SEARCH = "search"
RESERVED = (ALL, SEARCH)
"""Slugs that no category can have: `/feeds/search.atom?q=…` is the feed of a search."""
Reason = Literal["exclude_terms", "terms", "title_matches"] | None
"""The key of a category that decided whether an article belongs to it."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PLACE = "before"
"""The parameter of a page of older entries: the place in the feed after which it begins."""
OLDEST = "?page=oldest"
"""The query of the page of the oldest entries."""

_PLACE = re.compile(r"(0|-?[1-9][0-9]{0,11})-([0-9a-f]{20})")
SIGNS = "+-"
"""Between the slugs of a combination: also the articles of this one, or none of this one."""

_LONGEST_COMBINATION = 500  # characters
_LONGEST_IN_COMBINATION = 80  # characters: no slug is longer
_UNSAFE = re.compile(r"[/\\?#%&:;<>\"'`|*{}^\[\]_]+")
_DIGEST_SUFFIX = re.compile(r"-[0-9a-f]{8}$")
_LONGEST_SLUG = 60


def slug(term: str, taken: Container[str] = ()) -> str:
    """Return the slug of the feed of one term: its name in addresses.

    It depends on the term and on `taken`, the configured slugs, never on other terms, so no new
    article can change it. A space becomes `_`. If another character has to change, eight
    hexadecimal digits of the term's digest are added, to keep it unlike any other slug.

    >>> slug("新浪财经－国內"), slug("Machine Learning"), slug("a/b"), slug("A/B")
    ('新浪财经－国內', 'Machine_Learning', 'a-b-c14cddc0', 'A-B-998d3ed8')
    """
    plain, digested = _slugs(term)
    return digested if plain in {*RESERVED, ""} or plain in taken else plain


@lru_cache(maxsize=4096)
def _slugs(term: str) -> tuple[str, str]:
    """Return the plain slug of a term, "" where it has none, and the slug with the digest."""
    term = xmltext.line(term)
    # `/feeds/x.atom` is the Atom feed of `x`, so no slug may end like a format.
    name = FORMAT_SUFFIX.sub("-", _UNSAFE.sub("-", term).strip("-. "))[:_LONGEST_SLUG].strip()
    digest = hashlib.sha256(term.encode()).hexdigest()[:8]
    plain = name.replace(" ", "_")
    free = name == term and not _DIGEST_SUFFIX.search(name)
    return plain if free else "", f"{plain or 'term'}-{digest}"


def everything(title: str, description: str) -> Category:
    """Return the category of all articles."""
    return Category(slug=ALL, title=title, description=description, everything=True)


def of_term(slug: str, term: str) -> Category:
    """Return the category of the articles with exactly this term."""
    return Category(slug=slug, title=xmltext.plain(term), term=term)


def matches(category: Category, title: str, article_terms: tuple[str, ...]) -> bool:
    """Tell whether an article belongs to a configured category; `verdict` says why."""
    return verdict(category, title, article_terms)[0]


def verdict(
    category: Category, title: str, article_terms: tuple[str, ...]
) -> tuple[bool, Reason, str]:
    """Return whether an article belongs to a configured category, by which key, by which text.

    It belongs with any of the category's terms, or when its title matches, but not with any of
    `exclude_terms`. Terms are compared without regard to case.
    """
    terms = folded(article_terms)
    if not terms.isdisjoint(folded(category.exclude_terms)):
        return False, "exclude_terms", _first(category.exclude_terms, terms)
    if not terms.isdisjoint(folded(category.terms)):
        return True, "terms", _first(category.terms, terms)
    pattern = category.title_matches
    if pattern is not None and (match := patterns.compiled(pattern).search(title)):
        return True, "title_matches", match.group()
    return False, None, ""


@lru_cache(maxsize=4096)
def folded(terms: tuple[str, ...]) -> frozenset[str]:
    """Return terms as they are compared: folded, without regard to case."""
    return frozenset(term.casefold() for term in terms)


def _first(terms: tuple[str, ...], folded: frozenset[str]) -> str:
    return next(term for term in terms if term.casefold() in folded)


def hidden_terms(categories: Iterable[Category]) -> frozenset[str]:
    """Return the terms, folded, that private categories name and no public one."""
    private: set[str] = set()
    public: set[str] = set()
    for category in categories:
        (public if category.access is None else private).update(folded(category.terms))
    return frozenset(private - public)


class Memberships:
    """The feeds of articles, by these configured categories.

    With `auto`, every term has a feed of its own, unless a configured category has the term's slug
    and names the term.

    Here alone it is decided which articles are private: those of a private category that belong to
    no public one that is configured. They are members of private feeds alone, not of `all`, and
    everything public asks for members of public feeds. A term that only private categories name is
    not shown with other articles.
    """

    def __init__(self, categories: Iterable[Category], *, auto: bool) -> None:
        self._categories = tuple(categories)
        self._auto = auto
        self._taken = {category.slug: category for category in self._categories}
        self._private = {c.slug for c in self._categories if c.access is not None}
        self._hidden = hidden_terms(self._categories)
        # The numbers of the categories that can match; most name no term of an article.
        self._with_pattern: list[int] = []
        self._by_term: dict[str, list[int]] = {}
        for number, category in enumerate(self._categories):
            if category.title_matches:
                self._with_pattern.append(number)
            for term in folded(category.terms):
                self._by_term.setdefault(term, []).append(number)

    def of(self, article: Article) -> dict[str, str | None]:
        """Return the slugs of all feeds of an article, each with its term, None if it has none."""
        numbers = set(self._with_pattern)
        for term in folded(article.terms):
            numbers.update(self._by_term.get(term, ()))
        configured = [
            category.slug
            for category in (self._categories[number] for number in sorted(numbers))
            if matches(category, article.title, article.terms)
        ]
        if configured and self._private.issuperset(configured):
            return dict.fromkeys(configured)
        slugs: dict[str, str | None] = {ALL: None, **dict.fromkeys(configured)}
        if self._auto:
            for term in self.shown_terms(article.terms):
                owner = self._taken.get(slug(term))
                if owner is None or term not in owner.terms:
                    slugs[slug(term, self._taken)] = term
        return slugs

    def shown_terms(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the terms of a public article that everybody may see."""
        return tuple(term for term in terms if term.casefold() not in self._hidden)


def entry(
    published: Published,
    *,
    link: str,
    summary: str,
    content: SafeHTML | None,
    lead_image: str | None,
    lead_image_type: str | None = None,
    played: tuple[Enclosure, ...] = (),
    rule: SourceRule | None = None,
) -> Entry:
    """Join an article with its cleaned content and its addresses.

    Character references in the front matter are decoded here, for readers; feeds and ids depend on
    the text as it is written. `summary` is plain text, for an article without a summary of its own.
    `played` are the sound and video of the content. `rule` says whose the article is where it does
    not say so itself.
    """
    article = published.article
    origin = _origin(article, rule)
    authors = article.authors
    if not authors and origin:
        # Readers show the author, and nothing of Atom's `source`.
        authors = (Person(name=origin.name, uri=origin.url),)
    if lead_image is not None:
        lead_image_type = lead_image_type or mediatypes.of(lead_image)
    image: tuple[Enclosure, ...] = ()
    if lead_image is not None and lead_image_type is not None:
        image = (Enclosure(href=lead_image, type=lead_image_type),)
    return Entry(
        id=published.id,
        key=published.key,
        title=xmltext.plain(article.title),
        link=link,
        published=published.published,
        updated=published.updated,
        summary=xmltext.plain(article.summary) if article.summary else summary,
        content=content,
        authors=tuple(replace(person, name=xmltext.plain(person.name)) for person in authors),
        categories=tuple(dict.fromkeys(map(xmltext.plain, article.terms))),
        lead_image=lead_image,
        lead_image_type=lead_image_type,
        # Podcast clients take the first enclosure for the episode, so the image comes only without
        # sound and video.
        enclosures=played or image,
        language=article.language,
        origin=replace(origin, name=xmltext.plain(origin.name)) if origin else None,
        rights=xmltext.plain(article.rights) if article.rights else rule.rights if rule else None,
        license=article.license or (rule.license if rule else None),
    )


def _origin(article: Article, rule: SourceRule | None) -> Origin | None:
    """Return who published the original; the rule completes an origin that has the same name."""
    own, known = article.origin, rule.origin if rule else None
    if own is None or known is None or own.name != known.name:
        return own or known
    return Origin(
        name=own.name,
        url=own.url or known.url,
        feed=own.feed or known.feed,
        icon=own.icon or known.icon,
    )


def build(
    category: Category,
    entries: Iterable[Entry],
    *,
    id: str,
    site_title: str,
    base_url: str,
    language: str,
    updated: datetime,
    limit: int,
    icon: str | None = None,
    hubs: tuple[str, ...] = (),
    license: str | None = None,
) -> Feed:
    """Put the entries of one category in order, newest first, and cut them at `limit`.

    Entries of the same time are ordered by id, so that equal input gives equal bytes. `updated` is
    when the feed last changed, and not the time of its newest entry: readers that compare it first
    would miss an article with an old date and an entry that was removed.
    """
    newest_first = sorted(entries, key=lambda entry: entry.id)
    newest_first.sort(key=lambda entry: entry.published, reverse=True)
    return Feed(
        slug=category.slug,
        id=id,
        # Readers list the feeds of many sites, so a category's name alone says too little.
        title=site_title if category.everything else f"{category.title} · {site_title}",
        subtitle=category.description,
        link=address(base_url, category.slug),
        # RFC 4287 4.1.1: a feed has an author unless each of its entries has one.
        author=Person(name=site_title, uri=base_url + "/"),
        language=language,
        # RFC 4287 4.2.15: "the most recent instant in time when an entry or feed was modified in a
        # way the publisher considers significant".
        updated=updated,
        entries=tuple(newest_first[:limit]),
        icon=icon,
        hubs=hubs,
        license=license,
    )


def with_notices(feed: Feed, notices: Iterable[Entry]) -> Feed:
    """Return a feed with these entries too, which say that others were withdrawn.

    They are more than the limit: readers have the text of a withdrawn entry until they see its
    notice, however many newer entries there are.
    """
    notices = list(notices)
    entries = sorted((*feed.entries, *notices), key=lambda entry: entry.id)
    entries.sort(key=lambda entry: entry.published, reverse=True)
    return replace(
        feed,
        entries=tuple(entries),
        deleted=tuple((notice.id, notice.updated) for notice in notices),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """The articles of any of some feeds and of none of others, by slugs as they were written."""

    any: tuple[str, ...]
    none: tuple[str, ...] = ()


def possible_slugs(text: str) -> set[str]:
    """Return the parts of a text that may be slugs in a combination.

    >>> sorted(possible_slugs("a+b-c"))
    ['a', 'a+b', 'a+b-c', 'b', 'b-c', 'c']
    """
    return {text[start:end] for start, end in _parts(text)}


def combination(text: str, known: Container[str]) -> Combination | None:
    """Return what a text such as `finance+ai-ads` combines, None where a part is not `known`.

    Slugs may contain the signs themselves, so the longest known slug counts, from left to right.

    >>> combination("a-b+c-d", {"a", "b", "a-b", "c", "d"})
    Combination(any=('a-b', 'c'), none=('d',))
    """
    ends: dict[int, int] = {len(text) + 1: 0}  # where the slug that begins at a place ends
    for start, end in sorted(_parts(text), reverse=True):
        if start not in ends and end + 1 in ends and text[start:end] in known:
            ends[start] = end
    if 0 not in ends:
        return None
    any, none, start = list[str](), list[str](), 0
    while start <= len(text):
        (none if start and text[start - 1] == "-" else any).append(text[start : ends[start]])
        start = ends[start] + 1
    return Combination(any=tuple(dict.fromkeys(any)), none=tuple(dict.fromkeys(none)))


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each part of a combination may start and end."""
    if len(text) <= _LONGEST_COMBINATION:
        signs = [place for place, char in enumerate(text) if char in SIGNS]
        for start in (0, *(place + 1 for place in signs)):
            for end in (*signs, len(text)):
                if 0 < end - start <= _LONGEST_IN_COMBINATION:
                    yield start, end


def place_query(article: Published) -> str:
    """Return the query of the page of the entries that come after an article in a feed.

    It says where the page begins by the date and key of an article, and not by a number: so it
    leads on to the same entries, whatever was added to the feed or removed from it meanwhile.
    """
    return f"?{PLACE}={int(article.published.timestamp())}-{article.key}"


def parse_place(text: str) -> tuple[datetime, str] | None:
    """Return the date and the key in the value of PLACE, None where it has none.

    >>> parse_place("86400-0123456789abcdef0123")[1], parse_place("yesterday")
    ('0123456789abcdef0123', None)
    """
    match = _PLACE.fullmatch(text)
    try:
        return None if match is None else (EPOCH + timedelta(seconds=int(match[1])), match[2])
    except OverflowError:
        return None


def address(base_url: str, slug: str) -> str:
    """Return the address of a feed's page; a format's address has `.atom` or the like added.

    >>> address("https://example.org", "财经")
    'https://example.org/feeds/%E8%B4%A2%E7%BB%8F'
    """
    return f"{base_url}/feeds/{quote(slug, safe='')}"


def private_page(base_url: str, slug: str, key: str) -> str:
    """Return the address of an article's page for the readers of a private feed.

    >>> private_page("https://example.org", "board", "0123456789abcdef0123")
    'https://example.org/feeds/board/0123456789abcdef0123'
    """
    return f"{address(base_url, slug)}/{key}"


def document_address(base_url: str, path: str) -> str:
    """Return the address of the document at a path, as the feed's own `self` link names it.

    >>> document_address("https://example.org", "/feeds/财经.atom")
    'https://example.org/feeds/%E8%B4%A2%E7%BB%8F.atom'
    """
    slug, _, suffix = path.removeprefix("/feeds/").rpartition(".")
    return f"{address(base_url, slug)}.{suffix}"
