"""A long first pass: the newest articles are served while the others are still read."""

import logging
import os
import re
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Tree, titles
from flask.testing import FlaskClient
from sites import Open

from feedsvc import articles, reading
from feedsvc.errors import NotReadyError
from feedsvc.model import Progress
from feedsvc.reading import Reading
from feedsvc.refresh import stages

ARTICLES = 40
SECTIONS = {
    "feeds": {"limit": 5},
    "categories": [
        {"slug": "even", "title": "Even", "terms": ["even"]},
        {"slug": "odd", "title": "Odd", "terms": ["odd"]},
    ],
}
PATHS = [f"/feeds/{slug}.{suffix}" for slug in ("all", "even", "odd") for suffix in ("atom", "rss")]


class PowerCut(BaseException):
    """It ends the process in the middle of a pass."""


@pytest.fixture
def many(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Make articles whose names are not in the order of their dates, and small stages."""
    monkeypatch.setattr(stages, "STAGE", 10)
    monkeypatch.setattr(stages, "FIRST_STAGE", 10)
    monkeypatch.setattr(reading, "PART", 5)
    monkeypatch.setattr(stages, "PART", 5)
    for n in range(ARTICLES):
        term = "even" if n % 2 == 0 else "odd"
        date = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(hours=n)
        rare = ", rare" if n in {3, 30} else ""
        tree.write(
            f"{(n * 7) % ARTICLES:02d}.html",
            f"---\ntitle: A{n}\ndate: {date:%Y-%m-%d %H:%M}\ntags: [{term}{rare}]\n---\n<p>{n}</p>",
        )
    return tree


def progress_of(done: list[tuple[int, int]], at: int, then: Callable[[], object]) -> Progress:
    """Return a callback that notes the progress, and calls `then` after `at` articles."""

    def note(now: int, total: int) -> None:
        done.append((now, total))
        if now == at:
            then()

    return note


def newest(*, below: int = ARTICLES, step: int = 1) -> list[str]:
    return [f"A{n}" for n in range(below - 1, -1, -step)][:5]


def test_feeds_are_served_as_soon_as_their_newest_entries_are_known(
    many: Tree, open_site: Open
) -> None:
    site = open_site(**SECTIONS)
    client: FlaskClient = open_site(**SECTIONS).app().test_client()
    seen: list[object] = []

    def look() -> None:
        seen.append([client.get(path).status_code for path in PATHS])
        seen.append([titles(site, slug) for slug in ("all", "even", "odd")])
        for path in ("/feeds/rare.atom", "/feeds/unheard-of.atom", "/opml.xml", "/feeds/rare",
                     "/articles/00000000000000000000"):  # fmt: skip
            answer = client.get(path)
            seen.append((path, answer.status_code, answer.headers["Retry-After"]))
        seen.append(client.get("/readyz").json)

    site.refresh(progress_of(done := [], 15, look))
    assert seen == [
        [200] * len(PATHS),
        [newest(), newest(below=ARTICLES - 1, step=2), newest(step=2)],
        ("/feeds/rare.atom", 503, "5"),
        ("/feeds/unheard-of.atom", 503, "5"),
        ("/opml.xml", 503, "5"),
        ("/feeds/rare", 503, "5"),
        ("/articles/00000000000000000000", 503, "5"),
        {"ready": True, "articles": 10, "problems": 0, "reading": {"done": 15, "of": ARTICLES}},
    ]
    assert done == [(n, ARTICLES) for n in range(5, ARTICLES + 1, 5)]
    assert titles(site, "rare") == ["A30", "A3"]
    assert client.get("/opml.xml").status_code == 200
    assert client.get("/feeds/unheard-of.atom").status_code == 404
    assert client.get("/articles/00000000000000000000").status_code == 404
    assert client.get("/readyz").json["articles"] == ARTICLES


def timeless(body: bytes) -> bytes:
    """Return a feed without the time of its last change: a later stage may add links to it."""
    return re.sub(rb"<(updated|lastBuildDate)>[^<]*<", b"<", body, count=1)


def test_stages_give_the_same_result_as_one_transaction(
    many: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = open_site(**SECTIONS)
    staged.refresh()
    monkeypatch.setattr(stages, "STAGE", 1000)
    whole = open_site(state={"url": "sqlite:///state/other.db"}, **SECTIONS)
    whole.refresh()
    for path in [*PATHS, "/feeds/rare.json", "/opml.xml"]:
        assert timeless(staged.document(path).body) == timeless(whole.document(path).body)
    assert list(staged.index.ledger.all()) == list(whole.index.ledger.all())


@pytest.mark.parametrize("at", range(5, ARTICLES, 5))
def test_after_a_crash_at_any_stage_the_next_pass_continues(
    many: Tree, open_site: Open, at: int
) -> None:
    def fail() -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        open_site(**SECTIONS).refresh(progress_of([], at, fail))
    site = open_site(**SECTIONS)
    served = site.index.meta.is_ready()
    assert served == (at > 10), "the articles of the first stage are published"
    if served:
        assert titles(site) == newest()
        with pytest.raises(NotReadyError):
            site.document("/feeds/rare.atom")
    many.write("new.html", "---\ntitle: New\ndate: 2023-01-01\ntags: [rare]\n---\nnew")
    report = site.refresh()
    assert len(report.changes.added) == ARTICLES + 1 - (0 if at <= 10 else (at - 1) // 10 * 10)
    assert titles(site)[:2] == ["New", "A39"]
    assert titles(site, "rare") == ["New", "A30", "A3"]


def test_an_article_whose_date_cannot_be_guessed_is_read_later(many: Tree, open_site: Open) -> None:
    matter = '"\\x64ate": 2022-03-01'
    assert articles.guess_date(matter.encode()) is None
    file = many.write("hidden.html", f"---\ntitle: Hidden\n{matter}\ntags: [even]\n---\n<p>h</p>")
    os.utime(file, (0, 0))
    site = open_site(**SECTIONS)
    seen: list[list[str]] = []
    site.refresh(progress_of([], 15, lambda: seen.append(titles(site))))
    assert seen == [newest()]
    assert titles(site) == ["Hidden", *newest()[:4]]


@pytest.mark.parametrize(
    ("head", "date"),
    [
        (b"---\ntitle: x\ndate: 2022-02-23 21:06:12\n---\n", "2022-02-23T21:06:12+00:00"),
        (b"---\nDate:   'Wed, 23 Feb 2022 13:06:12 GMT'  # so\n", "2022-02-23T13:06:12+00:00"),
        (b"+++\r\ndate = 2022-02-23T21:06:12+08:00\r\n+++", "2022-02-23T13:06:12+00:00"),
        (b'{"title": "x",\n "date": "2022-02-23",\n', "2022-02-23T00:00:00+00:00"),
        (b"---\nupdated: 2022-02-23\n---", None),
        (b"---\ndate: soon\n---", None),
        (b"---\ndate:\n---", None),
        (b"date: \xff\xfe\n", None),
        (b"", None),
    ],
)
def test_a_date_in_a_common_form_is_guessed(head: bytes, date: str | None) -> None:
    guess = articles.guess_date(head)
    assert (guess.isoformat() if guess else None) == date


def test_the_configured_feeds_are_made_after_the_first_stage(many: Tree, open_site: Open) -> None:
    site = open_site(**SECTIONS)
    assert site.refresh(one_stage=True).again_in == 0, "there is more to read"
    assert site.documents.versions(PATHS).keys() == set(PATHS)


def test_a_scan_during_a_long_pass_guesses_no_date_again(
    many: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = open_site(**SECTIONS)
    site.refresh(one_stage=True)
    guessed: list[bytes] = []
    guess = articles.guess_date
    monkeypatch.setattr(articles, "guess_date", lambda head: guessed.append(head) or guess(head))
    assert len(site.refresh(one_stage=True).changes.added) == 10
    assert guessed == []
    many.write("new.html", "---\ntitle: New\ndate: 2023-01-01\n---\nnew")
    site.refresh(one_stage=True)
    assert guessed, "another file has come"


@pytest.fixture
def shared(many: Tree, open_site: Open, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    """Read with two processes beside this one."""
    monkeypatch.setattr(reading, "_MANY", 10)
    many.write("bad.html", "---\ntitle: [\n")
    shared = Reading(open_site(**SECTIONS).config, processes=2)
    yield shared
    shared.close()


def test_several_processes_read_the_same_as_one(shared: Reading) -> None:
    alone = Reading(shared._config)
    files = alone.newest_first(list(alone.directory.scan().signatures.items()))
    assert files == alone.newest_first(files[::-1])
    assert list(shared.all(files)) == list(alone.all(files))
    assert len(shared._children) == 2
    first, second = shared._children
    shared.rest()
    assert shared._children == [first]
    assert second._process.returncode is not None
    shared.close()
    assert first._process.returncode is not None


def test_after_a_reading_process_is_killed_another_reads_the_rest(shared: Reading) -> None:
    files = list(shared.directory.scan().signatures.items())
    expected = [outcome for part in Reading(shared._config).all(files) for outcome in part]
    parts = shared.all(files)
    outcomes = [*next(parts)]
    os.kill(shared._children[1]._process.pid, signal.SIGKILL)
    outcomes += [outcome for part in parts for outcome in part]
    assert outcomes == expected


def test_files_are_read_even_if_no_process_can_be_started(
    shared: Reading, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reading, "_MODULE", "no_such_module")
    files = list(shared.directory.scan().signatures.items())
    with caplog.at_level(logging.WARNING):
        outcomes = [outcome for part in shared.all(files) for outcome in part]
    assert "no other can be started" in caplog.text
    assert [outcome.source for outcome in outcomes] == [source for source, _ in files]


def test_after_a_failed_first_pass_an_event_causes_a_full_pass(many: Tree, open_site: Open) -> None:
    def fail() -> None:
        raise PowerCut

    site = open_site(**SECTIONS)
    with pytest.raises(PowerCut):
        site.refresh(progress_of([], 15, fail))
    new = many.write("new.html", "---\ntitle: New\ndate: 2023-01-01\n---\nnew")
    site.refresh(paths=[str(new)])
    assert site.index.articles.count() == ARTICLES + 1
    assert titles(site, "rare") == ["A30", "A3"]
