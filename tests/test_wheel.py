"""The wheel brings everything that the package has: templates, styles, translations, the schema."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "feedsvc"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel that is built from this checkout."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_file_of_the_package_is_in_the_wheel(names: set[str]) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not ignored(path)
    }
    assert files - names == set()
    assert {"feedsvc/py.typed", "feedsvc/config/schema.json"} <= names
    for kind in ("templates/layout.html", "static/style.css", "translations/zh_Hans"):
        assert any(name.startswith(f"feedsvc/web/{kind}") for name in names), kind
    assert any(name.endswith("messages.mo") for name in names), "the translations are compiled"


def test_the_wheel_has_the_command_and_nothing_else_of_the_project(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert len(tops) == 2
    assert any(name.endswith(".dist-info/entry_points.txt") for name in names)


def ignored(path: Path) -> bool:
    """Tell whether git ignores a file, which a build may leave out."""
    return path.name.startswith(".") or path.suffix in {".pyc", ".orig"}
