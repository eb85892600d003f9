"""Cleaned content, kept so that no process cleans it again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

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

    `problem` says why `html` is only its summary, None where it is all of it.
    """

    version: str
    policy: str
    html: str
    summary: str
    problem: str | None = None


class ContentTable:
    """The cleaned content that one database keeps. Keeping it only saves work."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, sources: list[str]) -> dict[str, Content]:
        """Return the content of these sources, without what is not kept or cannot be read."""
        table = schema.contents
        try:
            with self._database.reading() as connection:
                query = select(table).where(table.c.source.in_(sources))
                return {
                    row.source: Content(
                        version=row.version,
                        policy=row.policy,
                        html=row.html,
                        summary=row.summary,
                        problem=row.problem,
                    )
                    for row in connection.execute(query)
                }
        except StateDamagedError:
            return {}

    def keep(self, contents: Mapping[str, Content]) -> None:
        """Keep content, by source; while a refresh writes to the database, nothing is kept."""

        def write(connection: Connection) -> None:
            write_contents(connection, contents)

        self._database.save(write)

    def outdated(self, policy: str, limit: int) -> tuple[Published, ...]:
        """Return articles whose content is kept by another policy, newest first, no bodies."""
        contents, articles = schema.contents.c, schema.articles.c
        query = (
            published_articles()
            .join(schema.contents, contents.source == articles.source)
            .where(contents.policy != policy)
            .order_by(articles.published.desc(), articles.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return tuple(rows.published(row) for row in connection.execute(query))


def write_contents(connection: Connection, contents: Mapping[str, Content]) -> None:
    """Put content in the place of what is kept of these sources."""
    values = [{"source": source, **asdict(content)} for source, content in contents.items()]
    replace_rows(connection, schema.contents, schema.contents.c.source, values)
