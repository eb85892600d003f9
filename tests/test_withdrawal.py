"""Withdrawn articles: gone from everything that is sent and kept, and readers are told."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import feedparser
import pytest
from click.testing import CliRunner
from conftest import Clock, Tree, items, titles
from lxml import etree
from sites import Open, Site

from feedsvc import codings, identity, validator
from feedsvc.cli import main
from feedsvc.index import journal

SECRET = "The minister met the banker at midnight"
TEXT = f"---\ntitle: {SECRET} in town\ncategories: [news]\ndate: 2026-02-01\n---\n{SECRET} twice.\n"
TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
MENDED = "---\ntitle: Other\ndate: 2026-02-02\ncategories: [news]\n---\nNothing to hide.\n"


def withdrawn(reason: str = "a court's order", more: str = "") -> str:
    return TEXT.replace("title:", f"withdrawn: {reason}\n{more}title:", 1)


@pytest.fixture
def published(tree: Tree, open_site: Open, clock: Clock) -> Site:
    """Return a site with an article that is to be withdrawn, and another one."""
    tree.write("news/a.md", TEXT)
    tree.write("news/b.md", MENDED)
    site = open_site()
    site.refresh()
    assert titles(site) == ["Other", f"{SECRET} in town"]
    clock.advance(hours=1)
    return site


def key_of(site: Site, title: str = SECRET) -> str:
    (id,) = [item["id"] for item in items(site) if item["title"].startswith(title)]
    return identity.key(id)


def everything_sent(site: Site) -> Iterator[str]:
    """Yield every document that the service sends, following its links."""
    client = site.app().test_client()
    waiting = ["/", "/robots.txt", "/sitemap.xml", "/opml.xml?all=1&topics=1", "/topics", "/status"]
    waiting += [f"/search?q={word}" for word in ("minister", "banker", "midnight", "hide")]
    waiting += [f"/feeds/search.{suffix}?q=minister" for suffix in ("atom", "rss", "json")]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen or any(part in path for part in ("lang=", "/static/", "raw=")):
            continue
        seen.add(path)
        response = client.get(path, headers={"Accept-Encoding": "identity"})
        text = response.get_data().decode(errors="replace")
        yield text
        for address in re.findall(
            r"(?:href=|src=|>)\"?(?:https://feeds.example.org)?(/[^\"<>\s]*)", text
        ):
            waiting.append(address.replace("&amp;", "&"))
    assert len(seen) > 20


def everything_kept(folder: Path) -> Iterator[bytes]:
    """Yield every file of the state, and what is packed in its tables."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} >= {".db", ".jsonl"}
    for file in files:
        yield file.read_bytes()
    with closing(sqlite3.connect(folder / "index.db")) as database:
        for (packed,) in database.execute("SELECT packed FROM bodies"):
            yield codings.unpack(packed).encode()
        for lengths, coded in database.execute("SELECT lengths, coded FROM documents"):
            parts, start = {}, 0
            for name, length in json.loads(lengths).items():
                parts[name] = bytes(coded[start : start + length])
                start += length
            yield parts["identity"] if "identity" in parts else codings.uncoded(parts)


def words_indexed(folder: Path) -> set[str]:
    """Return all words in the full-text index, also those that no search finds."""
    with closing(sqlite3.connect(folder / "index.db")) as database:
        database.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, search, row)")
        return {word for (word,) in database.execute("SELECT term FROM temp.words")}


def test_the_notice_has_the_id_and_nothing_else_of_the_article(
    published: Site, tree: Tree, clock: Clock
) -> None:
    before = {item["id"]: item for item in items(published)}
    tree.write("news/a.md", withdrawn())
    published.refresh()
    (notice,) = [item for item in items(published) if item["title"] == "Withdrawn"]
    assert notice["id"] in before
    assert notice["content_html"] == (
        "<p>This article has been withdrawn.</p><p>Reason: a court's order</p>"
    )
    assert notice["date_modified"] > before[notice["id"]]["date_modified"]
    assert "tags" not in notice
    assert "image" not in notice
    assert titles(published, "news") == titles(published), "each feed that had it says so"


@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_feedparser_and_the_validator_read_the_notice(
    suffix: str, published: Site, tree: Tree
) -> None:
    tree.write("news/a.md", withdrawn("<b>]]>&amp; hostile"))
    published.refresh()
    body = published.document(f"/feeds/all.{suffix}").body
    assert list(validator.JUDGES[suffix](body)) == []
    read = feedparser.parse(body)
    assert not read.bozo
    assert [entry.title for entry in read.entries].count("Withdrawn") == 1
    assert "<b>" not in "".join(entry.summary for entry in read.entries)


def test_atom_names_the_deleted_entry(published: Site, tree: Tree) -> None:
    key = key_of(published)
    tree.write("news/a.md", withdrawn())
    published.refresh()
    feed = etree.fromstring(published.document("/feeds/all.atom").body)
    (tombstone,) = feed.findall(TOMBSTONE)
    assert identity.key(str(tombstone.get("ref"))) == key
    (notice,) = [item for item in items(published) if item["title"] == "Withdrawn"]
    assert tombstone.get("when") == notice["date_modified"]


def test_nothing_that_is_sent_or_kept_has_a_sentence_of_it(
    published: Site, tree: Tree, tmp_path: Path
) -> None:
    # An earlier version, a page, a search and each format have been made before.
    tree.write("news/a.md", TEXT.replace("twice", "thrice"))
    published.refresh()
    assert any(SECRET in text for text in everything_sent(published))
    assert any(SECRET.encode() in kept for kept in everything_kept(tmp_path / "state"))
    assert {"minister", "thrice"} <= words_indexed(tmp_path / "state")
    tree.write("news/a.md", withdrawn())
    while published.refresh().again_in == 0:
        pass
    assert [text for text in everything_sent(published) if SECRET in text] == []
    assert [kept for kept in everything_kept(tmp_path / "state") if SECRET.encode() in kept] == []
    assert "hide" in words_indexed(tmp_path / "state")
    assert words_indexed(tmp_path / "state").isdisjoint({"minister", "banker", "twice", "thrice"})


@pytest.mark.parametrize(("legal", "status"), [("", 410), ("legal: true\n", 451)])
def test_the_page_and_the_markdown_are_gone(
    legal: str, status: int, published: Site, tree: Tree
) -> None:
    key = key_of(published)
    tree.write("news/a.md", withdrawn("as a court has ordered", legal))
    published.refresh()
    client = published.app().test_client()
    for path in (f"/articles/{key}", f"/articles/{key}.md"):
        response = client.get(path)
        assert response.status_code == status
        assert "as a court has ordered" in response.text
        assert SECRET not in response.text


def test_the_notice_goes_after_its_time(published: Site, tree: Tree, clock: Clock) -> None:
    key = key_of(published)
    tree.write("news/a.md", withdrawn())
    report = published.refresh()
    assert report.again_in == 30 * 24 * 3600
    clock.advance(days=29)
    published.refresh()
    assert "Withdrawn" in titles(published)
    clock.advance(days=1)
    published.refresh()
    assert titles(published) == ["Other"]
    assert b"deleted-entry" not in published.document("/feeds/all.atom").body
    assert published.app().test_client().get(f"/articles/{key}").status_code == 410


def test_a_site_may_publish_no_notices(tree: Tree, open_site: Open) -> None:
    tree.write("a.md", TEXT)
    site = open_site(feeds={"notice": "0s"})
    site.refresh()
    tree.write("a.md", withdrawn())
    site.refresh()
    assert titles(site) == []


def test_the_notice_is_there_however_many_newer_articles_there_are(
    tree: Tree, open_site: Open
) -> None:
    tree.write("a.md", TEXT)
    site = open_site(feeds={"limit": 2})
    site.refresh()
    for number in range(4):
        tree.write(f"{number}.md", f"---\ntitle: {number}\n---\nText")
    site.refresh()
    assert SECRET not in str(titles(site))
    tree.write("a.md", withdrawn())
    site.refresh()
    assert len(titles(site)) == 3
    assert "Withdrawn" in titles(site)


def test_an_article_that_nobody_has_seen_needs_no_notice(tree: Tree, open_site: Open) -> None:
    tree.write("a.md", withdrawn())
    tree.write("b.md", MENDED)
    site = open_site()
    site.refresh()
    assert titles(site) == ["Other"]


def test_an_article_comes_back_when_its_file_says_no_more_that_it_is_withdrawn(
    published: Site, tree: Tree, clock: Clock
) -> None:
    before = {item["id"]: item for item in items(published)}
    tree.write("news/a.md", withdrawn())
    published.refresh()
    clock.advance(hours=1)
    tree.write("news/a.md", TEXT)
    published.refresh()
    after = {item["id"]: item for item in items(published)}
    assert after.keys() == before.keys()
    assert titles(published) == ["Other", f"{SECRET} in town"]
    (id,) = [id for id, item in after.items() if item["title"].startswith(SECRET)]
    # Readers have the notice of an hour ago.
    assert after[id]["date_modified"] == clock.now.isoformat()


def test_the_notice_goes_from_feeds_to_which_the_article_does_not_come_back(
    published: Site, tree: Tree, clock: Clock
) -> None:
    tree.write("news/a.md", withdrawn())
    published.refresh()
    assert titles(published, "news") == ["Other", "Withdrawn"]
    clock.advance(hours=1)
    tree.write("news/a.md", TEXT.replace("[news]", "[sport]"))
    published.refresh()
    assert titles(published, "news") == ["Other"]
    assert titles(published, "sport") == [f"{SECRET} in town"]


def test_the_notice_goes_when_nothing_is_left_to_show(
    published: Site, tree: Tree, config: Path
) -> None:
    tree.remove("news/a.md")
    published.refresh()
    run(config, "withdraw", "news/a.md")
    published.refresh()
    assert sorted(titles(published, "news")) == ["Other", "Withdrawn"]
    run(config, "withdraw", "news/a.md", "--undo")
    published.refresh()
    assert titles(published) == titles(published, "news") == ["Other"]


def test_a_copy_does_not_bring_it_back(published: Site, tree: Tree) -> None:
    tree.write("copy.md", TEXT)
    published.refresh()
    assert len(titles(published)) == 2
    tree.write("news/a.md", withdrawn())
    published.refresh()
    assert titles(published) == ["Other", "Withdrawn"]
    tree.remove("news/a.md")
    tree.write("another.md", TEXT)
    published.refresh()
    assert titles(published) == ["Other", "Withdrawn"]


def test_it_stays_withdrawn_when_the_state_is_lost(
    published: Site, tree: Tree, open_site: Open, tmp_path: Path
) -> None:
    tree.write("news/a.md", withdrawn())
    published.refresh()
    notice = next(item for item in items(published) if item["title"] == "Withdrawn")
    published.close()
    for file in (tmp_path / "state").glob("index.db*"):
        file.unlink()
    tree.remove("news/a.md")
    tree.write("news/again.md", TEXT)
    site = open_site()
    site.index._prepare(owner=True)  # as `serve` opens it: with the journal of the ledger
    site.refresh()
    assert next(item for item in items(site) if item["title"] == "Withdrawn") == notice
    assert SECRET not in str(items(site))


def test_the_files_that_it_alone_shows_are_gone_too(
    tree: Tree, open_site: Open, clock: Clock
) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(40)
    for name in ("secret 图.png", "lead.png", "logo.png"):
        tree.write(f"news/img/{name}", picture)
    (tree.root / "news/link.png").symlink_to("img/lead.png")
    shown = TEXT + '<img src="img/secret%20图.png"><img src="img/logo.png">'
    tree.write("news/a.md", shown.replace("title:", "headimg: img/lead.png\ntitle:", 1))
    tree.write("news/b.md", MENDED + '<img src="img/logo.png">')
    site = open_site()
    site.refresh()
    client = site.app().test_client()
    secret, lead, logo, link = (
        f"/media/news/{name}"
        for name in ("img/secret%20%E5%9B%BE.png", "img/lead.png", "img/logo.png", "link.png")
    )
    assert [client.get(path).status_code for path in (secret, lead, logo, link)] == [200] * 4
    clock.advance(hours=1)
    tree.write("news/a.md", withdrawn() + '<img src="img/secret%20图.png">')
    site.refresh()
    statuses = [client.get(path).status_code for path in (secret, lead, logo, link)]
    assert statuses == [404, 404, 200, 404], "the logo is another article's as well"
    clock.advance(hours=1)
    tree.write("news/a.md", shown)
    site.refresh()
    assert client.get(secret).status_code == 200


def run(config: Path, *arguments: str) -> str:
    command = 2 if arguments[0] == "ledger" else 1
    words = [*arguments[:command], "--config", str(config), *arguments[command:]]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def config(tree: Tree, tmp_path: Path) -> Path:
    """Return the configuration file of the site that `open_site` opens."""
    file = tmp_path / "config.yaml"
    file.write_text(
        f"site: {{title: Test, base_url: 'https://feeds.example.org'}}\n"
        f"articles: {{directory: '{tree.root}', settle: 0s}}\n"
        f"state: {{url: 'sqlite:///{tmp_path}/state/index.db'}}\n"
    )
    return file


@pytest.mark.parametrize("named", ["id", "page", "file"])
@pytest.mark.parametrize("is_gone", [False, True])
def test_a_command_withdraws_an_article(
    named: str, is_gone: bool, published: Site, tree: Tree, config: Path
) -> None:
    (item,) = [item for item in items(published) if item["title"].startswith(SECRET)]
    name = {"id": item["id"], "page": f"{item['url']}.md", "file": "news/a.md"}[named]
    if is_gone:
        tree.remove("news/a.md")
        published.refresh()
        assert titles(published, "news") == ["Other"]
    run(config, "withdraw", name, "--reason", "a mistake", "--legal")
    published.refresh()
    for slug in ("all", "news"):
        (notice,) = [item for item in items(published, slug) if item["title"] == "Withdrawn"]
        assert notice["id"] == item["id"]
        assert "a mistake" in notice["content_html"]
    path = f"/articles/{identity.key(item['id'])}"
    assert published.app().test_client().get(path).status_code == 451


def test_a_command_counts_more_than_the_file(
    published: Site, tree: Tree, config: Path, clock: Clock
) -> None:
    before = titles(published)
    run(config, "withdraw", "news/a.md")
    published.refresh()
    clock.advance(hours=1)
    tree.write("news/a.md", TEXT.replace("twice", "thrice"))
    published.refresh()
    assert titles(published) == ["Other", "Withdrawn"]
    run(config, "withdraw", "news/a.md", "--undo")
    clock.advance(days=300)  # beyond the clock of the command
    published.refresh()
    assert titles(published) == before


def test_the_command_says_what_it_does_not_know(published: Site, config: Path) -> None:
    def refused(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["withdraw", "--config", str(config), *arguments])
        assert result.exit_code == 1
        return result.output

    assert "the ledger knows no article nowhere.md" in refused("nowhere.md")
    assert "there is no feed nowhere" in refused("news/a.md", "--feed", "nowhere")
    assert "is not withdrawn" in refused("news/a.md", "--undo")


def test_readers_of_a_named_feed_are_told_as_well(
    published: Site, config: Path, tree: Tree, clock: Clock
) -> None:
    tree.write("c.md", "---\ntitle: C\ncategories: [sport]\n---\nText")
    published.refresh()
    run(config, "withdraw", "news/a.md", "--feed", "sport")
    published.refresh()
    assert "Withdrawn" in titles(published, "sport")


def test_an_older_ledger_and_an_older_backup_do_not_bring_it_back(
    published: Site, config: Path, open_site: Open, tmp_path: Path
) -> None:
    run(config, "backup", str(tmp_path / "copy.db"))
    run(config, "ledger", "export", str(tmp_path / "ids.jsonl"))
    run(config, "withdraw", "news/a.md")
    published.refresh()
    run(config, "ledger", "import", str(tmp_path / "ids.jsonl"))
    published.refresh()
    assert titles(published) == ["Other", "Withdrawn"]
    published.close()
    run(config, "restore", str(tmp_path / "copy.db"))
    site = open_site()
    site.refresh()
    assert titles(site) == ["Other", "Withdrawn"]
    assert SECRET not in str(items(site))


def test_explain_says_that_an_article_is_withdrawn(published: Site, tree: Tree) -> None:
    tree.write("news/a.md", withdrawn())
    published.refresh()
    lines = dict(published.explain("news/a.md"))["withdrawn"]
    assert lines[1:] == ["reason: a court's order", "these feeds tell their readers: all, news"]


def test_the_journal_keeps_what_is_withdrawn(published: Site, tree: Tree) -> None:
    tree.write("news/a.md", withdrawn())
    published.refresh()
    (known,) = published.index.ledger.withdrawals()
    assert journal.parse(journal.line(known)) == known
    others = [row for row in published.index.ledger.all() if row.withdrawn is None]
    assert others
    assert all("withdrawn" not in journal.line(row) for row in others)


def test_an_article_expires(published: Site, tree: Tree, clock: Clock) -> None:
    key = key_of(published)
    tree.write("news/a.md", TEXT.replace("title:", "expires: 2026-03-01 15:00\ntitle:", 1))
    report = published.refresh()
    assert len(titles(published)) == 2
    assert report.again_in == 2 * 3600
    clock.advance(hours=2)
    published.refresh()
    assert titles(published) == titles(published, "news") == ["Other"]
    client = published.app().test_client()
    assert client.get(f"/articles/{key}").status_code == 410
    assert "inister" not in client.get("/search?q=banker").text
    published.refresh()
    tree.touch("news/a.md")
    published.refresh()
    assert titles(published) == ["Other"], "it is not read as a new one"
    clock.advance(hours=1)
    tree.write("news/a.md", TEXT)
    published.refresh()
    assert key_of(published) == key


def test_a_pass_over_a_site_without_withdrawals_empties_no_log(
    published: Site, tree: Tree, tmp_path: Path
) -> None:
    tree.write("c.md", "---\ntitle: C\n---\nText")
    published.refresh()
    assert (tmp_path / "state" / "index.db-wal").stat().st_size > 0
