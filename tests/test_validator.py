"""No warning of the W3C Feed Validation Service about content applies to any feed that we make."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Tree
from lxml import etree
from sites import Site

from feedsvc.formats import FORMATS
from feedsvc.validator import KEPT, documents, values

ROOT = Path(__file__).parent.parent
CASES = Path(__file__).parent / "cases"


def warned(site: Site, format: str) -> list[tuple[str, values.Warned]]:
    """Return the warnings about the feeds of a site in one format, each with the feed's slug."""
    return [
        (feed.slug, warning)
        for feed in site.entries.listings()
        for warning in documents.JUDGES[format](site.document(f"/feeds/{feed.slug}.{format}").body)
    ]


@pytest.mark.parametrize("format", FORMATS)
def test_no_warning_applies_to_a_feed_of_the_samples(samples: Site, format: str) -> None:
    assert len(samples.entries.listings()) > 4
    assert warned(samples, format) == []


def write_cases(tree: Tree) -> int:
    """Write every case of an article and of content as an article; return how many."""
    articles = [file for file in (CASES / "articles").iterdir() if file.suffix != ".json"]
    for file in articles:
        tree.write(f"articles/{file.name}", file.read_bytes())
    contents = [
        file
        for file in (CASES / "content").iterdir()
        if file.suffix in {".html", ".md", ".txt"} and not file.name.endswith(".out.html")
    ]
    for file in contents:
        front = f"---\ntitle: {json.dumps(file.stem)}\ntags: [content]\n---\n"
        tree.write(f"content/{file.name}", front.encode() + file.read_bytes())
    return len(articles) + len(contents)


def test_no_warning_applies_to_a_feed_of_the_cases(
    open_site: Callable[..., Site], tree: Tree
) -> None:
    site = open_site(feeds={"limit": 1000}, articles={"future": "publish", "settle_empty": "0s"})
    written = write_cases(tree)
    site.refresh()
    assert site.index.articles.count() > written * 0.8, "all but drafts and copies are published"
    warnings = [warning for format in FORMATS for warning in warned(site, format)]
    kept = {(warning.warning, warning.value) for _, warning in warnings} & KEPT.keys()
    assert [pair for pair in warnings if (pair[1].warning, pair[1].value) not in KEPT] == []
    assert kept == KEPT.keys(), "each of KEPT is shown by a case"


@pytest.mark.parametrize(
    ("markup", "warning"),
    [
        ("<p>a &amp; b</p><a href='https://x.org/'>x</a>", None),
        ("<img src='/a.png'>", "ContainsRelRef"),
        ("<img srcset='https://x.org/a.png 1x, b.png 2x'>", "ContainsRelRef"),
        ("<a href='#note'>1</a>", "ContainsRelRef"),
        ("<a href='//x.org/'>x</a>", "ContainsRelRef"),
        ("<a href='javascript:x()'>x</a>", "SecurityRiskAttr"),
        ("<script>x()</script>", "SecurityRisk"),
        ("<style>p{}</style>", "SecurityRisk"),
        ("<iframe src='https://x.org/'></iframe>", "SecurityRisk"),
        ("<p onclick='x()'>x</p>", "SecurityRiskAttr"),
        ("<p style='position: fixed'>x</p>", "DangerousStyleAttr"),
        ("<p style='color: url(x)'>x</p>", "DangerousStyleAttr"),
        ("<p style='text-align: center'>x</p>", None),
        ("<blink>x</blink>", "NotHtml"),
        ("<p>x</div>", "NotHtml"),
        ("<b><i>x</b></i>", "NotHtml"),
        ("AT&T", "NotHtml"),
        ("a < b", "NotHtml"),
        ("<p title='a'title='b'>x</p>", "NotHtml"),
        ("<p>x\x96</p>", "NotHtml"),
    ],
)
def test_the_judge_knows_bad_html(markup: str, warning: str | None) -> None:
    assert {name for name, _ in values.of_html(markup)} == ({warning} if warning else set())


@pytest.mark.parametrize(
    ("value", "warning"),
    [
        ("AT&T and a < b", None),
        ("<b>x</b>", "ContainsHTML"),
        ("&lt;", "ContainsHTML"),
        ("a <b", "CharacterData"),
        (" ", "NotBlank"),
        ("x\x96", "BadCharacters"),
    ],
)
def test_the_judge_knows_bad_text(value: str, warning: str | None) -> None:
    warnings = {warned.warning for warned in values.text("title", value)}
    assert warning in warnings if warning else not warnings


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (values.canonical, "urn:uuid:587ff227-5fd8-5e6d-a3d8-8e30db1db6e0", "urn:uuid:1"),
        (values.canonical, "tag:example.org,2024:x", "tag:example.org:x"),
        (values.canonical, "https://example.org/a", "https://Example.org/a"),
        (values.canonical, "https://example.org/", "https://example.org"),
        (values.canonical, "https://example.org/%E8%B4%A2", "https://example.org/财"),
        (values.address, "https://example.org/a?b=c", "/a?b=c"),
        (values.address, "https://example.org/a", "https:///a"),
        (values.rfc3339, "2024-02-29T12:00:00+08:00", "2023-02-29T12:00:00Z"),
        (values.rfc3339, "2024-02-29T12:00:00Z", "2024-02-29T12:00:00"),
        (values.rfc822, "Thu, 29 Feb 2024 12:00:00 +0000", "Fri, 29 Feb 2024 12:00:00 +0000"),
        (values.rfc822, "Thu, 29 Feb 2024 12:00:00 GMT", "2024-02-29T12:00:00Z"),
        (values.language, "zh-Hant-TW", "zh_TW"),
    ],
)
def test_the_judge_knows_bad_ids_links_dates_and_languages(
    check: Callable[[str, str], values.Warnings], good: str, bad: str
) -> None:
    assert list(check("x", good)) == []
    assert len(list(check("x", bad))) == 1


@pytest.mark.parametrize(
    ("format", "part", "other", "warning"),
    [
        ("atom", b"<updated>", b"<published>", "MissingElement"),
        ("atom", b'rel="self"', b'rel="own"', "UnregisteredAtomLinkRel"),
        ("atom", b'type="html"', b'type="text"', "ContainsUndeclaredHTML"),
        ("rss", b"<guid", b"<id", "MissingElement"),
        ("rss", b"</title>", b"&lt;/b&gt;</title>", "ContainsHTML"),
        ("json", b'"title":"', b'"title":"</b>', "ContainsHTML"),
    ],
)
def test_the_judge_knows_bad_documents(
    samples: Site, format: str, part: bytes, other: bytes, warning: str
) -> None:
    body = samples.document(f"/feeds/all.{format}").body
    assert part in body
    if part.startswith(b"<") and not part.startswith(b"</"):
        end, other_end = (b"</" + tag.strip(b"<>") + b">" for tag in (part, other))
        body = body.replace(end, other_end)
    assert warning in {
        warned.warning for warned in documents.JUDGES[format](body.replace(part, other))
    }


@pytest.mark.parametrize(
    ("relations", "warnings"),
    [
        ({"self": "a", "first": "a", "next": "b", "last": "c"}, set()),
        ({"self": "a", "first": "a", "previous": "b"}, {"LinkPastEnd"}),
        ({"self": "a", "last": "a", "next": "b"}, {"LinkPastEnd"}),
        ({"self": "a", "archive": "", "current": "b", "prev-archive": "c"}, set()),
        ({"self": "a", "archive": "", "current": "b"}, {"ArchiveIncomplete"}),
        ({"self": "a", "archive": "", "next-archive": "c"}, {"MissingCurrentInArchive"}),
    ],
)
def test_the_judge_knows_bad_links_between_pages(
    relations: dict[str, str], warnings: set[str]
) -> None:
    channel = etree.Element("channel")
    for relation, address in relations.items():
        if relation == "archive":
            etree.SubElement(channel, documents.ARCHIVE)
        else:
            etree.SubElement(channel, f"{documents.ATOM}link", rel=relation, href=address)
    assert {warned.warning for warned in documents.pages(channel, "channel")} == warnings
