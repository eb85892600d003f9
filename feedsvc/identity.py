"""Which permanent id each article has. Pure.

An entry's id outlives everything about its file. In this order: the id that the front matter
declares; the id that the ledger remembers for the file; the id of the entry whose file had the
same bytes, looked the same to a reader, or named the same original (a rename, a move, a copy); a
new one, made from the file's source and the site's own id. Never from a date, the host, or chance.

Several files may claim one id (copies). The ledger names the one that speaks for it, and that
stays so until the file goes.
"""

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count, islice

from feedsvc import weburl, xmltext
from feedsvc.model import Article, Identity

_ASKED = 3  # new ids that the ledger is asked for, of each article
_NAMESPACE = uuid.UUID("8f2c6a0e-5d0b-5c57-9d0c-3f6f0f6b6f11")
# RFC 4287 4.2.6 wants an IRI. Feed readers resolve anything without a scheme against the feed's
# address, so that it would change with the host.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An article just read: the digest of its bytes, that of what is seen, its file's time."""

    article: Article
    file_digest: str
    seen_digest: str
    mtime: datetime


def feed_id(site_id: str, slug: str) -> str:
    """Return the permanent id of a feed, the same at every address."""
    return _urn(site_id, "feed", slug)


def key(id: str) -> str:
    """Return the name of an entry in our own addresses: 20 hexadecimal digits."""
    return hashlib.sha256(id.encode()).hexdigest()[:20]


def seen_digest(article: Article) -> str:
    """Return a digest of what a reader sees of an article, its declared `updated` aside."""
    seen = (
        article.title,
        article.markup,
        article.body.strip(),
        article.terms,
        tuple((person.name, person.uri) for person in article.authors),
        article.published.isoformat() if article.published else None,
        article.lead_image,
        article.link,
        article.summary,
        article.language,
    )
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:32]


def assign(
    found: Iterable[Found], known: Iterable[Identity], *, site_id: str, now: datetime
) -> dict[str, Identity]:
    """Decide the identity of each article in `found`, by source.

    `known` holds the ledger's rows that `candidates` asks for. Where the identity returned names
    another source than the article's own, that other file speaks for the entry.
    """
    ledger = {identity.id: identity for identity in known}
    by_source = {identity.source: identity for identity in ledger.values()}
    alike = {trait: identity for identity in ledger.values() for trait in _traits(identity)}
    assigned: dict[str, Identity] = {}
    # The file that the ledger names comes before its copies.
    for one in sorted(found, key=lambda o: (o.article.source not in by_source, o.article.source)):
        article = one.article
        id = _declared(article, site_id)
        if id:
            before = ledger.get(id)
        else:
            before = by_source.get(article.source) or next(
                (alike[trait] for trait in _traits_of(one) if trait in alike), None
            )
        if before is not None:
            before = ledger[before.id]  # another file may have taken the id in this very pass
        if before is not None and before.present and before.source != article.source:
            assigned[article.source] = before
            continue
        id = id or (before.id if before else _new_id(one, ledger, site_id))
        identity = _settle(one, id, before, now)
        ledger[id] = by_source[article.source] = identity
        alike.update(dict.fromkeys(_traits(identity), identity))
        assigned[article.source] = identity
    return assigned


def _traits(identity: Identity) -> tuple[tuple[str, str], ...]:
    """Return by what a file is known again that has another name: the surest first."""
    traits = [("file_digest", identity.file_digest), ("seen_digest", identity.seen_digest)]
    if identity.link:
        traits.append(("link", identity.link))
    return tuple(traits)


def _traits_of(one: Found) -> tuple[tuple[str, str], ...]:
    traits = [("file_digest", one.file_digest), ("seen_digest", one.seen_digest)]
    if link := own_link(one.article):
        traits.append(("link", link))
    return tuple(traits)


def own_link(article: Article) -> str | None:
    """Return the original's address where it can be one article's: not that of a whole site."""
    parts = weburl.split(article.link or "")
    return article.link if parts and (parts.path.strip("/") or parts.query) else None


def candidates(found: Iterable[Found], site_id: str) -> Mapping[str, set[str]]:
    """Return what to look for in the ledger before `assign`, by its columns."""
    found = list(found)
    sources = {one.article.source for one in found}
    wanted: dict[str, set[str]] = {
        "id": {_declared(one.article, site_id) or "" for one in found}
        | {id for one in found for id in islice(_new_ids(one, site_id), _ASKED)},
        "source": sources,
    }
    for one in found:
        for column, value in _traits_of(one):
            wanted.setdefault(column, set()).add(value)
    return wanted


def _declared(article: Article, site_id: str) -> str | None:
    if article.id is None:
        return None
    return article.id if _URI.fullmatch(article.id) else _urn(site_id, "declared", article.id)


def _new_id(one: Found, ledger: Mapping[str, Identity], site_id: str) -> str:
    # The first goes along when its file is renamed; another file may have the name now, and may
    # even begin with the same bytes.
    return next(id for id in _new_ids(one, site_id) if id not in ledger)


def _new_ids(one: Found, site_id: str) -> Iterator[str]:
    source, salts = one.article.source, (one.file_digest, one.mtime.isoformat())
    yield _urn(site_id, "source", source)
    yield _urn(site_id, "source", source, salts[0])
    for number in count():
        yield _urn(site_id, "source", source, *salts, *([str(number)] if number else ()))


def _settle(one: Found, id: str, before: Identity | None, now: datetime) -> Identity:
    article, seen = one.article, one.seen_digest
    mtime = min(one.mtime, now)
    if before is None:
        first_seen = mtime
        published = article.published or first_seen
        updated = max(min(article.updated or published, now), published)
    else:
        first_seen = before.first_seen
        updated = before.updated
        if seen != before.seen_digest:
            # RFC 4287 4.2.15: `updated` moves with every change that the publisher considers
            # significant; here, any that a reader can see. It never moves back.
            moments = [article.updated, mtime, now]
            updated = next(
                (moment for moment in moments if moment and before.updated < moment <= now),
                before.updated + timedelta(seconds=1),
            )
    return Identity(
        id=id,
        key=key(id),
        source=article.source,
        file_digest=one.file_digest,
        seen_digest=seen,
        first_seen=first_seen,
        updated=updated,
        link=own_link(article),
    )


def _urn(site_id: str, *parts: str) -> str:
    return uuid.uuid5(_site(site_id), "\n".join(parts)).urn


@lru_cache
def _site(site_id: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, xmltext.line(site_id))
