"""What is wrong with articles, until it has been mended."""

from sqlalchemy import Connection, select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.model import Problem

_SHOWING = 1000
"""The ordinal of what is wrong with showing an article; reading it makes fewer problems."""


class ProblemTable:
    """The open problems of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[Problem, ...]:
        """Return every open problem, unpublished articles first."""
        table, contents = schema.problems.c, schema.contents.c
        with self._database.reading() as connection:
            found = connection.execute(
                select(schema.problems).order_by(table.published, table.source, table.ordinal)
            )
            uncleaned = connection.execute(
                select(contents.source, contents.problem)
                .where(contents.problem.is_not(None))
                .order_by(contents.source)
            )
            return (
                *(rows.problem(row) for row in found),
                *(rows.uncleaned(row.source, row.problem) for row in uncleaned),
            )

    def keep(self, problem: Problem) -> None:
        """Remember why an article that was read cannot be shown, until its file is read again."""
        table = schema.problems

        def write(connection: Connection) -> None:
            connection.execute(
                table.delete().where(table.c.source == problem.source, table.c.ordinal == _SHOWING)
            )
            connection.execute(table.insert().values(rows.of_problem(problem, _SHOWING)))

        self._database.save(write)
