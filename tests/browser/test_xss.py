"""Cleaned HTML runs no script in a real Chromium: shown, hovered over, focused, clicked.

The page has no Content-Security-Policy. The same harness catches the same payloads uncleaned.
"""

import json
import os
from collections.abc import Iterator
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from builders import WHEN, article, feed

from feedsvc import content, feeds, xmltext
from feedsvc.content.allowed import embeddable
from feedsvc.formats import FORMATS, opml
from feedsvc.model import Entry, Person, Published
from tests.browser import cases, harness
from tests.browser.cases import WAYS, Payload, Way
from tests.browser.harness import Board, View

POLICY = content.Policy(
    link_base="https://articles.example.org/key", media_base="https://media.example.org/folder/"
)
FAMILIES = cases.families()
ALL = [payload for family in FAMILIES.values() for payload in family]


def missing() -> str | None:
    """Return the reason why the tests cannot run, or None."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return None if harness.executable() else "no Chromium was found"


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    lacking = missing()
    if lacking and not os.environ.get("FEEDSVC_REQUIRE_BROWSER"):
        pytest.skip(lacking)
    assert lacking is None, lacking
    with harness.board(harness.executable() or "", is_player=embeddable) as board:
        yield board


def aimed(payload: Payload, board: Board) -> Payload:
    return payload.aimed(board.pages.canary(payload.name))


def happened(board: Board, views: list[View], *, sandboxed: bool = False) -> dict[str, list[str]]:
    seen = board.look(views, sandboxed=sandboxed)
    return {
        view.name: list(result.events)
        for view, result in zip(views, seen, strict=True)
        if result.events
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", FAMILIES)
def test_no_script_of_cleaned_html_runs(family: str, way: Way, board: Board) -> None:
    views = [
        View(
            name=payload.name,
            way=way,
            html=content.clean(aimed(payload, board).body, payload.markup, POLICY).html,
        )
        for payload in FAMILIES[family]
    ]
    assert happened(board, views) == {}


def test_the_harness_catches_the_scripts_of_uncleaned_html(board: Board) -> None:
    caught: set[str] = set()
    fires = cases.firing()
    for way in WAYS:
        views = [
            View(name=payload.name, way=way, html=aimed(payload, board).uncleaned())
            for payload in ALL
            if payload.name in fires - caught
        ]
        caught |= happened(board, views, sandboxed=True).keys()
    assert len(fires) >= 300
    assert fires <= {payload.name for payload in ALL}
    # A few depend on the browser's version and on its timing; a blind harness would miss all.
    assert len(fires - caught) <= len(fires) * 0.03, sorted(fires - caught)


def test_there_are_enough_payloads_each_with_its_own_name() -> None:
    assert len(ALL) >= 400
    assert len({payload.name for payload in ALL}) == len(ALL)


def lines() -> list[str]:
    """Return the payloads that could be a title: those of one line."""
    return [payload.body for payload in ALL if len(payload.body.splitlines()) == 1]


def plainly(text: str, key: str) -> Entry:
    """Return an entry all of whose plain texts are `text`."""
    made = article(
        source=f"{key}.html", title=text, authors=(Person(name=text),), terms=(text,), summary=text
    )
    published = Published(
        article=made, id=f"urn:x:{key}", key=key, published=WHEN, updated=WHEN, version="1"
    )
    return feeds.entry(
        published, link="https://x.example/", summary="", content=None, lead_image=None
    )


def texts(name: str, body: bytes) -> set[str]:
    """Return every text in a document, as a reader takes it out."""
    if name == "json":
        strings: set[str] = set()

        def walk(value: object) -> None:
            if isinstance(value, dict):
                for member in value.values():
                    walk(member)
            elif isinstance(value, list):
                for item in value:
                    walk(item)
            elif isinstance(value, str):
                strings.add(value)

        walk(json.loads(body))
        return strings
    root = ET.fromstring(body)
    return {
        value
        for element in root.iter()
        for value in (element.text, *element.attrib.values())
        if value and value.strip()
    }


@pytest.mark.parametrize("name", [*FORMATS, "opml"])
def test_no_script_in_plain_text_runs_when_read_as_html(name: str, board: Board) -> None:
    plain = list(dict.fromkeys(map(xmltext.line, lines())))
    if name == "opml":
        body = opml.render(
            "x",
            (
                opml.Outline(title=text, xml_url="x", html_url="x", description=text)
                for text in plain
            ),
        )
    else:
        entries = [plainly(text, f"{number:020d}") for number, text in enumerate(plain)]
        body = FORMATS[name].render(feed(*entries, title=plain[0], subtitle=plain[1]))
    shown = texts(name, body)
    decoded = {unescape(text) for text in shown} - set(plain)
    marked = [
        text
        for text in sorted(shown | decoded)
        if any(part in text for part in ("xss", "CANARY", "<"))
    ]
    assert len(marked) > 200
    # Many texts in one view: each payload that runs names itself.
    views = [
        View(name=f"{name}-{way}-{start}", way=way, html="<hr>".join(marked[start : start + 40]))
        for way in WAYS
        for start in range(0, len(marked), 40)
    ]
    assert happened(board, views) == {}
