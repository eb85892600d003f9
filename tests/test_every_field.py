"""Every field of an article reaches everything that is made from articles, or is an exception.

A field added to `Article` fails here until the other modules know it; see docs/architecture.md.
"""

from contextlib import closing
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime

import pytest
from conftest import Clock, Tree, configured, items
from sites import Site

from feedsvc import identity, plaindata
from feedsvc.formats import FORMATS
from feedsvc.index import Index, rows
from feedsvc.model import Article, License, Notice, Origin, Person
from feedsvc.outcome import Outcome

WHEN = datetime(2022, 1, 2, 3, 4, 5, tzinfo=UTC)
EVERY = Article(
    source="folder/file.html",
    title="A title",
    markup="html",
    body="<p>A body</p>",
    terms=("A term",),
    authors=(Person(name="An author", uri="https://author.example.org/"),),
    published=WHEN,
    updated=WHEN.replace(year=2023),
    lead_image="https://images.example.org/lead.png",
    link="https://original.example.org/article",
    id="urn:example:declared",
    summary="A summary",
    language="fr",
    origin=Origin(
        name="A publisher",
        url="https://publisher.example.org/",
        feed="https://publisher.example.org/feed",
        icon="https://publisher.example.org/icon.png",
    ),
    rights="© A holder",
    license=License(name="CC BY 4.0", url="https://creativecommons.org/licenses/by/4.0/"),
    withdrawn=Notice(reason="A reason", legal=True),
    expires=WHEN.replace(year=2090),
    draft=True,
    heading="# A title\n",
)
OTHER = Article(
    source="other.md",
    title="Other",
    markup="markdown",
    body="Other",
    published=WHEN.replace(day=3),
    updated=WHEN.replace(day=4),
    language="de",
)
NAMES = [field.name for field in fields(Article)]
UNSEEN = {
    "source": "a move changes nothing that a reader sees",
    "updated": "it is what the digest decides about",
    "id": "it names the entry and is not part of it",
    "withdrawn": "the ledger says it, and moves `updated` itself",
    "expires": "it says until when an entry is shown, and is not part of it",
    "draft": "what is left out has no digest",
    "heading": "the title shows it",
    "problems": "they are for the operator",
}
UNSTORED = {
    "withdrawn": "it is erased, and the ledger remembers why",
    "draft": "what is left out is not stored",
    "problems": "they have a table of their own",
}
# The text that shows each field in a document, then the fields that none shows, with the reason.
SHOWN = {
    "title": "A title",
    "body": "A body",
    "terms": "A term",
    "authors": "An author",
    "published": "2022",
    "updated": "2023",
    "lead_image": "https://images.example.org/lead.png",
    "link": "https://original.example.org/article",
    "summary": "A summary",
    "language": "fr",
    "id": "urn:example:declared",
    "origin": "A publisher",
    "rights": "© A holder",
    "license": "https://creativecommons.org/licenses/by/4.0/",
}
NOT_SHOWN = {
    "source": "it is the operator's",
    "markup": "all of it is HTML by then",
    "withdrawn": "a withdrawn article is not shown at all",
    "expires": "readers need not know until when it is shown",
    "draft": "a draft is not shown at all",
    "heading": "the title shows it",
    "problems": "they are for the operator",
}
NOT_SHOWN_IN = {
    ("rss", "updated"): "RSS knows no date of change of an item",
    ("page", "id"): "it is for programs",
}


def test_the_example_sets_every_field() -> None:
    for field in fields(Article):
        if field.default is not MISSING and field.name != "problems":
            assert getattr(EVERY, field.name) != field.default, f"set {field.name} in EVERY"


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(UNSTORED)))
def test_every_field_is_stored(name: str) -> None:
    stored = rows.article(EVERY.source, rows.facts(EVERY), EVERY.body)
    assert getattr(stored, name) == getattr(EVERY, name), "index/rows"


@pytest.mark.parametrize("name", NAMES)
def test_every_field_comes_back_from_the_process_that_reads(name: str) -> None:
    file = identity.ReadFile(article=EVERY, file_digest="f", seen_digest="s", mtime=WHEN)
    sent = plaindata.dump(Outcome(source=EVERY.source, file=file, problems=()))
    received = plaindata.load(Outcome, sent, source=EVERY.source)
    assert getattr(received.file.article, name) == getattr(EVERY, name), "plaindata"


@pytest.mark.parametrize("name", NAMES)
def test_a_change_of_a_field_changes_the_entry(name: str) -> None:
    changed = replace(EVERY, **{name: getattr(OTHER, name)})
    assert changed == EVERY or (identity.seen_digest(changed) == identity.seen_digest(EVERY)) == (
        name in UNSEEN
    ), "identity.seen_digest"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the feed of one article in each format, and its page."""
    folder, clock = tmp_path_factory.mktemp("site"), Clock()
    tree = Tree(folder / "articles", clock)
    tree.write(
        "folder/file.html",
        "---\ntitle: A title\ntags: [A term]\n"
        "author: {name: An author, url: 'https://author.example.org/'}\n"
        "date: 2022-01-02T03:04:05Z\nupdated: 2023-01-02T03:04:05Z\n"
        "headimg: https://images.example.org/lead.png\n"
        "link: https://original.example.org/article\nid: urn:example:declared\n"
        "summary: A summary\nlang: fr\n"
        "source: {name: A publisher, url: 'https://publisher.example.org/'}\n"
        "rights: © A holder\nlicense: CC BY 4.0\n---\n<p>A body</p>",
    )
    section = {"title": "Test", "base_url": "https://feeds.example.org", "language": "en"}
    config = configured(tree, folder, site=section)
    with closing(Site(config, Index.open(config.state.url), clock)) as site:
        site.refresh()
        client = site.app().test_client()
        key = identity.key(items(site)[0]["id"])
        texts = {suffix: client.get(f"/feeds/all.{suffix}").text for suffix in FORMATS}
        return {**texts, "page": client.get(f"/articles/{key}").text}


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(NOT_SHOWN)))
@pytest.mark.parametrize("where", [*FORMATS, "page"])
def test_every_field_is_shown(documents: dict[str, str], where: str, name: str) -> None:
    assert name in SHOWN, f"say in SHOWN or NOT_SHOWN what becomes of {name}"
    text = documents[where]
    if name == "language":
        expected = {
            "atom": 'xml:lang="fr"',
            "rss": "<dc:language>fr<",
            "json": '"language":"fr"',
            "page": 'lang="fr"',
        }
        assert expected[where] in text
    else:
        assert (SHOWN[name] in text) == ((where, name) not in NOT_SHOWN_IN)
