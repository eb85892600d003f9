"""Dates as articles write them, to a moment in UTC. Pure."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime

# No article has a date outside of these; programs write the years 1 and 9999 by default.
FIRST_YEAR, LAST_YEAR = 1900, 2199

_RFC822 = re.compile(r"^(?:[A-Za-z]{3,9},?\s*)?\d{1,2}[\s-][A-Za-z]{3,9}[\s-]\d{2,4}\s")
_EPOCH = re.compile(r"^-?\d{9,10}(?:\d{3})?(?:\.\d+)?$")
_YEAR = re.compile(r"\s(\d{4})\s")
_OTHER_ISO = re.compile(r"^\d{4}(?:-?W\d|\d{4})")  # ISO 8601's rarer forms
# For text with single spaces: with `\s*` twice in a row it would take time in the square.
_PARTS = re.compile(
    r"""^(?P<year>\d{4})[ ]?[-/.年][ ]?(?P<month>\d{1,2})[ ]?[-/.月][ ]?(?P<day>\d{1,2})[ ]?日?
    (?:(?:[T ]|(?<=日))[ ]?(?P<hour>\d{1,2})[:时](?P<minute>\d{2})分?
       (?::?(?P<second>\d{2})秒?(?:[.,]\d+)?)?[ ]?(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?
    )?$""",
    re.VERBOSE | re.IGNORECASE,
)


def parse(value: str | datetime, zone: tzinfo) -> datetime:
    """Read a date: RFC 822, ISO 8601, `YYYY/MM/DD HH:MM`, `2022年2月23日`, epoch s or ms.

    A date without a zone is in `zone`; a date without a time is its midnight. The result is in UTC
    and whole seconds. Raises ValueError for anything else, with a reason for people to read.

    >>> from zoneinfo import ZoneInfo
    >>> parse("2021-10-28 14:08:07", ZoneInfo("Asia/Shanghai")).isoformat()
    '2021-10-28T06:08:07+00:00'
    """
    if isinstance(value, datetime):
        return _settle(value, zone)
    text = " ".join(value.split())
    for shape, read in _READERS:
        if shape(text):
            try:
                moment = read(text)
            except (ValueError, OverflowError, TypeError, IndexError) as error:
                raise ValueError(f"there is no such date as “{text[:40]}”") from error
            return _settle(moment, zone)
    raise ValueError(f"“{text[:40]}” is not a date")


def _settle(moment: datetime, zone: tzinfo) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year {moment.year} cannot be right")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC).replace(microsecond=0)


def _epoch(text: str) -> datetime:
    digits = text.partition(".")[0].lstrip("-")
    seconds = float(text) / (1000 if len(digits) > 10 else 1)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _rfc822(text: str) -> datetime:
    year = _YEAR.search(text)
    if year and int(year[1]) < FIRST_YEAR:  # email.utils takes 0001 for 2001
        return datetime(int(year[1]) or 1, 1, 1, tzinfo=UTC)
    moment = parsedate_to_datetime(text)
    # RFC 5322 3.3: "-0000" is UTC without information about the local zone.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None and "-0000" in text else moment


def _parts(text: str) -> datetime:
    parts = _PARTS.match(text)
    if parts is None:
        raise ValueError
    year, month, day, hour, minute, second = (
        int(parts[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    midnight = (hour, minute, second) == (24, 0, 0)  # ISO 8601: the end of the day
    hour = 0 if midnight else hour
    moment = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the zone comes next
    moment += timedelta(days=midnight)
    zone = parts["zone"]
    if zone is None:
        return moment
    if zone[0] not in "+-":
        return moment.replace(tzinfo=UTC)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return moment.replace(tzinfo=timezone(-offset if zone[0] == "-" else offset))


_READERS: tuple[tuple[Callable[[str], object], Callable[[str], datetime]], ...] = (
    (_PARTS.match, _parts),
    (_EPOCH.match, _epoch),
    (_RFC822.match, _rfc822),
    (_OTHER_ISO.match, datetime.fromisoformat),
)
