"""What is wrong with files and folders, for the operator.

The articles are read, put into feeds, cleaned and written in every format by the code that serves
them, in a state that is thrown away: so whatever the service would stumble over is found.
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
    """What is wrong, worst first; and what there is to know of the language of the feeds, or ""."""

    problems: tuple[Problem, ...]
    language: str


def check(
    config: Config, now: datetime, progress: Progress | None = None, *, processes: int = 0
) -> Checked:
    """Return what is wrong with the articles; they are read in so many other processes.

    Raises ScanError when the directory cannot be read, StateError when there is no room for a
    state in the system's directory for temporary files.
    """
    settled = replace(config, articles=replace(config.articles, settle=timedelta()))
    with tempfile.TemporaryDirectory(prefix="feedsvc-check-") as folder:
        index = Index.open(f"sqlite:///{Path(folder) / 'check.db'}")
        with closing(index), closing(Cleaner()) as cleaner:
            return _checked(settled, index, cleaner, now, progress=progress, processes=processes)


def _checked(
    config: Config,
    index: Index,
    cleaner: Cleaner,
    now: datetime,
    *,
    progress: Progress | None,
    processes: int,
) -> Checked:
    contents = Contents(config, index, cleaner)
    entries = Entries(config, index, contents)
    documents = Documents(config, index, entries, lambda: now)
    refresher = Refresher(config, index, contents, processes=processes)
    with closing(refresher):
        report = refresher.refresh(now, progress)
    for batch in index.articles.all_published(_BATCH):
        documents.try_formats(entries.entries(batch))
    problems = sorted(
        {*report.problems, *index.problems.all()},
        key=lambda one: (one.published, one.source, one.line or 0, str(one)),
    )
    language = sitelanguage.note(config, index.meta.get(sitelanguage.KEY))
    return Checked(problems=tuple(problems), language=language)
