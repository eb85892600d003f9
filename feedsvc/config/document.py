"""YAML text to plain values and the line of each. Pure."""

from collections.abc import Mapping
from typing import Any

import yaml

from feedsvc.errors import ConfigError, Mistake

Path = tuple[str | int, ...]
"""The keys that lead to a value: ("categories", 2, "terms")."""

Lines = Mapping[Path, int | str]
"""The line of each value; text for a value from outside of the file: the name of its variable."""

_MAX_DEPTH = 20

# What PyYAML says about the most frequent mistakes, in its order of trust, and the cure of each.
_CURES = (
    ("mapping values are not allowed", "put a text that holds a colon in quotes"),
    ("found character '\\t'", "indent with spaces, not with tabs"),
    ("found unexpected end of stream", "close the quotes that are opened here"),
    ("cannot start any token", "put a text that begins with this character in quotes"),
    ("could not find expected ':'", "write `key: value`, with a colon and a space"),
    ("expected <block end>", "begin all keys of a section in the same column"),
    ("expected ',' or", "close the bracket, with a comma between the items"),
    ("expected the node content", "close the bracket, with a comma between the items"),
    ("undefined alias", "put a text that begins with * in quotes"),
    ("expected alphabetic or numeric character", "put a text that begins with * or & in quotes"),
    ("unknown escape character", "use single quotes for a text that holds a backslash"),
    ("expected a single document", "remove the line --- in the middle"),
)


def dotted(path: Path) -> str:
    """Return a path as text.

    >>> dotted(("categories", 2, "terms"))
    'categories[2].terms'
    """
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def place(lines: Lines, path: Path, file: str | None) -> str:
    """Return where a value stands, or the nearest value around it: `config.yaml:12`."""
    ancestors = (path[:end] for end in range(len(path), -1, -1))
    line = next((lines[known] for known in ancestors if known in lines), 0)
    if isinstance(line, str):
        return line
    return f"{file}:{line}" if file and line else file or ""


def plain(text: str) -> Any:
    """Return the value that a text has in YAML; the text itself where it is no YAML."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text


def read(text: str, file: str) -> tuple[dict[str, Any], dict[Path, int]]:
    """Return the mapping in `text` and the line of each path in it.

    Raises ConfigError if it is no YAML or no mapping, or if a key stands twice.
    """
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        problem = error.problem or error.context or ""
        mark = error.problem_mark or error.context_mark
        if "end of stream" in problem:  # the end of the file says nothing; the opening quote does
            mark = error.context_mark or mark
        where = f"{file}:{mark.line + 1}" if mark else file
        cure = next((cure for words, cure in _CURES if words in problem), "")
        reason = f"this is not YAML: {problem}{'; ' if cure else ''}{cure}"
        raise ConfigError((Mistake(where=where, path="", reason=reason),)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError((Mistake(where=file, path="", reason=f"not YAML: {error}"),)) from error
    if root is None:
        return {}, {}
    lines: dict[Path, int] = {}
    mistakes: list[Mistake] = []

    def value(node: yaml.Node, path: Path) -> Any:
        lines.setdefault(path, node.start_mark.line + 1)
        if len(path) > _MAX_DEPTH:
            mistakes.append(_mistake(file, node, "nested too deeply"))
            return None
        if isinstance(node, yaml.MappingNode):
            mapping: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = str(key_node.value)
                if key in mapping:
                    mistakes.append(_mistake(file, key_node, f"`{key}` stands here a second time"))
                lines[(*path, key)] = key_node.start_mark.line + 1
                mapping[key] = value(value_node, (*path, key))
            return mapping
        if isinstance(node, yaml.SequenceNode):
            return [value(item, (*path, n)) for n, item in enumerate(node.value)]
        try:
            return loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            mistakes.append(_mistake(file, node, f"cannot be read: {error}"))
            return None

    if not isinstance(root, yaml.MappingNode):
        raise ConfigError((_mistake(file, root, "expected `name:` lines at the top"),))
    values = value(root, ())
    if mistakes:
        raise ConfigError(tuple(mistakes))
    return values, lines


def _mistake(file: str, node: yaml.Node, reason: str) -> Mistake:
    return Mistake(where=f"{file}:{node.start_mark.line + 1}", path="", reason=reason)
