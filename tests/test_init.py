"""`feedsvc init` proposes a configuration that fits the articles, and overwrites nothing."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from conftest import ROOT

from feedsvc import config as configuration
from feedsvc.cli import main
from feedsvc.diagnosis import proposal


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEEDSVC_CONFIG", raising=False)
    return tmp_path


def article(folder: Path, name: str, front: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.md").write_text(f"---\n{front}\n---\nHi", "utf-8")


def test_init_proposes_categories_a_zone_and_a_language(folder: Path) -> None:
    for n in range(30):
        terms = ["ships", *(["a/b: c"] if n % 2 else []), *(["no"] if n < 3 else [])]
        date = f"2024-02-{n % 28 + 1:02} 12:00" + ("+08:00" if n == 0 else "")
        title = f"The harbour of {n} ships and how it was built"
        article(folder / "news", str(n), f"title: {title}\ndate: {date}\ntags: {terms}")
    article(folder / "news", "alone", "title: Alone\ntags: [rare]")
    (folder / "news" / "bad.md").write_text("---\nno end")
    result = run("init", "news")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("config.yaml is written, from 31 of 32 articles. Next:\n")
    config = configuration.load(Path("config.yaml"))
    assert config.categories[0].slug == "ships"
    assert [category.terms for category in config.categories] == [("ships",), ("a/b: c",), ("no",)]
    assert config.articles.directory == Path("news")
    assert config.site.language == "en"
    text = Path("config.yaml").read_text("utf-8")
    dates = "have a date, 29 of them like 2024-02-"
    assert f"  # 30 of 31 articles that were read {dates}" in text
    assert "  # 29 dates name no zone, such as 2024-02-" in text
    assert "; others name +08:00.\n" in text
    assert "rare" not in text


def test_what_init_writes_has_a_schema_and_no_mistakes(folder: Path) -> None:
    article(folder, "a", "title: A")
    assert run("init").exit_code == 0
    text = Path("config.yaml").read_text("utf-8")
    schema = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert Path(schema).read_text("utf-8") == run("schema").output
    result = run("check")
    assert result.exit_code == 0
    assert result.output.startswith("no problems\n")


def test_init_overwrites_nothing(folder: Path) -> None:
    Path("config.yaml").write_text("site: {title: Mine}\n")
    result = run("init")
    assert result.exit_code == 2
    assert result.output == "config.yaml: it is there already, and stays as it is\n"
    assert Path("config.yaml").read_text() == "site: {title: Mine}\n"


def test_init_names_a_directory_that_is_not_there(folder: Path) -> None:
    result = run("init", "nwes")
    assert result.exit_code == 2
    assert result.output == "nwes: there is no such directory; name the one of your articles\n"
    assert not Path("config.yaml").exists()


def test_init_reads_the_samples() -> None:
    text = proposal.propose(proposal.survey(ROOT / "seeds"), str(ROOT / "seeds"), "Asia/Shanghai")
    assert configuration.parse(yaml.safe_load(text)).categories


@pytest.mark.parametrize(
    "text", ["no", "#1", "a: b", "- x", "2024", "财经", 'a "b"', "x ", "@a", "a\tb"]
)
def test_any_term_is_written_so_that_yaml_reads_it(text: str) -> None:
    assert yaml.safe_load(f"[{proposal._text(text)}]") == [text]
