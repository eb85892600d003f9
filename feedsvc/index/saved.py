"""Work that need not be done again: cleaned content, and documents as they are sent.

Keeping it only saves work. So nothing is kept while a refresh holds the database, which readers do
not wait for, and what cannot be read counts as not kept.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from feedsvc.codings import CodingError
from feedsvc.errors import StateDamagedError
from feedsvc.index import schema, sent
from feedsvc.index.database import Database
from feedsvc.index.kept import Kept, write_contents
from feedsvc.index.writer import Writer, write_problem
from feedsvc.model import Document, Problem

_STATUS_PATIENCE = 5.0  # seconds that a note of how a pass went waits for others who write
_PATIENCE = 0.05  # seconds: as long as others that save work may take, and no refresh does


class SavedWork(Database):
    """What a database keeps of work that was done."""

    def contents(self, sources: list[str]) -> dict[str, Kept]:
        """Return the kept content of these sources."""
        table = schema.contents
        try:
            with self._reading() as connection:
                query = select(table).where(table.c.source.in_(sources))
                return {
                    row.source: Kept(
                        version=row.version,
                        policy=row.policy,
                        html=row.html,
                        summary=row.summary,
                        problem=row.problem,
                    )
                    for row in connection.execute(query)
                }
        except StateDamagedError:
            return {}  # keeping only saves work

    def keep_contents(self, kept: dict[str, Kept]) -> None:
        """Keep cleaned content, so that no process cleans it again.

        Keeping only saves work: while a refresh holds the database, nothing is kept.
        """
        self._work_saved(lambda connection: write_contents(connection, kept))

    def keep_problem(self, problem: Problem) -> None:
        """Remember why an article that was read cannot be shown, until its file is read again."""
        self._work_saved(lambda connection: write_problem(connection, problem))

    def document(self, path: str, view: str) -> tuple[Document, datetime] | None:
        """Return the document kept at `path`, of whatever version, and when it was asked for."""
        try:
            with self._reading() as connection:
                return sent.read(connection, path, view)
        except (StateDamagedError, CodingError):
            return None  # keeping only saves work

    def document_versions(
        self, paths: Sequence[str], view: str, asked_since: datetime
    ) -> dict[str, str]:
        """Return the versions of those of these documents that are kept and were asked for."""
        with self._reading() as connection:
            return sent.versions(connection, paths, view, asked_since)

    def keep_document(
        self, path: str, slug: str, document: Document, *, view: str, asked: datetime
    ) -> None:
        """Keep a document, so that no process with this view renders it; see `keep_contents`."""
        self._work_saved(
            lambda connection: sent.write(connection, path, slug, document, view=view, asked=asked)
        )

    def ask_again(self, path: str, asked: datetime) -> None:
        """Note that somebody asked for the document at `path`."""
        self._work_saved(lambda connection: sent.touch(connection, path, asked), patience=0)

    def drop_document(self, path: str) -> None:
        """Keep no document at `path`."""
        self._work_saved(lambda connection: sent.drop(connection, path))

    def outdated_documents(self, view: str, asked_since: datetime) -> list[tuple[str, datetime]]:
        """Return the paths asked for since then whose feeds show something else now, and when."""
        with self._reading() as connection:
            return sent.outdated(connection, view, asked_since)

    def forget_documents(self, asked_before: datetime) -> None:
        """Drop the documents that nobody has asked for since then."""
        self._work_saved(lambda connection: sent.forget(connection, asked_before), patience=0)

    def note_meta(self, key: str, value: str) -> None:
        """Remember one value that no feed depends on: nobody is told that anything has changed.

        Raises StateError when it cannot be written, also because others write for long.
        """
        self._look_again()
        try:
            with (
                self._engine.connect().execution_options(
                    feedsvc_writes=True, feedsvc_patience=_STATUS_PATIENCE
                ) as connection,
                connection.begin(),
            ):
                Writer(connection).set_meta(key, value)
        except (DBAPIError, OSError) as error:
            raise self._failure(error) from error

    def _work_saved(
        self, write: Callable[[Connection], None], *, patience: float = _PATIENCE
    ) -> None:
        """Write what only saves work, unless somebody else is writing for longer than that."""
        try:
            with (
                self._engine.connect().execution_options(
                    feedsvc_writes=True, feedsvc_patience=patience
                ) as connection,
                connection.begin(),
            ):
                write(connection)
        except DBAPIError as error:
            self._failure(error)  # notes damage for the next refresh; a busy database is no news
