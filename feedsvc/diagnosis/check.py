"""Find the problems of files and folders, for the operator.

The articles are read, put into feeds, cleaned and rendered in every format by the code of the
service, in a temporary state: so all problems are found that the service would have.
"""

import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from feedsvc import sitelanguage
from feedsvc.cleaning import Cleaner
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.index import Index
from feedsvc.model import Problem, Progress
from feedsvc.publish import Documents, Entries
from feedsvc.refresh import Refresher

_BATCH = 50  # articles cleaned at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The problems, worst first, and a note about the language of the feeds, or ""."""

    problems: tuple[Problem, ...]
    language: str


def check(
    config: Config, now: datetime, progress: Progress | None = None, *, processes: int = 0
) -> Checked:
    """Return the problems of the articles, which so many child `processes` read.

    Raises ScanError when the directory cannot be read, StateError when there is no room for a
    state in the system's directory for temporary files.
    """
    config = replace(config, articles=replace(config.articles, settle=timedelta()))
    with (
        tempfile.TemporaryDirectory(prefix="feedsvc-check-") as folder,
        closing(Index.open(f"sqlite:///{Path(folder) / 'check.db'}")) as index,
        closing(Cleaner()) as cleaner,
    ):
        contents = Contents(config, index, cleaner)
        entries = Entries(config, index, contents)
        documents = Documents(config, index, entries, lambda: now)
        with closing(Refresher(config, index, contents, processes=processes)) as refresher:
            report = refresher.refresh(now, progress)
        for batch in index.articles.all_published(_BATCH):
            documents.try_formats(entries.entries(batch))
        problems = sorted(
            {*report.problems, *index.problems.all()},
            key=lambda problem: (
                problem.published,
                problem.source,
                problem.line or 0,
                str(problem),
            ),
        )
        language = sitelanguage.note(config, index.meta.get(sitelanguage.KEY))
        return Checked(problems=tuple(problems), language=language)
