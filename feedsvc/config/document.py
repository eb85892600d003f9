"""YAML text to plain values and the line of each. Pure."""

from typing import Any

import yaml

from feedsvc.errors import ConfigError, Mistake

Path = tuple[str | int, ...]
"""The keys that lead to a value: ("categories", 2, "terms")."""

_MAX_DEPTH = 20


def read(text: str, file: str) -> tuple[dict[str, Any], dict[Path, int]]:
    """Return the mapping in `text` and the line of each path in it.

    Raises ConfigError if it is no YAML or no mapping, or if a key stands twice.
    """
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        reason = f"this is not YAML: {error.problem or error.context}"
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
