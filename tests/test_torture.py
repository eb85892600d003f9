"""All hostile files at once beside a thousand good articles: the good ones are served as without.

`test_poison` tries its files one at a time; here they all lie in one directory, with those of
`benchmarks.hostile`, which have stopped or slowed whole services.
"""

from collections.abc import Iterator
from contextlib import closing

import pytest
from test_poison import POISONS, Thousand, entries, good

from benchmarks import hostile
from feedsvc.diagnosis import check
from feedsvc.formats import FORMATS

NEWEST = "---\ntitle: The newest\ndate: 2026-02-28\ntags: [even]\n---\nIt comes all the same."


@pytest.fixture(scope="module")
def tortured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Thousand, set[str]]]:
    """Put everything among the good articles, in two passes; return the sources to be named."""
    site = Thousand(tmp_path_factory.mktemp("torture"))
    with closing(site.site):
        outside = site.tree.root.parent / "outside.md"
        named = hostile.write(site.tree.root / "hostile", outside=outside)
        for number, (name, data) in enumerate(POISONS.values()):
            site.tree.write(f"poison {number}/{name}", data)
        site.site.refresh()
        hostile.truncate(site.tree.root / "hostile")
        site.site.refresh()
        yield site, {f"hostile/{name}" for name in named | {hostile.TRUNCATED}}


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_files_change_no_byte_of_the_good_entries(
    tortured: tuple[Thousand, set[str]], name: str
) -> None:
    site, _ = tortured
    theirs = set(site.entries[name])
    shown = [one for one in entries(site.body("all", name), name) if one in theirs]
    # Hostile articles without a date are as new as today, and a feed has room for a thousand.
    assert len(shown) > 900
    assert shown == site.entries[name][: len(shown)]
    assert entries(site.body("even", name), name) == entries(site.even[name], name)


def test_an_emptied_article_stays_published_and_no_file_outside_is_read(
    tortured: tuple[Thousand, set[str]],
) -> None:
    site, _ = tortured
    body = site.body("hostile", "json").decode()
    assert "Truncated later" in body
    assert "nothing-but-front-matter" not in body
    assert {"L", "M"} <= {entry.title for entry in site.site.entries.feed("hostile").entries}
    slugs = {listing.slug for listing in site.site.entries.listings()}
    assert "editors" not in slugs
    for slug in slugs:
        assert hostile.SECRET.encode() not in site.body(slug, "json")


def test_check_names_each_hostile_file(tortured: tuple[Thousand, set[str]]) -> None:
    site, named = tortured
    problems = check(site.site.config, site.site.clock()).problems
    assert named <= {problem.source for problem in problems}
    for problem in problems:
        assert "\n" not in str(problem)


def test_the_running_site_names_each_hostile_file(tortured: tuple[Thousand, set[str]]) -> None:
    site, named = tortured
    assert named <= {problem.source for problem in site.site.problems()}


def test_a_new_article_appears_beside_hostile_files(tortured: tuple[Thousand, set[str]]) -> None:
    site, _ = tortured
    site.tree.write("newest.md", NEWEST)
    site.site.refresh()
    assert site.site.entries.feed("even").entries[0].title == "The newest"
    site.tree.remove("newest.md")
    site.site.refresh()
    for name in FORMATS:
        assert entries(site.body("even", name), name) == entries(site.even[name], name)
    assert good(0).encode() == (site.tree.root / "0" / "0.md").read_bytes()
