"""Any HTML, cleaned, is safe and complete, and cleaning it again changes nothing.

Hypothesis makes trees and tag soup. The judges share only the allow-list with the cleaner: the
tokenizer of the standard library, html5lib inside of bleach, and a comparison of the text.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import bleach
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from feedsvc import content, html5, xmltext
from feedsvc.content import allowed, vocabulary
from feedsvc.model import Cleaning, ImageRoute

POLICY = content.Policy(
    link_base="https://articles.example.org/key",
    media_base="https://media.example.org/folder/",
    page="https://feeds.example.org/articles/key",
)
OFF = Cleaning(
    lazy_images=False, trackers="keep", anchors=False, embeds="link", math=False, styles=False,
    tidy_text=False, hexo=False,
)  # fmt: skip
RULES = Cleaning(
    remove=(".ad", "b[title]", "td:first-child"),
    unwrap=("i", "tr", "section > p"),
    first_heading="drop",
    lead_image="prepend",
    images=(ImageRoute(hosts=("*.example.org",), via="https://proxy.example/?u={url_encoded}"),),
)
POLICIES = {
    "as it is by default": POLICY,
    "with all switched off": replace(POLICY, cleaning=OFF, page=""),
    "with rules": replace(
        POLICY, cleaning=RULES, title="x", lead_image="https://media.example.org/folder/lead.jpg"
    ),
    **{
        f"with {name} off": replace(POLICY, cleaning=replace(Cleaning(), **{name: value}))
        for name, value in [
            ("lazy_images", False), ("trackers", "keep"), ("anchors", False), ("embeds", "link"),
            ("math", False), ("styles", False), ("tidy_text", False), ("hexo", False),
        ]
    },
}  # fmt: skip

TAGS = sorted(
    allowed.TAGS | allowed.MATH_TAGS | set(vocabulary.GONE) | set(vocabulary.ALIASES)
    | vocabulary.UNKNOWN_BLOCKS
    | set("""noscript svg foreignobject desc annotation-xml mglyph malignmark font o:p x-y nobr tt
    big strike s blink amp-img amp-iframe amp-youtube embed object html body image keygen basefont
    bgsound isindex portal math semantics maction selectedcontent option""".split())
)  # fmt: skip
COMMON = """
a b br blockquote code div h1 h2 i img iframe li math mi mtext noscript object ol p picture pre
ruby rt select source span svg table tbody td template textarea th tr ul video""".split()
TAG = st.sampled_from(COMMON) | st.sampled_from(TAGS)
ADDRESS = st.sampled_from(
    ["", "a.png", "/b?utm_source=x&c=1", "//h.example/c,d.jpg", "https://h.example/?a=1&b", "#x",
     "#y%20z", "javascript:1", " java\nscript:1", "data:image/png;base64,AA==",
     "mailto:a@h.example",
     "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
     "data:image/gif;base64," + "QUJD" * 60, "https://www.youtube.com/embed/x", "http://[", "a b",
     "https://feeds.example.org/articles/key#a-x", "ftp://a/", "?", "a\u00a0é\u3000",
     "https://h/'\"`"]
)  # fmt: skip
VALUES = {
    **dict.fromkeys("href src data-src data-original poster data cite".split(), ADDRESS),
    "srcset": st.lists(ADDRESS | st.sampled_from(["1x", "200w", ",", "x y"]), max_size=4).map(
        " ".join
    ),
    **dict.fromkeys(["id", "name"], st.sampled_from(["x", "y z", "a-x", "中文", "1", "</b>"])),
    "style": st.sampled_from(["text-align: center", "display:none", "x:url(y);font-weight:700"]),
    **dict.fromkeys(["width", "height"], st.sampled_from(["1", "0", "100%", "5px", "x", "-1"])),
    "class": st.sampled_from(["ad", "language-python x", "lang-c++"]),
    "dir": st.sampled_from(["RTL", "x"]),
    "lang": st.sampled_from(["zh", "x y"]),
    "alt": st.sampled_from(["&\"", ">", "=", "<\"'&lt;", "x" * 2001]) | st.text(max_size=4),
    "title": st.sampled_from(
        ["t", '"', "'\"`", "<b>", ">", "=", "&\"", "&#3;", "&amp;lt;", "\u00a0", "x" * 2001, ""]
    ),
    "type": st.sampled_from(["video/mp4", "a", "1", "image/webp"]),
    **dict.fromkeys(
        ["open", "controls", "onclick", "encoding", "display", "definitionurl", "data-x", "hidden",
         "sizes", "media", "colspan", "align", "start", "value", "datetime", "kind", "placeholder",
         "referrerpolicy", "loading", "srcdoc", "xlink:href", "aria-label", "rel", "sandbox"],
        st.sampled_from(["", "1", "center", "origin", "text/html", "<script>", "block"]),
    ),
}  # fmt: skip
WORDS = st.sampled_from(
    ["x", "word", " ", "\n", "\n\n", "\u00a0", "\u3000\u3000字", "a < b & c", "&lt;", "&amp;lt;",
     "&", "&notit;", "{% raw %}", "{", "{%", "% raw %}", "%}", "{{ x }}", "\t", "\r", "]]>",
     "\u2003", "&#1;"]
) | st.text(max_size=6)  # fmt: skip


@st.composite
def attributes(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=3))
    return "".join(f' {name}="{draw(VALUES[name]).replace(chr(34), "&quot;")}"' for name in names)


@st.composite
def element(draw: st.DrawFn, inside: st.SearchStrategy[str]) -> str:
    tag = draw(TAG)
    return f"<{tag}{draw(attributes())}>{draw(inside)}</{tag}>"


ESCAPED = WORDS.map(lambda text: text.replace("<", "&lt;"))
TREE = st.recursive(
    ESCAPED,
    lambda inside: st.lists(element(inside) | inside, max_size=4).map("".join),
    max_leaves=12,
)
PIECE = (
    st.builds("<{}{}>".format, TAG, attributes())
    | TAG.map("</{}>".format)
    | WORDS
    | st.sampled_from(
        ["<!--", "-->", "<!-- more -->", "<![CDATA[", "<!doctype html>", "<?php", "</", "<p", "'>",
         '">', "<a href='x", "<br/>", "</p>", "</br>", "&#0;", "&#13;", "&#x1F;", "\x00", "\x0c",
         "<script><!--<script>", "</script>", "</style>", "</textarea>", "<p/ /x=/>", "&nbsp;"]
    )
)  # fmt: skip
SOUP = st.lists(PIECE, max_size=14).map("".join)
HTML = TREE | SOUP

twice_the_examples = settings(
    max_examples=settings().max_examples * 2,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True, scope="module")
def _cleaning_never_gives_up() -> Iterator[None]:
    """Fail where cleaning would give up and leave nothing but text."""

    def gives_up(html: str) -> str:
        raise AssertionError(f"not settled: {html}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html5, "text", gives_up)
        yield


def clean(html: str, policy: content.Policy = POLICY) -> str:
    return content.clean(html, "html", policy).html


class Judge(HTMLParser):
    """Reads cleaned HTML with the simplest parser, and fails where it is not allowed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in allowed.TAGS | allowed.MATH_TAGS, tag
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {attrs}"
        for name, value in attrs:
            assert name in allowed.EVERYWHERE or name in allowed.ATTRIBUTES.get(tag, ()), (
                tag,
                name,
            )
            assert value is not None
            if name in {"href", "src", "srcset", "cite", "poster"}:
                schemes = r"https?://|mailto:" if name == "href" else r"https?://|data:image/"
                assert re.match(schemes, value), (tag, name, value)
            if name == "srcset":
                assert "javascript:" not in value
                assert "data:" not in value
            if name == "id":
                assert value.startswith("a-")
        if tag == "iframe":
            frame = dict(attrs)
            assert frame["sandbox"]
            assert (frame["src"] or "").startswith("https://www.youtube.com/")
        if tag not in allowed.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"never opened: {tag}"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    handle_decl = handle_pi = unknown_decl = handle_comment


def letters(text: str) -> Counter[str]:
    """Count the visible characters of a text."""
    return Counter(char for char in xmltext.legal(text) if not char.isspace())


def visible(html: str) -> Counter[str]:
    """Count the characters that a browser shows, without elements that cleaning removes."""
    gone = set(vocabulary.GONE) | {"noscript", "svg"}

    def walk(node: html5.Node, *, math: bool) -> None:
        for child in html5.children(node) if isinstance(node, html5.Element) else ():
            if isinstance(child, html5.Text):
                shown.append(child.data)
            elif isinstance(child, html5.Element):
                tag = child.tag
                framed = tag == "iframe" and child.namespace == html_namespace
                if tag in gone and not (math and tag in {"svg", "noscript"}):
                    continue
                if not math and (framed or (tag == "dialog" and child.attr("open") is None)):
                    continue
                walk(child, math=math or tag == "math")

    shown: list[str] = []
    tree = html5.parse(xmltext.legal(html))
    html_namespace = tree.namespace
    walk(tree, math=False)
    return letters("".join(shown))


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@twice_the_examples
@given(HTML)
def test_cleaning_cleaned_html_changes_nothing(policy: content.Policy, html: str) -> None:
    once = clean(html, policy)
    assert clean(once, policy) == once


@twice_the_examples
@given(HTML, st.sampled_from(sorted(POLICIES)))
def test_cleaned_html_is_balanced_and_within_the_allow_list(html: str, name: str) -> None:
    Judge(clean(html, POLICIES[name]))


@twice_the_examples
@given(HTML, st.sampled_from(sorted(POLICIES)))
def test_cleaned_html_means_the_same_to_the_next_parser(html: str, name: str) -> None:
    once = clean(html, POLICIES[name])
    again = html5.parse(once).inner_html
    assert html5.parse(again).inner_html == again
    assert Counter(Judge(once).words) == Counter(Judge(again).words)


@twice_the_examples
@given(HTML)
def test_cleaning_loses_no_text_and_adds_none(html: str) -> None:
    policy = replace(POLICY, cleaning=replace(Cleaning(), hexo=False))
    given, shown = visible(html), letters("".join(Judge(clean(html, policy)).words))
    if not re.search(r"<(?:iframe|object|embed|svg|amp-|ima?ge?)", html, re.IGNORECASE):
        # Cleaning replaces these elements with text of its own.
        assert not shown - given
    if "object" not in html:
        # A frame replaces the text inside of an object.
        assert not given - shown


@twice_the_examples
@given(HTML)
def test_bleach_finds_nothing_to_remove_from_cleaned_html(html: str) -> None:
    once = clean(html)
    styles = SimpleNamespace(sanitize_css=lambda style: style)
    judge = bleach.Cleaner(
        tags=allowed.TAGS | allowed.MATH_TAGS,
        attributes={"*": [*allowed.EVERYWHERE], **{t: [*n] for t, n in allowed.ATTRIBUTES.items()}},
        protocols={"http", "https", "mailto", "data"},
        strip=True,
        css_sanitizer=styles,
    )
    judged = judge.clean(f"<div>{once}</div>")
    assert Counter(re.findall(r"<[a-z0-9]+", judged)) - Counter({"<div": 1}) == Counter(
        re.findall(r"<[a-z0-9]+", once)
    )
