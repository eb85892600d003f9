"""Find the problems of files and folders, for the operator.

The articles are read, put into feeds, cleaned and rendered in every format by the code of the
service, in a temporary state: so all problems are found that the service would have.
"""

import html
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from feedsvc import sitelanguage, xmltext
from feedsvc.cleaning import Cleaner
from feedsvc.config import Config
from feedsvc.contents import Contents
from feedsvc.diagnosis.feeds import FeedWarning, feed_warnings
from feedsvc.index import Index, article_sources, mistake_in
from feedsvc.model import Entry, Problem, Progress
from feedsvc.publish import Documents, Entries
from feedsvc.refresh import Refresher

_BATCH = 50  # articles cleaned at a time
_ATTRIBUTE = re.compile(r'\s(?:src|poster)="([^"]*)"')  # of cleaned HTML


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The problems, worst first, and what the operator may want to know.

    `old_served` are the sources of problems whose last good version the service has in its feeds.
    `empty` has a line about each configured category without articles. `copies` pairs each file
    that is a copy with the file that is shown. `language` is a note about the language of the
    feeds, or "". `warnings` are those of the W3C validator about the feeds.
    """

    problems: tuple[Problem, ...]
    old_served: frozenset[str]
    empty: tuple[str, ...]
    copies: tuple[tuple[str, str], ...]
    language: str
    warnings: tuple[FeedWarning, ...] = ()


def check(
    config: Config,
    now: datetime,
    progress: Progress | None = None,
    *,
    processes: int = 0,
    lint: bool = False,
) -> Checked:
    """Return the problems of the articles, which so many child `processes` read.

    With `lint`, the configured feeds and the feed of all articles are judged as the W3C validator
    judges them.

    Raises ConfigError when there is no such directory or `state.url` cannot be used, ScanError when
    the directory cannot be read, StateError when there is no room for a state in the system's
    directory for temporary files.
    """
    if mistake := mistake_in(config.state.url):
        raise config.mistake("state.url", mistake)
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
        missing: list[Problem] = []
        for batch in index.articles.all_published(_BATCH):
            made = entries.entries(batch, None)
            documents.try_formats(made)
            sources = {published.key: published.article.source for published in batch}
            for entry in made:
                missing += _missing_media(config, entry, sources[entry.key])
        problems = sorted(
            {*report.problems, *index.problems.all(), *missing},
            key=lambda problem: (
                problem.published,
                problem.source,
                problem.line or 0,
                str(problem),
            ),
        )
        language = sitelanguage.note(config, index.meta.get(sitelanguage.KEY))
        refused = {problem.source for problem in problems if not problem.published}
        return Checked(
            problems=tuple(problems),
            old_served=frozenset(refused & article_sources(config.state.url)),
            empty=tuple(_empty_categories(config, index)),
            copies=tuple(index.articles.copies()),
            language=language,
            warnings=tuple(feed_warnings(documents, entries)) if lint else (),
        )


def _missing_media(config: Config, entry: Entry, source: str) -> Iterator[Problem]:
    """Yield a problem for each file beside the articles that an entry shows and that is missing."""
    media = f"{config.site.base_url}/media/"
    shown = [entry.lead_image, *(enclosure.href for enclosure in entry.enclosures)]
    addresses = [html.unescape(value) for value in _ATTRIBUTE.findall(entry.content or "")]
    names = dict.fromkeys(
        unquote(address.removeprefix(media).partition("?")[0].partition("#")[0])
        for address in (*filter(None, shown), *addresses)
        if address.startswith(media)
    )
    for name in names:
        # Unlike Path.is_file, it raises for no name.
        if not os.path.isfile(config.articles.directory / name):  # noqa: PTH113
            yield Problem(
                source=source,
                reason=f"there is no file {xmltext.line(name, 200)}, which the article shows",
                cure="put the file there, or correct its path in the article",
                published=True,
            )


def _empty_categories(config: Config, index: Index) -> Iterator[str]:
    for number, category in enumerate(config.categories):
        if not index.articles.count_in(category.slug):
            path = f"categories[{number}]"
            where = config.places.get(f"{path}.slug", "")
            yield ": ".join(filter(None, (where, path, f"{category.slug} has no articles")))
