"""Files that take each other's names: an entry follows the content, not the name of a file."""

from collections.abc import Callable

import pytest
from conftest import Clock, Tree, items
from sites import Site

from feedsvc import reading
from feedsvc.refresh import stages as making

Open = Callable[..., Site]
KNOWN_BY = {
    "nothing": "",
    "link": "link: https://example.org/{n}\n",
    "guid": "guid: urn:x-test:{n}\n",
}
NUMBER = 50


def text(n: int, known_by: str) -> str:
    return f"---\ntitle: Story {n}\n{KNOWN_BY[known_by].format(n=n)}---\nIt is the story {n}."


def ids(site: Site) -> dict[str, str]:
    return {item["title"]: item["id"] for item in items(site)}


@pytest.fixture(params=[1, 7, 1000])
def stages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    size: int = request.param
    monkeypatch.setattr(making, "STAGE", size)
    monkeypatch.setattr(reading, "PART", min(size, 200))
    monkeypatch.setattr(making, "PART", min(size, 200))
    return size


@pytest.mark.parametrize("known_by", KNOWN_BY)
@pytest.mark.parametrize("folder", ["", "moved/"])
def test_files_that_rotate_their_names_keep_their_ids(
    tree: Tree, clock: Clock, open_site: Open, *, stages: int, known_by: str, folder: str
) -> None:
    for n in range(NUMBER):
        tree.write(f"{n:02}.md", text(n, known_by))
    site = open_site(feeds={"limit": 1000})
    site.refresh()
    before = ids(site)
    assert len(set(before.values())) == NUMBER
    clock.advance(hours=1)
    for n in range(NUMBER):
        tree.rename(f"{n:02}.md", f"{n:02}.aside")
    for n in range(NUMBER):
        tree.rename(f"{n:02}.aside", f"{folder}{(n + 1) % NUMBER:02}.md")
    report = site.refresh(one_stage=True)
    while report.again_in is not None:
        report = site.refresh(paths=(), one_stage=True)
    assert ids(site) == before
    assert site.problems() == ()
    ledger = list(site.index.ledger.all())
    clock.advance(hours=1)
    site.refresh()
    assert (ids(site), list(site.index.ledger.all())) == (before, ledger)


@pytest.mark.parametrize("new_name", ["log-1.md", "old/log.md"])
@pytest.mark.parametrize(
    ("known_by", "new_known_by"),
    [("nothing", "nothing"), ("link", "link"), ("link", "nothing"), ("guid", "nothing")],
)
def test_a_new_article_under_the_name_of_a_moved_file_is_a_new_entry(
    tree: Tree, clock: Clock, open_site: Open, *, known_by: str, new_known_by: str, new_name: str
) -> None:
    tree.write("log.md", text(1, known_by))
    site = open_site()
    site.refresh()
    before = ids(site)
    clock.advance(hours=1)
    tree.rename("log.md", new_name)
    tree.write("log.md", text(2, new_known_by))
    site.refresh()
    after = ids(site)
    assert after["Story 1"] == before["Story 1"]
    assert len(set(after.values())) == 2
    assert site.problems() == ()


def test_an_edited_file_keeps_its_id_beside_a_copy_of_its_old_text(
    tree: Tree, clock: Clock, open_site: Open
) -> None:
    tree.write("a.md", text(1, "link"))
    site = open_site()
    site.refresh()
    before = ids(site)
    clock.advance(hours=1)
    tree.write("a-old.md", text(1, "link"))
    tree.write("a.md", text(1, "link") + " It goes on.")
    site.refresh()
    assert ids(site) == before
    assert items(site)[0]["content_html"].endswith("It goes on.</p>")


@pytest.mark.parametrize("first", ["a.md", "b.md"])
def test_files_that_swap_names_keep_their_ids_when_one_event_is_late(
    tree: Tree, clock: Clock, open_site: Open, first: str
) -> None:
    for n, name in enumerate(("a.md", "b.md")):
        tree.write(name, text(n, "nothing"))
    site = open_site()
    site.refresh()
    before = ids(site)
    clock.advance(hours=1)
    tree.rename("a.md", "aside")
    tree.rename("b.md", "a.md")
    tree.rename("aside", "b.md")
    site.refresh(paths=[tree.root / first])
    site.refresh(paths=[tree.root / "a.md", tree.root / "b.md"])
    assert ids(site) == before
