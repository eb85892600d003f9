"""The exceptions that feedsvc raises.

FeedsvcError
├── ConfigError      config.yaml is wrong; carries every mistake found
├── ArticleError     one article file cannot be read; the others go on
├── CleaningError    one article's HTML cannot be cleaned, or not within its limits
├── ChildError       a process that reads or cleans articles ended, or takes too long
├── ScanError        the articles directory itself cannot be read
├── StateError       the index cannot be opened, read or written
│   └── StateDamagedError   it is damaged, and can be set aside and made anew
├── LedgerError      the file to import is no ledger
├── ServeError       the service cannot start (`serve.endpoint`)
├── ExportError      an export cannot be made, or not to this target
│   └── ConflictError   another export is writing to the target (`export.target`)
├── OutgoingError    a request to an address of the operator's fails
├── ImageError       an image cannot be had from its host (`web.imageproxy.failure`)
├── ParameterError   a parameter of an address cannot be used
├── BusyError        too much is being made at this moment
├── NotReadyError    the first pass over the articles is still under way
└── NotFoundError    no such feed or article
    └── GoneError    there was one, and it has been withdrawn
        └── ForbiddenByLawError   because the law demands it
"""

from dataclasses import dataclass


class FeedsvcError(Exception):
    """The base of everything feedsvc raises on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake in a configuration: its place and the reason."""

    where: str  # "config.yaml:12", or the key alone where there is no file
    path: str  # "categories[2].terms", or "" for the file as a whole
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.path, self.reason) if part)


class ConfigError(FeedsvcError):
    """The configuration is wrong; `mistakes` lists every mistake."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


class ArticleError(FeedsvcError):
    """One article cannot be published: the reason, the cure, and the line, counted from 1.

    `line` is None where the file as a whole is wrong.
    """

    def __init__(
        self, reason: str, *, cure: str, line: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cure = cure
        self.line = line
        self.field = field


class CleaningError(FeedsvcError):
    """An article's HTML cannot be cleaned, or not within the limits of time and memory."""


class ChildError(FeedsvcError):
    """A process that reads or cleans articles has ended, or takes too long (`late`)."""

    def __init__(self, reason: str, *, late: bool) -> None:
        super().__init__(reason)
        self.late = late


class ScanError(FeedsvcError):
    """The articles directory cannot be read; the published articles stay as they are."""


class StateError(FeedsvcError):
    """The index at `state.url` cannot be opened, read or written."""


class StateDamagedError(StateError):
    """The index is damaged, or is no database."""


class LedgerError(FeedsvcError):
    """The file to import is not the export of a ledger."""


class OutgoingError(FeedsvcError):
    """A request to an address that the operator has configured fails; no secret is in the text."""


class ExportError(FeedsvcError):
    """An export cannot be made, or not to this target."""


class ParameterError(FeedsvcError):
    """A parameter of an address cannot be used: its name, and the reason with the cure."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")


class BusyError(FeedsvcError):
    """Too much is being made at this moment; a second later it can be asked for again."""


class NotReadyError(FeedsvcError):
    """Nothing can be served yet: an empty feed would tell readers that all entries are gone."""


class NotFoundError(FeedsvcError):
    """There is no such feed or article."""


class GoneError(NotFoundError):
    """There was such an article or feed; it has been withdrawn. `reason` is for readers."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class ForbiddenByLawError(GoneError):
    """There was such an article; the law demands that nobody reads it here."""
