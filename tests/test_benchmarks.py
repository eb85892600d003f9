"""The benchmarks run: a tiny corpus through every figure."""

from pathlib import Path

import pytest

from benchmarks import corpus
from benchmarks.__main__ import main


def test_the_corpus_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    def made(name: str) -> dict[str, bytes]:
        corpus.make(tmp_path / name, 5)
        return {
            str(file.relative_to(tmp_path / name)): file.read_bytes()
            for file in (tmp_path / name).rglob("*.txt")
        }

    assert made("a") == made("b")
    assert len(made("a")) == 5


def test_every_figure_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    report = main(["--articles", "20", "--runs", "1"])
    rows = [line for line in report.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 5
    assert "pass with nothing changed" in report
    assert capsys.readouterr().out.strip() == report
