"""Reading articles: files in, what they say out; a great many of them on all cores.

Many are shared out to child processes, in parts, and come back in the order that was asked for, so
what is made of them does not depend on how many processes there are.
"""

import hashlib
import logging
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from feedsvc import articles, feeds, identity, xmltext
from feedsvc.children import Child, work
from feedsvc.config import Config
from feedsvc.errors import ArticleError
from feedsvc.model import Problem, Signature
from feedsvc.scan import Directory

logger = logging.getLogger(__name__)

_PART = 200  # articles in memory at a time, in each process
_GLANCES = 2000  # at a time
# From so many files on, other processes are started for it.
_MANY, _MANY_GLANCES = 2000, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What reading one file came to.

    `found` is None where it could not be read; `again` says to try again although the file is
    unchanged.
    """

    source: str
    found: identity.Found | None
    problems: tuple[Problem, ...]
    again: bool = False


class Reading:
    """Reads the articles of one configuration, with so many processes beside where it helps."""

    def __init__(self, config: Config, *, processes: int = 0) -> None:
        self._config = config
        self._processes = processes
        of = config.articles
        self.directory = Directory(of.directory, of.include, of.links)
        self._children: list[Child] = []

    def rest(self) -> None:
        """End the other processes, until there is much to read again."""
        while self._children:
            self._children.pop().kill()

    def zone_of(self, title: str, terms: tuple[str, ...]) -> tzinfo:
        """Return the zone of an article's dates that name none: its category's, or the site's."""
        for category in self._config.categories:
            if category.timezone and feeds.matches(category, title, terms):
                return category.timezone
        return self._config.site.timezone

    def read(self, source: str, signature: Signature) -> Outcome | None:
        """Read one article; None when it has gone since the scan."""
        most = self._config.articles.max_bytes
        if signature.size > most:
            return _failed(_too_long(source, f"{signature.size} > {most}"))
        try:
            # It may have grown since the scan, or be another file by now.
            data = self.directory.read(source, most + 1)
            if len(data) > most:
                return _failed(_too_long(source, f"more than {most}"))
            article = articles.parse(source, data, zone_of=self.zone_of)
        except FileNotFoundError:
            return None
        except OSError as error:
            return _failed(_unreadable(source, error), again=True)
        except ArticleError as error:
            return _failed(_refused(source, error))
        found = identity.Found(
            article=article,
            file_digest=hashlib.sha256(data).hexdigest()[:32],
            seen_digest=identity.seen_digest(article),
            mtime=datetime.fromtimestamp(max(0, signature.mtime_ns // 10**9), tz=UTC),
        )
        odd_time = () if signature.can_date else (_odd_time(source),)
        return Outcome(source=source, found=found, problems=(*article.problems, *odd_time))

    def all(self, files: Sequence[tuple[str, Signature]]) -> Iterator[list[Outcome]]:
        """Read these articles and yield what they came to, in parts, in this order."""
        for outcomes in self._parts("read", files, _PART, shared=len(files) >= _MANY):
            yield [one for one in outcomes if one is not None]

    def alone(self, files: Sequence[tuple[str, Signature]]) -> Iterator[list[Outcome]]:
        """Do the same in this process, even while it is done in others."""
        for outcomes in self._parts("read", files, _PART, shared=False):
            yield [one for one in outcomes if one is not None]

    def newest_first(self, files: Sequence[tuple[str, Signature]]) -> list[tuple[str, Signature]]:
        """Return these files by the dates that they probably have, the newest first."""
        parts = self._parts("glance", files, _GLANCES, shared=len(files) >= _MANY_GLANCES)
        guessed = [guess for part in parts for guess in part]
        order = sorted(range(len(files)), key=lambda n: (-guessed[n], files[n][0]))
        return [files[n] for n in order]

    def glance(self, source: str, signature: Signature) -> int:
        """Return when an article was probably published, in seconds since 1970."""
        try:
            guess = articles.glance(self.directory.read(source, articles.ENOUGH))
        except OSError:
            guess = None
        # What names no date is published when its file was written.
        return signature.mtime_ns // 10**9 if guess is None else int(guess.timestamp())

    def _parts(
        self, what: str, files: Sequence[tuple[str, Signature]], size: int, *, shared: bool
    ) -> Iterator[list[Any]]:
        parts = [files[start : start + size] for start in range(0, len(files), size)]
        done = 0
        if shared and self._processes:
            try:
                for result in self._shared_out(what, parts):
                    yield result
                    done += 1
            except (EOFError, OSError) as error:
                logger.warning("reading goes on in one process, because another ended (%r)", error)
                self.rest()
        for part in parts[done:]:
            yield self.each(what, part)

    def each(self, what: str, part: Sequence[tuple[str, Signature]]) -> list[Any]:
        """Do `what`, a method of this class, with each of these files."""
        do = getattr(self, what)
        return [do(*file) for file in part]

    def _shared_out(
        self, what: str, parts: Sequence[Sequence[tuple[str, Signature]]]
    ) -> Iterator[list[Any]]:
        children = self._started(min(self._processes, len(parts)))
        for child, part in zip(children, parts, strict=False):
            child.connection.send((None, what, part))
        for number in range(len(parts)):
            connection = children[number % len(children)].connection
            result = pickle.loads(connection.recv_bytes())  # noqa: S301 - our own process
            # Sent only to a child that waits for it: two that send would wait for ever.
            if number + len(children) < len(parts):
                connection.send((None, what, parts[number + len(children)]))
            yield result

    def _started(self, number: int) -> list[Child]:
        while len(self._children) < number:
            self._children.append(Child(__name__))
            self._children[-1].connection.send((self._config, "", ()))
        return self._children[:number]


def _failed(problem: Problem, *, again: bool = False) -> Outcome:
    return Outcome(source=problem.source, found=None, problems=(problem,), again=again)


def _too_long(source: str, size: str) -> Problem:
    return Problem(
        source=source,
        reason=f"the file is longer than articles.max_bytes ({size})",
        cure="shorten it, or raise articles.max_bytes",
    )


def _odd_time(source: str) -> Problem:
    return Problem(
        source=source,
        reason="the file's time is not a time that an article can have: it is before 1970, or after"
        " 2261",
        cure="touch it, so that it has the time of now",
        published=True,
    )


def _unreadable(source: str, error: OSError) -> Problem:
    return Problem(
        source=source,
        reason=f"the file cannot be read ({error.strerror})",
        cure="check its owner and its permissions",
    )


def _refused(source: str, error: ArticleError) -> Problem:
    return Problem(
        source=source,
        line=error.line,
        field=error.field,
        reason=xmltext.line(error.reason, 500),
        cure=error.cure,
    )


def main(descriptor: int) -> None:
    """Read what comes in, by the configuration that comes first, until nobody asks any more."""
    reading: list[Reading] = []

    def answer(job: tuple[Config | None, str, Sequence[tuple[str, Signature]]]) -> bytes | None:
        config, what, part = job
        if config is not None:
            reading.append(Reading(config))
            return None
        return pickle.dumps(reading[0].each(what, part), pickle.HIGHEST_PROTOCOL)

    work(descriptor, answer, niceness=10)
