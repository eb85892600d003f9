"""Plain text from files: escaped text is decoded once and fits XML."""

import html
import unicodedata

import pytest
from hypothesis import given, strategies as st

from feedsvc import xmltext

TEXT = st.lists(
    st.sampled_from("& < > ; # amp lt gt copy nbsp x41 38 8203 AT&T".split()) | st.text(max_size=5)
).map("".join)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("AT&amp;T", "AT&T"),
        ("Vec&lt;T&gt; 与 a &lt; b", "Vec<T> 与 a < b"),
        ("&#20013;&#x6587; &#39;&#34;", "中文 '\""),
        ("caf&eacute;&nbsp;&nbsp;cr&egrave;me", "café crème"),
        ("a&#13;&#10;b&#7;", "a b"),
        ("e&#769;", "é"),
        ("windows &#147;quotes&#148;", "windows “quotes”"),
        # Once: text that was escaped twice may be meant so.
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("&amp;amp;", "&amp;"),
        # Only complete references.
        ("AT&T R&D", "AT&T R&D"),
        ("?a=1&copy=2&lt", "?a=1&copy=2&lt"),
        ("&notit; &nosuch; &; &#; &#x;", "&notit; &nosuch; &; &#; &#x;"),
        # Invisible text alone stays escaped: a title must not be empty.
        ("&#8203;", "&#8203;"),
        ("&nbsp;", "&nbsp;"),
        ("", ""),
    ],
)
def test_escaped_text_is_decoded_once(written: str, meant: str) -> None:
    assert xmltext.plain(written) == meant


@given(st.text() | st.text(alphabet="\0\t\n\r\x1b\x85\u2028\u202e\ud800a\\"))
def test_shown_text_is_one_line_without_control_characters(text: str) -> None:
    shown = xmltext.shown(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in shown)
    assert xmltext.shown(shown) == shown


def test_harmless_text_is_shown_unchanged() -> None:
    for text in ("a b.md", r"b\xff.md", "中文－名.md", "🙂.md", "e\u0301", "a\u200db"):
        assert xmltext.shown(text) == text


@given(TEXT.map(xmltext.line))
def test_plain_undoes_escaping(text: str) -> None:
    assert xmltext.plain(html.escape(text)) == text


@given(TEXT.map(xmltext.line))
def test_decoded_text_is_one_legal_line_and_never_empty(text: str) -> None:
    decoded = xmltext.plain(text)
    assert xmltext.line(decoded) == decoded
    assert bool(decoded) is bool(text)
    if "&" not in text:
        assert decoded == text
