"""A guess at an article's date from the first bytes of its file. Pure.

It only decides the order in which files are read, newest first. So it may be wrong, for a date that
stands further down or needs a YAML parser.
"""

import re
from datetime import UTC, datetime

from feedsvc.articles import dates

ENOUGH = 2048
"""How many bytes of a file `guess_date` needs."""

_DATE = re.compile(
    rb"""^[ \t]*["']?date["']?[ \t]*[:=][ \t]*["']?([0-9A-Za-z][^"'#\r\n]*)""",
    re.MULTILINE | re.IGNORECASE,
)


def guess_date(head: bytes) -> datetime | None:
    """Return the probable date of an article that begins with `head`, None if no date is seen."""
    field = _DATE.search(head)
    if field is None:
        return None
    try:
        return dates.parse(field[1].decode("utf-8", "replace").rstrip(" ,\t"), UTC)
    except ValueError:
        return None
