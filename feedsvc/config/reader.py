"""Reads typed values from a mapping and collects all mistakes. Pure.

A schema library knows no line numbers, its messages are not for operators, and every process would
import it.
"""

import pathlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from feedsvc import mediatypes, patterns, weburl, xmltext
from feedsvc.config.document import Lines, Path, dotted, place, plain
from feedsvc.config.environment import Given
from feedsvc.errors import ConfigError, Mistake
from feedsvc.slugs import is_slug

T = TypeVar("T")

_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}

_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_CRON = re.compile(r"[\w*/,#-]+(?:\s+[\w*/,#-]+){4}")
DATABASE = re.compile(r"sqlite(\+\w+)?:(//|///[^?\s][^?]*(\?\S*)?)|(?!sqlite)\w+(\+\w+)?://\S+")
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


class Reader:
    """Reads one mapping of the configuration; keys that are never read are unknown keys."""

    def __init__(self, mapping: Any, *, lines: Lines, file: str | None, path: Path = ()) -> None:
        self._lines = lines
        self._file = file
        self._path = path
        self._mistakes: list[tuple[int, Mistake]] = []
        self._children: list[Reader] = []
        self._asked: set[str] = set()
        self._mapping: Mapping[str, Any] = {}
        if isinstance(mapping, Mapping):
            self._mapping = mapping
        elif mapping is not None:  # None is a section whose keys are all commented out
            self.refuse((), f"expected `name: value` lines, got {_kind(mapping)}")

    def finish(self) -> None:
        """Raise ConfigError with the mistakes of all sections, in the file's order, if any."""
        numbered = sorted(self.mistakes(), key=lambda pair: pair[0])
        if numbered:
            raise ConfigError(tuple(mistake for _, mistake in numbered))

    def section(self, key: str) -> "Reader":
        """Return the reader of the mapping under `key`."""
        return self._child(self._plain(key), (*self._path, key))

    def items(self, key: str) -> Iterator["Reader"]:
        """Yield a reader for each mapping of the list under `key`."""
        value = self._plain(key)
        if value is not None and not isinstance(value, list):
            self.refuse((key,), f"expected a list, got {_kind(value)}")
            return
        for n, item in enumerate(value or ()):
            yield self._child(item, (*self._path, key, n))

    def line(self, key: str, default: str, *, empty: bool = False) -> str:
        """Return one line of text."""
        value = self._typed(key, str, "text")
        if value is None:
            return default
        text = xmltext.line(value)
        if text or empty:
            return text
        return self._wrong(key, "expected some text, got none", default)

    def lines(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return a list of text."""
        value = self._plain(key)
        if value is None:
            return default
        if not isinstance(value, list):
            return self._wrong(key, f"expected a list of text, got {_kind(value)}", default)
        for n, item in enumerate(value):
            if not isinstance(item, str):
                self.refuse((key, n), f"expected text, got {_kind(item)}")
            elif not item.strip():
                self.refuse((key, n), "expected text, got none")
        return tuple(item for item in value if isinstance(item, str))

    def text(self, key: str, default: str) -> str:
        """Return text of any number of lines, unchanged."""
        value = self._typed(key, str, "text")
        return default if value is None else xmltext.legal(value)

    def names(self, key: str) -> bool:
        """Tell whether the section has a value for `key`."""
        return self._mapping.get(key) is not None

    def has(self, key: str) -> bool:
        """Tell whether the section has a line for `key`, even one without a value."""
        return key in self._mapping

    def says(self, key: str, word: str) -> bool:
        """Tell whether the value for `key` is this word."""
        return bool(self._get(key) == word)

    def refuse(self, path: Path, reason: str) -> None:
        """Note a mistake at a path inside this section."""
        path = (*self._path, *path)
        where = place(self._lines, path, self._file)
        _, _, line = where.rpartition(":")
        mistake = Mistake(where=where, path=dotted(path), reason=reason)
        self._mistakes.append((int(line) if line.isdecimal() else 0, mistake))

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self._plain(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        return self._wrong(key, f"expected true or false, got {_kind(value)}", default)

    def number(self, key: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number from `least` to `most`."""
        value = self._plain(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            got = value if isinstance(value, int | float) else _kind(value)
            return self._wrong(key, f"expected a number from {least} to {most}, got {got}", default)
        return value

    def choice(self, key: str, default: T, choices: Collection[T]) -> T:
        """Return one of a few words."""
        value = self._get(key)
        if value is False and "off" in choices:
            value = "off"  # which is false in YAML 1.1, as PyYAML reads it
        if value is None or value in choices:
            return default if value is None else cast("T", value)
        words = ", ".join(map(str, choices))
        return self._wrong(key, f"expected one of {words}, got {_shown(value)}", default)

    def duration(self, key: str, default: timedelta, *, most: timedelta) -> timedelta:
        """Return a span of time such as `90s`, `5m`, `1h30m` or `7d`."""
        value = self._get(key)
        if value is None:
            return default
        span = _duration(value)
        if span is None or span > most:
            return self._wrong(
                key, f"expected a duration such as 60s, 5m or 1h, got {_shown(value)}", default
            )
        return span

    def expectation(self, key: str) -> timedelta | None:
        """Return a span of time from an hour to a year, or None."""
        value = self._get(key)
        if value is None:
            return None
        expect = _duration(value)
        if expect is not None and timedelta(hours=1) <= expect <= timedelta(days=365):
            return expect
        return self._wrong(
            key, f"expected a duration such as 6h or 2d, at least 1h, got {_shown(value)}", None
        )

    def address(self, key: str) -> str | None:
        """Return an http(s) address, or None. A mistake is reported without the address."""
        value = self._typed(key, str, "an address")
        if value is None:
            return None
        value = value.strip()
        parts = weburl.split(value)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
            return self._wrong(
                key, "expected an address that begins with https:// or http://", None
            )
        return value

    def schedule(self, key: str, default: timedelta | str) -> timedelta | str:
        """Return a period of a second or more, or a cron expression of five fields."""
        value = self._get(key)
        if value is None:
            return default
        span = _duration(value)
        if span is not None and timedelta(seconds=1) <= span <= timedelta(days=365):
            return span
        if isinstance(value, str) and _CRON.fullmatch(value.strip()):
            return value.strip()
        return self._wrong(
            key,
            "expected a duration such as 60s or 5m, or a cron expression such as"
            f" '*/5 * * * *', got {_shown(value)}",
            default,
        )

    def base_url(self, key: str, default: str) -> str:
        """Return an http(s) address without a slash at its end."""
        value = self._typed(key, str, "an address")
        if value is None:
            return default
        address = weburl.absolute(value)
        parts = None if address is None else weburl.split(address)
        if address is None or parts is None or parts.query or parts.fragment:
            return self._wrong(
                key, f"expected an address such as https://feeds.example.org, got {value}", default
            )
        path = parts.path.rstrip("/")
        # Clients and proxies change such addresses: https://x.org/a/../b, https://x.org//b.
        if not {"", ".", ".."}.isdisjoint(path.split("/")[1:]):
            return self._wrong(
                key, f"expected an address without // and .. in its path, got {value}", default
            )
        return address.rstrip("/")

    def addresses(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return http(s) addresses."""
        addresses: list[str] = []
        for n, value in enumerate(self.lines(key, default)):
            address = weburl.absolute(value)
            if address is None:
                self.refuse((key, n), f"expected an http(s) address, got {value}")
            else:
                addresses.append(address)
        return tuple(addresses)

    def icon(self, key: str, folder: pathlib.Path) -> str | pathlib.Path | None:
        """Return an http(s) address, an image file relative to `folder`, or None."""
        value = self._typed(key, str, "an address or a file")
        if value is None:
            return None
        if value.lower().startswith(("http://", "https://")):
            address = weburl.absolute(value)
            return address or self._wrong(key, f"expected an address, got {value}", None)
        if pathlib.PurePath(value).suffix.lower() in mediatypes.ICONS:
            return folder / value
        types = ", ".join(mediatypes.ICONS)
        return self._wrong(key, f"expected an address, or a file ({types}), got {value}", None)

    def database(self, key: str, default: str) -> str:
        """Return the address of a database (an URL of SQLAlchemy), which may hold a password."""
        value = self._typed(key, str, "the address of a database")
        if value is None or DATABASE.fullmatch(value):
            return value or default
        # The value may hold a password, so the reason must not repeat it.
        return self._wrong(
            key, "expected the address of a database, such as sqlite:///state/feedsvc.db", default
        )

    def language(self, key: str, default: str) -> str:
        """Return a language tag (RFC 5646)."""
        value = self._typed(key, str, "a language tag such as zh-CN")
        if value is None or LANGUAGE.fullmatch(value):
            return value or default
        return self._wrong(key, f"expected a language tag such as zh-CN, got {value}", default)

    def zone(self, key: str) -> ZoneInfo | None:
        """Return a time zone by its name, or None."""
        value = self._typed(key, str, "a time zone such as Asia/Shanghai")
        if value is None:
            return None
        try:
            return ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
            pass
        return self._wrong(key, f"expected a time zone such as Asia/Shanghai, got {value}", None)

    def pattern(self, key: str) -> str | None:
        """Return a regular expression that takes linear time on any text (RE2)."""
        value = self._typed(key, str, "a regular expression")
        if value is None:
            return None
        try:
            patterns.compiled(value)
        except ValueError as error:
            return self._wrong(key, f"is no regular expression (RE2): {error}", None)
        return value

    def slug(self, key: str, taken: Iterable[str]) -> str:
        """Return the name of a feed in addresses; it must not be in `taken`."""
        value = self._typed(key, str, "text")
        if value is None:
            if self._get(key) is None:
                self.refuse((key,), "is missing: the feed's name in its address")
            return ""
        slug = xmltext.line(value)
        if not is_slug(slug):
            return self._wrong(
                key, "expected a name without spaces, slashes or a format's suffix", slug
            )
        if slug == "all":
            return self._wrong(key, "is taken by the feed of all articles", slug)
        if slug == "search":
            return self._wrong(key, "is taken by the feeds of searches", slug)
        if slug in taken:
            return self._wrong(key, f"{slug} is taken by another category", slug)
        return slug

    def _child(self, value: Any, path: Path) -> "Reader":
        child = Reader(value, lines=self._lines, file=self._file, path=path)
        self._children.append(child)
        return child

    def _get(self, key: str) -> Any:
        self._asked.add(key)
        return self._mapping.get(key)

    def _plain(self, key: str) -> Any:
        """Return a value that is not text; one from outside of the file is read as YAML."""
        value = self._get(key)
        return plain(value) if isinstance(value, Given) else value

    def _typed(self, key: str, type: type[T], words: str) -> T | None:
        value = self._get(key)
        if value is None or isinstance(value, type):
            return value
        return self._wrong(key, f"expected {words}, got {_kind(value)}", None)

    def _wrong(self, key: str, reason: str, default: T) -> T:
        self.refuse((key,), reason)
        return default

    def mistakes(self) -> Iterator[tuple[int, Mistake]]:
        """Yield the mistakes of this section and those below it, each with its line."""
        for key in self._mapping:
            if key not in self._asked:
                close = get_close_matches(str(key), self._asked, n=1)
                known = f" (known: {', '.join(sorted(self._asked))})"
                hint = f"; did you mean {close[0]}?" if close else known
                self.refuse((str(key),), f"unknown key{hint}")
        yield from self._mistakes
        for child in self._children:
            yield from child.mistakes()


def _duration(value: Any) -> timedelta | None:
    parts = _DURATION.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
    if parts is None or not any(parts.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _kind(value: Any) -> str:
    return _KINDS.get(str if isinstance(value, str) else type(value)) or f"a {type(value).__name__}"


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else _kind(value)
