"""Every regular expression of the package takes linear time on 64 KB of its worst input."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import feedsvc

CHILD = Path(__file__).with_name("pattern_child.py")
PACKAGE = Path(feedsvc.__file__).parent
# Patterns made while the service runs: from `articles.include`, of the escaped words of a search,
# and of the escaped forms of `base_url`.
MADE_LATER = {"scan/walk.py", "fulltext/excerpts.py", "web/hostaddress.py"}


def test_every_pattern_takes_linear_time() -> None:
    child = subprocess.run(
        [sys.executable, str(CHILD)], capture_output=True, text=True, timeout=600, check=False
    )
    last = child.stdout.splitlines()[-1:]
    assert last == ["all"], (
        f"it takes too long, or fails ({child.returncode}): {last} {child.stderr[-2000:]}"
    )


def inline(tree: ast.Module) -> Iterator[str]:
    """Yield each call of `re` inside a function whose pattern is more than plain text."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for call in ast.walk(function):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and isinstance(call.func.value, ast.Name)
                and call.func.value.id == "re"
                and call.func.attr != "escape"
            ):
                pattern = call.args[0]
                plain = isinstance(pattern, ast.Constant) and isinstance(pattern.value, str)
                if not plain or re.escape(pattern.value) != pattern.value:
                    yield ast.unparse(call)


def test_every_pattern_is_defined_at_module_level() -> None:
    calls_by_module = {
        source: calls
        for file in sorted(PACKAGE.rglob("*.py"))
        if (source := file.relative_to(PACKAGE).as_posix()) not in MADE_LATER
        and (calls := list(inline(ast.parse(file.read_text("utf-8")))))
    }
    assert calls_by_module == {}
