"""An edited configuration is taken over when it is good, and refused when it is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from feedsvc import config as configuration
from feedsvc.config import Config
from feedsvc.errors import ConfigError
from feedsvc.serve.configfile import ConfigFile


class Watched:
    """A ConfigFile over ./config.yaml; `calls` are what it has asked for."""

    def __init__(self, config: Config, read: Callable[[], Config]) -> None:
        self.calls: list[str] = []
        self.config = config
        self._read = read
        self._file = ConfigFile(
            lambda: self.config,
            read,
            take_over=self._take_over,
            refuse=lambda error: self.calls.append(str(error)),
            accept=lambda: self.calls.append("accept"),
        )

    def _take_over(self) -> None:
        self.calls.append("take over")
        self.config = self._read()

    def looked(self, times: int = 3) -> list[str]:
        """Look a few times; return what was asked for since the last call."""
        for _ in range(times):
            self._file.look()
        calls, self.calls = self.calls, []
        return calls


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str) -> None:
    """Put another file in the place of config.yaml, as editors do."""
    Path("new").write_text(text)
    Path("new").replace("config.yaml")


def load() -> Config:
    return configuration.load(Path("config.yaml"))


def test_a_change_is_taken_over_once(folder: Path) -> None:
    write("site: {title: a}\n")
    watched = Watched(load(), load)
    assert watched.looked() == []
    write("site: {title: b}\n")
    assert watched.looked(1) == [], "it may still be being written"
    assert watched.looked() == ["take over"]
    assert watched.looked() == []


def test_a_change_that_is_in_use_already_is_no_change(folder: Path) -> None:
    write("site: {title: a}\n")
    watched = Watched(load(), load)
    write("site: {title: b}\n")
    watched.config = load()  # somebody sent SIGHUP
    assert watched.looked() == []


def test_a_comment_is_no_change(folder: Path) -> None:
    write("site: {title: a}\n")
    watched = Watched(load(), load)
    write("# about the site\nsite: {title: a}\n")
    assert watched.looked() == []


def test_a_file_with_mistakes_is_refused_once_until_it_is_mended(folder: Path) -> None:
    write("site: {title: a}\n")
    watched = Watched(load(), load)
    write("site: {titel: b}\n")
    assert watched.looked() == ["config.yaml:1: site.titel: unknown key; did you mean title?"]
    assert watched.looked() == []
    write("site: {title: a}\n")
    assert watched.looked() == ["accept"]
    write("site: {titel: b}\n")
    watched.looked()
    write("site: {title: b}\n")
    assert watched.looked() == ["take over"]


def test_a_file_that_goes_is_refused_and_may_come_back(folder: Path) -> None:
    write("site: {title: a}\n")
    watched = Watched(load(), load)
    watched.looked()
    Path("config.yaml").unlink()
    assert watched.looked() == ["config.yaml: No such file or directory"]
    write("site: {title: a}\n")
    assert watched.looked() == ["accept"]


def test_the_first_file_is_taken_over(folder: Path) -> None:
    watched = Watched(configuration.find(None, {}), lambda: configuration.find(None, {}))
    assert watched.looked() == []
    write("site: {title: a}\n")
    assert watched.looked() == ["take over"]


def test_once_there_is_a_file_it_must_stay(folder: Path) -> None:
    from feedsvc.cli.serving import rereading

    reread = rereading(configuration.find(None, {}))
    write("site: {title: a}\n")
    assert reread().site.title == "a"
    Path("config.yaml").unlink()
    with pytest.raises(ConfigError, match="No such file"):
        reread()
