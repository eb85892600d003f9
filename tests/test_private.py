"""Private feeds: who has a token reads them, and nobody else finds anything of them."""

import html
import itertools
import json
import logging
import re
import threading
from base64 import b64encode
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import feedparser
import pytest
from click.testing import CliRunner
from conftest import NOW, Clock, Tree, configured, site_in
from flask.testing import FlaskClient
from links import addresses
from sites import Open, Site

from feedsvc import config as configuration, credentials
from feedsvc.cli import main
from feedsvc.errors import ConfigError, StateError
from feedsvc.model import Refresh
from feedsvc.monitoring import Monitor
from feedsvc.schedule import trigger
from feedsvc.watch import Watcher

BASE = "https://feeds.example.org"
# In everything that is private: titles, texts, names of files, authors, terms, names of feeds.
SECRET = "quokka"
NOBODYS = "wombat"  # a word of the same kind that nobody has written
TOKEN, OTHERS_TOKEN, STATUS_TOKEN = "t" * 43, "o" * 43, "s" * 43
ODD = "it's, a & b (1)? 字.png"
DAYS = range(10, 17)  # of public articles; the private ones are between them
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
BOARD: dict[str, Any] = {
    "slug": "quokka-board",
    "title": "Board of Quokka",
    "description": "For the quokka board",
    "terms": ["Quokka minutes"],
    "aliases": ["minutes"],
    "access": {"tokens": [f"alice {credentials.hash_of(TOKEN)}"]},
}
STAFF = {
    "slug": "quokka-staff",
    "terms": ["Quokka staff"],
    "access": {"tokens": [f"bob {credentials.hash_of(OTHERS_TOKEN)}"]},
}
NEWS = {"slug": "news", "title": "News", "terms": ["news"]}
PUBLIC_BOARD = {name: value for name, value in BOARD.items() if name != "access"}
SECTIONS: dict[str, Any] = {
    "categories": [BOARD, STAFF, NEWS],
    "websub": {"hubs": ["https://hub.example/"]},
    "status": {"token": STATUS_TOKEN},
}
NAVIGATION = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}
SOURCE = "quokka/quokka-plan.md"


def article(title: str, day: int, *terms: str, body: str = "text", more: str = "") -> str:
    head = json.dumps({"title": title, "date": f"2026-02-{day:02}", "tags": terms, "author": title})
    return f"---\n{head}\n---\n{body}{more}"


def write_articles(tree: Tree) -> None:
    image = f'<p>Body of quokka</p><img src="{SECRET}.png"><audio src="quokka.mp3"></audio>'
    tree.write(SOURCE, article("Quokka plan", 12, "Quokka minutes", "Habitat", body=image))
    tree.write("quokka/both.md", article("Quokka for all", 13, "quokka minutes", "Quokka staff"))
    tree.write(f"quokka/{SECRET}.png", PNG)
    tree.write("quokka/quokka.mp3", b"sound")
    shown = '<p>Harmless words</p><img src="shown.png" srcset="shown.png, large.png 2x">'
    shown += f'<img src="{ODD.replace("&", "&amp;").replace("?", "%3F")}"><img src="large.png?v=1">'
    for day in DAYS:
        tree.write(f"n{day}.md", article(f"News {day}", day, "news", "Habitat", body=shown))
    tree.write("shown.png", PNG)
    tree.write("large.png", PNG)
    tree.write(ODD, PNG)
    # Public, because a public category has it; the name of the private one stays private.
    tree.write("mixed.md", article("Mixed", 14, "Quokka minutes", "news", body=shown))
    # A text of somebody else's, which would like to have a file of ours opened.
    hostile = f'<img src="{BASE}/media/quokka/{SECRET}.png"><a href="{BASE}/media/x.pdf">x</a>'
    front = '---\n{"title": "Hostile", "link": "https://else.example/", "tags": ["news"]}\n---\n'
    tree.write("hostile.md", front + hostile.replace(SECRET + ".png", "q.png").replace(SECRET, "k"))


@pytest.fixture(scope="module")
def private_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site with private feeds; no test changes it."""
    with site_in(tmp_path_factory.mktemp("private"), **SECTIONS) as (site, tree):
        write_articles(tree)
        site.refresh()
        yield site


@pytest.fixture
def reader(private_site: Site) -> FlaskClient:
    return private_site.app().test_client()


@pytest.fixture
def own_site(open_site: Open, tree: Tree) -> Site:
    write_articles(tree)
    site = open_site(**SECTIONS)
    site.refresh()
    return site


def key_of(site: Site, source: str) -> str:
    with site.index.database.reading() as connection:
        text = "SELECT key FROM ledger WHERE source = ?"
        return str(connection.exec_driver_sql(text, (source,)).scalar_one())


def basic(password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'any:{password}'.encode()).decode()}"}


def test_a_token_opens_its_feed_in_the_address_as_bearer_and_as_password(
    reader: FlaskClient,
) -> None:
    for suffix in ("atom", "rss", "json"):
        path = f"/feeds/quokka-board.{suffix}"
        in_query = reader.get(f"{path}?token={TOKEN}")
        bearer = reader.get(path, headers={"Authorization": f"Bearer {TOKEN}"})
        password = reader.get(path, headers=basic(TOKEN))
        assert in_query.status_code == bearer.status_code == password.status_code == 200
        assert in_query.data == bearer.data == password.data
        assert "Quokka plan" in in_query.text
        assert TOKEN not in in_query.text  # the bytes are the same for each token
        etag = in_query.headers["ETag"]
        again = reader.get(f"{path}?token={TOKEN}", headers={"If-None-Match": etag})
        assert again.status_code == 304


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("?token=", {}),
        ("?token=wrong", {}),
        (f"?token={OTHERS_TOKEN}", {}),
        (f"?Token={TOKEN}", {}),
        (f"?token={BOARD['access']['tokens'][0].split()[1]}", {}),
        ("", {"Authorization": "Bearer"}),
        ("", {"Authorization": "Basic"}),
        ("", {"Authorization": "Basic %%%"}),
        ("", {"Authorization": f"Basic {b64encode(bytes(range(128, 256))).decode()}"}),
        ("", basic("")),
        ("", basic(OTHERS_TOKEN)),
        ("", {"Authorization": f"Digest {TOKEN}"}),
        ("", {"If-None-Match": "*"}),
        ("?raw=1", {}),
        ("", NAVIGATION),
    ],
)
@pytest.mark.parametrize("end", ["", ".atom", ".rss", ".json", "/0123456789abcdef0123"])
def test_without_the_right_token_nothing_is_told(
    reader: FlaskClient, query: str, headers: dict[str, str], end: str
) -> None:
    for method in (reader.get, reader.head):
        answer = method(f"/feeds/quokka-board{end}{query}", headers=headers)
        assert answer.status_code == 401
        assert SECRET not in f"{answer.text} {answer.headers}".lower()
        asked = [value.partition(" ")[0] for value in answer.headers.getlist("WWW-Authenticate")]
        assert asked == ["Basic", "Bearer"]
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex"


def test_an_old_name_leads_to_the_new_one_only_with_the_token(reader: FlaskClient) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        for end in ("", ".atom", "/x", "/x/y", ".xml"):
            answer = reader.open(f"/feeds/minutes{end}", method=method)
            assert SECRET not in f"{answer.text} {answer.headers}".lower()
    moved = reader.get(f"/feeds/minutes.atom?token={TOKEN}")
    assert moved.headers["Location"] == f"/feeds/quokka-board.atom?token={TOKEN}"
    assert moved.headers["Cache-Control"] == "private, max-age=3600"


def test_other_ways_of_writing_the_address_lead_past_nothing(reader: FlaskClient) -> None:
    ways = ["//feeds/quokka-board.atom", "/feeds//quokka-board.atom", "/feeds/./quokka-board.atom"]
    ways += ["/feeds/%71uokka-board.atom", "/feeds/quokka-board%2eatom", "/feeds/QUOKKA-board.atom"]
    ways += ["/feeds/quokka-board.atom/", "/feeds/quokka-board.atom.atom", "/feeds/quokka-board/"]
    ways += ["/feeds/x/../quokka-board.atom", "/feeds/quokka-board.atom%00", "/feeds/search.atom/"]
    for way in ways:
        answer = reader.get(way)
        assert answer.status_code in {401, 404}, way
        assert "Quokka plan" not in answer.text


def test_a_private_feed_has_no_links_to_older_entries_which_would_have_no_token(
    open_site: Open, tree: Tree
) -> None:
    write_articles(tree)
    site = open_site(**SECTIONS, feeds={"limit": 1})
    site.refresh()
    reader = site.app().test_client()
    assert "next_url" in reader.get("/feeds/news.json").text
    for path in ("/feeds/quokka-board.json?", "/feeds/quokka-board.json?page=oldest&"):
        feed = reader.get(f"{path}token={TOKEN}").get_json()
        assert len(feed["items"]) == 1
        assert "next_url" not in feed


def test_a_private_feed_is_combined_with_no_other_and_filtered_for_its_readers(
    reader: FlaskClient,
) -> None:
    for slug in ("news+quokka-board", "quokka-board+news", "all-quokka-board", "all-quokka-staff"):
        for path in (f"/feeds/{slug}.json", f"/feeds/{slug}.json?token={TOKEN}", f"/feeds/{slug}"):
            assert reader.get(path).status_code == 404, path
    for query in ("filter_title=plan", "limit=5", "page=oldest"):
        path = f"/feeds/quokka-board.json?{query}"
        assert reader.get(path).status_code == 401
        assert reader.get(f"{path}&token={OTHERS_TOKEN}").status_code == 401
        answer = reader.get(f"{path}&token={TOKEN}")
        assert "Quokka plan" in answer.text
        assert answer.headers["Cache-Control"].startswith("private")
        assert reader.get(path).status_code == 401  # nothing was kept of it
    assert SECRET not in reader.get("/feeds/all.json?filter_title=u&limit=50").text.casefold()


def test_answers_are_for_their_reader_alone(private_site: Site, reader: FlaskClient) -> None:
    key = key_of(private_site, SOURCE)
    for path in ("", ".atom", f"/{key}", "?raw=1"):
        for headers in ({}, NAVIGATION):
            address = f"/feeds/quokka-board{path}"
            address += f"{'&' if '?' in path else '?'}token={TOKEN}"
            answer = reader.get(address, headers=headers)
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"].startswith("private")
            assert "stale" not in answer.headers["Cache-Control"]
            assert "Authorization" in answer.headers["Vary"]
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Robots-Tag"] == "noindex"


def test_a_page_of_a_private_feed_leads_to_others_with_the_token_that_it_was_asked_with(
    private_site: Site, reader: FlaskClient
) -> None:
    key = key_of(private_site, SOURCE)
    for path in ("/feeds/quokka-board", "/feeds/quokka-board.atom", f"/feeds/quokka-board/{key}"):
        page = reader.get(f"{path}?token={TOKEN}", headers=NAVIGATION).text
        links = [link for link in addresses(page, BASE + path, BASE) if "quokka-board" in link]
        asked = [link.removeprefix(BASE) for link in links if "token=" in link]
        assert asked
        assert all(reader.get(link).status_code == 200 for link in asked)
        # Elsewhere the token is not told.
        others = [link for link in addresses(page, BASE + path, BASE) if link not in links]
        assert TOKEN not in " ".join(others)
        # By Basic, a browser sends it by itself.
        assert TOKEN not in reader.get(path, headers={**NAVIGATION, **basic(TOKEN)}).text


def test_an_article_of_two_private_feeds_has_a_page_below_each(
    private_site: Site, reader: FlaskClient
) -> None:
    key = key_of(private_site, "quokka/both.md")
    for slug, token in (("quokka-board", TOKEN), ("quokka-staff", OTHERS_TOKEN)):
        feed = feedparser.parse(reader.get(f"/feeds/{slug}.atom?token={token}").data)
        (link,) = [entry.link for entry in feed.entries if entry.title == "Quokka for all"]
        assert link == f"{BASE}/feeds/{slug}/{key}"
        assert reader.get(f"/feeds/{slug}/{key}", headers=basic(token)).status_code == 200
    # The other feed's token does not do, nor does the feed have articles of others.
    assert reader.get(f"/feeds/quokka-staff/{key}?token={TOKEN}").status_code == 401
    other = key_of(private_site, SOURCE)
    assert reader.get(f"/feeds/quokka-staff/{other}?token={OTHERS_TOKEN}").status_code == 404


def test_files_of_articles_are_sent_at_signed_addresses_alone(
    private_site: Site, reader: FlaskClient
) -> None:
    feed = reader.get(f"/feeds/quokka-board.json?token={TOKEN}").json
    entry = next(item for item in feed["items"] if item["title"] == "Quokka plan")
    image = re.findall(r'<img src="([^"]+)"', entry["content_html"])[0]
    (sound,) = entry["attachments"]
    assert sound["size_in_bytes"] == 5
    for address in (image, sound["url"]):
        path = address.removeprefix(BASE)
        answer = reader.get(path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "private, max-age=86400"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        unsigned, _, signature = path.partition("?signature=")
        wrong = signature[:-1] + ("A" if signature[-1] != "A" else "B")
        for attempt in ("", "?signature=", f"?signature={wrong}", f"?signature={signature}x"):
            assert reader.get(unsigned + attempt).status_code == 404
    # The signature of one file opens no other.
    _, _, signature = image.partition("?")
    assert reader.get(f"/media/shown.png?{signature}").status_code == 404
    public = reader.get("/feeds/news.json").json["items"]
    text = "".join(item["content_html"] for item in public)
    shown = [
        html.unescape(path).rstrip(",") for path in re.findall(rf'"{BASE}(/media/[^"\s]+)', text)
    ]
    assert {unquote(path.partition("?")[0]) for path in shown} == {
        *("/media/shown.png", "/media/large.png", f"/media/{ODD}"),
        *("/media/k/q.png", "/media/x.pdf"),  # of the text of somebody else
    }
    for path in shown:
        assert reader.get(path).status_code == (404 if "/k/" in path or "pdf" in path else 200)
        assert ("?signature=" in path) == ("/k/" not in path and "pdf" not in path)


def asked_addresses(site: Site) -> list[str]:
    """Return where somebody begins who looks for what is private."""
    key = key_of(site, SOURCE)
    # For the secret word itself, see the next test.
    queries = ["body", "plan", "habitat", "author:plan", "category:minutes", "after:2026-02-01"]
    searches = [f"/search?q={query}{end}" for query in queries for end in ("", "&sort=relevance")]
    feeds = [
        f"/feeds/search.{suffix}?q={query}" for query in queries for suffix in ("atom", "json")
    ]
    lists = [f"/opml.xml?{flags}" for flags in ("", "all=1", "topics=1", "all=1&topics=1")]
    guesses = [f"/articles/{key}", f"/articles/{key}.md", f"/feeds/{key}", f"/feeds/all/{key}"]
    guesses += [f"/media/quokka/{SECRET}.png", f"/media/{SOURCE}", "/feeds/quokka", "/quokka"]
    guesses += ["/feeds/Quokka%20minutes.atom", "/feeds/quokka-minutes.atom", "/feeds/boardd"]
    guesses += [f"/feeds/quokka-board{end}" for end in ("", ".atom", ".rss", ".json", f"/{key}")]
    own = ["/", "/topics", "/sitemap.xml", "/robots.txt", "/favicon.ico", "/feeds/opml.xml"]
    own += ["/status", "/status.json", "/metrics", "/readyz", "/healthz", "/nothing"]
    return [*own, *lists, *searches, *feeds, *guesses]


def crawled(site: Site, client: FlaskClient) -> Iterator[tuple[str, str]]:
    """Yield each address that can be reached without a token, and all that is told there."""
    waiting = asked_addresses(site)
    known = set(waiting)
    while waiting:
        path = waiting.pop()
        for headers in ({}, NAVIGATION, {"Accept": "text/markdown"}):
            answer = client.get(path, headers=headers)
            yield path, f"{answer.headers}\n{answer.data.decode('utf-8', 'replace')}"
            for address in addresses(answer.data.decode("utf-8", "replace"), BASE + path, BASE):
                found = address.removeprefix(BASE)
                is_ours = address.startswith(f"{BASE}/") and "lang=" not in found
                if is_ours and found not in known and SECRET not in path.lower():
                    known.add(found)
                    waiting.append(found)
        yield path, str(client.options(path).headers)


def without(text: str, path: str) -> str:
    """Return a text without the name of a feed that it repeats from its address."""
    name = unquote(path.rpartition("/")[2])
    for repeated in (name, name.rpartition(".")[0]):
        text = unquote(text).replace(repeated, "")
    return text


def read_everything(site: Site, client: FlaskClient) -> None:
    """Read what is private, as readers do, so that any cache in front has it."""
    keys = [key_of(site, source) for source in (SOURCE, "quokka/both.md")]
    paths = ["", ".atom", ".rss", ".json", *(f"/{key}" for key in keys)]
    for path, headers in itertools.product(paths, ({}, NAVIGATION)):
        for given in (f"?token={TOKEN}", f"?raw=1&token={TOKEN}"):
            address = f"/feeds/quokka-board{path}{given}"
            assert client.get(address, headers=headers).status_code == 200
    for path in ("/status", "/status.json", "/metrics"):
        given = {"Authorization": f"Bearer {STATUS_TOKEN}"}
        assert "quokka-board" in client.get(path, headers=given).text


def test_nobody_finds_anything_of_a_private_article(
    private_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = private_site.app().test_client()
    read_everything(private_site, client)
    seen: dict[str, None] = {}
    for path, told in crawled(private_site, client):
        seen[path] = None
        assert SECRET not in without(told, path).lower(), path
        assert key_of(private_site, SOURCE) not in without(told, path), path
    assert SECRET not in caplog.text.lower()
    # It has really looked: at every public article, feed, list and page.
    everything = " ".join(seen)
    public = [f"n{day}.md" for day in DAYS] + ["mixed.md", "hostile.md"]
    for source in public:
        assert f"/articles/{key_of(private_site, source)}" in everything, source
    for path in ("/feeds/news", "/feeds/all.rss", "/feeds/Habitat.json", "/media/shown.png?"):
        assert path in everything, path


def test_a_search_answers_as_if_nothing_private_were_there(
    private_site: Site, reader: FlaskClient
) -> None:
    for query in ("{}", "author:{}", "{} news", "category:{}-board", "-category:{}-board news"):
        for path in ("/search?q={}", "/feeds/search.json?q={}", "/search?sort=relevance&q={}"):
            answers = [
                reader.get(path.format(query.format(word))).text.lower().replace(word, "")
                for word in (SECRET, NOBODYS)
            ]
            ids = re.compile(r'urn:uuid:[0-9a-f-]+|"date[^,]*')
            assert ids.sub("", answers[0]) == ids.sub("", answers[1]), query
    counted = reader.get("/search?q=text").text
    assert "Mixed" not in counted  # only private articles have this word


def test_numbers_count_public_articles_alone(reader: FlaskClient) -> None:
    assert reader.get("/readyz").json["articles"] == 9
    status = reader.get("/status.json").json
    assert status["articles"]["number"] == 9
    assert [feed["name"] for feed in status["feeds"]] == ["all", "news", "Habitat"]
    known = reader.get("/status.json", headers={"Authorization": f"Bearer {STATUS_TOKEN}"}).json
    assert "quokka-board" in [feed["name"] for feed in known["feeds"]]


def test_a_private_feed_has_no_hub(own_site: Site, tree: Tree) -> None:
    reader = own_site.app().test_client()
    private = reader.get(f"/feeds/quokka-board.json?token={TOKEN}")
    assert "Link" not in private.headers
    assert "hub.example" not in private.text
    public = reader.get("/feeds/news.json")
    assert "hub.example" in public.headers["Link"]
    assert "hub.example" in public.text
    tree.write(SOURCE, article("Quokka plan B", 12, "Quokka minutes"))
    tree.write("n10.md", article("News 10, corrected", 10, "news"))
    own_site.refresh()
    paths = {ping.path for ping in own_site.index.pings.due(NOW + timedelta(days=1), 100)}
    assert "/feeds/news.json" in paths
    assert not [path for path in paths if SECRET in path]


def watched(site: Site, tree: Tree) -> None:
    """Have the watcher make a pass over everything, and log it."""
    ended = threading.Event()

    def refresh(paths: Collection[str] | None) -> Refresh:
        del paths
        return site.refresh()

    class Last(Watcher):
        def _log(self, report: Refresh) -> None:
            super()._log(report)
            ended.set()

    watcher = Last(refresh, trigger(timedelta(days=1), ZoneInfo("UTC")), None)
    watcher.start()
    assert ended.wait(20)
    watcher.stop()


def test_the_log_names_public_files_alone(
    open_site: Open, tree: Tree, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    write_articles(tree)
    tree.write("quokka/broken.md", "---\ntitle: [quokka\ntags: [Quokka staff]\n---\nquokka")
    tree.write("broken.md", "---\ntitle: fine\ndate: quokka\ntags: [Quokka staff]\n---\nquokka")
    tree.write("quokka/twin.md", "---\ntitle: A\nid: urn:x:1\ntags: [Quokka staff]\n---\ntext")
    site = open_site(**SECTIONS)
    watched(site, tree)
    assert "n10.md" in caplog.text
    # Whichever of two copies is shown, the problem of the other does not name it.
    tree.write("twin.md", "---\ntitle: B\nid: urn:x:1\ntags: [news]\n---\ntext")
    watched(site, tree)
    twins = [problem for problem in site.problems() if problem.source == "twin.md"]
    assert twins
    assert SECRET not in str(twins)
    site.clock.advance(seconds=5)  # type: ignore[attr-defined]
    tree.write("quokka/copy.md", article("Quokka plan", 12, "Quokka minutes", body="other"))
    tree.write(SOURCE, article("Quokka changed", 12, "Quokka minutes", body="<p>quokka"))
    tree.remove("quokka/both.md")
    tree.remove("n11.md")

    def failing(*_: object) -> None:
        raise ValueError(SECRET)

    with monkeypatch.context() as patch:
        patch.setattr("feedsvc.content.clean", failing)
        watched(site, tree)
        client = site.app().test_client()
        client.get(f"/feeds/quokka-board.atom?token={TOKEN}")
    assert "modified" in caplog.text
    with monkeypatch.context() as patch:
        patch.setattr("feedsvc.publish.entries.Entries._entry", failing)
        tree.write(SOURCE, article("Quokka again", 12, "Quokka minutes"))
        watched(site, tree)
        patch.setattr("feedsvc.publish.entries.Entries._build", failing)
        patch.setattr("feedsvc.publish.entries.Entries.category", failing)
        tree.write(SOURCE, article("Quokka once more", 12, "Quokka minutes"))
        watched(site, tree)
        for headers in ({}, NAVIGATION):
            failed = client.get(f"/feeds/quokka-board.rss?token={TOKEN}", headers=headers)
            assert failed.status_code == 500
    assert "failed" in caplog.text
    assert SECRET not in caplog.text.lower()
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("failing", ["reading.articles.parse", "refresh.ingest.Ingest._published"])
def test_the_log_does_not_repeat_errors(
    open_site: Open,
    tree: Tree,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr(f"feedsvc.{failing}", fail)
    write_articles(tree)
    watched(open_site(**SECTIONS), tree)
    assert "ValueError" in caplog.text or "could not be read" in caplog.text
    assert SECRET not in caplog.text.lower()


def test_an_error_of_the_database_does_not_repeat_values(own_site: Site) -> None:
    with pytest.raises(StateError) as raised, own_site.index.writing() as writer:
        writer.set_meta(SECRET, [SECRET])  # type: ignore[arg-type]  # as no caller does
    assert SECRET not in f"{raised.value} {raised.value.__cause__}"


def test_the_log_does_not_name_what_is_silent_and_private(
    open_site: Open, tree: Tree, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    expected = [{**category, "expect": "1d"} for category in (BOARD, NEWS)]
    folders = [{"folder": "quokka", "expect": "1d"}]
    write_articles(tree)
    site = open_site(categories=expected, monitoring={"folders": folders})
    site.refresh()
    clock.advance(days=30)
    monitor = Monitor(site.config, site.index, clock)
    monitor.check()
    tree.write("quokka/new.md", article("Quokka new", 1, "Quokka minutes"))
    tree.write("new.md", article("New", 1, "news"))
    site.refresh()
    monitor.check()
    assert "no new article in category news" in caplog.text
    assert "a category (`feedsvc status` names it) is not silent any more" in caplog.text
    assert "no new article in a folder" in caplog.text
    assert SECRET not in caplog.text.lower()


def test_what_becomes_private_is_private_at_once(
    open_site: Open, tree: Tree, clock: Clock, tmp_path: Any
) -> None:
    write_articles(tree)
    before = open_site(categories=[PUBLIC_BOARD, NEWS])
    before.refresh()
    old = before.app().test_client()
    key = key_of(before, SOURCE)
    assert old.get("/feeds/quokka-board.atom").status_code == 200
    assert "Quokka plan" in old.get("/feeds/all.atom").text
    assert old.get(f"/articles/{key}").status_code == 200
    # The configuration is taken over: other workers, and no pass yet.
    after = open_site(categories=[BOARD, NEWS])
    client = after.app().test_client()
    assert client.get("/feeds/quokka-board.atom").status_code == 401
    assert client.get(f"/articles/{key}").status_code == 404
    assert client.get(f"/media/quokka/{SECRET}.png").status_code == 404
    for path in ("/", "/feeds/all.atom", "/feeds/all.json", "/feeds/all"):
        answer = client.get(path)
        assert "News 15" in answer.text
        assert "Quokka plan" not in answer.text, path
    after.refresh()
    for path in ("/", "/feeds/all.atom", "/feeds/all", "/sitemap.xml", "/search?q=harmless"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert SECRET not in answer.text.lower()
    assert SECRET not in client.get("/search?q=plan").text.lower()
    assert "Quokka plan" in client.get(f"/feeds/quokka-board.atom?token={TOKEN}").text
    # And back.
    again = open_site(categories=[PUBLIC_BOARD, NEWS])
    again.refresh()
    client = again.app().test_client()
    assert "Quokka plan" in client.get("/feeds/quokka-board.atom").text
    assert client.get(f"/articles/{key}").status_code == 200


def test_an_article_that_gets_a_private_term_is_gone_from_memory(
    own_site: Site, tree: Tree
) -> None:
    client = own_site.app().test_client()
    key = key_of(own_site, "n15.md")
    paths = [f"/articles/{key}", f"/articles/{key}.md", "/feeds/news.atom", "/", "/feeds/news"]
    for path in paths:
        assert "News 15" in client.get(path).text
    tree.write("n15.md", article("News 15", 15, "Quokka minutes"))
    own_site.refresh()
    for path in paths:
        assert "News 15" not in client.get(path).text
    assert client.get(paths[0]).status_code == 404


def test_a_revoked_token_opens_nothing(open_site: Open, tree: Tree) -> None:
    write_articles(tree)
    lines = [f"a {credentials.hash_of(TOKEN)}", f"b {credentials.hash_of(OTHERS_TOKEN)}"]
    for tokens, opened in ((lines, (200, 200)), (lines[1:], (401, 200)), ([], (401, 401))):
        site = open_site(categories=[{**BOARD, "access": {"tokens": tokens}}])
        site.refresh()
        client = site.app().test_client()
        path = "/feeds/quokka-board.atom?token="
        assert (
            client.get(path + TOKEN).status_code,
            client.get(path + OTHERS_TOKEN).status_code,
        ) == opened


def test_a_site_without_private_feeds_signs_nothing(open_site: Open, tree: Tree) -> None:
    write_articles(tree)
    site = open_site(categories=[NEWS])
    site.refresh()
    client = site.app().test_client()
    assert "signature=" not in client.get("/feeds/all.json").text
    assert client.get("/media/shown.png").headers["Cache-Control"].startswith("public")


@pytest.mark.parametrize(
    ("access", "what"),
    [
        (None, "is empty"),
        ("private", "expected"),
        ({"tokens": ["my-own-secret"]}, "expected a name and a hash"),
        ({"tokens": [f"a {credentials.hash_of(TOKEN)}", f"a {credentials.hash_of('x')}"]}, "twice"),
        ({"passwords": []}, "passwords"),
    ],
)
def test_a_mistake_in_access_is_refused_without_repeating_it(access: object, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as refused:
        configuration.parse({"categories": [{"slug": "a", "access": access}]})
    assert "my-own-secret" not in str(refused.value)


def test_a_private_category_cannot_be_gone() -> None:
    with pytest.raises(ConfigError, match="would be public"):
        configuration.parse({"categories": [{**BOARD, "gone": True}]})


def test_the_command_makes_a_token_and_the_line_for_it(tree: Tree, tmp_path: Any) -> None:
    result = CliRunner().invoke(main, ["token", "new", "alice@example.org"])
    assert result.exit_code == 0
    (token,) = re.findall(r"^  ([\w-]{43})$", result.output, re.MULTILINE)
    (line,) = re.findall(r"^    - (.*)$", result.output, re.MULTILINE)
    config = configured(tree, tmp_path, categories=[{"slug": "a", "access": {"tokens": [line]}}])
    (category,) = config.categories
    assert category.access is not None
    assert credentials.is_known(token, category.access)
    assert CliRunner().invoke(main, ["token", "new", "a: b"]).exit_code == 2
