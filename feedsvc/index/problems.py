"""Problems of articles that are still open."""

from sqlalchemy import Connection, func, select

from feedsvc.index import rows, schema
from feedsvc.index.database import Database
from feedsvc.model import Problem

# The ordinal of a problem with showing an article; reading one gives fewer problems.
_SHOWING = 1000


class ProblemTable:
    """The open problems of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[Problem, ...]:
        """Return every open problem, unpublished articles first."""
        problems, contents = schema.problems.c, schema.contents.c
        with self._database.reading() as connection:
            of_files = connection.execute(
                select(schema.problems).order_by(
                    problems.published, problems.source, problems.ordinal
                )
            )
            of_contents = connection.execute(
                select(contents.source, contents.problem)
                .where(contents.problem.is_not(None))
                .order_by(contents.source)
            )
            return (
                *map(rows.problem, of_files),
                *(rows.uncleaned(row.source, row.problem) for row in of_contents),
            )

    def count(self) -> int:
        """Return how many problems are open."""
        contents = schema.contents.c
        of_contents = select(func.count()).where(contents.problem.is_not(None))
        with self._database.reading() as connection:
            of_files = connection.execute(select(func.count()).select_from(schema.problems))
            return int(of_files.scalar_one() + connection.execute(of_contents).scalar_one())

    def keep(self, problem: Problem) -> None:
        """Remember why an article that was read cannot be shown, until its file is read again."""
        table = schema.problems

        def write(connection: Connection) -> None:
            connection.execute(
                table.delete().where(table.c.source == problem.source, table.c.ordinal == _SHOWING)
            )
            connection.execute(table.insert(), rows.of_problem(problem, _SHOWING))

        self._database.save(write)
