"""Nothing untrue stays: what the documents say is tried."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from feedsvc import config as configuration
from feedsvc.cli import main

ROOT = Path(__file__).parent.parent
FLAGS = re.MULTILINE | re.DOTALL
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_two_commands_of_the_readme_are_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = [
        line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()
    ]
    assert commands == ["make serve", "make test"]
    for command in commands:
        assert re.search(rf"^{shlex.split(command)[1]}:", makefile, re.MULTILINE)


def test_the_configuration_in_the_readme_is_one() -> None:
    first, *more = (configuration.parse(yaml.safe_load(text)) for text in blocks("yaml"))
    assert first.categories[0].terms == ("ships", "船")
    assert more


def test_the_article_in_the_readme_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = blocks("markdown")
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "hello.md").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEEDSVC_CONFIG", raising=False)
    assert CliRunner().invoke(main, ["check"]).output == "no problems\n"


def test_the_mistakes_in_the_readme_are_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = blocks("text")
    config_line, article_lines = text.split("\n", 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(
        "# 1\n# 2\n# 3\n# 4\n# 5\n# 6\ncategories:\n"
        "  - slug: a\n  - slug: b\n  - slug: c\n    title: c\n    terms: 5\n"
    )
    assert CliRunner().invoke(main, ["check"]).output == config_line + "\n"
    (tmp_path / "config.yaml").write_text("articles: {directory: .}\n")
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024" / "harbour.md").write_text("---\ntitle: Harbour\n")
    assert CliRunner().invoke(main, ["check"]).output == article_lines


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_and_option_is_in_the_readme(name: str) -> None:
    assert re.search(rf"`feedsvc {name}\b", README)
    for parameter in main.commands[name].params:
        known = [*parameter.opts, (parameter.name or "").upper()]
        assert any(option in README for option in known), parameter.name


def test_every_front_matter_field_is_in_the_readme() -> None:
    source = (ROOT / "feedsvc" / "articles" / "parse.py").read_text("utf-8")
    (body,) = re.findall(r"^    title = .*?article = Article\(.*?^    \)", source, FLAGS)
    calls = re.findall(r"fields\.\w+\(([^()]*)\)", body)
    fields = {field for call in calls for field in re.findall(r'"(\w+)"', call)}
    assert len(fields) > 20
    for field in fields:
        assert f"`{field}`" in README or f"`{field}:" in README, field


def test_every_module_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for module in (ROOT / "feedsvc").iterdir():
        if module.suffix in {"", ".py"} and not module.name.startswith("_"):
            assert f"`{module.stem}" in text, module.stem


def test_links_in_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
