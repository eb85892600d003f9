"""The JSON Schema of config.yaml, for editors and programs.

It is made by the code that reads the configuration: a `Recorder` notes which keys are asked for,
and as what. `make schema` writes it to `schema.json`, which is shipped; the descriptions are the
comments of the sample, config.yaml. What only a look at the disk or at several values can tell, the
schema accepts: `feedsvc check` is stricter. It is draft 7 of JSON Schema, which editors know best.
"""

import json
import pathlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from feedsvc import mediatypes
from feedsvc.config import SHORTEST_TOKEN, TOKEN, read
from feedsvc.config.document import Path, dotted
from feedsvc.config.reader import DATABASE, LANGUAGE, Reader
from feedsvc.feedreaders import READERS
from feedsvc.slugs import SLUG

T = TypeVar("T")
Schema = dict[str, Any]

FILE = pathlib.Path(__file__).with_name("schema.json")
"""The schema that is shipped."""

_INDEX = re.compile(r"\[\d+\]")
_COMMENTED = re.compile(r"( *)(- )?(\w+):(?: .*?)??(?:\s+# (.*))?$")  # a line of the sample
_SPAN = r"(\d{1,4}d)? ?(\d{1,6}h)? ?(\d{1,6}m)? ?(\d{1,8}s)?"
_DURATION = rf"^(?=\d){_SPAN}$"
_CRON = r"^\s*[\w*/,#-]+(\s+[\w*/,#-]+){4}\s*$"
_ADDRESS = r"^https?://[^\s/?#]+(/[^\s?#]*)?$"
_FORMATS = r"\.([aA][tT][oO][mM]|[rR][sS][sS]|[jJ][sS][oO][nN]|[xX][mM][lL]|[hH][tT][mM][lL]?)$"

# What the code asks of several values together, or of the items of a list.
_MORE: Mapping[str, Schema] = {
    "categories[]": {"required": ["slug"]},
    "sources[]": {
        "required": ["path"],
        "anyOf": [{"required": ["name"]}, {"required": ["rights"]}, {"required": ["license"]}],
    },
    "content.replace[]": {"required": ["pattern"]},
    "categories[].content.replace[]": {"required": ["pattern"]},
    "content.images[]": {"required": ["hosts"]},
    "categories[].content.images[]": {"required": ["hosts"]},
    "image_proxy.referers[]": {"required": ["hosts", "referer"]},
    "monitoring.folders[]": {"required": ["folder", "expect"]},
    "pages.readers": {"items": {"enum": list(READERS)}},
    "content.summary_skip": {"items": {"type": "string", "format": "regex"}},
    "categories[].content.summary_skip": {"items": {"type": "string", "format": "regex"}},
    "categories[].access": {"type": ["object", "string"], "pattern": "^public$"},
    "categories[].access.tokens": {"items": {"type": "string", "pattern": f"^{TOKEN.pattern}$"}},
    "status.token": {"minLength": SHORTEST_TOKEN, "pattern": "^[!-~]+$"},
    "websub.hubs": {"items": {"type": "string", "pattern": "^https?://"}},
    "status": {
        "if": {"properties": {"access": {"const": "token"}}, "required": ["access"]},
        "then": {"required": ["token"]},
    },
}


class Recorder(Reader):
    """Notes the shape of each value that is asked for, and answers with the defaults.

    A key that is asked for in a way that is not known here may have any value.
    """

    def __init__(self, path: Path = ()) -> None:
        super().__init__({}, lines={}, file=None, path=path)
        self._properties: dict[str, Schema] = {}
        self._below: dict[str, tuple[Recorder, bool]] = {}  # whether in a list

    def schema(self, comments: Mapping[str, str]) -> Schema:
        """Return the schema of this mapping, with comments by path as its descriptions."""
        here = _pattern_of(self._path)
        properties: dict[str, Schema] = {}
        for key, own in self._properties.items():
            path = f"{here}.{key}".lstrip(".")
            value = dict(own)
            if key in self._below:
                child, in_list = self._below[key]
                value = child.schema(comments)
                if in_list:
                    value = {"type": ["array", "null"], "items": {**value, "type": "object"}}
            value = _with_reference({**value, **_MORE.get(path, {})})
            if path in comments:
                value = {"description": comments[path], **value}
            properties[key] = value
        return {
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": properties,
            **_MORE.get(here, {}),
        }

    def refuse(self, path: Path, reason: str) -> None:
        """Do nothing: there are no values that could be wrong."""

    def section(self, key: str) -> "Recorder":
        """Note a mapping."""
        return self._note_below(key, (*self._path, key), in_list=False)

    def items(self, key: str) -> Iterator[Reader]:
        """Note a list of mappings."""
        yield self._note_below(key, (*self._path, key, 0), in_list=True)

    def line(self, key: str, default: str, *, empty: bool = False) -> str:
        """Note one line of text."""
        return self._note(key, default, {"type": "string", **({} if empty else {"pattern": r"\S"})})

    def lines(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Note a list of text."""
        item = {"type": "string", "pattern": r"\S"}
        return self._note(key, default, {"type": "array", "items": item})

    def text(self, key: str, default: str) -> str:
        """Note text."""
        return self._note(key, default, {"type": "string"})

    def flag(self, key: str, default: bool) -> bool:
        """Note true or false."""
        return self._note(key, default, {"type": "boolean"})

    def number(self, key: str, default: int, *, least: int, most: int) -> int:
        """Note a whole number."""
        return self._note(key, default, {"type": "integer", "minimum": least, "maximum": most})

    def choice(self, key: str, default: T, choices: Iterable[T]) -> T:
        """Note one of a few words."""
        return self._note(key, default, {"enum": list(choices)})

    def duration(self, key: str, default: timedelta, *, most: timedelta) -> timedelta:
        """Note a span of time."""
        return self._note(key, default, {"type": "string", "pattern": _DURATION})

    def expectation(self, key: str) -> timedelta | None:
        """Note a span of time."""
        return self._note(key, None, {"type": "string", "pattern": _DURATION})

    def address(self, key: str) -> str | None:
        """Note an address."""
        return self._note(key, None, {"type": "string", "pattern": r"^\s*https?://[^/\s]"})

    def schedule(self, key: str, default: timedelta | str) -> timedelta | str:
        """Note a period or a cron expression."""
        pattern = {"type": "string", "pattern": f"{_DURATION}|{_CRON}"}
        return self._note(key, default, pattern)

    def base_url(self, key: str, default: str) -> str:
        """Note an address."""
        return self._note(key, default, {"type": "string", "pattern": _ADDRESS})

    def icon(self, key: str, folder: pathlib.Path) -> str | pathlib.Path | None:
        """Note an address or the name of an image."""
        names = "|".join(extension.lstrip(".") for extension in mediatypes.ICONS)
        pattern = rf"^https?://[^\s/]+|^(?!https?://).*\.({names}|{names.upper()})$"
        return self._note(key, None, {"type": "string", "pattern": pattern})

    def database(self, key: str, default: str) -> str:
        """Note the address of a database."""
        return self._note(key, default, {"type": "string", "pattern": f"^({DATABASE.pattern})$"})

    def language(self, key: str, default: str) -> str:
        """Note a language tag."""
        return self._note(key, default, {"type": "string", "pattern": f"^{LANGUAGE.pattern}$"})

    def zone(self, key: str) -> ZoneInfo | None:
        """Note the name of a time zone; which names there are depends on the machine."""
        return self._note(key, None, {"type": "string", "pattern": r"^[\w+-]+(/[\w+-]+)*$"})

    def pattern(self, key: str) -> str | None:
        """Note a regular expression."""
        return self._note(key, None, {"type": "string", "format": "regex"})

    def slug(self, key: str, taken: Iterable[str]) -> str:
        """Note the name of a feed."""
        pattern = SLUG.pattern.replace(r"\"", '"')
        refused = [{"enum": ["all", "search"]}, {"pattern": _FORMATS}]
        self._note(
            key, "", {"type": "string", "pattern": f"^{pattern}$", "not": {"anyOf": refused}}
        )
        return ""

    def _note(self, key: str, default: T, schema: Schema) -> T:
        self._properties[key] = schema
        return default

    def _note_below(self, key: str, path: Path, *, in_list: bool) -> "Recorder":
        self._properties[key] = {}
        child = Recorder(path)
        self._below[key] = child, in_list
        return child

    def _get(self, key: str) -> Any:
        self._properties.setdefault(key, {})
        return None


def _pattern_of(path: Path) -> str:
    return _INDEX.sub("[]", dotted(path))


def _with_reference(schema: Schema) -> Schema:
    """Let a value be left empty, or refer to a variable or a file."""
    if schema.get("type") == "string" and len(schema) == 1:
        return {"type": ["string", "null"]}
    if "enum" in schema or isinstance(schema.get("type"), str):
        return {"anyOf": [schema, {"$ref": "#/definitions/reference"}]}
    return schema


def comments_of(sample: str) -> dict[str, str]:
    """Return the comment beside each key of the sample, by path.

    >>> comments_of("site:  # a\\n  title: x  # b [c]\\nlist:\\n  - slug: x  # d")
    {'site': 'a', 'site.title': 'b [c]', 'list[].slug': 'd'}
    """
    comments: dict[str, str] = {}
    above: list[tuple[int, str]] = []  # the column and the path of each key around this line
    for line in sample.splitlines():
        match = _COMMENTED.match(line)
        if match is None:
            continue
        spaces, dash, key, comment = match.groups()
        column = len(spaces) + len(dash or "")
        while above and above[-1][0] >= column:
            above.pop()
        parent = above[-1][1] if above else ""
        if dash:
            parent = f"{parent.removesuffix('[]')}[]"
            above[-1] = above[-1][0], parent
        path = f"{parent}.{key}".lstrip(".")
        above.append((column, path))
        if comment and path not in comments:
            comments[path] = comment.strip()
    return comments


def build(sample: str) -> Schema:
    """Return the schema; `sample` is the text of a config.yaml with a comment beside each key."""
    recorder = Recorder()
    read(recorder, pathlib.Path())
    comments = comments_of(sample)
    for path, comment in list(comments.items()):
        if path.startswith("content."):
            comments.setdefault(f"categories[].{path}", comment)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The configuration of feedsvc",
        "definitions": {
            "reference": {
                "description": "nothing, or a text with ${NAME} or ${file:PATH} in it",
                "type": ["string", "null"],
                "pattern": r"\$\{",
            }
        },
        **recorder.schema(comments),
    }


def as_text(schema: Schema) -> str:
    """Return the schema as it is shipped."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(as_text(build(pathlib.Path(sys.argv[1]).read_text("utf-8"))), "utf-8")
