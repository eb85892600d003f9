"""One poisoned article among three hundred: the others are served as if it were not there.

Where its format allows, each poison has an older date than all others and a category of its own. So
in each format the entries of the others must be the same bytes in the same order, and the feed of
another category must be the same to the last byte. When the poison has been deleted, the feed must
show the same entries as before.
"""

import json
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Tree, site_in
from lxml import etree
from sites import Site

from feedsvc.formats import FORMATS

GOOD = 299  # with the poison, as many as a feed may show
ENTRY = {
    "atom": re.compile(rb"<entry\b.*?</entry>", re.DOTALL),
    "rss": re.compile(rb"<item\b.*?</item>", re.DOTALL),
}


def article(body: bytes | str = "x", *fields: str, name: str = "poison.html") -> tuple[str, bytes]:
    """Return a file with old front matter and this body."""
    own = {field.partition(":")[0] for field in fields}
    old = {"title": "Poison", "date": "2001-01-01T00:00:00Z", "tags": "[poison]"}
    head = [f"{field}: {value}" for field, value in old.items() if field not in own]
    matter = "\n".join(["---", *head, *fields, "---", ""]).encode("utf-8", "surrogatepass")
    return name, matter + (body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body)


def raw(data: bytes | str, name: str = "poison.md") -> tuple[str, bytes]:
    return name, data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")


def markdown(body: str, *fields: str) -> tuple[str, bytes]:
    return article(body, *fields, name="poison.md")


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )


BOMB = "---\na: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

POISONS: dict[str, tuple[str, bytes]] = {
    # Bytes.
    "NUL bytes in the body": article(b"a\0b\0\0c"),
    "NUL bytes in the front matter": raw(b"---\ntitle: a\0b\ndate: 2001-01-01\n---\nx"),
    "every control character": article(bytes(range(1, 32)) + b"\x7f"),
    "control characters in the title": article("x", "title: a\x01\x08\x0b\x0c\x1f\x7f\x85b"),
    "lone surrogates": article("a\ud800b\udfffc"),
    "lone surrogates in a term": article("x", "tags: ['\ud800']"),
    "surrogates as escapes": article("&#xD800;&#xDFFF;", 'title: "\\ud800"'),
    "U+FFFE and U+FFFF": article("a\ufffeb\uffffc&#xFFFE;", 'title: "\\uFFFE and \uffff"'),
    "characters beyond the first plane": article("\U0001f600\U0010ffff", "title: \U0001f600"),
    "broken UTF-8": article(("中文" * 400).encode() + b"\xff\xfe\xc3(" + "中文".encode()),
    "bytes of no encoding": article(b"\xff\xfe\xc3(\x81\x8d\xa0\xa1"),
    "UTF-8 that breaks off": article("中文".encode()[:-1]),
    "UTF-16 without a mark": raw("---\ntitle: a\ndate: 2001-01-01\n---\nx".encode("utf-16-le")),
    "UTF-16 with the wrong mark": raw(b"\xfe\xff" + "---\n---\nx".encode("utf-16-le")),
    "a mark alone": raw(b"\xef\xbb\xbf"),
    "nothing": raw(b""),
    "one byte": raw(b"\xff"),
    "a picture": raw(png()),
    "a picture called HTML": raw(png(), "poison.html"),
    "noise": raw(bytes(n * n % 251 for n in range(5000))),
    "one line of a million characters": article("a" * 1_000_000),
    # Front matter.
    "front matter that does not end": raw("---\ntitle: a\ntags: [poison]\n"),
    "an alias bomb": raw(BOMB + "---\nx"),
    "20,000 nested brackets": raw("---\ntitle: " + "[" * 20_000 + "\n---\nx"),
    "20,000 nested brackets that close": raw("---\na: " + "[" * 20_000 + "]" * 20_000 + "\n---\n"),
    "20,000 nested objects of JSON": raw('{"a":' * 20_000 + "1" + "}" * 20_000),
    "20,000 nested lists of TOML": raw("+++\na = " + "[" * 20_000 + "]" * 20_000 + "\n+++\nx"),
    "65 KiB of front matter": article("x", f"note: {'n' * 65 * 1024}"),
    "a tag of YAML that makes objects": article("x", "title: !!python/object/apply:os.system [ls]"),
    "a field twice": article("x", "title: a", "title: b"),
    "a merge key": article("x", "<<: {title: a, id: b}"),
    # Dates.
    "the year 0": article("x", "date: 0000-00-00"),
    "the year 9999": article("x", "date: 9999-12-31T23:59:59-23:59"),
    "a date that overflows": article("x", "date: 99999999999999999999999"),
    "a date that is no number": article("x", "date: NaN", "updated: .inf"),
    "a day before the first of all": article("x", "date: 1900-01-01T00:00:00+23:59"),
    "updated before published": article("x", "updated: 1999-01-01"),
    "updated in the future": article("x", "updated: 2190-01-01"),
    # Ids, addresses, terms, people.
    "the id of another article": article("x", "id: urn:x-test:0"),
    "the original of another article": article("x", "link: https://o.example.org/1"),
    "an id with spaces and lines": article("x", 'id: "a b\\n\\tc <d>"'),
    "an id that is markup": article("x", 'id: "]]></id></entry>"'),
    "an empty id": article("x", "id: ''"),
    "an id of another site's entry": article("x", "id: https://feeds.example.org/feeds/all"),
    "a script for a link": article("<a href=javascript:x>x</a>", "link: javascript:alert(1)"),
    "a link with a broken host": article("<a href='http://[::1'>x</a>", "link: 'http://[::1'"),
    "a link with lines and quotes": article("x", 'link: "https://e.example/\\n\\"><script>"'),
    "a picture that is data": article("x", "image: data:text/html;base64,PHNjcmlwdD4="),
    "the term ../x": article("x", "tags: [../x]"),
    "terms that are parts of addresses": article("x", "tags: [., .., /, '?', '#', all, a.atom]"),
    "a term of 5,000 characters": article("x", f"tags: [{'t' * 5000}]"),
    "1,000 terms": article("x", f"tags: [{', '.join(f'poison-{n}' for n in range(1000))}]"),
    "a term that is markup": article("x", "tags: ['<script>]]></category>']"),
    "a term of nothing to see": article("x", 'tags: ["\\u200b", "\\u202e", " ", ""]'),
    "authors that are markup": article("x", "authors: [{name: '<b>]]>', url: 'javascript:x'}]"),
    "a language that is markup": article("x", "lang: '\"><script>'"),
    # Markup.
    "]]>": article("a]]>b", "title: 'a]]>b'", "description: 'a]]>b'"),
    "the end of a CDATA section, escaped": article("a]]&gt;b<![CDATA[c]]>d"),
    "a title that is markup": article("x", "title: '</title><script>alert(1)</script>&bogus;'"),
    "a description that is markup": article("x", "description: '<img src=x onerror=y>&nbsp;<b>'"),
    "the end of the feed": article("</content></entry></feed></channel></rss>\"}]}"),
    "a document type with entities": article(
        "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'><!ENTITY c SYSTEM 'file:///etc/passwd'>]>&a;&c;"
    ),
    "a base": article("<base href='https://evil.example/'><a href=x>x</a><img src=y>"),
    "a refresh": article("<meta http-equiv=refresh content='0;url=https://evil.example/'>x"),
    "a comment that does not end": article("a <!-- b"),
    "a script that does not end": article("a <script> b"),
    "plaintext": article("a <plaintext> b"),
    "a whole document": article("<html><head><title>a</title><body onload=x><frameset></html>"),
    "a style and a form": article("<style>*{display:none}</style><form action=x><input></form>"),
    "foreign markup": article("<svg><foreignObject><math><mi><mglyph><style><img src=x onerror=y>"),
    "a template": article("<template><script>x</script></template>"),
    # The next two take four times as long for twice the number.
    "5,000 nested divs": article("<div>" * 5000),
    "1,500 nested lists": article("<ul><li>" * 1500),
    "10,000 nested quotes": markdown("> " * 10_000 + "x"),
    "10,000 brackets of Markdown": markdown("[" * 10_000),
    "10,000 stars": markdown("*a **b" * 3000),
    # These do too.
    "4,000 attributes": article("<p " + " ".join(f"a{n}=b" for n in range(4000)) + ">x"),
    "10,000 references": markdown("[x][a]\n" * 500 + "[a]: https://e.example/" + "a" * 10_000),
    "scripts in Markdown": markdown("[x](javascript:alert(1)) ![x](vbscript:y) <script>z</script>"),
    # Names.
    "a name that is not UTF-8": raw(article()[1], "poison-\udcff\udcfe.html"),
    "a name with a line's end": raw(article()[1], "poi\nson ]]>.html"),
    "a name that is an address": raw(article()[1], "%2e%2e#a?b&c.html"),
}  # fmt: skip


class Others:
    """The good articles, their site, and its entries and feeds before anything is added."""

    def __init__(self, site: Site, tree: Tree) -> None:
        self.site, self.tree = site, tree
        for n in range(GOOD):
            tree.write(f"{n // 100}/{n}.md", good(n))
        site.refresh()
        self.entries = {name: entries(self.body("all", name), name) for name in FORMATS}
        self.even = {name: self.body("even", name) for name in FORMATS}

    def body(self, slug: str, name: str) -> bytes:
        return self.site.document(f"/feeds/{slug}.{name}").body


@contextmanager
def others_in(folder: Path) -> Iterator[Others]:
    with site_in(folder, feeds={"limit": 300}) as (site, tree):
        yield Others(site, tree)


def entries(body: bytes, name: str) -> list[bytes]:
    """Return the serialised entries of a document that a parser could read."""
    if name == "json":
        return [json.dumps(item).encode() for item in json.loads(body)["items"]]
    etree.fromstring(body)
    return [match.group() for match in ENTRY[name].finditer(body)]


def good(n: int) -> str:
    own = {0: "id: urn:x-test:0\n", 1: "link: https://o.example.org/1\n"}.get(n, "")
    tags = "even" if n % 2 == 0 else "odd"
    moment = f"20{10 + n // 336:02}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}T00:00:00Z"
    return f"---\ntitle: Good {n}\ndate: {moment}\ntags: [{tags}]\n{own}---\nBody *{n}*"


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    with others_in(tmp_path_factory.mktemp("others")) as others:
        yield others


@pytest.mark.parametrize("number", range(len(POISONS)), ids=list(POISONS))
def test_one_poisoned_article_changes_no_byte_of_the_others(others: Others, number: int) -> None:
    site, tree = others.site, others.tree
    name, data = list(POISONS.values())[number]
    # In a folder of its own: under the same name it would be the same article as the last.
    source = f"poison {number}/{name}"
    tree.write(source, data)
    try:
        published = site.refresh().articles
        assert published in {GOOD, GOOD + 1}
        for format, before in others.entries.items():
            shown = entries(others.body("all", format), format)
            good_entries = set(before)
            assert [entry for entry in shown if entry in good_entries] == before
            assert len(shown) == published
            assert others.body("even", format) == others.even[format]
        for slug in {feed.slug for feed in site.entries.listings()} - {"all", "even", "odd"}:
            assert all(len(entries(others.body(slug, name), name)) <= 1 for name in FORMATS)
    finally:
        tree.remove(source)
        site.refresh()
    # Only the time at which the feed changed is another one now.
    after = {name: entries(others.body("all", name), name) for name in FORMATS}
    assert after == others.entries
