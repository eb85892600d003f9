"""Cleaned content, kept so that no process cleans it again."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from feedsvc.index import schema
from feedsvc.index.lookup import chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The cleaned content of one version of an article, by one policy.

    `problem` says why `html` is only its summary, None where it is all of it.
    """

    version: str
    policy: str
    html: str
    summary: str
    problem: str | None = None


def write_contents(connection: Connection, kept: Mapping[str, Kept]) -> None:
    """Put content in the place of what is kept of these sources."""
    table = schema.contents
    for chunk in chunks(list(kept)):
        connection.execute(table.delete().where(table.c.source.in_(chunk)))
    values = [
        {
            "source": source,
            "version": one.version,
            "policy": one.policy,
            "html": one.html,
            "summary": one.summary,
            "problem": one.problem,
        }
        for source, one in kept.items()
    ]
    if values:
        connection.execute(table.insert(), values)
