"""The commands: their output and their exit codes."""

import json
import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedsvc.cli import main
from feedsvc.cli.reports import as_text
from feedsvc.health import PASSES, PassRecord
from feedsvc.index import Index
from feedsvc.model import Changes, Refresh
from feedsvc.silence import KEY, Silence, Silences


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "news").mkdir()
    (tmp_path / "config.yaml").write_text(
        "articles: {directory: news, settle: 0s}\nstate: {url: 'sqlite:///state/x.db'}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEEDSVC_CONFIG", raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_refresh_prints_a_summary(folder: Path) -> None:
    (folder / "news" / "a.md").write_text("Hello")
    result = run("refresh")
    assert result.exit_code == 0
    assert result.output.startswith("1 added, 0 modified, 0 removed; 1 articles, 0 problems; ")
    assert (folder / "state" / "x.db").exists()


def test_refresh_prints_json(folder: Path) -> None:
    (folder / "news" / "a.md").write_text("---\ndate: never\n---\nHello")
    report = json.loads(run("refresh", "--json").output)
    assert report.pop("seconds") >= 0
    assert report == {
        "added": 1,
        "modified": 0,
        "removed": 0,
        "articles": 1,
        "pending": [],
        "problems": [
            {
                "source": "a.md",
                "line": 2,
                "field": "date",
                "reason": "“never” is not a date",
                "cure": "write it as 2022-02-23 21:06:12",
                "published": True,
            }
        ],
    }


def test_check_exits_with_0_without_problems(folder: Path) -> None:
    (folder / "news" / "a.md").write_text("Hello")
    result = run("check")
    assert (result.exit_code, result.output) == (0, "no problems\n")
    assert not (folder / "state").exists()


def test_check_exits_with_1_when_articles_have_problems(folder: Path) -> None:
    (folder / "news" / "a.md").write_text("---\nno end")
    result = run("check")
    assert result.exit_code == 1
    assert result.output == (
        "not published: 1\n"
        "  put a line --- after the last field:\n"
        "    a.md:1: the front matter opened by --- does not end\n"
    )


def test_check_exits_with_2_when_the_configuration_is_wrong(folder: Path) -> None:
    (folder / "config.yaml").write_text("site:\n  titel: x\n")
    result = run("check")
    assert result.exit_code == 2
    assert result.output == "config.yaml:2: site.titel: unknown key; did you mean title?\n"


def test_check_exits_with_2_when_the_schedule_is_wrong(folder: Path) -> None:
    (folder / "config.yaml").write_text("articles:\n  rescan: '99 * * * *'\n")
    result = run("check")
    assert result.exit_code == 2
    assert result.output.startswith("config.yaml:2: articles.rescan: no cron expression: 99 * *")


def test_a_missing_articles_directory_is_reported(folder: Path) -> None:
    (folder / "news").rmdir()
    for command in ("check", "refresh"):
        result = run(command)
        assert result.exit_code == 2
        assert result.output == (
            "config.yaml:1: articles.directory: news: No such file or directory; make it, mount it,"
            " or name the directory of your articles\n"
        )


def test_refresh_waits_for_files_that_are_being_written(folder: Path) -> None:
    (folder / "config.yaml").write_text("articles: {directory: news}\n")
    (folder / "news" / "a.md").write_text("Hello")
    report = json.loads(run("refresh", "--json").output)
    assert (report["added"], report["pending"]) == (1, [])


def test_refresh_refuses_an_emptied_directory_unless_told_to_accept_it(folder: Path) -> None:
    (folder / "news" / "a.md").write_text("Hello")
    run("refresh")
    (folder / "news").rename(folder / "unmounted")
    (folder / "news").mkdir()
    result = run("refresh")
    assert result.exit_code == 1
    assert "is a disk not mounted" in result.output
    assert run("refresh", "--accept-empty").output.startswith("0 added, 0 modified, 1 removed")


def test_check_prints_problems_as_json(folder: Path) -> None:
    (folder / "news" / "a.md").write_text("---\nno end")
    result = run("check", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "problems": [
            {
                "source": "a.md",
                "line": 1,
                "field": None,
                "reason": "the front matter opened by --- does not end",
                "cure": "put a line --- after the last field",
                "published": False,
            }
        ],
        "language": "",
        "last_good_served": [],
        "empty_categories": [],
        "copies": [],
        "feed_warnings": None,
        "ignored": {"unmatched": [], "left_behind": []},
    }


def test_check_counts_ignored_files_and_exits_with_0(folder: Path) -> None:
    news = folder / "news"
    (news / "sub").mkdir()
    for name in ("1.pdf", "2.PDF", "sub/3.pdf", "4.pdf", "notes.docx", "Makefile"):
        (news / name).write_text("x")
    for name in ("~$office.md", "#1 story.md"):
        (news / name).write_text("x")
    for name in (".hidden.md", "picture.JPG", "a.MD"):  # hidden on purpose; media; an article
        (news / name).write_text("Hello")
    result = run("check")
    assert result.exit_code == 0
    assert result.output == (
        "no problems\n"
        "ignored, because no pattern of articles.include matches: 6\n"
        "  .pdf: 4 (1.pdf, 2.PDF, 4.pdf, …)\n"
        "  no extension: 1 (Makefile)\n"
        "  .docx: 1 (notes.docx)\n"
        "ignored, because an editor or a download left them: 2\n"
        "  .md: 2 (#1 story.md, ~$office.md)\n"
    )
    result = run("check", "--json")
    assert result.exit_code == 0
    assert json.loads(result.output) == {
        "problems": [],
        "language": "",
        "last_good_served": [],
        "empty_categories": [],
        "copies": [],
        "feed_warnings": None,
        "ignored": {
            "unmatched": [
                {"extension": ".pdf", "files": 4, "first": ["1.pdf", "2.PDF", "4.pdf"]},
                {"extension": "", "files": 1, "first": ["Makefile"]},
                {"extension": ".docx", "files": 1, "first": ["notes.docx"]},
            ],
            "left_behind": [
                {"extension": ".md", "files": 2, "first": ["#1 story.md", "~$office.md"]}
            ],
        },
    }


def test_check_lists_ten_extensions_of_ignored_files_at_most(folder: Path) -> None:
    for number in range(12):
        (folder / "news" / f"x.{number:02}").write_text("x")
    lines = run("check").output.splitlines()
    assert lines[-2:] == ["  .09: 1 (x.09)", "  … 2 extensions more"]


# A newline, a carriage return, a terminal escape, a line separator, a right-to-left override.
ODD = "a\nno problems\r\x1b[2J\u2028\u202e.md"
SHOWN = r"a\nno problems\r\x1b[2J\u2028\u202e.md"


def test_a_file_name_cannot_forge_a_line_of_a_report(folder: Path) -> None:
    (folder / "news" / ODD).write_text("---\nno end")
    (folder / "news" / f"{ODD}.pdf").write_text("x")
    (folder / "news" / "b.md").write_text("---\ntitle: B\n---\na\x1b[2J\tb")
    checked = run("check").output
    assert f"\n    {SHOWN}:1: the front matter" in checked
    assert f"({SHOWN}.pdf)" in checked
    refreshed = run("refresh").output
    assert refreshed.startswith(f"error: {SHOWN}:1: the front matter")
    explained = run("explain", ODD).output
    assert explained.startswith(f"file:\n  {SHOWN}\n")
    for output in (checked, refreshed, explained, run("explain", "b.md").output):
        assert not set(output) & set("\r\x1b\u2028\u202e\t")
        assert "no problems" not in output.splitlines()


def test_the_name_of_a_pending_file_cannot_forge_a_line() -> None:
    report = Refresh(changes=Changes(), articles=0, seconds=0, pending=(ODD,))
    assert as_text(report).splitlines()[1:] == [
        f"{SHOWN}: still being written, left for the next pass"
    ]


def test_explain_accepts_a_source_or_a_path(folder: Path) -> None:
    (folder / "news" / "a.md").write_text("Hello")
    run("refresh")
    for file in ("a.md", "news/a.md", str(folder / "news" / "a.md")):
        result = run("explain", file)
        assert result.exit_code == 0
        assert "encoding:\n  UTF-8: its bytes are valid UTF-8\n" in result.output
    assert run("explain", "gone.md").exit_code == 1


def test_the_ledger_is_exported_and_imported(folder: Path) -> None:
    (folder / "news" / "a.md").write_text("Hello")
    run("refresh")
    exported = run("ledger", "export").output
    assert json.loads(exported)["source"] == "a.md"
    assert run("ledger", "export", "ledger.jsonl").exit_code == 0
    assert (folder / "ledger.jsonl").read_text() == exported
    assert run("ledger", "import", "ledger.jsonl").output == "1 ids taken over\n"
    (folder / "ledger.jsonl").write_text("nonsense\n")
    result = run("ledger", "import", "ledger.jsonl")
    assert result.exit_code == 1
    assert "line 1 is not one of a ledger" in result.output


def test_an_option_or_a_variable_names_the_configuration(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "other.yaml").write_text("nonsense: 1\n")
    assert run("check", "--config", "other.yaml").exit_code == 2
    monkeypatch.setenv("FEEDSVC_CONFIG", "other.yaml")
    assert run("check").exit_code == 2


def test_serve_reports_a_port_in_use(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port))
    assert result.exit_code == 1
    assert f"cannot listen at 127.0.0.1:{port}" in result.output


def test_python_m_feedsvc_runs_the_command() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "feedsvc", "--version"], capture_output=True, text=True, check=True
    )
    assert process.stdout.startswith("feedsvc, version ")


def test_check_names_a_state_that_is_another_programs_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("not a database")
    (folder / "config.yaml").write_text(
        "articles: {directory: news}\nstate:\n  url: sqlite:///notes.txt\n"
    )
    result = run("check")
    assert result.exit_code == 2
    assert result.output.startswith("config.yaml:3: state.url: ")
    assert result.output.endswith(
        "notes.txt is no database of feedsvc, and is left as it is; name another file in"
        " state.url\n"
    )
    assert (folder / "notes.txt").read_text() == "not a database"


def test_check_reports_mistakes_of_the_configuration_as_json(folder: Path) -> None:
    (folder / "config.yaml").write_text("site:\n  titel: x\n")
    result = run("check", "--json")
    assert result.exit_code == 2
    assert json.loads(result.output)["mistakes"] == [
        {
            "where": "config.yaml:2",
            "path": "site.titel",
            "reason": "unknown key; did you mean title?",
        }
    ]


def test_check_tells_that_the_last_good_version_is_served(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / "news" / f"{name}.md").write_text("Hello")
    run("refresh")
    (folder / "news" / "a.md").write_text("---\nno end")
    (folder / "news" / "c.md").write_text("---\nno end")
    before = (folder / "state" / "x.db").read_bytes()
    result = run("check")
    assert result.output == (
        "not published: 1\n"
        "  put a line --- after the last field:\n"
        "    c.md:1: the front matter opened by --- does not end\n"
        "not the new version: the last good one is served: 1\n"
        "  put a line --- after the last field:\n"
        "    a.md:1: the front matter opened by --- does not end\n"
    )
    assert json.loads(run("check", "--json").output)["last_good_served"] == ["a.md"]
    assert (folder / "state" / "x.db").read_bytes() == before, "check changes nothing"


def test_check_names_empty_categories_copies_missing_images_and_misspelled_fields(
    folder: Path,
) -> None:
    (folder / "config.yaml").write_text(
        "articles: {directory: news, settle: 0s}\n"
        "categories:\n"
        "  - slug: ships\n    terms: [ships]\n"
        "  - slug: trains\n    terms: [trains]\n"
    )
    text = "---\ntitel: One\ntags: [ships]\nimages: x\n---\n![](there.png) ![](gone%20a.png)\n"
    (folder / "news" / "there.png").write_bytes(b"png")
    (folder / "news" / "a.md").write_text(text)
    (folder / "news" / "b.md").write_text(text)
    result = run("check")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert "    a.md:2: titel: is not a known field" in lines
    assert "  did you mean title?:" in lines
    assert "    a.md: there is no file gone a.png, which the article shows" in lines
    assert not any("there.png" in line or "images" in line for line in lines)
    assert "  config.yaml:5: categories[1]: trains has no articles" in lines
    assert "  b.md (shown: a.md)" in lines
    report = json.loads(run("check", "--json").output)
    assert report["copies"] == [{"source": "b.md", "shown": "a.md"}]
    assert len(report["empty_categories"]) == 1


def test_check_judges_feeds_as_the_w3c_validator_does(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "---\ntitle: One\n---\n<p>Hi</p><video controls src='https://x.org/a.mp4'></video>"
    (folder / "news" / "a.md").write_text(text)
    result = run("check", "--feeds")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert "faults of feeds by the rules of the W3C validator: 0" in lines
    assert any(
        line.startswith("warnings of the W3C validator that are no faults") for line in lines
    )
    assert lines[-1].endswith("SecurityRiskAttr controls: no one can start a player without them")
    monkeypatch.setattr("feedsvc.diagnosis.feeds.KEPT", {})
    result = run("check", "--feeds", "--json")
    assert result.exit_code == 1
    assert {warning["warning"] for warning in json.loads(result.output)["feed_warnings"]} == {
        "SecurityRiskAttr"
    }


# status


def record_of_passes(folder: Path) -> None:
    assert run("refresh").exit_code == 0


def test_status_tells_what_the_page_tells(folder: Path) -> None:
    (folder / "news" / "a.md").write_text("---\ntags: [船]\ndate: never\n---\nHello")
    record_of_passes(folder)
    result = run("status")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[:2] == ["feedsvc, http://127.0.0.1:8080", "ready"]
    assert re.fullmatch(r"the last good pass took [\d.]+ s and ended [\d.]+ seconds ago", lines[2])
    assert lines[3].endswith(": 1 file added, 0 modified, 0 removed")
    assert re.fullmatch(r"1 article, the newest .* old", lines[4])
    assert lines[5] == "1 file with problems"
    assert any(line.startswith("  a.md:3: date:") for line in lines)
    assert (
        "today: 0 requests for feeds; about 0 readers; 0 subscribers of reading services" in lines
    )
    assert lines[-1].endswith("  船")


def test_status_names_what_is_silent(folder: Path) -> None:
    record_of_passes(folder)
    silent = Silence(kind="folder", name="si\nna", since=0.0, limit=86400.0, learnt=False)
    with closing(Index.open(f"sqlite:///{folder}/state/x.db")) as index:
        index.meta.note(KEY, str(Silences(begun=0.0, silent=(silent,))))
    line = r"no new article in folder si\nna since 1970-01-01 00:00 UTC (expected: 1 day)"
    assert line in run("status").output.splitlines()
    report = json.loads(run("status", "--json").output)
    assert report["silence"]["list"][0]["name"] == "si\nna"


def test_status_for_programs_is_that_of_the_page_with_all_problems(folder: Path) -> None:
    (folder / "news" / "b.md").write_text("---\ntitle: x\n")
    (folder / "news" / "a.md").write_text("Hello")
    record_of_passes(folder)
    report = json.loads(run("status", "--json").output)
    assert report["ready"] is True
    assert report["articles"]["number"] == 1
    assert report["problems"]["list"][0]["file"] == "b.md"
    assert report["last_pass"]["changes"]["added"] == 2


def test_status_of_a_service_that_does_not_work_exits_with_1(folder: Path) -> None:
    result = run("status")
    assert result.exit_code == 1
    assert "there is no state at" in result.output
    assert not (folder / "state").exists(), "it makes nothing"
    record_of_passes(folder)
    with closing(Index.open(f"sqlite:///{folder}/state/x.db")) as index:
        record = PassRecord(since=0.0, within=9.0, good=True, error="the disk is gone")
        index.meta.note(PASSES, str(record))
    result = run("status")
    assert result.exit_code == 1
    assert "not ready: the disk is gone" in result.output.splitlines()
    assert json.loads(run("status", "--json").output)["ready"] is False
