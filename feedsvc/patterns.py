"""Regular expressions that take linear time on any text. The owner of RE2.

For the operator's patterns, which meet text of strangers, and for patterns of strangers. RE2 has no
back-references and no look-around.
"""

from functools import lru_cache
from typing import Protocol, cast

import re2

_STRANGERS_BYTES = 512 * 1024


class Pattern(Protocol):
    """The methods of a compiled pattern that we use."""

    def sub(self, replacement: str, text: str) -> str:
        """Return `text` with each match replaced; `\\1` stands for a group."""

    def search(self, text: str) -> "Match | None":
        """Return the first match in `text`, None where there is none."""


class Match(Protocol):
    """The methods of a match that we use."""

    def group(self, number: int = 0) -> str:
        """Return the text that matched the pattern, or one of its groups."""


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Pattern:
    """Compile `pattern`. Raises ValueError, with the reason, if it is not valid."""
    return _made(pattern, re2.Options())


def of_stranger(pattern: str, *, is_case_sensitive: bool) -> Pattern:
    """Compile a pattern from a request, which may take little memory and is not remembered.

    Raises ValueError, with the reason, if it is not valid or too large.
    """
    options = re2.Options()
    options.max_mem = _STRANGERS_BYTES
    options.case_sensitive = is_case_sensitive
    return _made(pattern, options)


def _made(pattern: str, options: re2.Options) -> Pattern:
    options.log_errors = False
    try:
        return cast("Pattern", re2.compile(pattern, options))
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from error


def mistake_in(pattern: str, replacement: str) -> str | None:
    """Return what is wrong with a pattern or with its replacement, None where nothing is."""
    try:
        compiled(pattern)
        # A group that the pattern lacks shows only when there is a match.
        compiled(f"(?:{pattern})|").sub(replacement, "")
    except IndexError:
        return "the replacement names a group that the pattern does not have"
    except ValueError as error:
        return str(error)
    return None
