"""The files in `deploy/` and the documents for operators: what they tell people to run works."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT
from proxied import NGINX, needs_nginx
from service import serving

from feedsvc import config as configuration
from feedsvc.cli import main

DEPLOY, DOCS = ROOT / "deploy", ROOT / "docs"
DOCUMENTS = sorted(DOCS.glob("*.md"))
ENDLESS = {"serve", "watch"}
OTHERS = {"bots", "scrape_configs", "groups"}  # keys of the configurations of Anubis and Prometheus


def blocks(file: Path, language: str) -> list[str]:
    text = file.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(file: Path) -> list[list[str]]:
    """Return the commands of feedsvc that a document shows."""
    lines = [line for block in blocks(file, "console") for line in block.splitlines()]
    return [shlex.split(line)[2:] for line in lines if line.startswith("$ feedsvc ")]


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
def test_the_commands_of_a_document_run(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEEDSVC_CONFIG", raising=False)
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "a.md").write_text("---\ntitle: A\n---\ntext")
    assert CliRunner().invoke(main, ["refresh"]).exit_code == 0
    for name, *arguments in commands(file):
        if name in ENDLESS or "--live" in arguments:
            main.commands[name].make_context(name, arguments)  # all options are known
            continue
        result = CliRunner().invoke(main, [name, *arguments])
        assert result.exit_code == 0, (name, arguments, result.output)


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
def test_the_configurations_of_a_document_are_valid(file: Path) -> None:
    for text in blocks(file, "yaml"):
        mapping = yaml.safe_load(text)
        if not OTHERS & mapping.keys():
            configuration.parse(mapping)


def test_documents_are_shown_that_show_commands() -> None:
    assert sum(len(commands(file)) for file in DOCUMENTS) > 5


@pytest.mark.parametrize("file", [ROOT / "README.md", *DOCUMENTS, ROOT / "CONTRIBUTING.md"])
def test_links_between_documents_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text("utf-8")):
        assert (file.parent / target).exists(), target


@needs_nginx
def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    assert NGINX is not None
    pair = tmp_path / "feeds.example.org"
    made = (
        f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -out {pair}.pem -keyout {pair}.key"
    )
    subprocess.run(["openssl", *made.split()], check=True, capture_output=True)
    text = (DEPLOY / "nginx.conf").read_text().replace("/etc/ssl", str(tmp_path))
    (tmp_path / "site.conf").write_text(text)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; events {{}} http {{ include {tmp_path}/site.conf; }}"
    )
    command = [NGINX, "-t", "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "test is successful" in result.stderr, result.stderr


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    command = shutil.which("systemd-analyze")
    if command is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / "feedsvc.service"
    text = (DEPLOY / "feedsvc.service").read_text()
    unit.write_text(text.replace("/opt/feedsvc/bin/feedsvc", sys.executable))
    result = subprocess.run(
        [command, "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_the_unit_starts_a_command_that_exists() -> None:
    (line,) = re.findall(
        r"^ExecStart=(.*)$", (DEPLOY / "feedsvc.service").read_text(), re.MULTILINE
    )
    program, name, *arguments = shlex.split(line)
    assert program.endswith("/feedsvc")
    main.commands[name].make_context(name, arguments)


def test_the_health_check_of_the_container_tells_whether_the_service_answers(
    tmp_path: Path,
) -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    (line,) = re.findall(r"HEALTHCHECK.*?CMD (\[.*?\])$", text, re.MULTILINE | re.DOTALL)
    command = yaml.safe_load(line)
    assert command[0] == "python"
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "a.md").write_text("text")
    with serving(tmp_path, tmp_path / "articles", "--workers", "1") as service:
        check = [sys.executable, *command[1:-1], command[-1].replace("8080", str(service.port))]
        assert subprocess.run(check, check=False).returncode == 0
    assert subprocess.run(check, check=False, stderr=subprocess.DEVNULL).returncode == 1


def test_the_container_copies_what_is_there_and_starts_a_command_that_exists() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    for sources in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists(), source
    (line,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    name, *arguments = yaml.safe_load(line)
    main.commands[name].make_context(name, arguments)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text()
    assert "!feedsvc" in ignored.splitlines()


def test_compose_mounts_what_the_container_expects() -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["feedsvc"]
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    targets = {volume.split(":")[1] for volume in service["volumes"]}
    assert targets == {"/data/config.yaml", "/data/seeds", "/data/state"}
    assert service["read_only"]


def test_the_workflows_test_every_python_that_is_promised() -> None:
    tests = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    versions = tests["jobs"]["versions"]["strategy"]["matrix"]["python"]
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert versions == classifiers
