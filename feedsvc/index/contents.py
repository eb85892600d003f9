"""Cleaned content, kept so that no process cleans it again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, select

from feedsvc.errors import StateDamagedError
from feedsvc.index import rows, schema
from feedsvc.index.articles import published_articles
from feedsvc.index.database import Database
from feedsvc.index.lookup import replace_rows
from feedsvc.model import Published


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The cleaned content of one version of an article, by one policy.

    `problem` says why `html` is less than the whole article, None where it is the whole.
    """

    version: str
    policy: str
    html: str
    summary: str
    problem: str | None = None


class ContentTable:
    """The cleaned content that one database keeps, which saves cleaning it again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, sources: list[str]) -> dict[str, Content]:
        """Return the content of those of these sources whose content is kept and can be read."""
        query = select(schema.contents).where(schema.contents.c.source.in_(sources))
        try:
            return {row.source: _content(row) for row in self._database.rows(query)}
        except StateDamagedError:
            return {}

    def keep(self, contents: Mapping[str, Content]) -> None:
        """Keep content, by source, unless a refresh is writing to the database."""
        self._database.save(lambda connection: write_contents(connection, contents))

    def outdated(self, policy: str, limit: int) -> tuple[Published, ...]:
        """Return articles whose content was cleaned by another policy, newest first, no bodies."""
        contents, articles = schema.contents.c, schema.articles.c
        query = (
            published_articles()
            .join(schema.contents, contents.source == articles.source)
            .where(contents.policy != policy)
            .order_by(articles.published.desc(), articles.id)
            .limit(limit)
        )
        return tuple(map(rows.published, self._database.rows(query)))


def write_contents(connection: Connection, contents: Mapping[str, Content]) -> None:
    """Replace the content of these sources."""
    values = [{"source": source, **asdict(content)} for source, content in contents.items()]
    replace_rows(connection, schema.contents, "source", values)


def _content(row: Any) -> Content:
    fields = row._asdict()
    del fields["source"]
    return Content(**fields)
