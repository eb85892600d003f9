"""The language of a site, guessed from its titles."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import Clock, Tree
from sites import Site

from feedsvc import language
from feedsvc.cli import main

FEEDS = ("/feeds/all.atom", "/feeds/all.rss", "/feeds/all.json")

EN = ["The slow clock of lichen", "How to bake a loaf", "What a curve says", "Notes from a kitchen"]
ZH = ["一碗面的账本", "雨后茶山半日行", "机器学习，从一条直线开始", "用上 iPhone 18 Pro Max 的一周"]


@pytest.mark.parametrize(
    ("titles", "guess"),
    [
        (EN, "en"),
        (ZH, "zh"),
        (ZH * 20, "zh-Hans"),
        (["這個國家的經濟會發展", "學習與實現"] * 5, "zh-Hant"),
        (["这个国家", "這個國家"] * 20, "zh"),
        ([*ZH, *EN], "zh"),
        ([*ZH, *EN * 4], ""),
        (["東京の天気", "春の京都へ"], "ja"),
        (["서울의 봄", "한국어 공부"], "ko"),
        (["Le temps des cerises", "Une journée à Lyon"], ""),
        (["Der Wald im Winter", "Warum ist das so"], ""),
        (["Vim 9.1", "Linux 6.9", "Python 3.14"], ""),
        (["Новости дня"], ""),
        ([], ""),
        (["2026", "—"], ""),
    ],
)
def test_the_language_is_guessed_only_from_clear_titles(titles: list[str], guess: str) -> None:
    assert language.guess(titles) == guess


def write(tree: Tree, titles: list[str], prefix: str = "") -> None:
    for number, title in enumerate(titles):
        tree.write(f"{prefix}{number}.html", f"---\ntitle: '{title}'\n---\n<p>x</p>")


def declared(site: Site) -> set[str]:
    """Return the languages that the feeds of a site declare."""
    atom, rss, json_ = (site.document(path).body.decode() for path in FEEDS)
    return {
        atom.partition('xml:lang="')[2].partition('"')[0],
        rss.partition("<language>")[2].partition("<")[0],
        json_.partition('"language":"')[2].partition('"')[0],
    }


def test_the_guessed_language_is_declared_in_every_format(site: Site, tree: Tree) -> None:
    write(tree, ZH)
    site.refresh()
    assert declared(site) == {"zh"}


def test_no_language_is_declared_when_the_guess_is_unsure(site: Site, tree: Tree) -> None:
    write(tree, ["Le temps des cerises"])
    site.refresh()
    assert declared(site) == {""}


def test_the_configured_language_replaces_the_guess(
    open_site: Callable[..., Site], tree: Tree
) -> None:
    site = open_site(site={"language": "zh-TW"})
    write(tree, EN)
    site.refresh()
    assert declared(site) == {"zh-TW"}


def test_a_guess_from_few_titles_is_made_again_and_a_guess_from_many_stays(
    site: Site, tree: Tree, clock: Clock
) -> None:
    write(tree, EN[:1])
    site.refresh()
    assert declared(site) == {"en"}
    clock.advance(minutes=1)
    write(tree, ZH * 10, "zh")
    site.refresh()
    assert declared(site) == {"zh-Hans"}
    assert site.document(FEEDS[0]).last_modified == clock.now
    for n in range(3):
        clock.advance(minutes=1)
        write(tree, EN * 30, f"en{n}")
        site.refresh()
        assert declared(site) == {"zh-Hans"}


def test_another_guess_changes_feeds_without_new_articles(
    site: Site, tree: Tree, clock: Clock
) -> None:
    tree.write("a.html", "---\ntitle: Vim 9\ntags: [x]\n---\nx")
    site.refresh()
    before = site.document("/feeds/x.json")
    clock.advance(minutes=1)
    write(tree, ZH)
    site.refresh()
    after = site.document("/feeds/x.json")
    assert b'"language":"zh"' in after.body
    assert after.last_modified > before.last_modified


def test_check_names_the_guessed_language_and_the_setting_for_it(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text("articles: {directory: articles}\n")
    write(tree, ZH)
    result = CliRunner().invoke(main, ["check"])
    assert result.exit_code == 0
    assert result.output == (
        "no problems\nthe language of the feeds is guessed from the newest titles: they declare zh;"
        " to say it yourself, set site.language, such as zh-CN or en\n"
    )
    report = json.loads(CliRunner().invoke(main, ["check", "--json"]).output)
    assert report["problems"] == []
    assert report["language"].startswith("the language of the feeds is guessed")
    write(tree, ["Vim"] * 60)
    assert "they declare none;" in CliRunner().invoke(main, ["check"]).output
    config.write_text("articles: {directory: articles}\nsite: {language: zh-CN}\n")
    output = CliRunner().invoke(main, ["check"]).output
    assert output.startswith("no problems\n")
    assert "language" not in output
