"""The configuration: `cases/config-refused/NAME.yaml` is refused with the text of `NAME.txt`."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from feedsvc import config as configuration
from feedsvc.config import Config
from feedsvc.errors import ConfigError
from feedsvc.model import Cleaning

CASES = Path(__file__).parent / "cases" / "config-refused"


def cases() -> list[Any]:
    files = sorted(CASES.glob("*.yaml"))
    assert len(files) == len(list(CASES.glob("*.txt"))), "a .yaml without its .txt, or the reverse"
    return [pytest.param(file, id=file.stem) for file in files]


@pytest.mark.parametrize("file", cases())
def test_every_mistake_is_reported_with_its_line(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CASES)
    with pytest.raises(ConfigError) as caught:
        configuration.load(Path(file.name))
    message = str(caught.value).replace(file.name, "config.yaml")
    assert message + "\n" == file.with_suffix(".txt").read_text("utf-8")


def test_an_empty_configuration_gives_the_defaults() -> None:
    assert configuration.parse({}, folder=Path()) == Config(
        state=configuration.State(url=f"sqlite:///{Path('state/feedsvc.db').absolute()}")
    )


def test_an_empty_section_gives_the_defaults() -> None:
    assert configuration.parse({"site": None, "categories": None}) == configuration.parse({})


def test_the_configuration_beside_the_readme_has_every_key() -> None:
    text = (ROOT / "config.yaml").read_text("utf-8")
    config = configuration.load(ROOT / "config.yaml")
    assert [category.slug for category in config.categories] == ["finance", "ai", "science", "life"]
    assert config.articles.rescan == timedelta(seconds=60)
    assert config.content.summary_skip == Cleaning().summary_skip
    for section in ("site", "articles", "feeds", "content", "image_proxy", "status", "state"):
        for key in set(getattr(config, section).__slots__) - {"has_base_url"}:
            assert re.search(rf"^  {key}: ", text, re.MULTILINE), f"{section}.{key} is not in it"


def test_the_status_may_be_off_as_one_writes_it(tmp_path: Path) -> None:
    tmp_path.joinpath("c.yaml").write_text("status:\n  access: off\n")
    assert configuration.load(tmp_path / "c.yaml").status.access == "off"


def test_paths_are_relative_to_the_configuration_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "articles: {directory: news}\nstate: {url: 'sqlite:///s/x.db'}"
    )
    config = configuration.load(tmp_path / "c.yaml")
    assert config.articles.directory == tmp_path / "news"
    assert config.state.url == f"sqlite:///{tmp_path}/s/x.db"


@pytest.mark.parametrize(
    ("text", "span"),
    [("90s", 90), ("5m", 300), ("1h30m", 5400), ("1h 30m", 5400), ("1d", 86400)],
)
def test_a_duration_is_parsed(text: str, span: int) -> None:
    config = configuration.parse({"feeds": {"max_age": text}, "articles": {"rescan": text}})
    assert config.feeds.max_age == config.articles.rescan == timedelta(seconds=span)


def test_a_rescan_may_be_a_cron_expression() -> None:
    config = configuration.parse({"articles": {"rescan": "*/5 8-20 * * mon-fri"}})
    assert config.articles.rescan == "*/5 8-20 * * mon-fri"


def test_a_base_url_that_clients_would_change_is_refused() -> None:
    for path in ("//feeds", "/a//b", "/a/../b", "/./a", "/a/.."):
        with pytest.raises(ConfigError, match=r"site.base_url: .* without // and"):
            configuration.parse({"site": {"base_url": f"https://x.example.org{path}"}})


def test_the_configuration_tells_whether_base_url_is_left_out() -> None:
    for section in ({}, {"base_url": None}):
        site = configuration.parse({"site": section}).site
        assert (site.base_url, site.has_base_url) == ("http://127.0.0.1:8080", False)
    assert configuration.parse({"site": {"base_url": "https://x.example.org"}}).site.has_base_url


def test_a_slash_at_the_end_of_the_base_url_is_dropped() -> None:
    config = configuration.parse({"site": {"base_url": "https://x.example.org/feeds/"}})
    assert config.site.base_url == "https://x.example.org/feeds"


def test_the_named_file_comes_before_the_environment_and_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("chosen", "environment", "config"):
        (tmp_path / f"{name}.yaml").write_text(f"site: {{title: {name}}}")
    monkeypatch.chdir(tmp_path)
    environ = {"FEEDSVC_CONFIG": "environment.yaml"}
    assert configuration.find(Path("chosen.yaml"), environ).site.title == "chosen"
    assert configuration.find(None, environ).site.title == "environment"
    assert configuration.find(None, {}).site.title == "config"
    (tmp_path / "config.yaml").unlink()
    assert configuration.find(None, {}).site.title == "feedsvc"


def test_a_missing_configuration_file_is_reported() -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: No such file"):
        configuration.load(Path("gone.yaml"))
