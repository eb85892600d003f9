"""Values from outside of config.yaml: variables of the environment, and files with secrets.

`${NAME}` in a value stands for a variable, `${file:PATH}` for the text of a file, `$${` for `${`.
The variable `FEEDSVC__SITE__BASE_URL` replaces `site.base_url`, and so on for each key.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feedsvc.config.document import Lines, Path as KeyPath, dotted, place
from feedsvc.errors import ConfigError, Mistake

PREFIX = "FEEDSVC__"

_NAME = r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}"
_REFERENCE = re.compile(
    rf"(?P<escaped>\$\$\{{)|{_NAME}|\$\{{file:(?P<file>(?:[^${{}}]|\$\{{[A-Za-z_][A-Za-z0-9_]*\}})+)\}}"
)
_VARIABLE = re.compile(_NAME)


class Given(str):
    """Text from outside; it is read as YAML where a number, a flag or a list is expected."""

    __slots__ = ()


class _MissingError(Exception):
    """A variable or a file is missing: the reason and the cure."""


def complete(
    values: dict[str, Any],
    lines: Lines,
    environ: Mapping[str, str],
    *,
    file: str | None,
    folder: Path,
) -> tuple[dict[str, Any], Lines]:
    """Return values with references replaced and with the variables for single keys.

    Their places name the variable. Raises ConfigError with every variable and file that is missing.
    """
    mistakes: list[Mistake] = []

    def replaced(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: replaced(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [replaced(item, (*path, n)) for n, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        try:
            text = _REFERENCE.sub(lambda match: _meaning(match, environ, folder), value)
        except _MissingError as error:
            where = place(lines, path, file)
            mistakes.append(Mistake(where=where, path=dotted(path), reason=str(error)))
            return value
        return Given(text)

    values, lines = replaced(values, ()), dict(lines)
    for name in sorted(environ):
        path = tuple(name[len(PREFIX) :].lower().split("__"))
        if not name.startswith(PREFIX) or not all(path):
            continue
        *sections, key = path
        mapping = values
        for section in sections:
            if mapping.get(section) is None:
                mapping[section] = {}
            mapping = mapping[section]
            if not isinstance(mapping, dict):
                reason = f"{section} is no section; set it as a whole, in YAML"
                mistakes.append(Mistake(where=f"${name}", path=dotted(path), reason=reason))
                break
        else:
            mapping[key] = Given(environ[name]) if environ[name].strip() else None
            # What the file says below this key is replaced too.
            lines = {known: line for known, line in lines.items() if known[: len(path)] != path}
            lines[path] = f"${name}"
    if mistakes:
        raise ConfigError(tuple(mistakes))
    return values, lines


def _meaning(match: re.Match[str], environ: Mapping[str, str], folder: Path) -> str:
    if match["escaped"]:
        return "${"
    if match["name"]:
        return _variable(match["name"], environ)
    path = folder / _VARIABLE.sub(lambda name: _variable(name["name"], environ), match["file"])
    try:
        return path.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8"
        raise _MissingError(f"the file {path} cannot be read: {reason}") from error


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise _MissingError(
            f"the variable {name} is not set; set it, or write $${{{name}}} for these characters"
        )
    return environ[name]
