"""The configuration: config.yaml as frozen dataclasses, each key with its default.

All mistakes are found at once, each with its line and path (`ConfigError.mistakes`). Only `find`
and `load` read files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from feedsvc import licenses, weburl, xmltext
from feedsvc.config import cleaning, document, environment
from feedsvc.config.reader import Reader
from feedsvc.errors import ConfigError, Mistake
from feedsvc.feedreaders import OFFERED, READERS
from feedsvc.model import Category, Cleaning, Links, Origin, SourceRule
from feedsvc.slugs import is_slug

_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/)([^?]+)(\?.*)?")

SHORTEST_TOKEN = 16
TOKEN = re.compile(r"(\S{1,80}) (sha256:[0-9a-f]{64})")
"""A name and the hash of a token, as `feedsvc token new` prints them."""

__all__ = [
    "CDN",
    "Articles",
    "Config",
    "Export",
    "Feeds",
    "ImageProxy",
    "Monitoring",
    "Moves",
    "Pages",
    "Site",
    "State",
    "Status",
    "WebSub",
    "find",
    "load",
    "locate",
    "parse",
]

EntryContent = Literal["full", "summary"]
Future = Literal["hold", "publish"]
StatusAccess = Literal["public", "token", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`site:` the publication's name and address.

    `base_url` is left out unless `has_base_url`; then it is the address at which `serve` listens.
    `language` is "" if it is guessed from the articles. `icon` is an address, a file, or None for
    the icon of feedsvc. `license_url` is the address of the terms for all of the site.
    """

    id: str = "feedsvc"
    title: str = "feedsvc"
    description: str = ""
    base_url: str = "http://127.0.0.1:8080"  # no slash at its end
    has_base_url: bool = False
    language: str = ""
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    icon: str | Path | None = None
    license_url: str | None = None

    @property
    def icon_address(self) -> str:
        """The address from which readers get the icon."""
        if isinstance(self.icon, str):
            return self.icon
        return f"{self.base_url}/icon{self.icon.suffix.lower() if self.icon else '.png'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Articles:
    """`articles:` the directory of files; `rescan` is a period or a cron expression.

    A file younger than `settle` may not be complete. A new file without content waits until it is
    as old as `settle_empty`.
    """

    directory: Path = Path("seeds")
    include: tuple[str, ...] = ("**/*.md", "**/*.markdown", "**/*.html", "**/*.htm", "**/*.txt")
    rescan: timedelta | str = timedelta(seconds=60)
    events: bool = True
    settle: timedelta = timedelta(seconds=1)
    settle_empty: timedelta = timedelta(hours=1)
    max_bytes: int = 10 * 1024 * 1024
    links: Links = "inside"
    future: Future = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeds:
    """`feeds:` the settings of all feeds.

    With `byline`, the text of an entry begins with its origin, rights and licence. Feeds say for
    the time `notice` that an entry was withdrawn.
    """

    limit: int = 50
    content: EntryContent = "full"
    max_age: timedelta = timedelta(minutes=15)
    full_fetches: int = 0  # of a feed, by one client in an hour, without validators; 0: any number
    auto_categories: bool = True
    byline: bool = False
    notice: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """`pages:` the pages for people; `readers` are names of `feedreaders.READERS`, in order.

    `source` is an address that the footer links to, None for no link.
    """

    readers: tuple[str, ...] = OFFERED
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageProxy:
    """`image_proxy:` our own proxy, for images whose route in `content.images` is `proxy`.

    `referers` pairs host patterns such as `*.sinaimg.cn` with the Referer sent to these hosts, an
    absolute address. The first match counts; without a match no Referer is sent.
    """

    directory: Path = Path("state/images")
    cache_bytes: int = 500 * 1024 * 1024
    max_bytes: int = 20 * 1024 * 1024
    timeout: timedelta = timedelta(seconds=20)  # for all of an image
    referers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """`state:` the database of feedsvc."""

    url: str = "sqlite:///state/feedsvc.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`status:` who may see the status page; None for no `token`.

    `public` shows everybody numbers but no problem, because problems name files. Who has the token
    sees everything. `token` shows nothing without it, and `off` nothing to anybody.
    """

    access: StatusAccess = "public"
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSub:
    """`websub:` the hubs that tell subscribers of changed feeds at once (W3C WebSub)."""

    hubs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """`export:` where the watcher exports to after each pass; None for nowhere.

    `to` is a folder, or the address of an object store.
    """

    to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CDN:
    """`cdn:` what a content delivery network in front is told.

    With `tags`, each answer names its feed or article, so that a network can drop all that it keeps
    of one. After an export, `purge_command` gets the addresses whose bytes have changed, one a
    line, and `purge_url` is fetched for each, in the place of `{address}`.
    """

    tags: bool = False
    purge_command: tuple[str, ...] = field(default=(), repr=False)  # both may have secrets
    purge_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """`monitoring:` how the operator learns that something is wrong.

    `heartbeat_url` is fetched after each good pass. `webhook_url` gets the silence of folders and
    categories. `folders` pairs a folder of the articles directory, "" for all of it, with the
    longest time without a new article that is expected. With `learn`, the past of other folders and
    of categories says how long they are usually quiet.
    """

    heartbeat_url: str | None = field(default=None, repr=False)  # both addresses are secret
    webhook_url: str | None = field(default=None, repr=False)
    learn: bool = True
    folders: tuple[tuple[str, timedelta], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Feeds that have another address now, by the old slug, and the slugs of feeds that are gone.

    They are `aliases:` and `gone:` of `categories:`.
    """

    moved: tuple[tuple[str, str], ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def slugs(self) -> frozenset[str]:
        """The slugs at which there is no feed any more, not even that of a term."""
        return frozenset({*self.gone, *(old for old, _ in self.moved)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration.

    `file` is where it was read, None for the defaults. `places` has the place of each key, such as
    `config.yaml:12`, for messages about a mistake that shows only later. Equal settings are equal
    configurations, wherever they stand.
    """

    site: Site = field(default_factory=Site)
    articles: Articles = field(default_factory=Articles)
    feeds: Feeds = field(default_factory=Feeds)
    content: Cleaning = field(default_factory=Cleaning)
    categories: tuple[Category, ...] = ()
    sources: tuple[SourceRule, ...] = ()
    moves: Moves = field(default_factory=Moves)
    pages: Pages = field(default_factory=Pages)
    image_proxy: ImageProxy = field(default_factory=ImageProxy)
    status: Status = field(default_factory=Status)
    websub: WebSub = field(default_factory=WebSub)
    monitoring: Monitoring = field(default_factory=Monitoring)
    export: Export = field(default_factory=Export)
    cdn: CDN = field(default_factory=CDN)
    state: State = field(default_factory=State)
    file: str | None = field(default=None, compare=False)
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def public_categories(self) -> tuple[Category, ...]:
        """The categories whose feeds everybody may read."""
        return tuple(category for category in self.categories if category.access is None)

    @property
    def private_slugs(self) -> frozenset[str]:
        """The slugs of the categories whose feeds need a token."""
        return frozenset(c.slug for c in self.categories if c.access is not None)

    def mistake(self, path: str, reason: str) -> ConfigError:
        """Return the error for a mistake in the value at a path, such as `state.url`."""
        where = self.places.get(path, self.file or "")
        return ConfigError((Mistake(where=where, path=path, reason=reason),))


def locate(chosen: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file `chosen`, else that in FEEDSVC_CONFIG, else ./config.yaml if it is there."""
    if chosen is None and environ.get("FEEDSVC_CONFIG"):
        return Path(environ["FEEDSVC_CONFIG"])
    return Path("config.yaml") if chosen is None and Path("config.yaml").exists() else chosen


def find(chosen: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the file that `locate` finds. Without any, the defaults apply.

    Relative paths in the defaults are relative to the current folder.
    """
    file = locate(chosen, environ)
    if file is not None:
        return load(file, environ)
    values, lines = environment.complete({}, {}, environ, file=None, folder=Path())
    return parse(values, lines=lines)


def load(path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """Read the configuration file at `path`; paths in it are relative to its folder.

    `environ` has the variables that its values refer to. Raises ConfigError with every mistake.
    """
    file, folder = str(path), path.parent
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8"
        raise ConfigError((Mistake(where=file, path="", reason=reason),)) from error
    values, own_lines = document.read(text, file)
    values, lines = environment.complete(values, own_lines, environ or {}, file=file, folder=folder)
    config = parse(values, lines=lines, file=file, folder=folder)
    icon = config.site.icon
    if isinstance(icon, Path) and not icon.is_file():
        raise config.mistake("site.icon", f"there is no file {icon}")
    return config


def parse(
    mapping: Mapping[str, Any],
    *,
    lines: document.Lines | None = None,
    file: str | None = None,
    folder: Path = Path(),
) -> Config:
    """Return the Config that a plain mapping describes. Raises ConfigError with every mistake.

    `lines` maps paths such as `("categories", 2, "terms")` to lines of `file`.
    """
    lines = lines or {}
    places = {document.dotted(path): document.place(lines, path, file) for path in lines}
    config = read(Reader(mapping, lines=lines, file=file), folder)
    return replace(config, file=file, places=places)


def read(top: Reader, folder: Path) -> Config:
    """Return the Config that a reader reads; paths are relative to `folder`."""
    site, articles, feeds = (top.section(name) for name in ("site", "articles", "feeds"))
    content, state = top.section("content"), top.section("state")
    default = Config()
    categories, moves = _categories(top)
    config = Config(
        site=Site(
            id=site.line("id", default.site.id),
            title=site.line("title", default.site.title),
            description=site.line("description", default.site.description, empty=True),
            base_url=site.base_url("base_url", default.site.base_url),
            has_base_url=site.names("base_url"),
            language=site.language("language", default.site.language),
            timezone=site.zone("timezone") or default.site.timezone,
            icon=site.icon("icon", folder),
            license_url=_address(site, "license_url"),
        ),
        articles=Articles(
            directory=folder / articles.line("directory", str(default.articles.directory)),
            include=articles.lines("include", default.articles.include),
            rescan=articles.schedule("rescan", default.articles.rescan),
            events=articles.flag("events", default.articles.events),
            settle=articles.duration("settle", default.articles.settle, most=timedelta(hours=1)),
            settle_empty=articles.duration(
                "settle_empty", default.articles.settle_empty, most=timedelta(days=365)
            ),
            max_bytes=articles.number(
                "max_bytes", default.articles.max_bytes, least=1024, most=1024**3
            ),
            links=articles.choice("links", default.articles.links, get_args(Links)),
            future=articles.choice("future", default.articles.future, get_args(Future)),
        ),
        feeds=Feeds(
            limit=feeds.number("limit", default.feeds.limit, least=1, most=1000),
            content=feeds.choice("content", default.feeds.content, get_args(EntryContent)),
            max_age=feeds.duration("max_age", default.feeds.max_age, most=timedelta(days=365)),
            full_fetches=feeds.number(
                "full_fetches", default.feeds.full_fetches, least=0, most=100_000
            ),
            auto_categories=feeds.flag("auto_categories", default.feeds.auto_categories),
            byline=feeds.flag("byline", default.feeds.byline),
            notice=feeds.duration("notice", default.feeds.notice, most=timedelta(days=3650)),
        ),
        content=Cleaning(**cleaning.overrides(content)),
        categories=categories,
        sources=tuple(map(_source, top.items("sources"))),
        moves=moves,
        pages=_pages(top.section("pages")),
        image_proxy=_image_proxy(top.section("image_proxy"), folder),
        status=_status(top.section("status")),
        websub=_websub(top.section("websub"), has_base_url=site.names("base_url")),
        monitoring=_monitoring(top.section("monitoring")),
        export=_export(top.section("export"), folder),
        cdn=_cdn(top.section("cdn")),
        state=State(url=_state_url(state.database("url", default.state.url), folder)),
    )
    top.finish()
    return config


def _categories(top: Reader) -> tuple[tuple[Category, ...], Moves]:
    categories: list[Category] = []
    aliases: list[tuple[Reader, str, str, bool]] = []  # and the slug of the category, if it is gone
    slugs: list[str] = []
    gone: list[str] = []
    for section in top.items("categories"):
        slug = section.slug("slug", taken=slugs)
        slugs.append(slug)
        is_gone = section.flag("gone", False)
        aliases += [(section, alias, slug, is_gone) for alias in section.lines("aliases", ())]
        category = Category(
            slug=slug,
            title=section.line("title", slug),
            description=section.line("description", "", empty=True),
            terms=tuple(map(xmltext.line, section.lines("terms", ()))),
            title_matches=section.pattern("title_matches"),
            exclude_terms=tuple(map(xmltext.line, section.lines("exclude_terms", ()))),
            timezone=section.zone("timezone"),
            cleaning=tuple(cleaning.overrides(section.section("content")).items()),
            expect=section.expectation("expect"),
            access=_access(section),
        )
        if is_gone and category.access is not None:
            reason = (
                "the articles of a private category that is gone would be public;"
                " to close its feed, write `access: {tokens: []}` and no `gone`"
            )
            section.refuse(("gone",), reason)
        if is_gone:
            gone.append(slug)
        else:
            categories.append(category)
    moved: dict[str, str] = {}
    for section, alias, slug, is_gone in aliases:
        if not is_slug(alias):
            section.refuse(("aliases",), f"{alias} is no name of a feed in its address")
        elif alias in slugs or alias in moved or alias in {"all", "search"}:
            section.refuse(("aliases",), f"{alias} is the name or an alias of another category")
        elif is_gone:
            gone.append(alias)
        else:
            moved[alias] = slug
    return tuple(categories), Moves(moved=tuple(moved.items()), gone=tuple(gone))


def _access(category: Reader) -> frozenset[str] | None:
    """Return the hashes of the tokens that open a category's feed, None if it is public."""
    if category.says("access", "public"):
        return None
    lines = category.section("access").lines("tokens", ())
    if category.has("access") and not category.names("access"):
        # Whoever takes the last token out of the file must not open the feed to everybody.
        reason = "is empty: write `public` for everybody, or `{tokens: []}` for nobody"
        category.refuse(("access",), reason)
    hashes: dict[str, str] = {}
    for n, line in enumerate(lines):
        match = TOKEN.fullmatch(line)
        if match is None:
            # The reason must not repeat the text: it may be a token instead of its hash.
            reason = "expected a name and a hash, as `feedsvc token new NAME` prints them"
            category.refuse(("access", "tokens", n), reason)
        elif match[1] in hashes:
            category.refuse(("access", "tokens", n), f"{match[1]} is there twice")
        else:
            hashes[match[1]] = match[2]
    return frozenset(hashes.values()) if category.has("access") else None


def _source(section: Reader) -> SourceRule:
    path = section.line("path", "").removeprefix("./").strip("/")
    name, rights = section.line("name", ""), section.line("rights", "")
    license = section.line("license", "")
    url, feed, icon = (_address(section, key) for key in ("url", "feed", "icon"))
    named = licenses.named(license) if license else None
    if not section.names("path"):
        section.refuse(("path",), "is missing: a folder of articles, or a pattern as sina/**")
    if not name and not rights and not license:
        section.refuse((), "expected a name, rights or a license for the articles at this path")
    if not name and (url or feed or icon):
        section.refuse(("name",), "is missing: the name of whom the addresses belong to")
    if license and named is None:
        reason = f"expected an SPDX name such as CC-BY-4.0, or an address, got {license}"
        section.refuse(("license",), reason)
    return SourceRule(
        path="" if path == "." else path,
        origin=Origin(name=name, url=url, feed=feed, icon=icon) if name else None,
        rights=rights or None,
        license=named,
    )


def _address(section: Reader, key: str) -> str | None:
    """Return an address as all clients accept it, None where there is none."""
    value = section.address(key)
    return None if value is None else weburl.absolute(value)


def _pages(section: Reader) -> Pages:
    readers = section.lines("readers", Pages().readers)
    for n, name in enumerate(readers):
        if name not in READERS:
            section.refuse(
                ("readers", n), f"{name} is not known; the known readers are {', '.join(READERS)}"
            )
    return Pages(
        readers=tuple(dict.fromkeys(name for name in readers if name in READERS)),
        source=section.address("source"),
    )


def _image_proxy(section: Reader, folder: Path) -> ImageProxy:
    default = ImageProxy()
    referers: list[tuple[str, str]] = []
    for pair in section.items("referers"):
        hosts, referer = pair.lines("hosts", ()), pair.base_url("referer", "")
        if not hosts or not pair.names("referer"):
            pair.refuse((), "expected hosts: [names or patterns] and referer: an address")
        referers += [(host, f"{referer}/") for host in hosts if referer]
    return ImageProxy(
        directory=folder / section.line("directory", str(default.directory)),
        cache_bytes=section.number("cache_bytes", default.cache_bytes, least=1024**2, most=1024**4),
        max_bytes=section.number("max_bytes", default.max_bytes, least=1024, most=1024**3),
        timeout=section.duration("timeout", default.timeout, most=timedelta(minutes=10)),
        referers=tuple(referers),
    )


def _status(section: Reader) -> Status:
    access = section.choice("access", Status().access, get_args(StatusAccess))
    token = section.line("token", "") or None
    if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii() or " " in token):
        # The reason is logged, so it must not repeat the token.
        reason = f"expected {SHORTEST_TOKEN} or more letters and digits (ASCII), without spaces"
        section.refuse(("token",), reason)
    if access == "token" and token is None and not section.names("token"):
        section.refuse(("access",), "token needs a status.token")
    return Status(access=access, token=token)


def _websub(section: Reader, *, has_base_url: bool) -> WebSub:
    hubs = section.addresses("hubs", WebSub().hubs)
    if hubs and not has_base_url:
        section.refuse(("hubs",), "hubs need site.base_url, the address at which they read feeds")
    return WebSub(hubs=tuple(dict.fromkeys(hubs)))


def _export(section: Reader, folder: Path) -> Export:
    to = section.line("to", "")
    if not to:
        return Export()
    return Export(to=to if "://" in to else str(folder / to))


def _cdn(section: Reader) -> CDN:
    url = section.address("purge_url")
    if url is not None and "{address}" not in url:
        section.refuse(("purge_url",), "expected {address} in it, the place of what has changed")
    return CDN(
        tags=section.flag("tags", CDN().tags),
        purge_command=section.lines("purge_command", CDN().purge_command),
        purge_url=url,
    )


def _monitoring(section: Reader) -> Monitoring:
    folders: dict[str, timedelta] = {}
    for pair in section.items("folders"):
        folder = pair.line("folder", "").strip("/").removeprefix("./")
        expect = pair.expectation("expect")
        if not pair.names("folder") or not pair.names("expect"):
            pair.refuse((), "expected folder: a path in the articles directory and expect: a time")
        elif expect is not None:
            folders["" if folder == "." else folder] = expect
    return Monitoring(
        heartbeat_url=section.address("heartbeat_url"),
        webhook_url=section.address("webhook_url"),
        learn=section.flag("learn", Monitoring().learn),
        folders=tuple(folders.items()),
    )


def _state_url(url: str, folder: Path) -> str:
    """Make the path of a SQLite file relative to the configuration's folder."""
    parts = _SQLITE.fullmatch(url)
    if parts is None or parts[2] == ":memory:":
        return url
    return f"{parts[1]}{(folder / parts[2]).absolute()}{parts[3] or ''}"
