"""Fuzzing of the parser: the corpus passes, and a short search finds no failure.

The long search is a command of its own, `python -m tests.fuzz.parse_article -help=1`.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import parse_article

HERE = Path(__file__).parent
CORPUS = HERE / "fuzz" / "corpus"
CASES = [
    file
    for folder in ("articles", "articles-refused")
    for file in sorted((HERE / "cases" / folder).iterdir())
    if file.suffix != ".json"
]


@pytest.mark.parametrize("file", [pytest.param(f, id=f.name) for f in sorted(CORPUS.iterdir())])
def test_a_corpus_input_is_parsed_or_refused(file: Path) -> None:
    parse_article.one_input(file.read_bytes())


@pytest.mark.parametrize("kind", range(len(parse_article.SUFFIXES)))
def test_every_case_is_parsed_or_refused_under_any_suffix(kind: int) -> None:
    for file in CASES:
        parse_article.one_input(bytes([kind]) + file.read_bytes())


def test_the_corpus_stays_small() -> None:
    sizes = [file.stat().st_size for file in CORPUS.iterdir()]
    assert 0 < len(sizes) <= 60
    assert max(sizes) < 2048


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_a_short_search_finds_no_failure(tmp_path: Path) -> None:
    corpus = shutil.copytree(CORPUS, tmp_path / "corpus")
    words = HERE / "fuzz" / "parse_article.dict"
    command = [
        sys.executable, "-m", "tests.fuzz.parse_article", "-runs=3000", "-seed=1", "-max_len=4096",
        "-timeout=10", f"-dict={words}", f"-artifact_prefix={tmp_path}/", str(corpus),
    ]  # fmt: skip
    search = subprocess.run(command, cwd=HERE.parent, capture_output=True, timeout=120, check=False)
    assert search.returncode == 0, search.stderr.decode("utf-8", "replace")[-4000:]
