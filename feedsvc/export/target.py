"""What a target of an export is: a folder or an object store."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from feedsvc.errors import ExportError
from feedsvc.export.manifest import Manifest

Body = bytes | Callable[[], Iterable[bytes]]
"""The bytes of a file, or what yields them where they may be many."""


class ConflictError(ExportError):
    """Another export has written to the target meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to write: `modified` is in seconds since 1970, `headers` as the service sends them."""

    name: str
    body: Body
    modified: float | None
    headers: Mapping[str, str]


class Target(Protocol):
    """Where an export writes. All methods raise ExportError."""

    def name(self, path: str) -> str | None:
        """Return the name of the file for a path; None where there can be none."""

    def open(self) -> Manifest:
        """Begin a round; return what the target has. Raises ConflictError where another writes."""

    def close(self) -> None:
        """End a round."""

    def sizes(self) -> Mapping[str, int]:
        """Return the sizes of all files by their names."""

    def save(self, manifest: Manifest, pending: Sequence[str] = ()) -> None:
        """Replace the manifest, the last time in a round without `pending` paths.

        Raises ConflictError where another export has replaced it.
        """

    def write(self, files: Iterable[File]) -> None:
        """Write files; a reader gets each as it was before or as it is after."""

    def delete(self, names: Iterable[str]) -> None:
        """Delete files, those that are not there too."""
