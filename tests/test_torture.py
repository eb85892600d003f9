"""All hostile files at once beside the good articles change nothing of the good ones.

`test_poison` tries its files one at a time; here they all lie in one directory, with those of
`benchmarks.hostile`, which have stopped or slowed whole services.
"""

from collections.abc import Iterator

import pytest
from test_poison import POISONS, Others, entries, good, others_in

from benchmarks import hostile
from feedsvc.diagnosis import check
from feedsvc.formats import FORMATS

NEWEST = "---\ntitle: The newest\ndate: 2026-02-28\ntags: [even]\n---\nIt comes all the same."


@pytest.fixture(scope="module")
def tortured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Others, set[str]]]:
    """Put everything among the good articles, in two passes; return the sources to be named."""
    with others_in(tmp_path_factory.mktemp("torture")) as others:
        site, tree = others.site, others.tree
        named = hostile.write(tree.root / "hostile", outside=tree.root.parent / "outside.md")
        for number, (name, data) in enumerate(POISONS.values()):
            tree.write(f"poison {number}/{name}", data)
        site.refresh()
        hostile.truncate(tree.root / "hostile")
        site.refresh()
        yield others, {f"hostile/{name}" for name in named | {hostile.TRUNCATED}}


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_files_change_no_byte_of_the_good_entries(
    tortured: tuple[Others, set[str]], name: str
) -> None:
    others, _ = tortured
    good_entries = set(others.entries[name])
    shown = [entry for entry in entries(others.body("all", name), name) if entry in good_entries]
    # Hostile articles without a date are as new as today, and a feed has room for 300.
    assert len(shown) > 250
    assert shown == others.entries[name][: len(shown)]
    assert entries(others.body("even", name), name) == entries(others.even[name], name)


def test_an_emptied_article_stays_published_and_no_file_outside_is_read(
    tortured: tuple[Others, set[str]],
) -> None:
    others, _ = tortured
    body = others.body("hostile", "json").decode()
    assert "Truncated later" in body
    assert "nothing-but-front-matter" not in body
    assert {"L", "M"} <= {entry.title for entry in others.site.entries.feed("hostile").entries}
    slugs = {listing.slug for listing in others.site.entries.listings()}
    assert "editors" not in slugs
    for slug in slugs:
        assert hostile.SECRET.encode() not in others.body(slug, "json")


def test_check_names_each_hostile_file(tortured: tuple[Others, set[str]]) -> None:
    others, named = tortured
    problems = check(others.site.config, others.site.clock()).problems
    assert named <= {problem.source for problem in problems}
    for problem in problems:
        assert "\n" not in str(problem)


def test_the_running_site_names_each_hostile_file(tortured: tuple[Others, set[str]]) -> None:
    others, named = tortured
    assert named <= {problem.source for problem in others.site.problems()}


def test_a_new_article_appears_beside_hostile_files(tortured: tuple[Others, set[str]]) -> None:
    others, _ = tortured
    site, tree = others.site, others.tree
    tree.write("newest.md", NEWEST)
    site.refresh()
    assert site.entries.feed("even").entries[0].title == "The newest"
    tree.remove("newest.md")
    site.refresh()
    for name in FORMATS:
        assert entries(others.body("even", name), name) == entries(others.even[name], name)
    assert good(0).encode() == (tree.root / "0" / "0.md").read_bytes()
