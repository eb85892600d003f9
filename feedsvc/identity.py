"""Which permanent id each article has. Pure.

A file *has* an entry when it has the same bytes as the entry's last file, looks the same to a
reader, or names the same original. An article gets, in this order:

1. the id that the front matter declares;
2. the id of the entry that it has, if the entry's own file does not have it any more (a rename, a
   move, names that were swapped or rotated);
3. the id that the ledger remembers for its source, unless another file has that entry now (an
   edit in place);
4. the id of the entry that it has, while another file has it too (a copy);
5. a new id, made from its source and the site's id.

Dates, the host and chance play no part. Content goes before the name, because a reader knows an
entry by its text: when `a.md` becomes `a-1.md` and another article is written to `a.md`, the old
text stays the old entry. The price: when an old version is kept under another name, it keeps the
id, and the edited file becomes a new entry, unless both name the same original.

Several files may have one id (copies). The ledger names the canonical source of each entry, until
that file is deleted.
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
from typing import Literal

from feedsvc import weburl, xmltext
from feedsvc.model import Article, Identity, Withdrawal, name_as_title

_LOOKED_UP = 3  # new ids of each article that `candidates` looks up in the ledger
_NAMESPACE = uuid.UUID("8f2c6a0e-5d0b-5c57-9d0c-3f6f0f6b6f11")
# RFC 4287 4.2.6 wants an IRI. Feed readers resolve an id without a scheme against the feed's
# address, so it would change with the host.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """A file that was just read: its article, digests of its bytes and its look, its time."""

    article: Article
    file_digest: str
    seen_digest: str
    mtime: datetime


def feed_id(site_id: str, slug: str) -> str:
    """Return the permanent id of a feed, which does not depend on its address."""
    return _urn(site_id, "feed", slug)


def search_id(site_id: str, query: str) -> str:
    """Return the permanent id of the feed of a search, whose `query` is in its canonical form."""
    return _urn(site_id, "search", query)


def combined_id(site_id: str, canonical: str) -> str:
    """Return the permanent id of a feed that is made of others, or filtered."""
    return _urn(site_id, "combined", canonical)


def key(id: str) -> str:
    """Return the name of an entry in our own addresses: 20 hexadecimal digits."""
    return hashlib.sha256(id.encode()).hexdigest()[:20]


def seen_digest(article: Article) -> str:
    """Return a digest of the parts of an article that a reader sees, but not of `updated`.

    It is stored in the ledger. If it changes for an unchanged article, the entry's `updated` moves:
    so a new field may count only in articles that have it.
    """
    parts = (
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
    # They count only where they are set, so that articles without them keep their digests.
    origin, license = article.origin, article.license
    rights = (
        (origin.name, origin.url, origin.feed, origin.icon) if origin else None,
        article.rights,
        (license.name, license.url) if license else None,
    )
    seen = (*parts, *rights) if any(rights) else parts
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:32]


def _earlier_digests(article: Article) -> Iterator[str]:
    """Yield the digests that earlier versions of feedsvc stored for the same file.

    They keep entries from changing only because feedsvc reads more of a file than before: the title
    in a heading, then origin, rights and licence.
    """
    without_rights = replace(article, origin=None, rights=None, license=None)
    if without_rights != article:
        yield seen_digest(without_rights)
    if article.heading:
        body = f"{article.heading}{article.body}"
        title = name_as_title(article.source)
        yield seen_digest(replace(without_rights, title=title, heading="", body=body))


def assign(
    files: Iterable[ReadFile],
    known: Iterable[Identity],
    *,
    site_id: str,
    now: datetime,
    ahead: Mapping[str, ReadFile | None] = MappingProxyType({}),
) -> dict[str, Identity]:
    """Decide the identity of each article in `files`, by source.

    `known` holds the ledger's rows that `candidates` asks for. `ahead` holds other changed files,
    which a later call gets: their articles, or None for a deleted file. An identity that names
    another source than the article's own names the canonical source.
    """
    files = list(files)
    ledger = {identity.id: identity for identity in known}
    # Of two entries with the same source, the present one wins, then the one updated last.
    by_source = {
        identity.source: identity
        for identity in sorted(ledger.values(), key=lambda i: (i.present, i.updated, i.id))
    }
    # Of two entries with the same trait, the one whose file is gone wins: the other has a file.
    by_trait = {
        trait: identity
        for identity in sorted(ledger.values(), key=lambda identity: not identity.present)
        for trait in _traits(identity)
    }
    changed = {**ahead, **{file.article.source: file for file in files}}
    moved = _moved(files, ledger, by_source, by_trait, changed=changed, site_id=site_id)
    new_source = {identity.id: source for source, identity in moved.items()}
    assigned: dict[str, Identity] = {}

    def rank(file: ReadFile) -> tuple[bool, bool, str]:
        """Put files to which an entry has moved first, then those in the ledger, then copies."""
        source = file.article.source
        return source not in moved, source not in by_source, source

    for file in sorted(files, key=rank):
        source = file.article.source
        id = _declared(file.article, site_id)
        before: Identity | None
        if source in moved:
            before = replace(moved[source], present=False)
            ledger[before.id] = before
        elif id:
            before = ledger.get(id)
        else:
            before = by_source.get(source)
            if before is not None and new_source.get(before.id, source) != source:
                before = None
            before = before or _first_match(file, by_trait)
        if before is not None:
            before = ledger[before.id]  # an earlier turn of this loop may have changed it
            own_file = ahead.get(before.source)
            if own_file and _has_entry(own_file, before, site_id):
                before = replace(before, present=True)  # its own file comes in a later call
            if before.present and before.source != source:
                assigned[source] = before
                continue
        id = id or (before.id if before else _new_id(file, ledger, site_id))
        identity = _settle(file, id, before, now)
        ledger[id] = by_source[source] = identity
        by_trait.update(dict.fromkeys(_traits(identity), identity))
        assigned[source] = identity
    return assigned


def _moved(
    files: Iterable[ReadFile],
    ledger: Mapping[str, Identity],
    by_source: Mapping[str, Identity],
    by_trait: Mapping[tuple[str, str], Identity],
    *,
    changed: Mapping[str, ReadFile | None],
    site_id: str,
) -> dict[str, Identity]:
    """Return the entries that have moved to other files, by their new sources.

    `changed` holds the articles of all changed files, None for a deleted file.
    """
    moved: dict[str, Identity] = {}
    moved_ids: set[str] = set()
    for file in sorted(files, key=lambda file: file.article.source):
        source, declared = file.article.source, _declared(file.article, site_id)
        own = by_source.get(source)
        if own and _has_entry(file, own, site_id):
            continue
        identity = ledger.get(declared) if declared else _first_match(file, by_trait)
        if identity is None or identity.id in moved_ids or identity.source == source:
            continue
        if identity.present and identity.source not in changed:
            continue  # its file has not changed
        own_file = changed.get(identity.source)
        if own_file and _has_entry(own_file, identity, site_id):
            continue  # its own file has it still, or again
        moved[source] = identity
        moved_ids.add(identity.id)
    return moved


def edited_in_place(files: Iterable[ReadFile], known: Iterable[Identity], site_id: str) -> set[str]:
    """Return the sources that the ledger knows, but whose files have no entry of `known` now.

    Under rule 2, another file may have those entries now.
    """
    known = list(known)
    sources, ids = {identity.source for identity in known}, {identity.id for identity in known}
    traits = {trait for identity in known for trait in _traits(identity)}
    return {
        file.article.source
        for file in files
        if file.article.source in sources
        and _declared(file.article, site_id) not in ids
        and traits.isdisjoint(_traits(file))
    }


def _has_entry(file: ReadFile, identity: Identity, site_id: str) -> bool:
    """Tell whether a file has an entry, whatever the file's name."""
    if declared := _declared(file.article, site_id):
        return declared == identity.id
    return not set(_traits(file)).isdisjoint(_traits(identity))


def _first_match(file: ReadFile, by_trait: Mapping[tuple[str, str], Identity]) -> Identity | None:
    return next((by_trait[trait] for trait in _traits(file) if trait in by_trait), None)


def _traits(row: Identity | ReadFile) -> list[tuple[str, str]]:
    """Return the traits by which a file with another name is recognised, the surest first."""
    traits = [("file_digest", row.file_digest), ("seen_digest", row.seen_digest)]
    link = row.link if isinstance(row, Identity) else own_link(row.article)
    return [*traits, ("link", link)] if link else traits


def own_link(article: Article) -> str | None:
    """Return the original's address, None where it is that of a whole site."""
    parts = weburl.split(article.link or "")
    return article.link if parts and (parts.path.strip("/") or parts.query) else None


def candidates(files: Iterable[ReadFile], site_id: str) -> Mapping[str, set[str]]:
    """Return the values to look up in the ledger before `assign`, by column."""
    values: dict[str, set[str]] = {"id": set(), "source": set()}
    for file in files:
        values["id"].add(_declared(file.article, site_id) or "")
        values["id"].update(islice(_new_ids(file, site_id), _LOOKED_UP))
        values["source"].add(file.article.source)
        for column, value in _traits(file):
            values.setdefault(column, set()).add(value)
    return values


def _declared(article: Article, site_id: str) -> str | None:
    if article.id is None:
        return None
    return article.id if _URI.fullmatch(article.id) else _urn(site_id, "declared", article.id)


def _new_id(file: ReadFile, ledger: Mapping[str, Identity], site_id: str) -> str:
    # After a rename, the first id belongs to the renamed file; another file may have the name now,
    # and may even begin with the same bytes.
    return next(id for id in _new_ids(file, site_id) if id not in ledger)


def _new_ids(file: ReadFile, site_id: str) -> Iterator[str]:
    source = file.article.source
    salts = (file.file_digest, file.mtime.isoformat())
    yield _urn(site_id, "source", source)
    yield _urn(site_id, "source", source, salts[0])
    yield _urn(site_id, "source", source, *salts)
    for number in count(1):
        yield _urn(site_id, "source", source, *salts, str(number))


def _settle(file: ReadFile, id: str, before: Identity | None, now: datetime) -> Identity:
    article = file.article
    mtime = min(file.mtime, now)
    withdrawn = _withdrawal(article, before, now)
    if before is None:
        first_seen = mtime
        published = article.published or first_seen
        updated = max(min(article.updated or published, now), published)
    else:
        first_seen = before.first_seen
        updated = before.updated
        told_otherwise = withdrawn != before.withdrawn
        if told_otherwise or not (withdrawn or _looks_as_before(file, before)):
            # RFC 4287 4.2.15: `updated` moves with every change that the publisher considers
            # significant; here, with any that a reader can see. It never moves back.
            moments = [article.updated, mtime, now]
            updated = next(
                (moment for moment in moments if moment and before.updated < moment <= now),
                before.updated + timedelta(seconds=1),
            )
    return Identity(
        id=id,
        key=key(id),
        source=article.source,
        file_digest=file.file_digest,
        seen_digest=file.seen_digest,
        first_seen=first_seen,
        updated=updated,
        link=own_link(article),
        withdrawn=withdrawn,
    )


def _withdrawal(article: Article, before: Identity | None, now: datetime) -> Withdrawal | None:
    """Return the withdrawal of an entry, None where it is shown.

    Only the file that withdrew an entry brings it back, and no file where a command withdrew it.
    """
    known, notice = before.withdrawn if before else None, article.withdrawn
    if known is None:
        if notice is None:
            return None
        # Who has never seen the article need not be told that it is gone.
        stage: Literal["pending", "past"] = "pending" if before else "past"
        return Withdrawal(notice=notice, at=now, source=article.source, stage=stage)
    if known.source is None:
        return known
    if notice is None:
        return None if known.source == article.source else known
    return replace(known, notice=notice, source=article.source)


def _looks_as_before(file: ReadFile, before: Identity) -> bool:
    """Tell whether a reader sees the same as before.

    A digest of an earlier version of feedsvc counts only for the same bytes: else an article that
    now names its licence would be one that has not changed.
    """
    if before.seen_digest == file.seen_digest:
        return True
    earlier = before.seen_digest in _earlier_digests(file.article)
    return earlier and before.file_digest == file.file_digest


def taken_over(identity: Identity, article: Article, now: datetime) -> Identity:
    """Return the identity of an entry whose source is deleted and whose copy takes its place."""
    digest = seen_digest(article)
    updated = identity.updated
    if identity.seen_digest not in {digest, *_earlier_digests(article)}:
        updated = max(now, updated + timedelta(seconds=1))
    return replace(identity, source=article.source, seen_digest=digest, updated=updated)


def _urn(site_id: str, *parts: str) -> str:
    return uuid.uuid5(_site(site_id), "\n".join(parts)).urn


@lru_cache
def _site(site_id: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, xmltext.line(site_id))
