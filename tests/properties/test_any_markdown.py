"""Markdown made of any cleaned HTML holds all of its text, and reads as that text.

The judge is our own reader of Markdown, which reads what GitHub and Obsidian do.
"""

import re
from html import escape

from hypothesis import given, settings, strategies as st
from properties.test_any_html import HTML, POLICY, letters, twice_the_examples

from feedsvc import commonmark, content
from feedsvc.content.tomarkdown import markdown_of
from feedsvc.model import SafeHTML

MARKUP = st.lists(
    st.sampled_from(
        ["# ", "#", "* ", "- ", "+ ", "1. ", "1) ", "> ", "```", "~~~", "---", "===", "==", "**",
         "_", "__", "*", "~~", "`", "[", "]", "(", ")", "![", "[[", "]]", "[^1]", "[^1]: ", "|",
         "|-|-|", ":-:", "<", "<b>", "</p>", "<!--", "&amp;", "&", "&#35;", "\\", "\n", "\n\n",
         "  ", "    ", "\t", "http://a.b/", "www.a.b", "$", "^", "{", "[ ]", "[x] ", "a", "字",
         "。", "1", " ", "\u3000", "\u00a0", "!", ".", ":", "=", "-", "+"]
    ),
    max_size=12,
).map("".join)  # fmt: skip
TAGS = st.sampled_from(["p", "b", "em", "s", "mark", "li", "h2", "a", "code", "td", "blockquote"])
MARKED = st.lists(st.tuples(TAGS, MARKUP), min_size=1, max_size=4)


def again(html: SafeHTML) -> SafeHTML:
    # Through Markdown in any case, though it begins and ends like HTML.
    return content.clean(commonmark.to_html(markdown_of(html)), "html", POLICY).html


@twice_the_examples
@given(HTML)
def test_no_text_is_lost(html: str) -> None:
    cleaned = content.clean(html, "html", POLICY).html
    lost = letters(content.plain(cleaned)) - letters(content.plain(again(cleaned)))
    assert not lost, markdown_of(cleaned)


@settings(max_examples=settings().max_examples * 4, deadline=None)
@given(MARKED)
def test_text_that_looks_like_markup_stays_text(parts: list[tuple[str, str]]) -> None:
    assert_reads_alike("".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in parts))


PIECES = st.sampled_from(["<", "b>", "&", "lt;", "=", "!", "1", ". ", "- ", "a", "。", "`", "~"])


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["small", "a", "b", "i"]), PIECES, PIECES), max_size=6))
def test_markup_that_elements_part_stays_text(parts: list[tuple[str, str, str]]) -> None:
    inner = "".join(
        f'{escape(before)}<{tag} href="https://h.example/">{escape(within)}</{tag}>'
        for tag, before, within in parts
    )
    assert_reads_alike(f"<p>{inner}</p>")


def assert_reads_alike(html: str) -> None:
    cleaned = content.clean(html, "html", POLICY).html
    shown = re.sub(r"\s", "", content.plain(cleaned))
    assert re.sub(r"\s", "", content.plain(again(cleaned))) == shown, markdown_of(cleaned)
