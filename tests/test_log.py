"""The log: text on a terminal, JSON elsewhere."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from service import serving, until

from feedsvc.serve.log import Log, log_to_stderr


@pytest.fixture(autouse=True)
def _log_is_put_back() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("feedsvc")
    before = root.handlers[:], root.level, ours.level
    root.handlers[:] = []  # `basicConfig(force=True)` would close those of pytest
    yield
    root.handlers[:], root.level, ours.level = before


def test_each_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()  # in a test, standard error is no terminal
    logger = logging.getLogger("feedsvc.watch")
    logger.info("新\n%d added", 3, extra={"facts": {"added": 3}})
    logger.error("it failed", exc_info=ValueError("a bug"))
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["level"], first["message"], first["added"]) == ("INFO", "新\n3 added", 3)
    assert first["time"].endswith("+00:00")
    assert second["level"] == "ERROR"
    assert second["traceback"] == "ValueError: a bug"


def test_a_terminal_gets_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    log_to_stderr()
    logging.getLogger("feedsvc").info("hello")
    assert capsys.readouterr().err.endswith(" INFO    hello\n")


def test_the_format_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(Log(format="text"))
    logging.getLogger("feedsvc").info("hello")
    assert capsys.readouterr().err.endswith(" INFO    hello\n")


def test_the_level_says_what_is_logged_and_no_library_tells_its_details(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for level, expected in (
        ("debug", ["d", "i", "w", "e"]),
        ("info", ["i", "w", "e"]),
        ("warning", ["w", "e"]),
        ("error", ["e"]),
    ):
        log_to_stderr(Log(level=level))  # type: ignore[arg-type]
        logger = logging.getLogger("feedsvc.x")
        logging.getLogger("urllib3.connectionpool").debug("POST /secret")
        logger.debug("d")
        logger.info("i")
        logger.warning("w")
        logger.error("e")
        lines = capsys.readouterr().err.splitlines()
        assert [json.loads(line)["message"] for line in lines] == expected


@pytest.mark.parametrize("options", [("--log-level", "warning"), ("--log-format", "text")])
def test_the_options_reach_all_processes_of_a_service(
    tmp_path: Path, options: tuple[str, str]
) -> None:
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "1.md").write_text("Hello")
    with serving(tmp_path, articles, *options) as service:
        if "warning" in options:
            service.stop()
            assert service.log == ""
        else:
            for message in ("serving ", "worker ", "watcher ", "refreshed: "):
                line = f" INFO    {message}"
                until(lambda line=line: line in service.log, line)
