"""Values to rows and back. Pure."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from feedsvc import plaindata
from feedsvc.codings import unpack
from feedsvc.model import (
    Article,
    Identity,
    License,
    Origin,
    Person,
    Problem,
    Published,
    Withdrawal,
)


def seconds(moment: datetime) -> int:
    """Return an instant as whole seconds since 1970."""
    return int(moment.timestamp())


def moment(seconds: int) -> datetime:
    """Return whole seconds since 1970 as an instant in UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def facts(article: Article) -> str:
    """Return an article as JSON, without its source, body and problems."""
    fields = {
        "title": article.title,
        "markup": article.markup,
        "terms": article.terms,
        "authors": [asdict(person) for person in article.authors],
        "published": seconds(article.published) if article.published else None,
        "updated": seconds(article.updated) if article.updated else None,
        "expires": seconds(article.expires) if article.expires else None,
        "lead_image": article.lead_image,
        "link": article.link,
        "id": article.id,
        "summary": article.summary,
        "language": article.language,
        "origin": asdict(article.origin) if article.origin else None,
        "rights": article.rights,
        "license": asdict(article.license) if article.license else None,
        "heading": article.heading,
    }
    return json.dumps({k: v for k, v in fields.items() if v}, ensure_ascii=False)


def named(facts: str) -> tuple[str, list[str], list[str]]:
    """Return the title, the names of the authors, and the terms in `facts`."""
    fields: dict[str, Any] = json.loads(facts)
    names = [person["name"] for person in fields.get("authors", ())]
    return fields.get("title", ""), names, fields.get("terms", [])


def article(source: str, facts: str, body: str) -> Article:
    """Return the article that `facts` were made of."""
    fields: dict[str, Any] = json.loads(facts)
    for name in ("published", "updated", "expires"):
        if name in fields:
            fields[name] = moment(fields[name])
    fields["terms"] = tuple(fields.get("terms", ()))
    fields["authors"] = tuple(Person(**person) for person in fields.get("authors", ()))
    for name, kind in (("origin", Origin), ("license", License)):
        if name in fields:
            fields[name] = kind(**fields[name])
    return Article(source=source, body=body, **fields)


def published(row: Any) -> Published:
    """Return the article in a row of articles, bodies and ledger."""
    return Published(
        article=article(row.source, row.facts, row.body),
        id=row.id,
        key=row.key,
        published=moment(row.published),
        updated=moment(row.updated),
        version=row.version,
        held_until=None if row.held_until is None else moment(row.held_until),
    )


def of_published(published: Published) -> dict[str, Any]:
    """Return the row of articles for an article."""
    return {
        "source": published.article.source,
        "id": published.id,
        "published": seconds(published.published),
        "updated": seconds(published.updated),
        "version": published.version,
        "facts": facts(published.article),
        "held_until": seconds(published.held_until) if published.held_until else None,
        "expires": seconds(published.article.expires) if published.article.expires else None,
    }


def bodies(rows: Iterable[Any]) -> dict[str, str]:
    """Return the raw bodies in rows of bodies, by source."""
    return {row.source: unpack(row.packed) for row in rows}


def identity(row: Any) -> Identity:
    """Return the identity in a row of the ledger."""
    return Identity(
        id=row.id,
        key=row.key,
        source=row.source,
        file_digest=row.file_digest,
        seen_digest=row.seen_digest,
        first_seen=moment(row.first_seen),
        updated=moment(row.updated),
        link=row.link,
        withdrawn=withdrawal(row.withdrawn),
        present=bool(row.present),
    )


def of_identity(identity: Identity) -> dict[str, Any]:
    """Return the row of the ledger for an identity."""
    return {
        "id": identity.id,
        "key": identity.key,
        "source": identity.source,
        "file_digest": identity.file_digest,
        "seen_digest": identity.seen_digest,
        "first_seen": seconds(identity.first_seen),
        "updated": seconds(identity.updated),
        "link": identity.link,
        "withdrawn": of_withdrawal(identity.withdrawn),
    }


def withdrawal(text: str | None) -> Withdrawal | None:
    """Return the withdrawal that `of_withdrawal` wrote."""
    if text is None:
        return None
    read: Withdrawal = plaindata.load(Withdrawal, text.encode())
    return read


def of_withdrawal(withdrawal: Withdrawal | None) -> str | None:
    """Return a withdrawal as JSON, None for none."""
    return None if withdrawal is None else plaindata.dump(withdrawal).decode()


def problem(row: Any) -> Problem:
    """Return the problem in a row of problems."""
    fields = row._asdict()
    del fields["ordinal"]
    return Problem(**fields)


def of_problem(problem: Problem, ordinal: int) -> dict[str, Any]:
    """Return the row of problems for a problem; an article's problems are in order of `ordinal`."""
    return {**asdict(problem), "ordinal": ordinal}


def uncleaned(source: str, reason: str) -> Problem:
    """Return the problem of an article whose content could not be cleaned as it is."""
    return Problem(
        source=source,
        reason=reason,
        cure="shorten the article, or write its HTML more simply",
        field="body",
        published=True,
    )
