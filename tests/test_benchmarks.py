"""Every benchmark runs over a tiny corpus, with and without its yardstick."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from service import alive

from benchmarks import corpus, hugo, programs, report, scale
from benchmarks.__main__ import MEASUREMENTS, main
from benchmarks.results import Figure, Result, as_text, at_least, at_most, from_json, no_more_than
from benchmarks.sites import Work

linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs /proc")
wrk = pytest.mark.skipif(programs.program("wrk") is None, reason="needs wrk")

SIZES = "--articles 60"
TINY = [
    pytest.param("hot-200", f"{SIZES} --seconds 0.2 --rounds 1", marks=wrk),
    pytest.param("hot-304", f"{SIZES} --seconds 0.2 --rounds 1", marks=wrk),
    pytest.param("zipf", f"{SIZES} --feeds 20 --seconds 0.2 --rounds 1", marks=wrk),
    pytest.param("zipf-busy", f"{SIZES} --more 30 --feeds 20 --seconds 0.2", marks=wrk),
    pytest.param("pages", f"{SIZES} --seconds 0.2 --misses 3", marks=wrk),
    pytest.param("first-start", f"{SIZES} --runs 1"),
    pytest.param("first-start-100k", f"{SIZES} --runs 1"),
    pytest.param("restart", f"{SIZES} --runs 1"),
    pytest.param("idle-pass", f"{SIZES} --times 2"),
    pytest.param("drop", f"{SIZES} --drops 2 --calm 1 --leisure 0.5", marks=linux),
    pytest.param("memory", f"{SIZES} --requests 50", marks=linux),
    pytest.param("idle", f"{SIZES} --seconds 0.5", marks=linux),
    pytest.param("cleaning", "--size 2000 --rounds 1 --only ampersands"),
    pytest.param("torture", f"{SIZES} --drops 2 --leisure 0"),
    pytest.param("search", f"{SIZES} --requests 8 --indexed 30"),
    pytest.param("export", f"{SIZES} --tags 3 --drops 1 --seconds 0.2 --rounds 1", marks=wrk),
    pytest.param("scale", "--sizes 60 --drops-each 1 --requests 50 --passes-each 1", marks=linux),
]
YARDSTICKS = {  # the program that each measurement is compared with
    "hot-200": "nginx",
    "hot-304": "nginx",
    "zipf": "nginx",
    "first-start": "hugo",
    "first-start-100k": "hugo",
    "idle-pass": "find",
    "drop": "hugo",
    "export": "nginx",
    "scale": "hugo",
}
# The measurements to run without their yardstick: one for each yardstick.
ALONE = ("hot-200", "first-start", "idle-pass")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


def measured(name: str, options: str, work: Path, file: Path) -> Result:
    assert main([name, *options.split(), "--work", str(work), "--json", str(file)]) == 0
    (result,) = report.load(file)
    return result


def check_without(yardstick: str, result: Result) -> None:
    """Check that all figures of feedsvc were measured without this yardstick."""
    assert all(figure.ours > 0 for figure in result.figures)
    assert all(f.theirs is None for f in result.figures if yardstick in f.yardstick)


def test_every_measurement_has_a_tiny_run() -> None:
    assert [case.values[0] for case in TINY] == list(MEASUREMENTS)


@pytest.mark.parametrize(("name", "options"), TINY)
def test_a_tiny_run_measures_every_figure(
    name: str, options: str, work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = measured(name, options, work, tmp_path / "result.json")
    assert result.name == name
    assert result.figures
    assert as_text(result) in capsys.readouterr().out
    assert result.details.get("errors", "0") == "0"
    yardstick = YARDSTICKS.get(name)
    if yardstick and not programs.program(yardstick):
        check_without(yardstick, result)
    elif yardstick:
        assert any(figure.ratio is not None for figure in result.figures)
        assert yardstick in {"find", *result.machine} or name == "scale"
    assert any(figure.target for figure in result.figures) or name == "scale"


@pytest.mark.parametrize(("name", "options"), [case for case in TINY if case.values[0] in ALONE])
def test_feedsvc_is_measured_where_the_yardstick_is_not_installed(
    name: str, options: str, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = programs.program
    missing = YARDSTICKS[name]
    if find(missing) is None:
        pytest.skip(f"{missing} is not installed: the tiny run shows this")
    monkeypatch.setattr(programs, "program", lambda name: None if name == missing else find(name))
    result = measured(name, options, work, tmp_path / "result.json")
    check_without(missing, result)


def test_the_yardstick_hugo_builds_a_feed_of_each_category(tmp_path: Path) -> None:
    if programs.program("hugo") is None:
        pytest.skip("needs hugo")
    articles = tmp_path / "articles"
    corpus.make(articles, 300)
    hugo.build(tmp_path / "hugo", articles)
    made = sorted(file.parent.name for file in (tmp_path / "hugo" / "public").rglob("*.xml"))
    assert made == corpus.TERMS
    text = (tmp_path / "hugo" / "public" / "categories" / made[0] / "index.xml").read_text("utf-8")
    assert text.count("<item>") == text.count("&lt;/style&gt;")  # every item has its whole body


def test_the_corpus_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    def made(name: str, articles: int, **options: int) -> dict[str, bytes]:
        corpus.make(tmp_path / name, articles, **options)
        return {
            str(file.relative_to(tmp_path / name)): file.read_bytes()
            for file in (tmp_path / name).rglob("*.txt")
        }

    five = made("a", 5)
    assert len(five) == 5
    assert five == made("b", 5)
    assert five.items() <= made("c", 8).items()  # a larger corpus begins with the smaller one
    assert five != made("d", 5, seed=2)
    assert all(
        any(b"tags: [tag-%04d]" % n in body for body in made("e", 5, tags=5).values())
        for n in range(5)
    )


def test_the_corpus_is_the_same_however_many_processes_make_it(tmp_path: Path) -> None:
    def names(folder: Path) -> list[tuple[str, int]]:
        files = (file for file in folder.rglob("*.txt"))
        return sorted((str(file.relative_to(folder)), file.stat().st_size) for file in files)

    corpus.make(tmp_path / "many", 2_100)  # so many that several processes make them
    corpus.make(tmp_path / "few", 2_000)
    corpus.make(tmp_path / "few", 100, first=2_000)
    assert names(tmp_path / "many") == names(tmp_path / "few")
    sizes = sorted(size for _, size in names(tmp_path / "many"))
    assert sizes[0] > 500
    assert 6_000 < sizes[len(sizes) // 2] < 8_000
    assert sizes[-1] < 60_000


def test_articles_left_by_a_killed_measurement_are_removed(tmp_path: Path) -> None:
    articles = Work(tmp_path).corpus(3)
    (articles / "dropped").mkdir()
    (articles / "dropped" / "4.txt").write_text("x")
    assert Work(tmp_path).corpus(3) == articles
    assert not (articles / "dropped").exists()
    assert len(list(articles.rglob("*.txt"))) == 3


def test_a_server_is_ended_with_its_children(tmp_path: Path) -> None:
    forks = "import os, time; os.fork(); print(os.getpid(), flush=True); time.sleep(60)"
    log = tmp_path / "log"
    with programs.running([sys.executable, "-c", forks], log):
        programs.until(lambda: len(log.read_text().split()) == 2, "both run", pause=0.01)
    pids = {int(pid) for pid in log.read_text().split()}
    programs.until(lambda: not any(map(alive, pids)), "both have ended", pause=0.01, limit=30)


def test_a_measurement_whose_program_is_missing_is_reported(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(programs, "program", lambda name: None)
    assert main(["hot-200", *SIZES.split(), "--work", str(work)]) == 1
    assert "not measured: wrk is not installed" in capsys.readouterr().err


FIGURES = (
    Figure(label="speed", unit="/s", ours=6, yardstick="nginx", theirs=10, target=at_least(0.5)),
    Figure(label="time", unit="s", ours=30, yardstick="hugo", theirs=10, target=at_most(1)),
    Figure(
        label="delay", unit="ms", ours=299, yardstick="hugo", theirs=1, target=no_more_than(300)
    ),
    Figure(label="alone", unit="s", ours=3, yardstick="hugo", theirs=None, target=at_most(1)),
    Figure(label="plain", unit="MB", ours=3),
)
RESULT = Result(
    name="made-up",
    title="All kinds of figures",
    date="2026-11-22T10:00:00+00:00",
    command="python -m benchmarks made-up",
    machine={"": "A processor", "cores": "2"},
    sizes={"articles": 5},
    figures=FIGURES,
    details={"errors": "0"},
)


def test_a_target_bounds_the_ratio_or_the_figure() -> None:
    assert [figure.reached for figure in FIGURES] == [True, False, True, None, None]
    assert [figure.ratio for figure in FIGURES] == [0.6, 3, 299, None, None]


def test_results_survive_json() -> None:
    assert from_json(json.loads(json.dumps(RESULT.as_json()))) == RESULT


def test_the_report_replaces_the_tables_of_the_document(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    shutil.copy(Path(__file__).parent.parent / "docs" / "benchmarks.md", document)
    before = document.read_text("utf-8")
    report.save(tmp_path / "one.json", [RESULT])
    command = ["report", str(tmp_path / "one.json"), "--into", str(document)]
    assert main(command) == 0
    made = document.read_text("utf-8")
    assert main(command) == 0
    assert document.read_text("utf-8") == made
    assert made.startswith(before[: before.index("<!-- results -->")])
    assert "### made-up\n\nAll kinds of figures. 2026-11-22.\n" in made
    assert "| speed | 6.00 /s | nginx | 10.0 /s | 0.60 | ≥ 0.5 | yes |" in made
    assert "| time | 30.0 s | hugo | 10.0 s | 3.00 | ≤ 1 | **no** |" in made
    assert "| delay | 299 ms | hugo | 1.00 ms | 299 | ≤ 300 ms | yes |" in made
    assert "| alone | 3.00 s | hugo | – | – | ≤ 1 | – |" in made
    assert "Measured on A processor, cores 2: made-up." in made


def test_equal_figures_give_an_equal_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figures = tuple(
        Figure(
            label=f"{what}, {articles:,} articles",
            unit="s",
            ours=articles / 7,
            yardstick="hugo",
            theirs=3,
        )
        for articles in (1_000, 10_000)
        for what in ("first start", "pass", "drop", "memory")
    )
    for name in ("a.svg", "b.svg"):
        scale.plot(replace(RESULT, figures=figures), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "memory: resident" in (tmp_path / "a.svg").read_text("utf-8")


def test_the_document_names_every_measurement() -> None:
    text = (Path(__file__).parent.parent / "docs" / "benchmarks.md").read_text("utf-8")
    for name in MEASUREMENTS:
        assert f"| `{name}` |" in text
