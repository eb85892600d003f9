"""Feeds: which articles belong to them, in which order, and their names."""

import re
from datetime import timedelta

import pytest
from builders import WHEN, article, entry
from hypothesis import given, strategies as st

from feedsvc import feeds
from feedsvc.model import Article, Category, Enclosure, Entry, Feed, Person, Published
from feedsvc.xmltext import line

TERMS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("/\\#?%_-. aA"), min_size=1
)
AI = Category(
    slug="ai",
    title="AI",
    terms=("AI", "人工智能"),
    title_matches="机器学习",
    exclude_terms=("广告",),
)


def build(*entries: Entry, limit: int = 50, category: Category = AI) -> Feed:
    return feeds.build(
        category,
        entries,
        id="urn:uuid:0",
        site_title="Test",
        base_url="https://x.org",
        language="en",
        updated=WHEN,
        limit=limit,
    )


@pytest.mark.parametrize(
    ("terms", "title", "belongs"),
    [
        (("人工智能",), "x", True),
        (("ai",), "x", True),
        ((), "谈机器学习", True),
        (("金融",), "x", False),
        (("AI", "广告"), "谈机器学习", False),
        (("AIs",), "x", False),
    ],
)
def test_an_article_belongs_by_term_or_title_unless_excluded(
    terms: tuple[str, ...], title: str, belongs: bool
) -> None:
    assert feeds.matches(AI, title, terms) is belongs


def test_every_article_is_in_all_and_in_the_feed_of_each_term() -> None:
    tagged = article(terms=("AI", "金融"))
    assert feeds.Memberships([AI], auto=True).of(tagged) == {
        "all": None,
        "ai": None,
        "AI": "AI",
        "金融": "金融",
    }
    assert feeds.Memberships([AI], auto=False).of(tagged) == {"all": None, "ai": None}


def test_a_term_named_like_a_category_shares_its_feed_or_gets_another_name() -> None:
    finance = Category(slug="finance", title="F", terms=("finance",))
    other = Category(slug="finance", title="F", terms=("money",))
    tagged = article(terms=("finance",))
    assert feeds.Memberships([finance], auto=True).of(tagged) == {"all": None, "finance": None}
    (name,) = set(feeds.Memberships([other], auto=True).of(tagged)) - {"all"}
    assert re.fullmatch(r"finance-[0-9a-f]{8}", name)


@given(TERMS, TERMS)
def test_two_terms_never_share_a_slug(first: str, second: str) -> None:
    if line(first) != line(second):
        assert feeds.slug(first) != feeds.slug(second)


@given(TERMS)
def test_a_slug_is_safe_in_a_path_and_never_ends_like_a_format(term: str) -> None:
    slug = feeds.slug(term)
    assert slug
    assert not re.search(r"[\s/\\?#%&:;<>\"']", slug)
    assert not slug.startswith(".")
    assert not slug.lower().endswith((".atom", ".rss", ".json", ".xml", ".html"))
    assert len(slug) <= 80
    assert slug != feeds.ALL


@pytest.mark.parametrize(
    ("term", "slug"),
    [("财经", "财经"), ("新浪财经－国內", "新浪财经－国內"), ("Ocean Science", "Ocean_Science"),
     ("C++", "C++"), ("e\u0301te\u0301", "été")],
)  # fmt: skip
def test_a_slug_is_readable(term: str, slug: str) -> None:
    assert feeds.slug(term) == slug


def test_entries_are_newest_first_then_by_id_up_to_the_limit() -> None:
    entries = [
        entry(id="urn:c", published=WHEN),
        entry(id="urn:a", published=WHEN),
        entry(id="urn:b", published=WHEN + timedelta(days=1)),
        entry(id="urn:d", published=WHEN - timedelta(days=1)),
    ]
    for order in (entries, entries[::-1]):
        assert [entry.id for entry in build(*order, limit=3).entries] == ["urn:b", "urn:a", "urn:c"]


def test_the_date_of_a_feed_does_not_depend_on_its_entries() -> None:
    edited = entry(id="urn:a", updated=WHEN + timedelta(days=3))
    assert build(edited).updated == build().updated == WHEN


def shown(
    article: Article,
    *,
    summary: str = "",
    lead_image: str | None = None,
    played: tuple[Enclosure, ...] = (),
) -> Entry:
    published = Published(
        article=article, id="urn:a", key="a", published=WHEN, updated=WHEN, version="1"
    )
    return feeds.entry(
        published,
        link="https://x",
        summary=summary,
        content=None,
        lead_image=lead_image,
        played=played,
    )


def test_an_entry_shows_escaped_front_matter_decoded() -> None:
    escaped = shown(
        article(
            title="AT&amp;T",
            authors=(Person(name="Tom &amp; Li", uri="https://li.example.org/?a&amp;b"),),
            terms=("R&amp;D", "R&D", "新闻"),
            summary="1 &lt; 2",
        )
    )
    assert escaped.title == "AT&T"
    assert escaped.authors == (Person(name="Tom & Li", uri="https://li.example.org/?a&amp;b"),)
    assert escaped.categories == ("R&D", "新闻")
    assert escaped.summary == "1 < 2"


def test_a_summary_made_from_the_content_is_not_decoded() -> None:
    assert shown(article(), summary="Write &amp; for &").summary == "Write &amp; for &"


def test_the_feed_of_an_escaped_term_has_its_own_name_and_a_decoded_title() -> None:
    escaped, plain = "R&amp;D", "R&D"
    assert feeds.slug(escaped) != feeds.slug(plain)
    of_term = feeds.of_term(feeds.slug(escaped), escaped)
    assert (of_term.title, of_term.term) == (plain, escaped)
    assert build(category=of_term).title == "R&D · Test"
    assert set(feeds.Memberships([], auto=True).of(article(terms=(escaped,)))) == {
        "all",
        feeds.slug(escaped),
    }


def test_a_lead_image_of_a_known_type_is_an_enclosure() -> None:
    def enclosed(address: str | None) -> list[tuple[str, str]]:
        made = shown(article(), lead_image=address)
        return [(enclosure.href, enclosure.type) for enclosure in made.enclosures]

    assert enclosed("https://x.org/a.JPG?w=1") == [("https://x.org/a.JPG?w=1", "image/jpeg")]
    assert enclosed("https://x.org/a.webp") == [("https://x.org/a.webp", "image/webp")]
    assert enclosed("https://x.org/picture?id=1") == []
    assert enclosed("https://x.org/page.html") == []
    assert enclosed(None) == []


def test_a_pattern_takes_linear_time_on_any_title() -> None:
    # Python's `re` takes twice as long for each further letter.
    category = Category(slug="c", title="C", title_matches="(a+)+$")
    assert feeds.matches(category, "a" * 1000, ())
    assert not feeds.matches(category, "a" * 100_000 + "b", ())


def test_a_verdict_names_the_text_that_matched() -> None:
    assert feeds.verdict(AI, "关于机器学习的事", ()) == (True, "title_matches", "机器学习")


def test_a_lead_image_is_no_enclosure_beside_audio() -> None:
    sound = Enclosure(href="https://x.org/a.mp3", type="audio/mpeg")
    playing = shown(article(), lead_image="https://x.org/a.png", played=(sound,))
    assert playing.enclosures == (sound,)
    assert (playing.lead_image, playing.lead_image_type) == ("https://x.org/a.png", "image/png")
