"""Entries and feeds, in no format yet: articles from the index, chosen and cleaned."""

from dataclasses import dataclass, replace
from datetime import datetime

from feedsvc import content, contents, feeds, identity, mediatypes, sitelanguage, xmltext
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.errors import ForbiddenByLawError, GoneError, NotFoundError, NotReadyError
from feedsvc.index import Content, FeedState, Index
from feedsvc.model import Category, Entry, Feed, Identity, Notice, Published
from feedsvc.publish.medialengths import MediaLengths
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
        """Return the article of one key, without its body; raises what `entry` raises."""
        article = self._index.articles.article(key)
        if article is None:
            self.check_ready()
            known = self._index.ledger.of_key(key)
            if known is not None:
                raise _gone(known)
            self.check_whole()
            raise NotFoundError("There is no such article.")
        return article

    def entry_of(self, article: Published) -> Entry:
        """Return the entry of one article in full. Raises GoneError where it has none any more."""
        entries = self.entries((article,))
        if not entries:
            raise GoneError("This article has been withdrawn.")
        return entries[0]

    def title(self, article: Published) -> str:
        """Return the title that the entry of an article has."""
        policy = self._contents.policy(article.article, article.key)
        return xmltext.plain(content.converted(article.article.title, policy))

    def entries(self, articles: tuple[Published, ...], *, full: bool = True) -> list[Entry]:
        """Return the entries of these articles; one that fails is left out and named."""
        kept = self._contents.of(articles)
        entries: list[Entry] = []
        for published in articles:
            source = published.article.source
            if source not in kept:  # it was withdrawn meanwhile, or its cleaning failed
                continue
            try:
                entries.append(self._entry(published, kept[source], full=full))
            except Exception as error:  # noqa: BLE001 - the other entries are made
                self._contents.failed(source, "making an entry of it", error)
        return entries

    def listings(self) -> tuple[Listing, ...]:
        """Return every feed: the feed of everything, the configured feeds, the feeds of terms."""
        self.check_ready()
        base_url, moved = self._config.site.base_url, self._config.moves.slugs
        listings = [
            Listing(
                slug=category.slug,
                title=category.title,
                description=category.description,
                link=feeds.address(base_url, category.slug),
            )
            for category in (self._categories[feeds.ALL], *self._config.categories)
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

    def language(self) -> str:
        """Return the language that feeds declare, "" where it is not known."""
        guessed = None if self._config.site.language else self._index.meta.get(sitelanguage.KEY)
        return sitelanguage.declared(self._config, guessed)

    def changed(self, state: FeedState | None) -> datetime:
        """Return when a feed last changed; for a feed without a state, when `all` did."""
        # A new category has no state before the watcher's next pass, which gives it a later time.
        state = state or self._index.feeds.state(feeds.ALL)
        return state.changed if state else feeds.EPOCH

    def _build(self, category: Category, state: FeedState | None) -> Feed:
        limits = self._config.feeds
        articles = self._index.articles.published(category.slug, limits.limit)
        if len(articles) < limits.limit:
            self.check_whole()
        feed = self.feed_of(category, state, articles, full=limits.content == "full")
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
            self.entries(articles, full=full),
            id=identity.feed_id(site.id, category.slug),
            site_title=site.title,
            base_url=site.base_url,
            language=self.language(),
            updated=self.changed(state),
            limit=len(articles),
            icon=site.icon_address,
            hubs=self._config.websub.hubs,
            license=site.license_url,
        )

    def failed(self, entry: Entry, what: str, error: Exception) -> None:
        """Log why an entry cannot be shown, and have its file named as a problem."""
        article = self._index.articles.article(entry.key)
        if article is not None:
            self._contents.failed(article.article.source, what, error)

    def _entry(self, published: Published, kept: Content, *, full: bool) -> Entry:
        article = published.article
        policy = self._contents.policy(article, published.key)
        image = content.image(article.lead_image, policy) if article.lead_image else None
        converted = replace(article, title=content.converted(article.title, policy))
        entry = feeds.entry(
            replace(published, article=converted),
            link=policy.link,
            summary=kept.summary,
            content=contents.safe(kept) if full else None,
            lead_image=None if image is None or image.startswith("data:") else image,
            # The address of a proxy does not tell the type.
            lead_image_type=mediatypes.of(article.lead_image or ""),
            played=content.playable(contents.safe(kept)),
            rule=self._rules.of(article.source),
        )
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
