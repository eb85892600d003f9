"""Which permanent id each article has. Pure.

An entry's id outlives everything about its file. In this order:

1. the id that the front matter declares;
2. the id of the entry that the file tells under another name: the one whose file had the same
   bytes, looked the same to a reader, or named the same original, and does not tell it any more
   (a rename, a move, names that were swapped or rotated);
3. the id that the ledger remembers for the file's name, unless another file tells that entry
   now (an edit in place);
4. the id of an entry that another file still tells (a copy);
5. a new one, made from the file's source and the site's own id.

Never from a date, the host, or chance. Content goes before the name, because a reader knows an
entry by what it says: when `a.md` becomes `a-1.md` and another article is written to `a.md`, the
old text stays the old entry. The price is that an old version kept under another name keeps the id,
and the edited file begins a new entry, unless the two name the same original.

Several files may claim one id (copies). The ledger names the canonical source of each entry, and
that stays so until that file goes.
"""

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count, islice
from types import MappingProxyType

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
    """Return a digest of what a reader sees of an article, its declared `updated` aside.

    It is stored in the ledger. Where it comes out differently for an article that did not change,
    the entry's `updated` moves: a new field may count only in articles that have it.
    """
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
    found: Iterable[Found],
    known: Iterable[Identity],
    *,
    site_id: str,
    now: datetime,
    ahead: Mapping[str, Found | None] = MappingProxyType({}),
) -> dict[str, Identity]:
    """Decide the identity of each article in `found`, by source.

    `known` holds the ledger's rows that `candidates` asks for. `ahead` tells of other files, which
    have changed and will be given to a later call: what they say, None where they are gone. Where
    the identity returned names another source than the article's own, that is the canonical one.
    """
    found = list(found)
    ledger = {identity.id: identity for identity in known}
    # Of two entries that the ledger remembers for one name, the one that is there is meant, or the
    # one that was there last.
    by_source = {
        identity.source: identity
        for identity in sorted(ledger.values(), key=lambda one: (one.present, one.updated, one.id))
    }
    # Of two that are alike, the one whose file is gone: the other one has its file.
    alike = {
        trait: identity
        for identity in sorted(ledger.values(), key=lambda identity: not identity.present)
        for trait in _traits(identity)
    }
    read = {**ahead, **{one.article.source: one for one in found}}
    moved = _moved(found, ledger, by_source, alike, read=read, site_id=site_id)
    taken = {identity.id: source for source, identity in moved.items()}
    assigned: dict[str, Identity] = {}
    # A file that an entry has moved to comes first, and one that the ledger names before copies.
    for one in sorted(
        found,
        key=lambda o: (
            o.article.source not in moved,
            o.article.source not in by_source,
            o.article.source,
        ),
    ):
        article = one.article
        id = _declared(article, site_id)
        before: Identity | None
        if article.source in moved:
            before = replace(moved[article.source], present=False)
            ledger[before.id] = before
        elif id:
            before = ledger.get(id)
        else:
            before = by_source.get(article.source)
            if before is not None and taken.get(before.id, article.source) != article.source:
                before = None
            before = before or next(
                (alike[trait] for trait in _traits_of(one) if trait in alike), None
            )
        if before is not None:
            before = ledger[before.id]  # another file may have taken the id in this very pass
        told_by = ahead.get(before.source) if before else None
        if before is not None and told_by and _is_told(before, told_by, site_id):
            before = replace(before, present=True)  # its own file comes back in a later call
        if before is not None and before.present and before.source != article.source:
            assigned[article.source] = before
            continue
        id = id or (before.id if before else _new_id(one, ledger, site_id))
        identity = _settle(one, id, before, now)
        ledger[id] = by_source[article.source] = identity
        alike.update(dict.fromkeys(_traits(identity), identity))
        assigned[article.source] = identity
    return assigned


def _moved(
    found: Iterable[Found],
    ledger: Mapping[str, Identity],
    by_source: Mapping[str, Identity],
    alike: Mapping[tuple[str, str], Identity],
    *,
    read: Mapping[str, Found | None],
    site_id: str,
) -> dict[str, Identity]:
    """Return the entries that files tell now which did not before, by the source of the file.

    `read` is what the files that have changed say now, None where they are gone.
    """
    moved: dict[str, Identity] = {}
    taken: set[str] = set()
    for one in sorted(found, key=lambda o: o.article.source):
        own, declared = by_source.get(one.article.source), _declared(one.article, site_id)
        if own and _is_told(own, one, site_id):
            continue
        if declared:
            identity = ledger.get(declared)
        else:
            identity = next((alike[trait] for trait in _traits_of(one) if trait in alike), None)
        if identity is None or identity.id in taken or identity.source == one.article.source:
            continue
        if identity.present and identity.source not in read:
            continue  # its file has not changed
        told_by = read.get(identity.source)
        if told_by and _is_told(identity, told_by, site_id):
            continue  # its own file still tells it, or does again
        moved[one.article.source] = identity
        taken.add(identity.id)
    return moved


def edited_in_place(found: Iterable[Found], known: Iterable[Identity], site_id: str) -> set[str]:
    """Return the files that tell no entry of `known`, though the ledger names them for one.

    Their entries are those that another file may tell now, under rule 2.
    """
    known = list(known)
    named, ids = {one.source for one in known}, {one.id for one in known}
    traits = {trait for one in known for trait in _traits(one)}
    return {
        one.article.source
        for one in found
        if one.article.source in named
        and _declared(one.article, site_id) not in ids
        and traits.isdisjoint(_traits_of(one))
    }


def _is_told(identity: Identity, by: Found, site_id: str) -> bool:
    """Tell whether an article is the one that an entry was made of, whatever its file's name."""
    if declared := _declared(by.article, site_id):
        return declared == identity.id
    return not set(_traits_of(by)).isdisjoint(_traits(identity))


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


def taken_over(identity: Identity, article: Article, now: datetime) -> Identity:
    """Return the identity of an entry that is told from now on by the last version of a copy."""
    seen = seen_digest(article)
    updated = identity.updated
    if seen != identity.seen_digest:
        updated = max(now, updated + timedelta(seconds=1))
    return replace(identity, source=article.source, seen_digest=seen, updated=updated)


def _urn(site_id: str, *parts: str) -> str:
    return uuid.uuid5(_site(site_id), "\n".join(parts)).urn


@lru_cache
def _site(site_id: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, xmltext.line(site_id))
