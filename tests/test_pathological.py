"""Inputs that cost other cleaners the square of their size cost ours twice as much when doubled.

Work is counted, not timed: each line of ours that runs, and each call of ours into anything else.
`python -m benchmarks.cleaning` measures the work inside the libraries.
"""

import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from types import FrameType
from typing import Any

import pytest
import turbohtml

from benchmarks import cleaning, pathologies
from feedsvc import content, html5
from feedsvc.content import allowed
from feedsvc.model import Cleaning

SIZE = 14_000  # twice what nests deeper than the parser follows
MOST_WORK = 20_000_000  # lines for each estimated second
MOST_GROWTH = 40  # characters out for one in: an image without attributes gets all it needs
OURS = str(content.__file__).rpartition("content")[0]


def work(run: Callable[[], object]) -> int:
    """Count our lines that run, and the calls that begin."""
    count = 0

    def step(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += 1
        return step

    def begin(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += 1
        return step if frame.f_code.co_filename.startswith(OURS) else None

    before = sys.gettrace()
    sys.settrace(begin)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


class Balance(HTMLParser):
    """Fails where start and end tags do not match, or elements nest more than 100 deep."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in allowed.VOID:
            self.open.append(tag)
            assert len(self.open) <= 100

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@cache
def work_of(name: str, size: int) -> int:
    markup, make = pathologies.ALL[name]
    body = make(size)
    return work(lambda: content.clean(body, markup, cleaning.POLICY))


@cache
def least_work() -> int:
    return work(lambda: content.clean("<p>x</p>" * 20, "html", cleaning.POLICY))


@pytest.mark.parametrize("name", pathologies.ALL)
def test_twice_the_size_is_twice_the_work(name: str) -> None:
    assert work_of(name, SIZE) <= 2.5 * max(work_of(name, SIZE // 2), least_work())


@pytest.mark.parametrize("name", pathologies.ALL)
def test_the_estimated_cost_covers_the_work(name: str) -> None:
    markup, make = pathologies.ALL[name]
    assert work_of(name, SIZE) <= MOST_WORK * (content.seconds(make(SIZE), markup) + 0.0002)


@pytest.mark.parametrize("name", pathologies.ALL)
def test_the_cleaned_html_is_bounded_balanced_and_stable(name: str) -> None:
    markup, make = pathologies.ALL[name]
    body = make(SIZE // 3)
    cleaned = content.clean(body, markup, cleaning.POLICY)
    assert len(cleaned.html) <= MOST_GROWTH * len(body)
    assert len(cleaned.summary) <= 2000
    Balance(cleaned.html)
    assert content.clean(cleaned.html, "html", cleaning.POLICY).html == cleaned.html


@pytest.mark.parametrize("name", [name for name in pathologies.HTML if "opened again" in name])
def test_reopened_formatting_makes_no_tree_far_larger_than_its_source(name: str) -> None:
    body = pathologies.HTML[name](50_000)
    tree = html5.parse(body)
    assert sum(1 for _ in tree.descendants) <= 5 * body.count("<") + 3_000
    texts = turbohtml.parse_fragment(body, "div", scripting=True).text
    assert Counter(tree.text) == Counter(texts)


RULES = Cleaning(
    remove=("div > .x", "b b"),
    unwrap=("font", "u"),
    replace=(("(a|aa)+$", "b"), ("x*x*x*y", "")),
    footer="<p>{title}</p>" * 50,
    first_heading="drop",
)


@pytest.mark.parametrize("name", ["divisions", "five ways of formatting", "fonts", "headings"])
def test_twice_the_size_is_twice_the_work_with_rules(name: str) -> None:
    policy = content.Policy(
        link_base="https://h.example/", media_base="https://h.example/", cleaning=RULES, title="x"
    )
    make = pathologies.HTML[name]
    half, whole = make(SIZE // 2), make(SIZE)
    first = work(lambda: content.clean(half, "html", policy))
    assert work(lambda: content.clean(whole, "html", policy)) <= 2.5 * first


def test_quadratic_work_would_be_seen() -> None:
    program = "def ours(size):\n for x in range(size):\n  for y in range(size):\n   y"
    names: dict[str, Any] = {}
    exec(compile(program, f"{OURS}x.py", "exec"), names)
    assert work(lambda: names["ours"](100)) > 3 * work(lambda: names["ours"](50))


def test_the_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = cleaning.measure(2000, 1, ["ampersands", "stars"])
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert sorted(rows) == ["ampersands", "pathology", "stars"]
    assert "The median article: feedsvc" in text
    assert cleaning.main(["--one", "ampersands", "--size", "2000"]) == 0
    seconds, megabytes = map(float, capsys.readouterr().out.split())
    assert seconds >= 0
    assert megabytes > 10


def test_the_memory_of_the_measuring_process_does_not_count() -> None:
    ballast = b"x" * 400_000_000
    assert cleaning.cost("ampersands", 2000).megabytes < 300
    assert cleaning.most_megabytes() > len(ballast) / 1e6


def test_the_report_names_each_broken_promise() -> None:
    small = cleaning.CleaningCost(seconds=1.0, megabytes=100.0)
    kept = cleaning.PathologyCost(
        name="kept",
        whole=cleaning.CleaningCost(seconds=1.9, megabytes=299),
        half=small,
        at_once=0.05,
    )
    slow = cleaning.PathologyCost(
        name="slow",
        whole=cleaning.CleaningCost(seconds=2.6, megabytes=301),
        half=small,
        at_once=0.1,
    )
    assert kept.broken == ""
    assert slow.broken == "time, memory, at once, growth"
    assert cleaning.report(1000, [kept], 1.0, 1.0)[1]
    assert not cleaning.report(1000, [kept, slow], 1.0, 1.0)[1]
    assert not cleaning.report(1000, [kept], 1.1, 1.0)[1]
