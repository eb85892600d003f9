"""Any bytes under any name beside good articles change nothing of the good ones.

Hypothesis writes one file next to three good articles: noise, or something that is nearly an
article. lxml, feedparser and json read every feed then, and each good entry must have the bytes and
the place that it had without that file.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import feedparser
import pytest
from conftest import Tree, site_in
from hypothesis import HealthCheck, assume, example, given, settings, strategies as st
from lxml import etree
from sites import Site

from feedsvc.formats import FORMATS

GOOD = {
    "a.md": "---\ntitle: A & b\ndate: 2022-01-02T00:00:00Z\ntags: [news, 新闻]\n---\n*a* < b ]]>",
    "deep/b.html": "---\nid: urn:x-test:b\ndate: 2022-01-01T00:00:00Z\ntags: [news]\n---\n<p>b</p>",
    "c.txt": "---\ntitle: C\nlink: https://o.example.org/c\nauthor: Ann\n---\nc",
}
ENTRY = {
    "atom": re.compile(rb"<entry\b.*?</entry>", re.DOTALL),
    "rss": re.compile(rb"<item\b.*?</item>", re.DOTALL),
}
Entries = dict[tuple[str, str], list[bytes]]
"""The serialised entries of each feed, in their order, by slug and format."""


@contextmanager
def good_site() -> Iterator[tuple[Site, Tree]]:
    with tempfile.TemporaryDirectory() as folder, site_in(Path(folder)) as (site, tree):
        for source, text in GOOD.items():
            tree.write(source, text)
        site.refresh()
        yield site, tree


def entries(body: bytes, name: str) -> list[bytes]:
    """Return the entries of a document in one format, after independent parsers have read it."""
    if name == "json":
        return [json.dumps(item).encode() for item in json.loads(body)["items"]]
    etree.fromstring(body)
    read = feedparser.parse(body, sanitize_html=False, resolve_relative_uris=False)
    assert not read.bozo, read.get("bozo_exception")
    serialised = [match.group() for match in ENTRY[name].finditer(body)]
    assert len(serialised) == len(read.entries)
    return serialised


def served(site: Site) -> Entries:
    etree.fromstring(site.document("/opml.xml").body)
    return {
        (feed.slug, name): entries(site.document(f"/feeds/{feed.slug}.{name}").body, name)
        for feed in site.entries.listings()
        for name in FORMATS
    }


@pytest.fixture(scope="module")
def without() -> Entries:
    """Return the entries of the good articles alone."""
    with good_site() as (site, _):
        return served(site)


# Text that breaks parsers, writers and readers, wherever it stands.
TROUBLE = st.sampled_from(
    [
        *"\0\a\x0b\x1b\x7f\x85\xad\ufeff\ufffe\uffff\ud800\udfff\u202e\u2028\U0001f600\U0010ffff",
        *"<>&\"'%#?\\`|*_~[]{}()!:-\t\r\n\u0301\u200d",
        *("---\n", "+++\n", ";;;\n", "...\n", "&a ", "? ", "- ", "e\u0301", "新闻"),
        *"""
]]> <![CDATA[ <!-- --> --!> <?xml?> <?php &#0; &#xD800; &nbsp; &bogus; &#x1F600; &lt;script&gt;
<script> </script> <style> </p> <plaintext> <svg><math> <textarea> <title> <template> <frameset>
<!DOCTYPE/x[<!ENTITY/a/'b'>]>&a; <base/href='//evil.example/'> <meta/http-equiv=refresh/content=0>
<a/href='javascript:x'> <img/src='http://[::1'> [x](javascript:y) ![x](data:a) ](
</entry> </item></channel></rss> <content/type='xhtml'> *a !!python/object:x %YAML/9
http:// https://a.example/?x=]]> // data:text/html,x mailto:a@b https://[ http://a:b
""".split(),
    ]
)
NEST = st.builds(
    lambda opening, n: opening * n,
    st.sampled_from(["[", "{", "<div>", "<ul><li>", "> ", "- ", "<b><p>", '{"a":', "<svg>", "*a "]),
    st.sampled_from([25, 150, 1200]),
)
TEXT = st.lists(
    st.one_of(
        TROUBLE, TROUBLE, st.text(max_size=8), st.sampled_from(["word ", "https://a.example/b "])
    ),
    max_size=8,
).map("".join)
NAME = st.one_of(
    st.sampled_from(
        "title id guid link from date updated published draft tags categories category author"
        " authors headimg cover description lang TITLE 标题 <<".split()
    ),
    TEXT,
)
VALUE = st.one_of(
    TEXT,
    NEST,
    st.sampled_from(
        """
0000-00-00 9999-12-31T23:59:59+14:00 2022-02-30 2025-01-01 1e309 -1 99999999999999 true null | >- ~
urn:x-test:b https://o.example.org/c [news,新闻,../x,a/b,''] [[[a]],{b:[c]}] news,,新闻 all zh_CN
{"name":"A","url":"javascript:x"} ../../etc/passwd
""".split()
    ),
)
FIELDS = st.lists(st.tuples(NAME, VALUE), max_size=5)


def front_matter(fence: str, fields: list[tuple[str, str]], end: str) -> str:
    lines = {
        "---": [f"{name}: {value}" for name, value in fields],
        "+++": [f"{name} = {json.dumps(value)}" for name, value in fields],
        ";;;": [f"{json.dumps(name)}: {json.dumps(value)}," for name, value in fields],
        "{": [f"{json.dumps(name)}: {json.dumps(value)}," for name, value in fields] + ['"z": 1}'],
        "": [],
    }[fence]
    return "\n".join([fence, *lines, end, ""])


STRUCTURED = st.builds(
    lambda start, matter, body, encoding, tail: (
        start
        + (matter + body).encode(encoding, "surrogatepass" if encoding == "utf-8" else "replace")
        + tail
    ),
    st.sampled_from(
        [b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\n\n", b"\0", b"GIF89a"]
    ),
    st.builds(
        front_matter,
        st.sampled_from(["---", "---", "---", "+++", ";;;", "{", ""]),
        FIELDS,
        st.sampled_from(["---", "---", "+++", ";;;", "...", "", "--"]),
    ),
    st.one_of(TEXT, st.tuples(TEXT, NEST, TEXT).map("".join)),
    st.sampled_from(
        ["utf-8", "utf-8", "utf-8", "utf-8", "gb18030", "utf-16-le", "utf-32", "latin-1"]
    ),
    st.sampled_from([b"", b"", b"\xff", b"\xe4\xb8", b"\xed\xa0\x80", b"\xc3\x28"]),
)
DATA = st.one_of(STRUCTURED, STRUCTURED, STRUCTURED, st.binary(max_size=400))

# A name is bytes; the folder may be one of those that the good articles are in.
PART = st.one_of(
    st.sampled_from(
        [b" ", b"%2e%2e", b"a#b?c", b"a\nb", b"\x7f", b"\\xff", b"&<>\"'", b"-rf", b"\xff\xfe"]
    ),
    st.sampled_from(["中文".encode(), b"a"]),
    st.binary(min_size=1, max_size=12),
    TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")[:200] or b"_"),
).map(lambda part: part.replace(b"/", b"_").replace(b"\0", b"_"))
FILE = st.builds(
    lambda folder, stem, suffix: os.fsdecode(
        stem + suffix if folder in {b"", b".", b".."} else folder + b"/" + stem + suffix
    ),
    st.one_of(st.just(b""), st.just(b"deep"), PART),
    PART,
    st.sampled_from([b".md", b".md", b".html", b".html", b".txt", b".HTM", b".markdown", b""]),
)


@settings(
    max_examples=40,
    deadline=None,
    # Text out of many pieces is large before it is refused; each example is a site of its own.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(source=FILE, data=DATA)
@example(source="x.md", data=b"---\ntitle: <b>\ntags: [news]\nid: urn:x-test:b\n---\n")
@example(source="deep/x\udcff.md", data=b"---\ntags: ['\xed\xa0\x80']\n---\n]]>\xef\xbf\xbe")
def test_any_file_beside_good_articles_changes_no_byte_of_their_entries(
    without: Entries, source: str, data: bytes
) -> None:
    with good_site() as (site, tree):
        assume(not os.path.lexists(tree.root / source) and source.partition("/")[0] not in GOOD)
        tree.write(source, data)
        for problem in site.refresh().problems:
            assert str(problem).encode()
        after = served(site)
        assert after.keys() >= without.keys()
        for feed, shown in after.items():
            before = without.get(feed, [])
            assert [entry for entry in shown if entry in before] == before
            assert len(shown) <= len(before) + 1
        for entry in site.entries.feed("all").entries:
            assert site.entries.entry(entry.key).id == entry.id
