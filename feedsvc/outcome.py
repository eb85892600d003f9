"""What reading one file comes to, and the same as plain data between two processes. Pure.

The process that reads has dealt with what strangers wrote. So what it sends is plain data (JSON),
and each value is checked before anything is made of it: a pickle could have the receiver run code.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from feedsvc import identity
from feedsvc.model import Article, Markup, Person, Problem

_MARKUPS = frozenset(get_args(Markup))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What reading one file came to.

    `found` is None where the file could not be read; `again` says to try again although the file
    is unchanged. `trace` is the traceback of a failure that nobody foresaw, for the log.
    """

    source: str
    found: identity.Found | None
    problems: tuple[Problem, ...]
    again: bool = False
    trace: str | None = None


def dump(outcome: Outcome | None) -> bytes:
    """Write an outcome, or None for a file that has gone, as JSON."""
    return json.dumps(None if outcome is None else _plain(outcome), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def load(source: str, data: bytes) -> Outcome | None:
    """Return the outcome of the file `source` that `dump` wrote.

    Raises ValueError for anything that `dump` does not write.

    >>> load("a.md", dump(Outcome(source="a.md", found=None, problems=(), again=True))).again
    True
    """
    plain = json.loads(data.decode("utf-8", "surrogatepass"))
    if plain is None:
        return None
    values = _Values(plain)
    found = values.table("found")
    return Outcome(
        source=source,
        found=None if found is None else _found(source, found),
        problems=tuple(_problem(source, one) for one in values.tables("problems")),
        again=values.flag("again"),
        trace=values.text_or_none("trace"),
    )


def _plain(outcome: Outcome) -> dict[str, Any]:
    found = outcome.found
    return {
        "found": None if found is None else _plain_found(found),
        "problems": _plain_problems(outcome.problems),
        "again": outcome.again,
        "trace": outcome.trace,
    }


def _plain_found(found: identity.Found) -> dict[str, Any]:
    article = found.article
    return {
        "title": article.title,
        "markup": article.markup,
        "body": article.body,
        "terms": article.terms,
        "authors": [{"name": person.name, "uri": person.uri} for person in article.authors],
        "published": _seconds(article.published),
        "updated": _seconds(article.updated),
        "lead_image": article.lead_image,
        "link": article.link,
        "id": article.id,
        "summary": article.summary,
        "language": article.language,
        "draft": article.draft,
        "problems": _plain_problems(article.problems),
        "file_digest": found.file_digest,
        "seen_digest": found.seen_digest,
        "mtime": _seconds(found.mtime),
    }


def _found(source: str, values: "_Values") -> identity.Found:
    mtime = values.moment_or_none("mtime")
    if mtime is None:
        raise ValueError("mtime is missing")
    return identity.Found(
        article=Article(
            source=source,
            title=values.text("title"),
            markup=values.markup("markup"),
            body=values.text("body"),
            terms=values.texts("terms"),
            authors=tuple(
                Person(name=one.text("name"), uri=one.text_or_none("uri"))
                for one in values.tables("authors")
            ),
            published=values.moment_or_none("published"),
            updated=values.moment_or_none("updated"),
            lead_image=values.text_or_none("lead_image"),
            link=values.text_or_none("link"),
            id=values.text_or_none("id"),
            summary=values.text_or_none("summary"),
            language=values.text_or_none("language"),
            draft=values.flag("draft"),
            problems=tuple(_problem(source, one) for one in values.tables("problems")),
        ),
        file_digest=values.text("file_digest"),
        seen_digest=values.text("seen_digest"),
        mtime=mtime,
    )


def _plain_problems(problems: tuple[Problem, ...]) -> list[dict[str, Any]]:
    return [
        {
            "line": problem.line,
            "field": problem.field,
            "reason": problem.reason,
            "cure": problem.cure,
            "published": problem.published,
        }
        for problem in problems
    ]


def _problem(source: str, values: "_Values") -> Problem:
    return Problem(
        source=source,
        line=values.number_or_none("line"),
        field=values.text_or_none("field"),
        reason=values.text("reason"),
        cure=values.text("cure"),
        published=values.flag("published"),
    )


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


class _Values:
    """The members of a JSON object, each asked for by its type; ValueError if it has another."""

    def __init__(self, members: object) -> None:
        if not isinstance(members, dict):
            raise ValueError("it is no object")  # noqa: TRY004 - as for any other wrong answer
        self._members = members

    def _of(self, name: str, *types: type) -> Any:
        value = self._members.get(name)
        if type(value) not in types:
            raise ValueError(f"{name} is {type(value).__name__}")
        return value

    def text(self, name: str) -> str:
        return str(self._of(name, str))

    def text_or_none(self, name: str) -> str | None:
        value: str | None = self._of(name, str, type(None))
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = tuple(self._of(name, list))
        if not all(isinstance(value, str) for value in values):
            raise ValueError(f"{name} holds something that is not text")
        return values

    def markup(self, name: str) -> Markup:
        value: Markup = self._of(name, str)
        if value not in _MARKUPS:
            raise ValueError(f"{name} is no markup")
        return value

    def flag(self, name: str) -> bool:
        return bool(self._of(name, bool))

    def number_or_none(self, name: str) -> int | None:
        value: int | None = self._of(name, int, type(None))
        return value

    def moment_or_none(self, name: str) -> datetime | None:
        seconds = self.number_or_none(name)
        try:
            return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
        except (OverflowError, OSError) as error:
            raise ValueError(f"{name} is no time") from error

    def table(self, name: str) -> "_Values | None":
        members = self._of(name, dict, type(None))
        return None if members is None else _Values(members)

    def tables(self, name: str) -> "list[_Values]":
        return [_Values(members) for members in self._of(name, list)]
