"""Values to rows and back. Pure."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from feedsvc.codings import unpack
from feedsvc.model import Article, Identity, Person, Problem, Published


def seconds(moment: datetime) -> int:
    """Return an instant as whole seconds since 1970."""
    return int(moment.timestamp())


def moment(seconds: int) -> datetime:
    """Return whole seconds since 1970 as an instant in UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def facts(article: Article) -> str:
    """Return an article but for its source, body and problems as JSON."""
    kept = {
        "title": article.title,
        "markup": article.markup,
        "terms": article.terms,
        "authors": [asdict(person) for person in article.authors],
        "published": seconds(article.published) if article.published else None,
        "updated": seconds(article.updated) if article.updated else None,
        "lead_image": article.lead_image,
        "link": article.link,
        "id": article.id,
        "summary": article.summary,
        "language": article.language,
    }
    return json.dumps({k: v for k, v in kept.items() if v}, ensure_ascii=False)


def article(source: str, facts: str, body: str) -> Article:
    """Return the article whose facts and body these are."""
    kept: dict[str, Any] = json.loads(facts)
    for field in ("published", "updated"):
        if field in kept:
            kept[field] = moment(kept[field])
    kept["terms"] = tuple(kept.get("terms", ()))
    kept["authors"] = tuple(Person(**person) for person in kept.get("authors", ()))
    return Article(source=source, body=body, **kept)


def published(row: Any) -> Published:
    """Return what a row of articles, bodies and ledger says."""
    return Published(
        article=article(row.source, row.facts, row.body),
        id=row.id,
        key=row.key,
        published=moment(row.published),
        updated=moment(row.updated),
        version=row.version,
        held_until=None if row.held_until is None else moment(row.held_until),
    )


def bodies(found: Iterable[Any]) -> dict[str, str]:
    """Return the raw bodies that rows of bodies hold, by source."""
    return {row.source: unpack(row.packed) for row in found}


def identity(row: Any) -> Identity:
    """Return what a row of the ledger says."""
    return Identity(
        id=row.id,
        key=row.key,
        source=row.source,
        file_digest=row.file_digest,
        seen_digest=row.seen_digest,
        first_seen=moment(row.first_seen),
        updated=moment(row.updated),
        link=row.link,
        present=bool(row.present),
    )


def ledger(identity: Identity) -> dict[str, Any]:
    """Return the ledger's row for an identity."""
    return {
        "id": identity.id,
        "key": identity.key,
        "source": identity.source,
        "file_digest": identity.file_digest,
        "seen_digest": identity.seen_digest,
        "first_seen": seconds(identity.first_seen),
        "updated": seconds(identity.updated),
        "link": identity.link,
    }


def problem(row: Any) -> Problem:
    """Return what a row of problems says."""
    return Problem(
        source=row.source,
        line=row.line,
        field=row.field,
        reason=row.reason,
        cure=row.cure,
        published=row.published,
    )


def of_problem(problem: Problem, ordinal: int) -> dict[str, Any]:
    """Return the row of problems for one."""
    return {
        "source": problem.source,
        "ordinal": ordinal,
        "line": problem.line,
        "field": problem.field,
        "reason": problem.reason,
        "cure": problem.cure,
        "published": problem.published,
    }


def uncleaned(source: str, reason: str) -> Problem:
    """Return the problem of an article whose content could not be cleaned as it is."""
    return Problem(
        source=source,
        reason=reason,
        cure="shorten the article, or write its HTML more simply",
        field="body",
        published=True,
    )
