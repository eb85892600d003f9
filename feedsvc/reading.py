"""Reading articles: files in, what they say out, within limits of time and memory.

What strangers wrote is read in child processes, which can be killed: a file that takes too long, or
that ends the process that reads it, costs no more than itself. A few files go to one child, very
many to all. They come back in the order that was asked for, so what is made of them does not depend
on how many processes there are. Where there are to be no child processes, this process reads.
"""

import hashlib
import json
import logging
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from feedsvc import articles, feeds, identity, outcome, xmltext
from feedsvc.children import Child, limit_memory, limit_time, work
from feedsvc.config import Config
from feedsvc.errors import ArticleError, ChildError
from feedsvc.model import Problem, Signature
from feedsvc.outcome import Outcome
from feedsvc.scan import Directory

logger = logging.getLogger(__name__)

File = tuple[str, Signature]

_MODULE = __name__  # what a child runs the `main` of

PART = 200  # articles in memory at a time, in each process
_GUESSES = 2000  # at a time
# From so many files on, more than one process is asked.
_MANY, _MANY_GUESSES = 2000, 20_000
# The median article takes a millisecond, the longest that may be read some 300.
_CPU_SECONDS = 5  # of one file
_SECONDS = 20.0  # of one file, should its disk not answer
_START_SECONDS = 60.0  # until a child has imported what it needs
_MEMORY = 2 * 1024**3  # bytes of address space of a child


class Reading:
    """Reads the articles of one configuration, in so many processes beside this one."""

    def __init__(self, config: Config, *, processes: int = 0) -> None:
        self._config = config
        self._processes = processes
        of = config.articles
        self.directory = Directory(of.directory, of.include, of.links)
        self._children: list[Child] = []

    def rest(self) -> None:
        """End the processes but for the first, which waits for the next file."""
        while len(self._children) > 1:
            self._children.pop().kill()

    def close(self) -> None:
        """End all processes; the next file starts another."""
        while self._children:
            self._children.pop().kill()

    def zone_of(self, title: str, terms: tuple[str, ...]) -> tzinfo:
        """Return the zone of an article's dates that name none: its category's, or the site's."""
        for category in self._config.categories:
            if category.timezone and feeds.matches(category, title, terms):
                return category.timezone
        return self._config.site.timezone

    def read(self, source: str, signature: Signature) -> Outcome | None:
        """Read one article in this process; None when it has gone since the scan."""
        try:
            return self._read(source, signature)
        except Exception as error:  # noqa: BLE001 - whatever one file causes stays with that file
            return failure(
                source,
                f"reading it failed ({type(error).__name__})",
                trace=traceback.format_exc(),
            )

    def _read(self, source: str, signature: Signature) -> Outcome | None:
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

    def all(self, files: Sequence[File]) -> Generator[list[Outcome], None, None]:
        """Read these articles and yield what they came to, in parts, in this order."""
        with closing(self._parts(_READ, files, PART, shared=len(files) >= _MANY)) as parts:
            for answers in parts:
                outcomes = [outcome for outcome in answers if outcome is not None]
                for outcome in outcomes:
                    if outcome.trace:
                        logger.error("%s could not be read\n%s", outcome.source, outcome.trace)
                yield outcomes

    def newest_first(self, files: Sequence[File]) -> list[File]:
        """Return these files by the dates that they probably have, the newest first."""
        parts = self._parts(_GUESS, files, _GUESSES, shared=len(files) >= _MANY_GUESSES)
        guessed = [guess for part in parts for guess in part]
        order = sorted(range(len(files)), key=lambda n: (-guessed[n], files[n][0]))
        return [files[n] for n in order]

    def guess_date(self, source: str, signature: Signature) -> int:
        """Return when an article was probably published, in seconds since 1970."""
        try:
            guess = articles.guess_date(self.directory.read(source, articles.ENOUGH))
        except OSError:
            guess = None
        # What names no date is published when its file was written.
        return signature.mtime_ns // 10**9 if guess is None else int(guess.timestamp())

    def _parts(
        self, task: "_Task", files: Sequence[File], size: int, *, shared: bool
    ) -> Generator[list[Any], None, None]:
        parts = [files[start : start + size] for start in range(0, len(files), size)]
        done = 0
        if self._processes and parts:
            number = min(self._processes, len(parts)) if shared else 1
            answered = self._answered(task, parts, number)
            try:
                for result in answered:
                    yield result
                    done += 1
            except OSError as error:
                logger.warning(
                    "reading goes on in this process: no other can be started (%r)", error
                )
            finally:
                answered.close()
        for part in parts[done:]:
            yield [task.do(self, *file) for file in part]

    def _answered(
        self, task: "_Task", parts: Sequence[Sequence[File]], number: int
    ) -> Generator[list[Any], None, None]:
        """Have `number` children do the task; raises OSError when one cannot be started."""
        for slot, part in enumerate(parts[:number]):
            self._send(slot, task, part)
        try:
            for turn, part in enumerate(parts):
                slot = turn % number
                result: list[Any] = []
                while len(result) < len(part):
                    result.append(self._answer(slot, task, part, len(result)))
                # Only to a child whose answers have all come: two that send would wait for ever.
                if turn + number < len(parts):
                    self._send(slot, task, parts[turn + number])
                yield result
        except BaseException:
            # Answers that nobody waits for are under way.
            self.close()
            raise

    def _answer(self, slot: int, task: "_Task", part: Sequence[File], place: int) -> Any:
        """Return the answer for one file of a part, of which those after it are under way."""
        source, signature = file = part[place]
        for attempt in (1, 2):
            try:
                return task.load(source, self._children[slot].receive(_SECONDS))
            except (ChildError, ValueError) as error:
                late = isinstance(error, ChildError) and error.late
                self._children[slot].kill()
                self._children[slot] = self._started()
                # The system may have ended the process for a reason of its own, so the file has a
                # second chance; not where it has used up its time.
                if attempt == 1 and not late:
                    self._send(slot, task, part[place:])
                    continue
                if part[place + 1 :]:
                    self._send(slot, task, part[place + 1 :])
                return task.give_up(source, signature, f"reading it {_reason(error)}")
        raise AssertionError(file)

    def _send(self, slot: int, task: "_Task", part: Sequence[File]) -> None:
        while len(self._children) <= slot:
            self._children.append(self._started())
        try:
            self._children[slot].send((task.name, part))
        except ChildError:  # it has ended since it was asked last
            self._children[slot].kill()
            self._children[slot] = self._started()
            self._children[slot].send((task.name, part))

    def _started(self) -> Child:
        child = Child(_MODULE, _MEMORY, _CPU_SECONDS)
        try:
            child.send(self._config)
            child.receive(_START_SECONDS)
        except ChildError as error:
            child.kill()
            raise OSError(str(error)) from error
        return child


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What children do with each file, and what is made of their answers."""

    name: str
    do: Callable[[Reading, str, Signature], Any]
    dump: Callable[[Any], bytes]
    load: Callable[[str, bytes], Any]
    give_up: Callable[[str, Signature, str], Any]


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


def failure(source: str, reason: str, trace: str | None = None) -> Outcome:
    """Return the outcome of a file that fails for a reason nobody foresaw."""
    problem = Problem(
        source=source, reason=reason, cure="write it more simply; it is read again when it changes"
    )
    return Outcome(source=source, found=None, problems=(problem,), trace=trace)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ChildError) else "made the process answer nonsense"


def _dump_seconds(seconds: int) -> bytes:
    return json.dumps(seconds).encode()


def _load_seconds(_source: str, data: bytes) -> int:
    seconds = json.loads(data)
    if type(seconds) is not int:
        raise ValueError("the answer is no number of seconds")
    return seconds


def _seconds_of(_source: str, signature: Signature, _reason: str) -> int:
    return signature.mtime_ns // 10**9


_READ = _Task(
    name="read",
    do=Reading.read,
    dump=outcome.dump,
    load=outcome.load,
    give_up=lambda source, _signature, reason: failure(source, reason),
)
_GUESS = _Task(
    name="guess_date",
    do=Reading.guess_date,
    dump=_dump_seconds,
    load=_load_seconds,
    give_up=_seconds_of,
)
_TASKS = {task.name: task for task in (_READ, _GUESS)}


def main(descriptor: int, memory: int, cpu_seconds: int) -> None:
    """Be a child: read what comes in, by the configuration that comes first."""
    reading: list[Reading] = []

    def answers(job: Config | tuple[str, Sequence[File]]) -> Iterator[bytes]:
        if isinstance(job, Config):
            reading.append(Reading(job))
            yield b"ready"
            return
        name, files = job
        task = _TASKS[name]
        for file in files:
            limit_time(cpu_seconds)
            yield task.dump(task.do(reading[0], *file))

    limit_memory(memory)
    work(descriptor, answers, niceness=10)
