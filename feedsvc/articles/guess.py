"""A guess at an article's date by the first bytes of its file, to read the newest first. Pure.

Only the order in which files are read hangs on it, so it may be wrong: about an article whose date
stands elsewhere, or is written in a way that only a YAML parser sees through.
"""

import re
from datetime import UTC, datetime

from feedsvc.articles import dates

ENOUGH = 2048
"""Bytes of a file that are worth looking at."""

_DATE = re.compile(
    rb"""^[ \t]*["']?date["']?[ \t]*[:=][ \t]*["']?([0-9A-Za-z][^"'#\r\n]*)""",
    re.MULTILINE | re.IGNORECASE,
)


def guess_date(head: bytes) -> datetime | None:
    """Return the date that an article with these first bytes probably has, None without a clue."""
    found = _DATE.search(head)
    if found is None:
        return None
    try:
        return dates.parse(found[1].decode("utf-8", "replace").rstrip(" ,\t"), UTC)
    except ValueError:
        return None
