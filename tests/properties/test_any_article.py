"""Any articles, with anything in any field, leave every document valid and every good entry in it.

Hypothesis writes a few articles whose every field is hostile, as YAML, JSON or TOML over HTML or
Markdown, beside three good ones. Then the test asks for each address of the site: the answer is
200, independent parsers can read it, and each good entry has the bytes and the place that it had
without the others.

For half an hour of it: `FEEDSVC_EXAMPLES=1000000 timeout 1800 python -m pytest -x
tests/properties/test_any_article.py` (`-k clock` for the property of clocks alone).
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest
from conftest import Tree, site_in
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings, strategies as st
from lxml import etree
from sites import Site

from feedsvc.diagnosis import check
from feedsvc.formats import FORMATS
from tests.properties.test_any_bytes import GOOD, NEST, TEXT, TROUBLE, Entries, entries

EXAMPLES = int(os.environ.get("FEEDSVC_EXAMPLES", "0"))
TITLES = (
    b">A &amp; b</a>",
    b">b</a>",
    b">C</a>",
)  # the titles of the good articles, which the page of the feed `all` shows

slow_examples = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@contextmanager
def site_of(files: Mapping[str, str]) -> Iterator[tuple[Site, FlaskClient, Tree]]:
    """Open a site over these files beside the good ones, before its first pass."""
    sections: dict[str, Any] = {
        # A language that is not set is guessed from all articles, for pages too.
        "site": {"title": "Test", "base_url": "https://feeds.example.org", "language": "en"},
        "categories": [{"slug": "news", "terms": ["news"]}],
        "content": {"images": [{"hosts": ["*.example"], "via": "proxy"}]},
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        site_in(Path(folder), **sections) as (site, tree),
    ):
        for source, text in {**GOOD, **files}.items():
            tree.write(source, text.encode("utf-8", "surrogatepass"))
        yield site, site.app().test_client(), tree


def get(client: FlaskClient, path: str) -> bytes:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.data[:200])
    return answer.data


def not_json(constant: str) -> Any:
    raise ValueError(f"JSON has no {constant} (RFC 8259, 6)")


class Served:
    """The entries of each feed, and each article as its page shows it, by its id.

    Its representation is short: hypothesis shows it with each example that fails.
    """

    def __init__(self, entries: Entries, pages: dict[str, bytes]) -> None:
        self.entries = entries
        self.pages = pages


def served(site: Site, client: FlaskClient) -> Served:
    """Ask for every document."""
    etree.fromstring(get(client, "/opml.xml"))
    assert all(title in get(client, "/feeds/all") for title in TITLES)
    get(client, "/")
    by_feed: Entries = {}
    for feed in site.entries.listings():
        assert get(client, f"/feeds/{feed.slug}")
        for name in FORMATS:
            body = get(client, f"/feeds/{feed.slug}.{name}")
            if name == "json":
                json.loads(body, parse_constant=not_json)
            by_feed[feed.slug, name] = entries(body, name)
    # The rest of a page names the articles beside it, which may be hostile.
    pages = {
        entry.id: get(client, f"/articles/{entry.key}")
        .partition(b"<article")[2]
        .partition(b"</article>")[0]
        for entry in site.entries.feed("all").entries
    }
    return Served(by_feed, pages)


@pytest.fixture(scope="module")
def without() -> Served:
    """Return all documents of the good articles alone."""
    with site_of({}) as (site, client, _):
        site.refresh()
        return served(site, client)


# Parts of addresses. One library takes such a part for a host, another for a path or an error.
SCHEMES = r"""
http:// https:// // HTTP: http:/ / \\ javascript: data: file:// urn:x: tag: mailto: http://http://
https:\\ ../
"""
HOSTS = """
h.example [::1 [::1] [x x] [v1.x] [::1%25eth0] e\u2100.example e\uff03.example e\uff0fa.example
\u2167.example a\uff0eexample xn--a.example u:p@h.example @ h.example:0 h.example:99999 h.example:x
h.example:\u0661 h.example: %00 %zz .. . \u00df.example 127.0.0.1 0x7f.1 1.2.3.4.5 \ud800 \u202e
e\u0301.example
"""
PATHS = (
    r"""
/ /a.png /a.mp3 /a.mp4?x \a.png /.. /% /%ff ?a=1&b=2 ?]]> #x ;a=b
"""
    "/\u4e2d #\u202e /\ud800 /\uff0f"
)
ADDRESS = st.builds(
    lambda *parts: "".join(parts),
    st.sampled_from(["", "", " http://", *SCHEMES.split()]),
    st.sampled_from(["", "a b", "\0", "\t", "l" * 64, "l." * 200, *HOSTS.split()]),
    st.sampled_from(["", "/a b", "/\n", "/" + "a" * 3000, *PATHS.split()]),
)
WORDS = st.one_of(TEXT, TEXT, TROUBLE, st.text(max_size=20), NEST)
DATES = """
0000-00-00 0001-01-01 9999-12-31T23:59:59-23:59 2022-02-30 1e309 -1 NaN 99999999999999999999 now
2022-01-01T24:00:00Z 2022-01-01T00:00:60Z 2022-01-01T00:00:00+99:99 1677-01-01 2300-01-01 2022-1-1
1900-01-01T00:00:00+23:59 12345 \u0662\u0660\u0662\u0662-01-01
"""
DATE = st.one_of(
    st.sampled_from(["Wed, 23 Feb 2022 13:06:12 +99999999999999", *DATES.split()]),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    st.datetimes(timezones=st.just(UTC)).map(format_datetime),
    st.integers(-(2**70), 2**70),
    st.floats(),
    WORDS,
)
LANGUAGE = st.one_of(
    st.sampled_from(
        ["zh_CN", "en-" + "a" * 300, "x", "-", "\u4e2d\u6587", "i-klingon", "a-\n", "*"]
    ),
    WORDS,
)
PERSON = st.one_of(
    WORDS,
    st.sampled_from(["a@b", "<a@b>", "A <", "A, B; C & D", "a" * 5000, "@", "<>", "\u202eA"]),
    st.fixed_dictionaries(
        {"name": WORDS}, optional={"url": ADDRESS, "email": WORDS, "link": ADDRESS}
    ),
)
ANY = st.recursive(
    st.one_of(WORDS, ADDRESS, DATE, st.none(), st.booleans(), st.integers(-(2**70), 2**70)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
TERMS = st.one_of(
    st.lists(
        st.one_of(
            WORDS,
            st.sampled_from(
                ["news", "NEWS", "all", "..", ".", "/", "a/b", "a.atom", "\u65b0\u95fb", " "]
            ),
        ),
        max_size=4,
    ),
    st.lists(st.integers(), max_size=120, unique=True),
    ANY,
)
ID = st.one_of(
    ADDRESS, WORDS, st.sampled_from(["urn:x-test:b", "https://o.example.org/c", "a" * 9000])
)
FIELDS = {
    "title": WORDS,
    **dict.fromkeys(["id", "guid"], ID),
    **dict.fromkeys(["link", "from", "headimg", "thumbnail", "cover", "image"], ADDRESS),
    **dict.fromkeys(["date", "updated", "modified", "published"], DATE),
    **dict.fromkeys(["lang", "language"], LANGUAGE),
    **dict.fromkeys(["author", "authors"], st.one_of(PERSON, st.lists(PERSON, max_size=4))),
    **dict.fromkeys(["tags", "categories", "category"], TERMS),
    **dict.fromkeys(["description", "summary"], WORDS),
    "draft": st.sampled_from([False, "no", "", None, 0, "perhaps"]),
}
MATTER = st.fixed_dictionaries(
    {}, optional={name: st.one_of(values, values, values, ANY) for name, values in FIELDS.items()}
)
TAG = st.sampled_from(
    [
        '<img src="{}">',
        '<img src="{}" srcset="{} 2x, {} 300w" alt="{}">',
        '<img data-src="{}" title="{}">',
        '<a href="{}" hreflang="{}">x</a>',
        '<video src="{}" poster="{}"></video>',
        '<audio><source src="{}" type="{}"></audio>',
        '<iframe src="{}" title="{}"></iframe>',
        '<p id="{}" title="{}" lang="{}" dir="{}">x</p><a href="#{}">y</a>',
        '<blockquote cite="{}">x</blockquote>',
        '<math><mi href="{}">x</mi></math>',
        '<picture><source srcset="{}" media="{}"><img src="{}"></picture>',
        '<track src="{}"><embed src="{}"><object data="{}">',
        "![x]({})",
        '[x](<{}> "{}")',
        "[x]: {}\n\n[x]",
        "<{}>",
    ]
)
BODY = st.lists(
    st.one_of(
        st.builds(lambda tag, address: tag.replace("{}", address), TAG, st.one_of(ADDRESS, WORDS)),
        WORDS,
        NEST,
    ),
    max_size=5,
).map("\n".join)


def written(matter: dict[str, Any], body: str, syntax: str) -> str:
    """Return the text of an article whose front matter is in this syntax.

    YAML and nearly all TOML read the strings of JSON, where lone surrogates are escapes.
    """
    if syntax == "json":
        return f"{json.dumps(matter, indent=1)}\n\n{body}"
    lines = [f"{name}{syntax}{json.dumps(value)}" for name, value in matter.items()]
    fence = {": ": "---", " = ": "+++"}[syntax]
    return "\n".join([fence, *lines, fence, body])


ARTICLE = st.builds(written, MATTER, BODY, st.sampled_from([": ", ": ", " = ", "json"]))
NAMES = [f"{folder}hostile {n}{suffix}" for n, (folder, suffix) in enumerate(
    [("", ".md"), ("deep/", ".html"), ("z/", ".txt"), ("", ".html")]
)]  # fmt: skip
FILES = st.dictionaries(st.sampled_from(NAMES), ARTICLE, min_size=1, max_size=len(NAMES))


def hostile(*fields: str) -> dict[str, str]:
    return {NAMES[0]: "\n".join(["---", *fields, "---", "x"])}


@settings(slow_examples, max_examples=EXAMPLES or 15)
@given(FILES)
@example(hostile("headimg: 'http://[::1'"))
@example(hostile("headimg: '//[x/a.png'"))
@example(hostile("headimg: 'http://e\u2100.example/a.png'"))
@example(hostile("headimg: '//e\uff03.example/a.png'"))
@example(hostile("link: 'http://[::1'", "guid: 'http://[::1'"))
@example(hostile('title: "\\ud800"', 'tags: ["\\udfff", "\\u202e"]', 'author: "\\ud800"'))
@example(hostile(f"tags: [{', '.join(map(str, range(150)))}]"))
def test_any_articles_beside_good_ones_leave_every_document_valid(
    without: Served, files: dict[str, str]
) -> None:
    with site_of(files) as (site, client, _):
        for problem in site.refresh().problems:
            assert not any(category(char) == "Cc" for char in str(problem))
        found = check(site.config, site.clock()).problems
        # That a picture is missing is told by `check` alone: the article is published as it is.
        noted = [problem for problem in found if "there is no file " not in problem.reason]
        assert set(noted) == set(site.problems())
        after = served(site, client)
        assert after.entries.keys() >= without.entries.keys()
        for feed, all_entries in after.entries.items():
            before = without.entries.get(feed, [])
            assert [entry for entry in all_entries if entry in before] == before
            assert len(all_entries) <= len(before) + len(files)
        assert all(without.pages.values())
        assert after.pages.items() >= without.pages.items()


# A clock without a battery begins in 1970; one that is wrong may say anything.
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
MOMENT = st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC))
JUMP = st.one_of(
    MOMENT,
    st.sampled_from([-3600, -1, 1, 0, 2, 3600, 86400 * 366, -86400 * 366]).map(
        lambda seconds: timedelta(seconds=seconds)
    ),
)
EVENTS = st.lists(st.tuples(JUMP, st.sampled_from(["edit", "new", "pass", "ask"])), max_size=8)
ALL_FEEDS = [f"/feeds/all.{name}" for name in FORMATS] + ["/opml.xml"]
YEAR = timedelta(days=366)


@settings(slow_examples, max_examples=EXAMPLES or 15)
@given(EVENTS)
@example([(YEAR, "edit"), (-YEAR, "ask")])
@example([(timedelta(hours=-1), "edit"), (timedelta(hours=1), "edit")])
@example([(YEAR, "edit"), (YEAR, "ask"), (-2 * YEAR, "pass"), (timedelta(seconds=9), "edit")])
@example([(FIRST, "new"), (LAST, "edit")])
def test_the_next_pass_works_whatever_the_clock_says(
    events: list[tuple[datetime | timedelta, str]],
) -> None:
    with site_of({}) as (site, client, tree):
        site.refresh()
        ids = {entry.title: entry.id for entry in site.entries.feed("all").entries}
        version = 0
        for jump, event in events:
            tree.clock.now = moved(tree.clock.now, jump)
            if event in {"edit", "new"}:
                version += 1
                name = "edited.md" if event == "edit" else f"new-{version}.md"
                (tree.root / name).write_text(
                    f"---\ntitle: {name}\ndate: 2021-01-01\nid: urn:x-test:{name}\n---\n{version}"
                )
                ids[name] = f"urn:x-test:{name}"
            if event != "ask":
                site.refresh()
            for path in ALL_FEEDS:
                answer = client.get(path)
                assert answer.status_code == 200
                modified = parsedate_to_datetime(answer.headers["Last-Modified"])
                assert modified <= tree.clock.now
                assert is_known(client, path, {"If-None-Match": answer.headers["ETag"]})
            shown = {entry.title: entry.id for entry in site.entries.feed("all").entries}
            assert shown.items() <= ids.items()
        tree.clock.now = datetime(2030, 1, 1, tzinfo=UTC)
        site.refresh()
        assert {entry.title: entry.id for entry in site.entries.feed("all").entries} == ids
        # Two changes within one second are a second apart, so that a date tells of both.
        tree.clock.advance(minutes=1)
        for path in ALL_FEEDS:
            modified = client.get(path).headers["Last-Modified"]
            assert parsedate_to_datetime(modified) <= tree.clock.now
            assert is_known(client, path, {"If-Modified-Since": modified})


def is_known(client: FlaskClient, path: str, headers: dict[str, str]) -> bool:
    return client.get(path, headers=headers).status_code == 304


def moved(now: datetime, jump: datetime | timedelta) -> datetime:
    if isinstance(jump, datetime):
        return jump
    try:
        return max(FIRST, min(now + jump, LAST))
    except OverflowError:
        return LAST
