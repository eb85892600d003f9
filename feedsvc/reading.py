"""Reading articles: files in, outcomes out, within limits of time and memory.

Child processes read the files, because they can be killed: a file that takes too long, or that ends
the process, costs only itself. A few files go to one child, very many to all. The outcomes come in
the order of the files, so they do not depend on the number of processes. With no child processes,
this process reads.
"""

import hashlib
import logging
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, tzinfo

from feedsvc import articles, feeds, identity, plaindata, xmltext
from feedsvc.children import Child, limit_memory, limit_time, work
from feedsvc.config import Config
from feedsvc.errors import ArticleError, ChildError
from feedsvc.model import Problem, Signature
from feedsvc.outcome import Outcome
from feedsvc.scan import Directory

logger = logging.getLogger(__name__)

File = tuple[str, Signature]

_MODULE = __name__  # a child runs its `main`

PART = 200  # articles in memory at a time, in each process
_MANY = 2000  # files; more than one child gets so many
# The median article takes a millisecond, the longest that is allowed some 300.
_CPU_SECONDS = 5  # for one file
_SECONDS = 20.0  # for one file, in case its disk does not answer
_START_SECONDS = 60.0  # for a child to import its modules
_MEMORY = 2 * 1024**3  # bytes of address space of a child


class Reading:
    """Reads the articles of one configuration, in at most so many child processes."""

    def __init__(self, config: Config, *, processes: int = 0) -> None:
        self._config = config
        self._processes = processes
        settings = config.articles
        self.directory = Directory(settings.directory, settings.include, settings.links)
        self._children: list[Child] = []
        self._prepared: Child | None = None  # a child that does not have the configuration yet

    def prepare(self) -> None:
        """Start a child, which imports its modules while this process does something else."""
        if self._processes and not self._children and self._prepared is None:
            with suppress(OSError):  # reading tells of it
                self._prepared = self._start()

    def rest(self) -> None:
        """End the child processes except the first, which waits for the next file."""
        while len(self._children) > 1:
            self._children.pop().kill()

    def close(self) -> None:
        """End all child processes; the next file starts another."""
        if self._prepared is not None:
            self._start().kill()
        while self._children:
            self._children.pop().kill()

    def zone_of(self, title: str, terms: tuple[str, ...]) -> tzinfo:
        """Return the zone for dates without one: that of the article's category, or the site's."""
        for category in self._config.categories:
            if category.timezone and feeds.matches(category, title, terms):
                return category.timezone
        return self._config.site.timezone

    def read(self, source: str, signature: Signature) -> Outcome | None:
        """Read one article in this process; None when it has been deleted since the scan."""
        try:
            return self._read(source, signature)
        except Exception as error:  # noqa: BLE001 - one file's failure must not stop the others
            reason = f"reading it failed ({type(error).__name__})"
            return failure(source, reason, trace=traceback.format_exc())

    def _read(self, source: str, signature: Signature) -> Outcome | None:
        most = self._config.articles.max_bytes
        if signature.size > most:
            return _too_long(source, f"{signature.size} > {most}")
        try:
            # The file may have grown or been replaced since the scan.
            data = self.directory.read(source, most + 1)
            if len(data) > most:
                return _too_long(source, f"more than {most}")
            article = articles.parse(source, data, zone_of=self.zone_of)
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = f"the file cannot be read ({error.strerror})"
            return _failed(source, reason, "check its owner and its permissions", again=True)
        except ArticleError as error:
            problem = Problem(
                source=source,
                line=error.line,
                field=error.field,
                reason=xmltext.line(error.reason, 500),
                cure=error.cure,
            )
            return Outcome(source=source, file=None, problems=(problem,))
        file = identity.ReadFile(
            article=article,
            file_digest=hashlib.sha256(data).hexdigest()[:32],
            seen_digest=identity.seen_digest(article),
            mtime=datetime.fromtimestamp(max(0, signature.mtime_ns // 10**9), tz=UTC),
        )
        problems = article.problems
        if not signature.can_date:
            problem = Problem(
                source=source,
                reason="the file's time is not a time that an article can have: it is before 1970,"
                " or after 2261",
                cure="touch it, so that it has the time of now",
                published=True,
            )
            problems = (*problems, problem)
        return Outcome(source=source, file=file, problems=problems)

    def all(self, files: Sequence[File]) -> Generator[list[Outcome], None, None]:
        """Read these articles and yield their outcomes, in parts, in this order."""
        with closing(self._parts(files)) as parts:
            for answers in parts:
                outcomes = [outcome for outcome in answers if outcome is not None]
                for outcome in outcomes:
                    if outcome.trace:
                        if self._config.private_slugs:  # it may be a private article
                            logger.error("a file could not be read; `feedsvc check` names it")
                        else:
                            logger.error("%s could not be read\n%s", outcome.source, outcome.trace)
                yield outcomes

    def newest_first(
        self, files: Sequence[File], progress: Callable[[], None] = lambda: None
    ) -> list[File]:
        """Return these files by their probable dates, the newest first.

        This process reads their first bytes, which takes a tenth of the time of reading them; it
        calls `progress` for each file.
        """
        guesses: dict[str, int] = {}
        for source, signature in files:
            progress()
            guesses[source] = self._guess_date(source, signature)
        return sorted(files, key=lambda file: (-guesses[file[0]], file[0]))

    def _guess_date(self, source: str, signature: Signature) -> int:
        """Return when an article was probably published, in seconds since 1970."""
        try:
            guess = articles.guess_date(self.directory.read(source, articles.ENOUGH))
        except OSError:
            guess = None
        # An article without a date is published when its file was written.
        return signature.mtime_ns // 10**9 if guess is None else int(guess.timestamp())

    def _parts(self, files: Sequence[File]) -> Generator[list[Outcome | None], None, None]:
        parts = [files[start : start + PART] for start in range(0, len(files), PART)]
        done = 0
        if self._processes and parts:
            number = min(self._processes, len(parts)) if len(files) >= _MANY else 1
            try:
                with closing(self._answered(parts, number)) as answered:
                    for answers in answered:
                        yield answers
                        done += 1
            except OSError as error:
                logger.warning(
                    "reading goes on in this process: no other can be started (%r)", error
                )
        for part in parts[done:]:
            yield [self.read(*file) for file in part]

    def _answered(
        self, parts: Sequence[Sequence[File]], number: int
    ) -> Generator[list[Outcome | None], None, None]:
        """Have `number` children read. Raises OSError when a child cannot be started."""
        for slot, part in enumerate(parts[:number]):
            self._send(slot, part)
        try:
            for turn, part in enumerate(parts):
                slot = turn % number
                answers = [self._answer(slot, part, place) for place in range(len(part))]
                # Only now: a child and we, each sending to the other, would wait for ever.
                if turn + number < len(parts):
                    self._send(slot, parts[turn + number])
                yield answers
        except BaseException:
            self.close()  # else the children's late answers would be taken for those of other files
            raise

    def _answer(self, slot: int, part: Sequence[File], place: int) -> Outcome | None:
        """Return the answer for one file of a part that a child has been sent."""
        source = part[place][0]
        for attempt in (1, 2):
            try:
                data = self._children[slot].receive(_SECONDS)
                answer: Outcome | None = plaindata.load(Outcome | None, data, source=source)
            except (ChildError, ValueError) as error:
                late = isinstance(error, ChildError) and error.late
                self._restart(slot)
                # The system may have ended the process for a reason of its own, so the file gets a
                # second attempt, unless it took too long.
                if attempt == 1 and not late:
                    self._send(slot, part[place:])
                    continue
                if part[place + 1 :]:
                    self._send(slot, part[place + 1 :])
                reason = error if isinstance(error, ChildError) else "gave a malformed answer"
                return failure(source, f"reading it {reason}")
            return answer
        raise AssertionError(source)

    def _send(self, slot: int, part: Sequence[File]) -> None:
        while len(self._children) <= slot:
            self._children.append(self._ready(self._start()))
        try:
            self._children[slot].send(part)
        except ChildError:  # it has ended since its last answer
            self._restart(slot)
            self._children[slot].send(part)

    def _restart(self, slot: int) -> None:
        self._children[slot].kill()
        self._children[slot] = self._ready(self._start())

    def _start(self) -> Child:
        """Start a child, or return the one that was prepared."""
        prepared, self._prepared = self._prepared, None
        return prepared or Child(_MODULE, _MEMORY, _CPU_SECONDS)

    def _ready(self, child: Child) -> Child:
        """Return this child once it can read. Raises OSError when it cannot be started."""
        try:
            child.send(self._config)
            child.receive(_START_SECONDS)
        except ChildError as error:
            child.kill()
            raise OSError(str(error)) from error
        return child


def _failed(
    source: str, reason: str, cure: str, *, again: bool = False, trace: str | None = None
) -> Outcome:
    problem = Problem(source=source, reason=reason, cure=cure)
    return Outcome(source=source, file=None, problems=(problem,), again=again, trace=trace)


def _too_long(source: str, size: str) -> Outcome:
    reason = f"the file is longer than articles.max_bytes ({size})"
    return _failed(source, reason, "shorten it, or raise articles.max_bytes")


def failure(source: str, reason: str, trace: str | None = None) -> Outcome:
    """Return the outcome of a file that fails for an unexpected reason."""
    cure = "write it more simply; it is read again when it changes"
    return _failed(source, reason, cure, trace=trace)


def main(descriptor: int, memory: int, cpu_seconds: int) -> None:
    """Read the files that come in through a socket; the configuration comes first."""
    reading: list[Reading] = []

    def answers(job: Config | Sequence[File]) -> Iterator[bytes]:
        if isinstance(job, Config):
            reading.append(Reading(job))
            yield b"ready"
            return
        for file in job:
            limit_time(cpu_seconds)
            yield plaindata.dump(reading[0].read(*file))

    limit_memory(memory)
    work(descriptor, answers, niceness=10)
