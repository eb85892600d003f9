"""Withdrawals: what becomes of an entry that nobody may read any more.

Its articles and all that was made of them are erased. The ledger keeps the id, what readers are
told, the feeds whose readers may have the text, and the media files that only this entry showed.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import unquote

from feedsvc import content, feeds
from feedsvc.config import Config
from feedsvc.index import Writer
from feedsvc.model import Identity, Published, Withdrawal

_END_OF_PATH = re.compile(r"[\"'\s<>#?]|&quot;|&#39;")


class Withdrawals:
    """Applies withdrawals within the transactions of a refresh."""

    def __init__(self, config: Config) -> None:
        self._notice = config.feeds.notice
        self._media = f"{config.site.base_url}/media/"

    def due(
        self, identities: Iterable[Identity], now: datetime
    ) -> tuple[list[str], datetime | None]:
        """Return the ids of withdrawn entries that a pass changes now, and when the next is due."""
        due: list[str] = []
        later: list[datetime] = []
        for identity in identities:
            withdrawn = identity.withdrawn
            if withdrawn is None or withdrawn.stage == "past":
                continue
            end = self._end(withdrawn)
            if withdrawn.stage == "pending" or end <= now:
                due.append(identity.id)
            else:
                later.append(end)
        return due, min(later, default=None)

    def apply(self, writer: Writer, identities: Sequence[Identity], now: datetime) -> None:
        """Erase these entries, which are withdrawn; let feeds begin or end to say so."""
        changed = [self._applied(writer, identity, now) for identity in identities]
        removed = writer.remove_entries(identity.id for identity in identities)
        writer.write_identities(changed)
        if removed or any(i.withdrawn and i.withdrawn.stage == "pending" for i in identities):
            writer.erase_remains()
        for identity in changed:
            if identity.withdrawn is not None:
                writer.feeds.touched.update(identity.withdrawn.feeds)

    def _applied(self, writer: Writer, identity: Identity, now: datetime) -> Identity:
        withdrawn = identity.withdrawn
        if withdrawn is None:
            return identity
        if withdrawn.stage != "pending":  # its notice may have changed, or be over
            is_past = withdrawn.stage == "past" or self._end(withdrawn) <= now
            return replace(
                identity, withdrawn=replace(withdrawn, stage="past" if is_past else "told")
            )
        articles = writer.with_contents(identity.id)
        known = writer.feeds_of(identity.id)
        slugs = tuple(dict.fromkeys((*(known or ()), *withdrawn.feeds)))
        if known is None and not slugs:
            slugs = (feeds.ALL,)  # its readers, at least, may have had it
        return replace(
            identity,
            # RFC 4287 4.2.15; an entry that says something else now is a changed one.
            updated=max(now, identity.updated + timedelta(seconds=1)),
            withdrawn=replace(
                withdrawn,
                at=now,
                published=min(
                    (article.published for article, _ in articles), default=withdrawn.published
                ),
                feeds=slugs,
                media=tuple(sorted({*withdrawn.media, *self._media_of(writer, articles)})),
                stage="told" if slugs and self._notice else "past",
            ),
        )

    def _end(self, withdrawn: Withdrawal) -> datetime:
        return withdrawn.at + self._notice

    def _media_of(self, writer: Writer, articles: Sequence[tuple[Published, str]]) -> Iterator[str]:
        """Yield the paths of the media files that these articles show, and no other one."""
        sources = [published.article.source for published, _ in articles]
        paths = {path for published, html in articles for path in self._paths(published, html)}
        for path in paths:
            # A picture of another article stays, whatever this one was withdrawn for.
            if not writer.is_in_content(path, but=sources):
                yield unquote(path)

    def _paths(self, published: Published, html: str) -> Iterator[str]:
        for after in html.split(self._media)[1:]:
            yield _END_OF_PATH.split(after, maxsplit=1)[0].rstrip(",")
        article = published.article
        image = article.lead_image
        if image and not article.link and content.is_relative(image):
            path = posixpath.join(posixpath.dirname(article.source), image)
            yield posixpath.normpath(path).partition("?")[0].partition("#")[0]
