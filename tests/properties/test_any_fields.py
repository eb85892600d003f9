"""Any fields of a file make an Article of legal text, or an ArticleError."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC

from hypothesis import example, given, settings, strategies as st

from feedsvc import articles, identity, xmltext
from feedsvc.errors import ArticleError

NAMES = st.sampled_from(
    "title id guid link from date updated published draft tags categories category author authors"
    " headimg cover image description summary lang language x".split()
)
# JSON and YAML have escapes for characters that UTF-8 has not.
ODD = st.sampled_from(
    [
        *"\0\x0b\x85\ufffe\ud800\udfff\u202e\ufeff[]\\\"'<>&%#?@:：,",
        "\U0001f600",
        "℀",
        "＃",
        "．",
        "／",
    ]
)
TEXT = st.lists(st.one_of(ODD, st.text(max_size=6)), max_size=6).map("".join)
HOST = st.lists(
    st.sampled_from(["a", "é", "℀", "＃", "[", "]", "::1", "%", ".", ":", "@", "\\", "99999", "ß"]),
    max_size=5,
).map("".join)
ADDRESS = st.builds(
    lambda start, host, path: start + host + path,
    st.sampled_from(["http://", "https://", "//", "", "data:", "javascript:", "\\\\", "HTTP:"]),
    HOST,
    st.sampled_from(["", "/a.png", "/[x", "?a=[", "/\ud800", ":x/", ":99999/"]),
)
SCALAR = st.one_of(
    TEXT,
    ADDRESS,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, -(10**30), 1e308, float("nan"), "9" * 20, "2022-02-23", "-0000"]),
)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(TEXT, NAMES), inner, max_size=3)
    ),
    max_leaves=8,
)
MATTER = st.dictionaries(st.one_of(NAMES, NAMES, TEXT), VALUE, max_size=5)


def toml(value: object) -> str:
    """Write a value as TOML, near enough: some of it is refused."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value).lower() if isinstance(value, float) else json.dumps(value)


def written(kind: str, matter: dict[str, object], body: str) -> bytes:
    """Write an article; YAML reads all strings of JSON except surrogate pairs as one character."""
    lines = {
        "YAML": [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in matter.items()],
        "plain YAML": [f"{k}: {v}" for k, v in matter.items()],
        "TOML": [f"{json.dumps(k)} = {toml(v)}" for k, v in matter.items()],
        "JSON": [json.dumps(matter)[1:-1]],
    }[kind]
    fence = {"TOML": "+++", "JSON": ";;;"}.get(kind, "---")
    return "\n".join([fence, *lines, fence, body]).encode("utf-8", "surrogatepass")


def texts(value: object) -> Iterator[str]:
    """Yield every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts(getattr(value, field.name))


def judge(data: bytes) -> None:
    try:
        article = articles.parse("a/b.md", data, zone_of=lambda *_: UTC)
    except ArticleError as error:
        assert error.reason
        assert error.cure
        return
    for text in texts(article):
        assert text.encode("utf-8").decode("utf-8") == text
        assert xmltext.legal(text) == text
    articles.is_empty(article)
    identity.own_link(article)
    assert identity.seen_digest(article)


@settings(max_examples=400, deadline=None)
@given(kind=st.sampled_from(["YAML", "plain YAML", "TOML", "JSON"]), matter=MATTER, body=TEXT)
@example(kind="JSON", matter={"headimg": "http://[::1", "tags": ["\ud800"]}, body="")
@example(kind="YAML", matter={"title": "\ud800", "link": "http://e℀.example/"}, body="")
def test_any_fields_make_an_article_of_legal_text(
    kind: str, matter: dict[str, object], body: str
) -> None:
    judge(written(kind, matter, body))


@settings(max_examples=300, deadline=None)
@given(
    start=st.sampled_from([b"", b"---\n", b"+++\n", b";;;\n", b'{"', b"\xff\xfe", b"---\ntags: ["]),
    data=st.binary(max_size=300),
)
def test_any_bytes_make_an_article_of_legal_text(start: bytes, data: bytes) -> None:
    judge(start + data)
