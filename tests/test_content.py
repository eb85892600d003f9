"""Cleaning of content: each case `cases/content/NAME.*` has `NAME.out.html`, the expected HTML.

A case may also have `NAME.yaml`, fields of Cleaning and Policy that differ from those here;
`NAME.summary.txt`, its summary; and `NAME.removed.txt`, what the cleaner reports as removed.
"""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from feedsvc import chinese, content, html5, patterns
from feedsvc.content import addresses, allowed, styles, text, vocabulary
from feedsvc.content.anchors import Anchors
from feedsvc.content.sanitize import sanitize
from feedsvc.model import Cleaning, ImageRoute, Markup, SafeHTML

CASES = Path(__file__).parent / "cases" / "content"
MARKUP: dict[str, Markup] = {".html": "html", ".md": "markdown", ".txt": "text"}
EXPECTED = (".out.html", ".summary.txt", ".removed.txt", ".yaml")
POLICY = content.Policy(
    link_base="https://articles.example.org/key",
    media_base="https://media.example.org/folder/",
    page="https://feeds.example.org/articles/key",
)
READ: dict[str, Callable[[Any], Any]] = {
    "authors": tuple,
    "summary_skip": tuple,
    "remove": tuple,
    "unwrap": tuple,
    "replace": lambda pairs: tuple((pattern, new) for pattern, new in pairs),
    "images": lambda routes: tuple(
        ImageRoute(hosts=tuple(route["hosts"]), via=route["via"]) for route in routes
    ),
    "image_key": str.encode,
}


# `lead_image` is also the name of a setting; the lead image of the article is called `lead` here.
OF_THE_ARTICLE = {field.name for field in fields(content.Policy)} - {"cleaning", "lead_image"}


def beside(file: Path, suffix: str) -> Path:
    return file.with_name(f"{file.stem}{suffix}")


def cases() -> list[Any]:
    files = [file for file in sorted(CASES.iterdir()) if not file.name.endswith(EXPECTED)]
    names = {file.stem for file in files}
    assert len(names) == len(files), "two cases of one name"
    strays = {
        file.name for file in CASES.iterdir()
        if file not in files and file.name.partition(".")[0] not in names
    }  # fmt: skip
    assert not strays, "files of no case"
    missing = [file.name for file in files if not beside(file, ".out.html").exists()]
    assert not missing, "cases without .out.html"
    return [pytest.param(file, id=file.stem) for file in files]


def policy_of(file: Path) -> content.Policy:
    """Return the policy of a case. Raises TypeError for an unknown field."""
    sidecar = beside(file, ".yaml")
    settings = yaml.safe_load(sidecar.read_text("utf-8")) if sidecar.exists() else {}
    if settings.get("convert") and not chinese.available():
        pytest.skip("OpenCC is not installed")
    lead = settings.pop("lead", None)
    read = {name: READ.get(name, lambda value: value)(value) for name, value in settings.items()}
    article = {name: read.pop(name) for name in set(read) & OF_THE_ARTICLE}
    return replace(POLICY, **article, lead_image=lead, cleaning=replace(Cleaning(), **read))


def clean(html: str, markup: Markup = "html", policy: content.Policy = POLICY) -> SafeHTML:
    return content.clean(html, markup, policy).html


@pytest.mark.parametrize("file", cases())
def test_content_is_cleaned_as_its_case_expects(file: Path) -> None:
    policy = policy_of(file)
    cleaned = content.clean(file.read_text("utf-8"), MARKUP[file.suffix], policy)
    want = beside(file, ".out.html").read_text("utf-8")
    assert cleaned.html == want
    if (summary := beside(file, ".summary.txt")).exists():
        assert cleaned.summary == summary.read_text("utf-8")
    if (removed := beside(file, ".removed.txt")).exists():
        report = "".join(f"{count} {reason}\n" for reason, count in cleaned.removed)
        assert report == removed.read_text("utf-8")
    # A second cleaning would add the footer again.
    no_footer = replace(policy, cleaning=replace(policy.cleaning, footer=""))
    assert clean(want, "html", no_footer) == want, "clean HTML stays as it is"


@pytest.mark.parametrize("field", [field.name for field in fields(Cleaning)])
def test_every_cleaning_setting_has_a_case(field: str) -> None:
    assert [file for file in CASES.glob("*.yaml") if field in yaml.safe_load(file.read_text())]


def test_an_unknown_setting_in_a_case_fails(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("tidy: false")
    with pytest.raises(TypeError, match="tidy"):
        policy_of(tmp_path / "x.html")


class Depth(HTMLParser):
    """Measures how deep elements are nested; at the end, `depth` is 0 if all of them end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.depth = self.deepest = 0
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.depth += tag not in allowed.VOID
        self.deepest = max(self.deepest, self.depth)

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("tag", ["div", "ul><li", "blockquote", "b", "table><tr><td", "picture"])
def test_deep_nesting_is_flattened_without_loss_of_text(tag: str) -> None:
    cleaned = clean("".join(f"<{tag}>{number} " for number in range(3000)))
    seen = Depth(cleaned)
    assert re.findall(r"\d+", "".join(seen.words)) == [str(number) for number in range(3000)]
    assert seen.deepest <= 100
    assert seen.depth == 0
    assert clean(cleaned) == cleaned


def test_the_content_of_flattened_elements_stays_clean() -> None:
    inside = (
        "<picture><source srcset=/a.webp><img src=/a.png></picture><video src=/v.mp4><source "
        "src=/w.mp4>x</video><math><mi>y</mi></math><pre> z </pre><h2 id=h>t</h2>"
    )
    cleaned = clean("<div>" * 99 + inside)
    assert clean(cleaned) == cleaned
    cleaned = clean("<div>" * 100 + inside)
    assert clean(cleaned) == cleaned
    assert "<source" not in cleaned
    assert 'src="https://media.example.org/a.png"' in cleaned


def test_after_30_000_elements_only_text_is_written() -> None:
    cleaned = clean("".join(f"<b>{number}</b> " for number in range(30_100)))
    assert cleaned.count("<b>") == 30_000
    assert cleaned.endswith("</b> 30000" + "".join(f" {n}" for n in range(30_001, 30_100)))
    assert clean(cleaned) == cleaned


def test_an_element_with_very_many_attributes_stays() -> None:
    html = "<p " + " ".join(f"a{n}=1" for n in range(20_000)) + " title=t>text</p>"
    assert clean(html) == '<p title="t">text</p>'


def test_a_very_long_attribute_is_cut_or_removed() -> None:
    assert len(clean(f'<img src=/a.png alt="{"x" * 100_000}">')) < 2200
    assert clean(f'<p title="{"x" * 100_000}">a</p>') == "<p>a</p>"
    assert clean(f'<a href="/{"x" * 100_000}">a</a>') == "a"


def test_a_large_inline_image_is_removed() -> None:
    assert clean(f'<img alt="A" src="data:image/png;base64,{"A" * 70_000}">') == "A"
    assert "data:" in clean(f'<img alt="A" src="data:image/png;base64,{"A" * 60_000}">')


def test_a_malformed_script_does_not_hide_the_text_after_it() -> None:
    assert clean("<p>a</p><script>if (a < b) {</script ><p>b</p>") == "<p>a</p><p>b</p>"


def test_sanitize_removes_everything_unsafe() -> None:
    tree = html5.parse(
        "<p onclick=x() style='color:red'>a</p><script>b</script><a href='javascript:x'>c</a>"
        "<iframe src='https://evil.example/'></iframe><img src=x srcset='javascript:y'><!-- d -->"
        "<video src='data:image/png;base64,AAAA'></video><x-y>e</x-y>"
    )
    assert sanitize(tree) == ("<p>a</p>b<a>c</a><iframe></iframe><img><video></video>e")


def test_the_replacement_for_a_body_is_safe() -> None:
    assert content.instead("https://example.org/?a=1&b", "a <b>") == (
        '<p>a &lt;b&gt;</p><p><a href="https://example.org/?a=1&amp;b"'
        ' rel="noopener noreferrer">https://example.org/?a=1&amp;b</a></p>'
    )
    assert "javascript" not in content.instead("javascript:x()", "").replace(">javascript", "")


def test_titles_are_converted_where_the_policy_asks() -> None:
    assert content.converted("汉语", POLICY) == "汉语"
    pytest.importorskip("opencc")
    policy = replace(POLICY, cleaning=replace(Cleaning(), convert="s2t"))
    assert chinese.available()
    assert content.converted("汉语", policy) == "漢語"


@pytest.mark.parametrize(
    ("words", "length", "cut"),
    [
        ("", 10, ""),
        ("one\n two", 10, "one two"),
        ("字" * 15 + "。" + "后" * 10, 20, "字" * 15 + "。"),
        ("字" * 30, 20, "字" * 19 + "…"),
        ("Word word. " * 30, 200, ("Word word. " * 18).strip()),
        ("One. Two", 8, "One. Two"),
        ("Is it? No", 8, "Is it?"),
        ("a.b.c.d e f", 8, "a.b.c.d…"),
        ("x" * 100, 1, "…"),
    ],
)
def test_a_text_is_cut_at_a_sentence_or_with_an_ellipsis(words: str, length: int, cut: str) -> None:
    assert text.cut(words, length) == cut
    assert len(cut) <= length


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "JAVASCRIPT:x", "java\tscript:x", "\x01javascript:x", "vbscript:x",
        "data:text/html,x", "file:///etc/passwd", "http://", "https://[", "http://a b/", "//", "",
        "https://exa<mple.org/", "blob:https://h/1", "view-source:https://h/", "https://h:99999/",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_web_is_refused(address: str) -> None:
    assert addresses.resolve(address, "https://articles.example.org/key") is None


@pytest.mark.parametrize(
    ("address", "absolute"),
    [
        ("a", "https://h.example/p/a"),
        ("a/b.c-d", "https://h.example/p/a/b.c-d"),
        ("./a", "https://h.example/p/a"),
        ("/a", "https://h.example/a"),
        ("../../../a", "https://h.example/a"),
        ("//k.example", "https://k.example"),
        ("?x", "https://h.example/p/q?x"),
        ("HTTPS://K.example/A", "https://k.example/A"),
        ("\\\\k.example\\a", "https://h.example/p/%5C%5Ck.example%5Ca"),
        ("https://k.example/'\"`<>\\", "https://k.example/%27%22%60%3C%3E%5C"),
        ("https://ann:secret@k.example/", "https://k.example/"),
        ("https://k.example/中", "https://k.example/%E4%B8%AD"),
        ("\u00a0a\u3000", "https://h.example/p/a"),
    ],
)
def test_an_address_becomes_absolute(address: str, absolute: str) -> None:
    assert addresses.resolve(address, "https://h.example/p/q") == absolute
    assert allowed.allows("a", "href", absolute)


def test_no_shape_allows_characters_that_end_an_attribute() -> None:
    for name, shape in allowed.SHAPES.items():
        for value in ("\n", "x\n", '"', "<", "javascript:x", "https://h/\n", "x" * 100_000):
            if shape.fullmatch(value):
                assert name in {"media", "sizes", "datetime", "href", "cite", "poster", "src"} or (
                    '"' not in value and "<" not in value and "\n" not in value
                ), (name, value)
    assert not allowed.allows("a", "href", "javascript:x")
    assert not allowed.allows("p", "href", "https://h.example/")
    assert not allowed.embeddable("https://open.\u017fpotify.com/x")


def test_an_anchor_is_prefixed_with_the_key_of_its_article() -> None:
    anchors = Anchors(replace(POLICY, anchor="k2-"))
    anchors.look_for(html5.parse('<a href="#x">x</a><p id="x">'))
    assert anchors.link("#x") == "https://feeds.example.org/articles/key#k2-x"
    assert anchors.link("#y") is None


def test_a_style_is_read_up_to_a_limit() -> None:
    assert styles.reduced("color:red;" * 100_000 + "text-align:center") == ""


@pytest.mark.parametrize(
    ("pattern", "replacement", "mistake"),
    [("(", "", "missing"), ("(a)", r"\2", "group"), (r"(?<=a)b", "", "perl"), ("a", "b", None)],
)
def test_an_invalid_pattern_is_explained(
    pattern: str, replacement: str, mistake: str | None
) -> None:
    message = patterns.mistake_in(pattern, replacement)
    assert (message is None) if mistake is None else (message is not None and mistake in message)


def test_an_invalid_selector_is_explained() -> None:
    assert html5.mistake_in("p.x > a[href]") is None
    assert html5.mistake_in("p..x")


# Mistakes in the first allow-list: elements and an attribute that it allows, and harmful HTML.
MISTAKES = {
    "onclick": ((), ("a", "onclick"), '<a href="https://e.example/" onclick="x()">c</a>'),
    "onerror": ((), ("img", "onerror"), '<img src="https://e.example/a" onerror="x()">'),
    "onload on a frame": ((), ("iframe", "onload"), '<iframe onload="x()"></iframe>'),
    "ontoggle": ((), ("details", "ontoggle"), '<details open ontoggle="x()">a</details>'),
    "onbegin in MathML": ((), ("mi", "onclick"), '<math><mi onclick="x()">a</mi></math>'),
    "javascript link": ((), ("a", "href"), '<a href="javascript:x()">c</a>'),
    "javascript as a port": ((), ("a", "href"), '<a href="javascript:1">c</a>'),
    "javascript with a tab": ((), ("a", "href"), '<a href="java\tscript:x()">c</a>'),
    "vbscript link": ((), ("a", "href"), '<a href="vbscript:x">c</a>'),
    "data link": ((), ("a", "href"), '<a href="data:text/html,x">c</a>'),
    "relative link": ((), ("a", "href"), '<a href="//evil.example">c</a>'),
    "xlink": ((), ("mi", "xlink:href"), '<math><mi xlink:href="javascript:x()">a</mi></math>'),
    "ping": ((), ("a", "ping"), '<a href="https://e.example/" ping="https://evil.example">c</a>'),
    "target": ((), ("a", "target"), '<a href="https://e.example/" target="evil">c</a>'),
    "javascript image": ((), ("img", "src"), '<img src="javascript:x()">'),
    "SVG as data": ((), ("img", "src"), '<img src="data:image/svg+xml;base64,AAAA">'),
    "javascript in srcset": ((), ("img", "srcset"), '<img srcset="javascript:x() 2x">'),
    "data as video": ((), ("video", "src"), '<video src="data:image/png;base64,AA"></video>'),
    "javascript poster": ((), ("video", "poster"), '<video poster="javascript:x()"></video>'),
    "javascript cite": ((), ("q", "cite"), '<q cite="javascript:x()">q</q>'),
    "frame from anywhere": ((), ("iframe", "src"), '<iframe src="https://evil.example/"></iframe>'),
    "frame from a like name": (
        (), ("iframe", "src"), '<iframe src="https://youtube.com.evil.example/"></iframe>',
    ),
    "srcdoc": ((), ("iframe", "srcdoc"), '<iframe srcdoc="<script>x()</script>"></iframe>'),
    "frame that navigates": (
        (), ("iframe", "sandbox"), '<iframe sandbox="allow-scripts allow-top-navigation"></iframe>',
    ),
    "url in a style": ((), ("p", "style"), '<p style="background:url(https://e.example)">a</p>'),
    "url in an allowed style": ((), ("p", "style"), '<p style="list-style-type: url(x)">a</p>'),
    "escape in a style": ((), ("p", "style"), '<p style="text-align: u\\72l(x)">a</p>'),
    "position": ((), ("p", "style"), '<p style="position: fixed; top: 0">a</p>'),
    "class": ((), ("p", "form"), '<p formaction="https://evil.example">a</p>'),
    "script": (("script",), None, "<script>x()</script>"),
    "style": (("style",), None, "<style>p { color: red }</style>"),
    "base": (("base",), ("base", "href"), '<base href="https://evil.example/">'),
    "form": (("form",), ("form", "action"), '<form action="https://evil.example/">f</form>'),
    "input": (("input",), ("input", "name"), '<input name="password">'),
    "button": (("button",), ("button", "formaction"), '<button formaction="evil">b</button>'),
    "object": (("object",), ("object", "data"), '<object data="https://evil.example/x"></object>'),
    "embed": (("embed",), ("embed", "src"), '<embed src="https://evil.example/x">'),
    "applet": (("applet",), ("applet", "code"), '<applet code="x"></applet>'),
    "meta": (("meta",), ("meta", "content"), '<meta http-equiv="refresh" content="0;url=x">'),
    "link": (("link",), ("link", "href"), '<link rel="stylesheet" href="https://evil.example/">'),
    "use": (("svg", "use"), ("use", "href"), '<svg><use href="data:image/svg+xml,x"/></svg>'),
    "animate": (("svg", "animate"), ("animate", "to"), '<svg><animate to="javascript:x"/></svg>'),
    "foreignObject": (("svg", "foreignobject"), None, "<svg><foreignObject>x"),
    "annotation-xml": (("annotation-xml",), None, "<math><annotation-xml>x"),
    "template": (("template",), None, "<template><img src=x></template>"),
    "portal": (("portal",), ("portal", "src"), '<portal src="https://evil.example/"></portal>'),
    "textarea": (("textarea",), None, "<textarea>t</textarea>"),
}  # fmt: skip


HARM = re.compile(r"^on|evil|script:|\(|svg|navigation|fixed|data:|[\\]")


@pytest.mark.parametrize("name", MISTAKES)
def test_bleach_removes_what_a_mistake_in_our_allow_list_lets_through(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags, attribute, html = MISTAKES[name]
    monkeypatch.setattr(allowed, "TAGS", allowed.TAGS | set(tags))
    monkeypatch.setattr(allowed, "allows", lambda *_: True)
    if attribute is not None:
        tag, attribute_name = attribute
        names = (*allowed.ATTRIBUTES.get(tag, ()), attribute_name)
        monkeypatch.setitem(allowed.ATTRIBUTES, tag, names)
    for tag in tags:
        monkeypatch.delitem(vocabulary.GONE, tag, raising=False)
    for cleaned in (sanitize(html5.parse(html)), content.clean(html, "html", POLICY).html):
        for element in html5.parse(cleaned).select("*"):
            assert element.tag not in tags
            for attribute_name in element.attrs:
                value = element.attr(attribute_name) or ""
                # A frame is replaced by a plain link.
                if not (element.tag == "a" and value.startswith("https://")):
                    assert not HARM.search(f"{attribute_name}={value}"), cleaned


def test_html_that_never_becomes_stable_is_reduced_to_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = "<p>One <b>two</b></p>"
    assert content.clean(body, "html", POLICY).formatted
    monkeypatch.setattr(content, "_ROUNDS", 0)
    cleaned = content.clean(body, "html", POLICY)
    assert not cleaned.formatted
    assert cleaned.html == "<p>One two</p>"
