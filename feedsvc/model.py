"""The values that flow through feedsvc, each frozen, in the order in which they are made.

    Scan → Changes → Article → Identity → Published → Entry → Feed → Document
                              └─► Problem ──────────────────────────────► Refresh

Sequences are tuples. Datetimes are aware, in UTC and in whole seconds, from the door on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple, NewType
from zoneinfo import ZoneInfo

from feedsvc import xmltext

SafeHTML = NewType("SafeHTML", str)
"""HTML that has passed the sanitiser; only `feedsvc.content` makes it."""

Markup = Literal["html", "markdown", "text"]

ReferrerPolicy = Literal[
    "no-referrer", "origin", "same-origin", "strict-origin", "strict-origin-when-cross-origin",
    "origin-when-cross-origin", "no-referrer-when-downgrade", "unsafe-url",
]  # fmt: skip

Links = Literal["inside", "anywhere", "never"]
"""Where a symbolic link may lead."""

Progress = Callable[[int, int], None]
"""Called with how many files are done, and of how many."""


class Signature(NamedTuple):
    """Tells a changed file from an unchanged one without opening it.

    `ctime_ns` moves with each change, also when a program sets `mtime_ns` back (rsync -t, cp -p).
    `inode` tells a file from another file that took its name. Each is a signed 64-bit integer. A
    tuple, because Python compares tuples in C, and there is one for each file.
    """

    mtime_ns: int
    size: int
    ctime_ns: int = 0
    inode: int = 0

    @property
    def can_date(self) -> bool:
        """Tell whether the file's time can be an article's date: from 1970 to 2262."""
        return 0 <= self.mtime_ns < LATEST_NS


LATEST_NS = 2**63 - 1
"""The latest `mtime_ns`, in the year 2262; later times are cut to it."""

UNREAD = Signature(mtime_ns=-1, size=-1, ctime_ns=-1, inode=-1)
"""Differs from the signature of any file, so the next pass reads a file that has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The files in the articles directory.

    `unreadable` pairs a folder that could not be listed ("" or with a slash at its end), or a file
    that could not be examined, with the reason; articles known from there stay. `root` tells this
    directory from another one mounted at its place.
    """

    signatures: dict[str, Signature]
    unreadable: tuple[tuple[str, str], ...]
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialScan:
    """The files at some places of the articles directory.

    `within` are the places, sources of files or folders; `signatures` holds all files there and
    below. `unreadable` is as in Scan.
    """

    signatures: dict[str, Signature]
    within: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The differences between two scans, as sorted sources; falsy without differences."""

    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.modified or self.removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem with one article file, and its cure.

    `published` tells whether the article is in the feeds all the same.
    """

    source: str
    reason: str
    cure: str
    line: int | None = None
    field: str | None = None
    published: bool = False

    @property
    def place(self) -> str:
        """The place of the problem, as `file:line`, in one line."""
        source = xmltext.shown(self.source)
        return source if self.line is None else f"{source}:{self.line}"

    @property
    def what(self) -> str:
        """The reason, with the field's name, in one line."""
        return xmltext.shown(f"{self.field}: {self.reason}" if self.field else self.reason)

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {xmltext.shown(self.cure)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An author: a name and, where the article gives one, a home page."""

    name: str
    uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who published the original of an article: a name, a site, its feed, its icon."""

    name: str
    url: str | None = None
    feed: str | None = None
    icon: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class License:
    """A licence: the address of its text, and a name for people."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What readers are told of a withdrawn article: the reason, "" for none.

    `legal` tells that the law demands the withdrawal.
    """

    reason: str = ""
    legal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One file, parsed. `body` is raw: it is not safe to show.

    `id`, `published` and `updated` are None where the front matter does not declare them. `link` is
    the original's address. `rights` is one line, such as "© 2022 Sina". From `expires` on, the
    article is in no feed; with `withdrawn`, nobody may read it any more. `heading` is the beginning
    of the file's text where the title was taken from it; `body` is what follows. `problems` are
    mistakes in the file that were ignored.
    """

    source: str
    title: str
    markup: Markup
    body: str
    terms: tuple[str, ...] = ()
    authors: tuple[Person, ...] = ()
    published: datetime | None = None
    updated: datetime | None = None
    lead_image: str | None = None
    link: str | None = None
    id: str | None = None
    summary: str | None = None
    language: str | None = None
    origin: Origin | None = None
    rights: str | None = None
    license: License | None = None
    withdrawn: Notice | None = None
    expires: datetime | None = None
    draft: bool = False
    heading: str = ""
    problems: tuple[Problem, ...] = ()


def name_as_title(source: str) -> str:
    """Return the name of a file, as the title of an article that names none."""
    return xmltext.line(PurePosixPath(source).stem) or "untitled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Why an entry is withdrawn, since when, and where readers may have it.

    `source` is the file that says so, and so may take it back; None where a command said so.
    `published` is the date that readers know. `feeds` are the slugs of the feeds that showed the
    entry, `media` the paths of files that no reader gets any more. A `pending` withdrawal waits for
    the next pass; the feeds show the notice of one that is `told`, and nothing of one that is
    `past`.
    """

    notice: Notice
    at: datetime
    source: str | None = None
    published: datetime | None = None
    feeds: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    stage: Literal["pending", "told", "past"] = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A row of the ledger, which remembers an entry for ever.

    `source` is the canonical source: the file of the entry now, or its last file. `file_digest` is
    of the file's bytes, `seen_digest` of the parts that a reader sees, `link` the original's
    address. `present` tells whether the file exists.
    """

    id: str
    key: str  # the entry's name in our own addresses
    source: str
    file_digest: str
    seen_digest: str
    first_seen: datetime
    updated: datetime
    link: str | None = None
    withdrawn: Withdrawal | None = None
    present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An article with its identity, dates and version.

    `version` changes whenever anything that a feed shows of the article changes. Until `held_until`
    no feed shows it.
    """

    article: Article
    id: str
    key: str
    published: datetime
    updated: datetime
    version: str
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A media file that belongs to an entry; `length` in bytes, None where unknown."""

    href: str
    type: str
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An article as readers see it.

    `link` is the original's address where the article names one, else our page of it. `content` is
    None in feeds of summaries. `enclosures` are the sound and video of its content, or the lead
    image where there are none. `origin`, `rights` and `license` are the article's, or else those
    that the configuration gives to its folder.
    """

    id: str
    key: str
    title: str
    link: str
    published: datetime
    updated: datetime
    summary: str
    content: SafeHTML | None
    authors: tuple[Person, ...] = ()
    categories: tuple[str, ...] = ()
    lead_image: str | None = None
    lead_image_type: str | None = None
    enclosures: tuple[Enclosure, ...] = ()
    language: str | None = None
    origin: Origin | None = None
    rights: str | None = None
    license: License | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """The documents beside one document of a feed, by the queries of their addresses (RFC 5005).

    `older` and `newer` are None where there is nothing older or newer. `newer` is "" where the
    newest document is next; `newer_page` is None there, unless a page has some of its entries too.
    `oldest` is the last page. `is_page` is False in the newest document.
    """

    older: str | None
    oldest: str
    newer: str | None = None
    newer_page: str | None = None
    is_page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One category's entries, newest first, in no format yet.

    `link` is the feed's page, unless that has an address of its own, `page`; `query` belongs to the
    addresses of the feed of a search, and of a page of older entries. `language` is "" where it is
    not known. `updated` is when the feed last changed. `icon` is the address of the site's icon.
    `hubs` are addresses (WebSub). `paging` is None where nothing is older than the entries.
    `license` is the address of the site's licence. `deleted` are ids of entries that were withdrawn
    lately, and when; the entries are notices that say so.
    """

    slug: str
    id: str
    title: str
    subtitle: str
    link: str
    author: Person
    language: str
    updated: datetime
    entries: tuple[Entry, ...] = ()
    icon: str | None = None
    page: str | None = None
    query: str = ""
    hubs: tuple[str, ...] = ()
    paging: Paging | None = None
    license: str | None = None
    deleted: tuple[tuple[str, datetime], ...] = ()

    def address(self, format: str) -> str:
        """Return the address of the feed in one format."""
        return f"{self.link}.{format}{self.query}"

    def related(self, format: str) -> dict[str, str]:
        """Return the addresses of the documents beside this one, by relation (RFC 5005)."""
        paging = self.paging
        if paging is None:
            return {}
        # 3, "Paged Feeds", is for what gPodder and AntennaPod do: they follow `next`.
        # 4, "Archived Feeds": "prev-archive" leads to older entries.
        queries = {
            "first": "",
            "previous": paging.newer,
            "next": paging.older,
            "last": paging.oldest,
            "current": "" if paging.is_page else None,
            "prev-archive": paging.older,
            "next-archive": paging.newer_page,
        }
        return {
            relation: f"{self.link}.{format}{query}"
            for relation, query in queries.items()
            if query is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRoute:
    """How readers get the images of some hosts.

    `hosts` are names or patterns such as `*.example.org`. `via` is `direct`, `proxy` (our own), or
    the address of another proxy with `{url}` or `{url_encoded}` in it.
    """

    hosts: tuple[str, ...]
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRule:
    """Whose the articles at a path are, where they do not say it themselves.

    `path` is a pattern such as `sina/**`, or a folder.
    """

    path: str
    origin: Origin | None = None
    rights: str | None = None
    license: License | None = None


SUMMARY_SKIP = (
    "{title}$",
    r"原标题\s*[：:]\s*{title}",
    r"原标题\s*[：:].{1,100}$",
    r"(?i)(?:by\s+|文\s*[/／|｜]\s*|(?:作者|记者|撰文|文)\s*[：:]?\s*)?{author}$",
    r"\S{0,12}记者(?:\s*[：:/／|｜]\s*|\s)[^，。！？；,!?;]{1,30}$",
    r"(?:作者|撰文|来源|文)\s*[：:/／|｜]\s*[^，。！？；,!?;]{1,30}$",
)
"""By default, summaries begin after the title, the original title, and bylines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """How the HTML of articles is repaired, for the site or for a category.

    `remove` and `unwrap` are CSS selectors; `replace` pairs patterns (RE2) with replacements.
    `footer` is HTML in which `{link}`, `{title}` and `{site}` stand for the article's. What the
    patterns `summary_skip` match at the beginning of a text is left out of summaries; `{title}` and
    `{author}` in them stand for the article's.
    """

    referrerpolicy: ReferrerPolicy = "no-referrer"
    lazy_images: bool = True
    trackers: Literal["remove", "keep"] = "remove"
    anchors: bool = True
    embeds: Literal["keep", "link"] = "keep"
    math: bool = True
    styles: bool = True
    tidy_text: bool = True
    hexo: bool = True
    convert: str | None = None
    first_heading: Literal["keep", "drop"] = "keep"
    lead_image: Literal["keep", "prepend"] = "keep"
    footer: str = ""
    summary_length: int = 200
    summary_skip: tuple[str, ...] = SUMMARY_SKIP
    remove: tuple[str, ...] = ()
    unwrap: tuple[str, ...] = ()
    replace: tuple[tuple[str, str], ...] = ()
    images: tuple[ImageRoute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A feed and the rule that says which articles belong to it.

    The rule is `everything`, else `term` (exactly that term of the articles), else the operator's
    rule (`terms`; `title_matches`, a pattern of RE2; `exclude_terms`). `timezone` is for dates of
    its articles without a zone. `cleaning` pairs fields of Cleaning with the category's own values.
    `expect` is the longest time without a new article that the operator expects. `access` has the
    hashes of the tokens that open a private feed, and is None where everybody may read it.
    """

    slug: str
    title: str
    description: str = ""
    terms: tuple[str, ...] = ()
    title_matches: str | None = None
    exclude_terms: tuple[str, ...] = ()
    timezone: ZoneInfo | None = None
    everything: bool = False
    term: str | None = None
    cleaning: tuple[tuple[str, Any], ...] = ()
    # Not in the repr, by which `policies` knows settings that feeds depend on.
    expect: timedelta | None = field(default=None, repr=False)
    access: frozenset[str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Bytes ready to be sent, with their validators.

    `etag` depends on the bytes alone, and has no quotes. `encoded` pairs a content coding with the
    body in it. `version` changes whenever the document may have changed.
    """

    body: bytes
    media_type: str
    etag: str
    last_modified: datetime
    version: str = ""
    encoded: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How often something was done, and in how many seconds altogether."""

    number: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Effort") -> "Effort":
        return Effort(number=self.number + other.number, seconds=self.seconds + other.seconds)

    def __sub__(self, other: "Effort") -> "Effort":
        return Effort(number=self.number - other.number, seconds=self.seconds - other.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """The report of one pass over the articles directory.

    `articles` is how many are published now, None after a pass over some paths alone. `pending`
    files may still be being written, and were left for later. `again_in` is the number of seconds
    after which another pass has work, even if no file changes. `failures` are the steps of the pass
    that failed for an unexpected reason. `cleaned` measures the articles that were cleaned,
    `rendered` the documents that were rendered. `unnamed` are files that the log must not name,
    because they may be private.
    """

    changes: Changes
    articles: int | None
    seconds: float
    problems: tuple[Problem, ...] = ()  # all that are open, not only this pass's
    pending: tuple[str, ...] = ()
    again_in: float | None = None
    failures: tuple[str, ...] = ()
    unnamed: frozenset[str] = frozenset()
    cleaned: Effort = Effort()
    rendered: Effort = Effort()
