"""The values of silence: streams, arrivals, and what is quiet."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple, Self

KEY = "silence"
"""The key under which the index remembers the `Silences`, as JSON."""

DAY = 86400.0  # seconds

_UNITS = ((DAY, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


class Stream(NamedTuple):
    """A folder, by its path in the articles directory ("" for all of it), or a category's slug."""

    kind: Literal["folder", "category"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else "the articles directory"


class Arrival(NamedTuple):
    """One article of one feed: its date, and when it was first seen, in seconds since 1970."""

    slug: str
    source: str
    published: int
    first_seen: int

    @property
    def moment(self) -> int:
        """When it came: an article that is much older than its file was imported later."""
        late = self.first_seen - self.published > DAY
        return self.published if late else self.first_seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A stream that is quiet: since when, and for how many `limit` seconds it may be.

    Days of rest do not count for the limit. `learnt` tells that the limit comes from its past.
    """

    kind: Literal["folder", "category"]
    name: str
    since: float
    limit: float
    learnt: bool
    told: bool = False  # whether the webhook has got it

    @property
    def stream(self) -> Stream:
        """The stream."""
        return Stream(self.kind, self.name)

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.since, UTC)
        limit = span(self.limit)
        why = f"more than {limit}, far longer than usual" if self.learnt else f"expected: {limit}"
        return f"no new article in {self.stream} since {moment:%Y-%m-%d %H:%M} UTC ({why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silences:
    """The streams that are quiet. Streams without any article are judged from `begun` on."""

    begun: float
    silent: tuple[Silence, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return what is in `text`; None without a text, or for one of another feedsvc."""
        try:
            if text is None:
                return None
            values = json.loads(text)
            return cls(
                begun=values["begun"], silent=tuple(Silence(**one) for one in values["silent"])
            )
        except (KeyError, TypeError, ValueError):
            return None

    def __str__(self) -> str:
        return json.dumps(asdict(self))


def span(seconds: float) -> str:
    """Return a span of time in words, roughly.

    >>> span(86400), span(250_000), span(5000), span(90), span(3.2)
    ('1 day', '2.9 days', '1.4 hours', '1.5 minutes', '3.2 seconds')
    """
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    shown = f"{seconds / size:.1f}".removesuffix(".0")
    return f"{shown} {unit}" if shown == "1" else f"{shown} {unit}s"
