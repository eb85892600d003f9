"""Parsing of articles: case files, each named for the behaviour that it shows.

`cases/articles/NAME.md` (or `.html`, `.txt`) is parsed; `NAME.json` beside it has the expected
fields. `cases/articles-refused/NAME.md` must be refused with the line and reason in `NAME.json`.
"""

import contextlib
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from feedsvc.articles import dates, parse
from feedsvc.errors import ArticleError
from feedsvc.model import Article, License, Notice, Origin

CASES = Path(__file__).parent / "cases"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def cases(folder: str) -> list[Any]:
    files = sorted(file for file in (CASES / folder).iterdir() if file.suffix != ".json")
    assert len(files) == len(list((CASES / folder).glob("*.json"))), f"an odd file: {folder}"
    return [pytest.param(file, id=file.stem) for file in files]


def expected(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.with_suffix(".json").read_text("utf-8")))


def plain(value: object) -> object:
    """Bring a field of an Article into the shape that JSON has."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Notice):
        return asdict(value)
    if isinstance(value, Origin | License):
        return {name: given for name, given in asdict(value).items() if given}
    if hasattr(value, "name"):
        return value.name if value.uri is None else f"{value.name} <{value.uri}>"
    return value


def read(file: Path) -> Article:
    return parse(f"folder/{file.name}", file.read_bytes(), zone_of=lambda *_: SHANGHAI)


@pytest.mark.parametrize("file", cases("articles"))
def test_an_article_has_the_fields_that_its_case_expects(file: Path) -> None:
    article = read(file)
    want = expected(file)
    problems = want.pop("problems", [])
    assert {field: plain(getattr(article, field)) for field in want} == want
    assert [f"{p.line}: {p.field}: {p.reason}" for p in article.problems] == problems
    assert all(p.cure and p.source == article.source for p in article.problems)


@pytest.mark.parametrize("file", cases("articles-refused"))
def test_a_malformed_article_is_refused_with_line_and_reason(file: Path) -> None:
    with pytest.raises(ArticleError) as caught:
        read(file)
    want = expected(file)
    assert {"line": caught.value.line, "reason": caught.value.reason} == want
    assert caught.value.cure


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("Wed, 23 Feb 2022 13:06:12 GMT", "2022-02-23T13:06:12"),
        ("Wed, 23 Feb 2022 21:06:12 +0800", "2022-02-23T13:06:12"),
        ("23 Feb 2022 13:06:12 -0000", "2022-02-23T13:06:12"),
        ("2021-10-28 14:08:07", "2021-10-28T06:08:07"),
        ("2021-10-28 14:08", "2021-10-28T06:08:00"),
        ("2021-10-28", "2021-10-27T16:00:00"),
        ("2021/1/8 04:08", "2021-01-07T20:08:00"),
        ("2022-08-08T03:34:18.000Z", "2022-08-08T03:34:18"),
        ("2022-08-08T03:34:18.999+02:00", "2022-08-08T01:34:18"),
        ("2022-08-08T03:34:18+0530", "2022-08-07T22:04:18"),
        ("2022-08-08 03:34:18 -07", "2022-08-08T10:34:18"),
        ("20220808T033418Z", "2022-08-08T03:34:18"),
        ("1659929658", "2022-08-08T03:34:18"),
        ("1659929658000", "2022-08-08T03:34:18"),
        ("2022年2月23日 21:06", "2022-02-23T13:06:00"),
        ("2022年2月23日", "2022-02-22T16:00:00"),
    ],
)
def test_a_date_in_a_common_form_is_parsed(text: str, utc: str) -> None:
    assert dates.parse(text, SHANGHAI) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["yesterday", "2022-02-30", "2022-13-01", "0001-01-01", "9999-12-31 23:59:59", "7", "",
             "Wed, 99 Feb 2022 13:06:12 GMT", "2022-01-01 25:00", "2022-01-01T00:00:00+99:00"]
)  # fmt: skip
def test_text_that_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|year"):
        dates.parse(text, SHANGHAI)


@given(st.text(max_size=60))
def test_any_text_is_parsed_as_a_utc_date_or_refused(text: str) -> None:
    try:
        moment = dates.parse(text, SHANGHAI)
    except ValueError:
        return
    assert moment.tzinfo is UTC
    assert moment.microsecond == 0


@given(st.binary(max_size=400), st.sampled_from([b"", b"---\n", b"+++\n", b"---\ntitle: "]))
def test_any_bytes_are_parsed_as_an_article_or_refused(data: bytes, start: bytes) -> None:
    try:
        article = parse("a/b.md", start + data, zone_of=lambda *_: SHANGHAI)
    except ArticleError as error:
        assert error.reason
        assert error.cure
        return
    assert article.title
    assert not any("\ud800" <= char <= "\udfff" or char == "\0" for char in article.body)


@pytest.mark.parametrize(
    "text",
    [
        "---\nauthor: <" + "@" * 64000 + "\n---\n",
        "+++\n" + "\n".join(f"[a{n}]" for n in range(8000)) + "\n+++\n",
        "+++\n" + "\n".join(f"a{n} = 1" for n in range(7000)) + "\n+++\n",
        '+++\n"a"' + ".a" * 15000 + " = 1\n+++\n",
        ";;;\n" + ",\n".join(f'"a{n}": 1' for n in range(6000)) + "\n;;;\n",
        "---\ntitle: " + "\u0300\u0316" * 16000 + "\n---\n",
        "---\ntitle: " + "'" * 60000 + "\n---\n",
        "---\na: b: c\n" + "x\n" * 30000 + "---\n",
        "---\ntags: [" + "a, " * 20000 + "]\n---\n",
    ],
    ids=lambda text: text[4:14].strip(),
)
def test_the_longest_front_matter_is_parsed_in_bounded_steps(text: str) -> None:
    # This counts calls, as times vary: a loop within a loop over 64 KiB calls far more often. Work
    # within one regular expression is not counted; texts are cut before patterns look at them.
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        with contextlib.suppress(ArticleError):
            parse("a.md", text.encode(), zone_of=lambda *_: SHANGHAI)
    finally:
        sys.setprofile(None)
    assert calls < 2_000_000


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deeply_nested_front_matter_does_not_crash(opening: str) -> None:
    for text in (f"---\na: {opening * 15000}\n---\n", f"{opening * 9000}"):
        try:
            parse("a.md", text.encode(), zone_of=lambda *_: SHANGHAI)
        except ArticleError as error:
            assert "nests too deeply" in error.reason
