"""Entries and feeds, in no format yet: articles from the index, chosen and cleaned."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from feedsvc import content, contents, feeds, identity, mediatypes, sitelanguage, xmltext
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.errors import ForbiddenByLawError, GoneError, NotFoundError, NotReadyError
from feedsvc.index import Content, FeedState, Index
from feedsvc.model import (
    Category,
    Entry,
    Feed,
    Identity,
    Notice,
    Paging,
    Published,
    SafeHTML,
)
from feedsvc.publish.medialengths import MediaLengths
from feedsvc.publish.signedfiles import SignedFiles
from feedsvc.publish.sourcerules import SourceRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A feed in a list; only the feed of a term has `term` and `articles`, their number."""

    slug: str
    title: str
    description: str
    link: str
    term: str | None = None
    articles: int | None = None


class Entries:
    """What one index shows under one configuration; safe to share between threads."""

    def __init__(self, config: Config, index: Index, contents: Contents) -> None:
        self._config = config
        self._index = index
        self._contents = contents
        site = config.site
        everything = feeds.everything(site.title, site.description)
        self._categories = {
            category.slug: category for category in (everything, *config.categories)
        }
        self._lengths = MediaLengths(site.base_url, config.articles.directory)
        self._memberships = feeds.Memberships(config.categories, auto=config.feeds.auto_categories)
        self._files = (
            SignedFiles(site.base_url, contents.image_key) if config.private_slugs else None
        )
        self._private = config.private_slugs
        self._rules = SourceRules(config.sources)
        self._last: tuple[tuple[str, str], Feed] | None = None

    def configured(self) -> list[str]:
        """Return the slugs of the feeds that exist even without articles, `all` first.

        While the oldest articles are still to be read, leave out feeds that may lack some of them.
        """
        if self._index.meta.is_whole():
            return list(self._categories)
        full = self._index.feeds.with_articles(self._config.feeds.limit)
        return [slug for slug in self._categories if slug in full]

    def built(self, slug: str, state: FeedState | None) -> Feed:
        """Build a feed, or return the last one: its other formats are mostly rendered next."""
        version, last = state.fingerprint if state else "", self._last
        if version and last is not None and last[0] == (slug, version):
            return last[1]
        feed = self._build(self.category(slug, state), state)
        self._last = ((slug, version), feed)
        return feed

    def feed(self, slug: str) -> Feed:
        """Return one feed's newest entries. Raises NotFoundError and NotReadyError."""
        state = self.state(slug)
        return self._build(self.category(slug, state), state)

    def entry(self, key: str) -> Entry:
        """Return one entry in full.

        Raises NotFoundError, GoneError for one that was withdrawn, NotReadyError before the first
        pass.
        """
        return self.entry_of(self.published(key))

    def published(self, key: str) -> Published:
        """Return the public article of one key, without its body; raises what `entry` raises."""
        article = self._index.articles.article(key)
        if article is None:
            self.check_ready()
            known = self._index.ledger.of_key(key)
            if known is not None:
                raise _gone(known)
            self.check_whole()
        if article is None or feeds.ALL not in self.slugs(article):
            raise NotFoundError("There is no such article.")
        return article

    def in_private_feed(self, slug: str, key: str) -> Published:
        """Return the article of one key in a private feed, without its body.

        Raises NotFoundError, and NotReadyError before the first pass.
        """
        self.check_ready()
        article = self._index.articles.article(key) if slug in self._private else None
        if article is None or slug not in self.slugs(article):
            raise NotFoundError("There is no such article.")
        return article

    def slugs(self, article: Published) -> dict[str, str | None]:
        """Return the slugs of an article's feeds, each with its term, None if it has none."""
        return self._memberships.of(article.article)

    def shown_terms(self, article: Published) -> tuple[str, ...]:
        """Return those of the terms of a public article that everybody may see."""
        return self._memberships.shown_terms(article.article.terms)

    def entry_of(self, article: Published, slug: str = feeds.ALL) -> Entry:
        """Return the entry of one article in full, for readers of the feed `slug`.

        Raises GoneError where it has none any more.
        """
        entries = self.entries((article,), slug)
        if not entries:
            raise GoneError("This article has been withdrawn.")
        return entries[0]

    def title(self, article: Published) -> str:
        """Return the title that the entry of an article has."""
        policy = self._contents.policy(article.article, article.key)
        return xmltext.plain(content.converted(article.article.title, policy))

    def entries(
        self, articles: tuple[Published, ...], slug: str | None = feeds.ALL, *, full: bool = True
    ) -> list[Entry]:
        """Return the entries of these articles, for readers of the feed `slug`; None for any.

        Raises NotReadyError before the watcher has made the key that signs addresses of files.
        One that fails is left out and named. One that has become private is left out too: the index
        follows a new configuration only with the next pass.
        """
        kept = self._contents.of(articles)
        entries: list[Entry] = []
        for published in articles:
            source = published.article.source
            if source not in kept:  # it was withdrawn meanwhile, or its cleaning failed
                continue
            try:
                slugs = self.slugs(published) if self._private else {feeds.ALL: None}
                private = None if feeds.ALL in slugs else slug or next(iter(slugs))
                if private is None or private in slugs:
                    entry = self._entry(published, kept[source], full=full, private=private)
                    entries.append(entry)
            except NotReadyError:  # an empty feed would tell readers to forget its entries
                raise
            except Exception as error:  # noqa: BLE001 - the other entries are made
                self._contents.failed(source, "making an entry of it", error)
        return entries

    def listings(self) -> tuple[Listing, ...]:
        """Return every public feed: that of everything, the configured ones, those of terms."""
        self.check_ready()
        base_url, moved = self._config.site.base_url, self._config.moves.slugs
        listings = [
            Listing(
                slug=category.slug,
                title=category.title,
                description=category.description,
                link=feeds.address(base_url, category.slug),
            )
            for category in (self._categories[feeds.ALL], *self._config.public_categories)
        ]
        if self._config.feeds.auto_categories:
            listings += [
                Listing(
                    slug=state.slug,
                    title=feeds.of_term(state.slug, state.term or state.slug).title,
                    description="",
                    link=feeds.address(base_url, state.slug),
                    term=state.term,
                    articles=count,
                )
                for state, count in self._index.feeds.of_terms()
                if state.slug not in self._categories and state.slug not in moved
            ]
        return tuple(listings)

    def state(self, slug: str) -> FeedState | None:
        """Return the state of one feed, None where there is none. Raises NotReadyError."""
        self.check_ready()
        return self._index.feeds.state(slug)

    def check_ready(self) -> None:
        """Raise NotReadyError before the first articles are known."""
        if not self._index.meta.is_ready():
            raise NotReadyError("The articles are being read for the first time.")

    def check_whole(self) -> None:
        """Raise NotReadyError while the oldest articles are still to be read."""
        if not self._index.meta.is_whole():
            raise NotReadyError("The older articles are being read for the first time.")

    def category(self, slug: str, state: FeedState | None) -> Category:
        """Return the category of a feed in this state. Raises NotFoundError and NotReadyError."""
        configured = self._categories.get(slug)
        if configured is not None:
            return configured
        if state is None or state.term is None or not self._config.feeds.auto_categories:
            self.check_whole()
            raise NotFoundError(f"There is no feed called “{slug[:100]}”.")
        return feeds.of_term(slug, state.term)

    def titles(self, slugs: Collection[str], own: str) -> dict[str, str]:
        """Return the titles of those of these feeds that there are, for readers of the feed `own`.

        They may see no other private feed.
        """
        known = {
            slug: self._categories[slug].title
            for slug in slugs
            if slug in self._categories and (slug == own or slug not in self._private)
        }
        if self._config.feeds.auto_categories:
            others = {*slugs} - known.keys() - self._config.moves.slugs
            for slug, state in self._index.feeds.states(others).items():
                if state.term is not None:
                    known[slug] = feeds.of_term(slug, state.term).title
        return known

    def language(self) -> str:
        """Return the language that feeds declare, "" where it is not known."""
        guessed = None if self._config.site.language else self._index.meta.get(sitelanguage.KEY)
        return sitelanguage.declared(self._config, guessed)

    def changed(self, state: FeedState | None) -> datetime:
        """Return when a feed last changed; for a feed without a state, when `all` did."""
        # A new category has no state before the watcher's next pass, which gives it a later time.
        state = state or self._index.feeds.state(feeds.ALL)
        return state.changed if state else feeds.EPOCH

    def last_change(self, entries: Sequence[Entry]) -> datetime:
        """Return when the last of these entries changed, or was first seen.

        An article may be new here and have an old date, so its first sight counts too.
        """
        seen = self._index.search.first_seen(entry.id for entry in entries)
        moments = [entry.updated for entry in entries] + ([seen] if seen else [])
        return max(moments, default=feeds.EPOCH)

    def _build(self, category: Category, state: FeedState | None) -> Feed:
        limits = self._config.feeds
        # One more than the feed shows, to know whether there are older ones.
        articles = self._index.articles.published(category.slug, limits.limit + 1)
        shown = articles[: limits.limit]
        if len(shown) < limits.limit:
            self.check_whole()
        feed = self.feed_of(category, state, shown, full=limits.content == "full")
        if len(articles) > len(shown) and not self.is_private(category.slug):
            older = feeds.place_query(shown[-1])
            feed = replace(feed, paging=Paging(older=older, oldest=feeds.OLDEST))
        withdrawn = self._index.ledger.told_in(category.slug)[: limits.limit]
        return feeds.with_notices(feed, map(self._notice, withdrawn)) if withdrawn else feed

    def _notice(self, identity: Identity) -> Entry:
        """Return the entry that stands in the place of a withdrawn one, under the same id."""
        withdrawn = identity.withdrawn
        notice = withdrawn.notice if withdrawn else Notice()
        title, html, text = content.notice(notice, self.language())
        return Entry(
            id=identity.id,
            key=identity.key,
            title=title,
            link=self._contents.page(identity.key),
            published=(withdrawn and withdrawn.published)
            or min(identity.first_seen, identity.updated),
            updated=identity.updated,
            summary=text,
            content=html,
        )

    def feed_of(
        self,
        category: Category,
        state: FeedState | None,
        articles: tuple[Published, ...],
        *,
        full: bool,
    ) -> Feed:
        """Return a feed with exactly these articles, `full` or with their summaries alone."""
        site = self._config.site
        return feeds.build(
            category,
            self.entries(articles, category.slug, full=full),
            id=identity.feed_id(site.id, category.slug),
            site_title=site.title,
            base_url=site.base_url,
            language=self.language(),
            updated=self.changed(state),
            limit=len(articles),
            icon=site.icon_address,
            hubs=self.hubs(category.slug),
            license=site.license_url,
        )

    def is_private(self, slug: str) -> bool:
        """Tell whether a feed needs a token, which its links to older entries would not have."""
        return slug in self._private

    def hubs(self, slug: str) -> tuple[str, ...]:
        """Return the hubs of a feed; a private one has none, because hubs could not read it."""
        return () if slug in self._private else self._config.websub.hubs

    def failed(self, entry: Entry, what: str, error: Exception) -> None:
        """Log why an entry cannot be shown, and have its file named as a problem."""
        article = self._index.articles.article(entry.key)
        if article is not None:
            self._contents.failed(article.article.source, what, error)

    def _entry(
        self, published: Published, kept: Content, *, full: bool, private: str | None = None
    ) -> Entry:
        """Return the entry of an article; for readers of the feed `private` if it is private."""
        article = published.article
        policy = self._contents.policy(article, published.key)
        link, html, terms = policy.link, contents.safe(kept), article.terms
        if private is None:
            terms = self._memberships.shown_terms(terms)
        else:
            # It has no public page, but one below its feed.
            page = feeds.private_page(self._config.site.base_url, private, published.key)
            link = article.link or page
            html = SafeHTML(html.replace(policy.page, page))
        image = content.image(article.lead_image, policy) if article.lead_image else None
        title = content.converted(article.title, policy)
        entry = feeds.entry(
            replace(published, article=replace(article, title=title, terms=terms)),
            link=link,
            summary=kept.summary,
            content=html if full else None,
            lead_image=None if image is None or image.startswith("data:") else image,
            # The address of a proxy does not tell the type.
            lead_image_type=mediatypes.of(article.lead_image or ""),
            played=content.playable(html),
            rule=self._rules.of(article.source),
        )
        # An article with an original elsewhere has no files of ours: its text is not to open any.
        if self._files is not None and article.link is None:
            entry = self._files.signed(entry)
        if self._config.feeds.byline:
            entry = self._with_byline(entry, article.link)
        return replace(entry, enclosures=tuple(map(self._lengths.add, entry.enclosures)))

    def _with_byline(self, entry: Entry, link: str | None) -> Entry:
        """Return an entry whose text says whose it is: few readers show what the elements say."""
        paragraph, text = content.byline(
            entry.origin,
            entry.rights,
            entry.license,
            link=link,
            language=entry.language or self.language(),
        )
        if not text:
            return entry
        if entry.content is None:
            return replace(entry, summary=f"{entry.summary} ({text})".strip())
        return replace(entry, content=content.joined(paragraph, entry.content))


def _gone(identity: Identity) -> GoneError:
    """Return the error for an entry that there was."""
    withdrawn = identity.withdrawn
    if withdrawn is None:
        return GoneError("This article has been withdrawn.")
    # The reason is for those who could read the article, and so for everybody if `all` had it.
    reason = withdrawn.notice.reason if feeds.ALL in withdrawn.feeds else ""
    kind = ForbiddenByLawError if withdrawn.notice.legal else GoneError
    return kind("This article has been withdrawn.", reason)
