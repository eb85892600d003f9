"""Front matter in TOML and JSON, with the same values as front matter in YAML. Pure."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from feedsvc.errors import ArticleError

Value = str | datetime | None | list["Value"] | dict[str, "Value"]

MAX_DEPTH = 20
_TOO_MUCH = "it nests too deeply, or holds too long a number"
# Possessive, so that 60,000 spaces before an empty key do not take time in the square.
_KEY = re.compile(r"[\s{,\[]*+[\"']?+([^\"'=:\].]{1,100}+)[\"']?+\s*+(?:[=:\].]|$)")
# The end of a message of tomllib; text of the file may stand before it.
_TOML_LINE = re.compile(r"\(at line (\d{1,7}), column \d{1,7}\)\Z")
_LAST_COMMA = re.compile(r",\s*}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A front matter value and its line in the file."""

    value: Value
    line: int


def toml(matter: str, first_line: int) -> dict[str, Field]:
    """Return the fields of a TOML document. Raises ArticleError."""
    for number, line in enumerate(matter.split("\n"), start=first_line):
        if line.partition("=")[0].count(".") > MAX_DEPTH * 5:  # tomllib is slow at these
            raise too_deep(number)
    try:
        table = tomllib.loads(matter.replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:  # ValueError also for very long numbers
        place = _TOML_LINE.search(str(error))
        raise ArticleError(
            f"the front matter is not TOML: {error}",
            cure='write it as `name = "value"` lines',
            line=first_line + int(place[1]) - 1 if place else first_line,
        ) from error
    return located(table, matter, first_line)


def json_object(matter: str, first_line: int) -> dict[str, Field]:
    """Return the fields of a JSON object. Raises ArticleError."""
    try:
        table = json.loads(_LAST_COMMA.sub("}", matter))
    except (ValueError, RecursionError) as error:
        raise ArticleError(
            f"the front matter is not JSON: {getattr(error, 'msg', None) or _TOO_MUCH}",
            cure='write it as `"name": "value",` lines',
            line=first_line + getattr(error, "lineno", 1) - 1,
        ) from error
    return located(table, matter, first_line)


def located(table: Mapping[str, Any], text: str, first_line: int) -> dict[str, Field]:
    """Return the fields of a table of TOML or JSON, each with the line of its key in `text`."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=first_line):
        if key := _KEY.match(line):
            lines.setdefault(key[1].strip(), number)
    fields: dict[str, Field] = {}
    for name, value in table.items():
        number = lines.get(name.strip(), first_line)
        fields[name.strip().lower()] = Field(value=_plain(value, MAX_DEPTH, number), line=number)
    return fields


def too_deep(line: int) -> ArticleError:
    """Return the error for front matter that nests too deeply."""
    return ArticleError("the front matter nests too deeply", cure="write plain values", line=line)


def _plain(value: object, depth: int, line: int) -> Value:
    """Return a value of TOML or JSON as the same value written in YAML is read."""
    if depth == 0:
        raise too_deep(line)
    match value:
        case bool():
            return "true" if value else "false"
        case None | str() | datetime():
            return value
        case list():
            return [_plain(item, depth - 1, line) for item in value]
        case dict():
            return {str(key): _plain(item, depth - 1, line) for key, item in value.items()}
        case _:
            return value.isoformat() if isinstance(value, date) else _number(value, line)


def _number(value: object, line: int) -> str:
    try:
        return str(value)
    except ValueError:  # CPython refuses to write integers of more than 4,300 digits
        raise ArticleError(
            "the front matter holds too long a number", cure="put it in quotes", line=line
        ) from None
