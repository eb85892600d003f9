"""Content: case files `cases/content/NAME.*`, each with `NAME.out.html`, what must come out."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from feedsvc import content
from feedsvc.content import text
from feedsvc.model import Markup, SafeHTML

CASES = Path(__file__).parent / "cases" / "content"
MARKUP: dict[str, Markup] = {".html": "html", ".md": "markdown", ".txt": "text"}
POLICY = content.Policy(
    link_base="https://articles.example.org/key", media_base="https://media.example.org/folder/"
)
PIECES = st.sampled_from(
    ["<p>", "</p>", "<table>", "<td>", "<b>", "</b>", "<script>", "</script>", "<style>", "<!--",
     "-->", "<svg>", "<math>", "<img src=x onerror=y>", "<a href='javascript:1'>", "</a>", "&lt;",
     "&#0;", "\x00", "<template>", "<textarea>", "<title>", "<plaintext>", "]]>", "<![CDATA["]
)  # fmt: skip
HTML = st.lists(PIECES | st.text(max_size=8), max_size=20).map("".join)


def cases() -> list[Any]:
    files = sorted(file for file in CASES.iterdir() if not file.name.endswith(".out.html"))
    assert len(files) == len(list(CASES.glob("*.out.html"))), "a half is missing"
    return [pytest.param(file, id=file.stem) for file in files]


def clean(html: str, markup: Markup = "html") -> SafeHTML:
    return content.clean(html, markup, POLICY).html


@pytest.mark.parametrize("file", cases())
def test_content_comes_out_as(file: Path) -> None:
    want = file.with_suffix(".out.html").read_text("utf-8")
    assert clean(file.read_text("utf-8"), MARKUP[file.suffix]) == want
    assert clean(want) == want, "what is clean stays as it is"


@given(HTML)
def test_nothing_that_runs_comes_out_and_cleaning_twice_changes_nothing(html: str) -> None:
    once = clean(html)
    assert "<script" not in once.lower()
    assert "onerror" not in once.lower().replace("onerror=y&gt;", "")
    assert "<!--" not in once
    assert clean(once) == once


def test_the_referrerpolicy_is_the_operators_choice() -> None:
    policy = content.Policy(
        link_base="https://x/", media_base="https://x/", referrerpolicy="origin"
    )
    assert 'referrerpolicy="origin"' in content.clean("<img src=/a.png>", "html", policy).html


@pytest.mark.parametrize("tag", ["div", "ul><li", "blockquote", "b", "table><tr><td"])
def test_nesting_is_flattened_and_no_text_is_lost(tag: str) -> None:
    html = "".join(f"<{tag}>{number} " for number in range(3000))
    cleaned = clean(html)
    assert re.findall(r"\d+", re.sub("<[^>]*>", "", cleaned)) == [str(n) for n in range(3000)]
    deepest = depth = 0
    for closing in re.findall(r"<(/?)\w", cleaned):
        depth += -1 if closing else 1
        deepest = max(deepest, depth)
    assert (deepest <= 101, depth) == (True, 0)


def test_an_element_with_attributes_without_end_leaves_its_text() -> None:
    html = "<p " + " ".join(f"a{n}=1" for n in range(20_000)) + ">text</p>"
    assert clean(html) == "text"


@pytest.mark.parametrize(
    ("html", "summary"),
    [
        ("<p>Short.</p>", "Short."),
        ("<p>a &lt; b</p><p>c</p>", "a < b c"),
        ("", ""),
        ("<p>one <a>w<b>or</b>d</a>.</p><ul><li>a</li><li>b<br>c</li></ul>", "one word. a b c"),
        ("<p>" + "字" * 150 + "。" + "后" * 100 + "</p>", "字" * 150 + "。"),
        ("<p>" + "字" * 300 + "</p>", "字" * 199 + "…"),
        ("<p>" + "Word word. " * 30 + "</p>", ("Word word. " * 18).strip()),
    ],
)
def test_a_summary_is_the_beginning_ended_at_a_sentence(html: str, summary: str) -> None:
    assert text.summary(SafeHTML(html)) == summary
