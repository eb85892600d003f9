"""Which permanent id each article has."""

from dataclasses import replace
from datetime import timedelta

from builders import WHEN, article

from feedsvc import identity
from feedsvc.identity import ReadFile
from feedsvc.model import Article, Identity, License, Origin, Person

SITE = "test"


def read(parsed: Article, *, digest: str = "d1", mtime: timedelta = timedelta()) -> ReadFile:
    return ReadFile(
        article=parsed,
        file_digest=digest,
        seen_digest=identity.seen_digest(parsed),
        mtime=WHEN + mtime,
    )


def assign(
    *files: ReadFile, known: tuple[Identity, ...] = (), site: str = SITE
) -> dict[str, Identity]:
    return identity.assign(files, known, site_id=site, now=WHEN + timedelta(days=9))


def only(file: ReadFile, *known: Identity) -> Identity:
    return assign(file, known=known)[file.article.source]


def gone(row: Identity) -> Identity:
    return Identity(**{name: getattr(row, name) for name in row.__slots__} | {"present": False})


def test_a_new_id_comes_from_the_source_and_the_site_alone() -> None:
    first = only(read(article(title="One"), digest="d1"))
    again = only(read(article(title="Two", published=WHEN, link="https://x.org"), digest="d2"))
    assert first.id == again.id == "urn:uuid:8ab85033-cae5-5dc4-92d3-f7917ef0f6a9"
    other = assign(read(article()), site="another site")["one.html"]
    assert other.id != first.id


def test_an_edited_file_keeps_its_id_and_moves_updated() -> None:
    before = only(read(article()))
    after = only(read(article(title="New"), digest="d2", mtime=timedelta(hours=1)), before)
    assert after.id == before.id
    assert after.updated == WHEN + timedelta(hours=1)
    assert after.first_seen == before.first_seen


def test_a_touched_file_keeps_its_updated() -> None:
    before = only(read(article()))
    after = only(read(article(), mtime=timedelta(hours=1)), before)
    assert after == before


def test_a_title_that_is_now_taken_from_the_text_does_not_move_updated() -> None:
    before = only(read(article(title="one", markup="markdown", body="# T\n\nBody")))
    now = article(title="T", heading="# T\n", markup="markdown", body="\nBody")
    after = only(read(now, mtime=timedelta(hours=1)), before)
    assert after.updated == before.updated
    assert after.seen_digest != before.seen_digest, "its version and its feeds change"
    edited = replace(now, title="U", heading="# U\n")
    assert only(read(edited, mtime=timedelta(hours=2)), before).updated > before.updated


def test_articles_that_name_no_rights_keep_the_digest_that_the_ledger_has() -> None:
    kept = "dbd4de1ab755d0139abeaf4fb9c965ab"  # by the version before rights were read
    assert identity.seen_digest(article(title="T", authors=(Person(name="P"),))) == kept


def test_rights_that_are_read_now_do_not_move_updated() -> None:
    before = only(read(article()))
    now = article(
        origin=Origin(name="Sina"),
        rights="© Sina",
        license=License(name="MIT", url="https://spdx.org/licenses/MIT.html"),
    )
    after = only(read(now, mtime=timedelta(hours=1)), before)
    assert after.updated == before.updated, "the bytes of the file are the same"
    assert after.seen_digest != before.seen_digest, "its version and its feeds change"
    edited = only(read(now, digest="d2", mtime=timedelta(hours=1)), before)
    assert edited.updated > before.updated, "somebody has written them into the file"


def test_white_space_around_the_body_does_not_move_updated() -> None:
    before = only(read(article(body="<p>Body</p>")))
    after = only(
        read(article(body="\n<p>Body</p>\n"), digest="d2", mtime=timedelta(hours=1)), before
    )
    assert after.updated == before.updated


def test_updated_never_moves_back() -> None:
    before = only(read(article(updated=WHEN + timedelta(days=5))))
    after = only(read(article(title="New"), digest="d2", mtime=timedelta(hours=1)), before)
    assert after.updated == WHEN + timedelta(days=9), "it is the time of the pass then"


def test_a_declared_updated_is_taken_over_when_it_changes() -> None:
    before = only(read(article()))
    declared = WHEN + timedelta(days=2)
    after = only(read(article(title="New", updated=declared), digest="d2"), before)
    assert after.updated == declared


def test_a_renamed_file_keeps_its_id() -> None:
    before = only(read(article(source="old.html")))
    after = only(read(article(source="folder/new.html")), gone(before))
    assert (after.id, after.source) == (before.id, "folder/new.html")
    assert after.updated == before.updated


def test_a_new_file_under_the_name_of_a_renamed_one_has_an_id_of_its_own() -> None:
    moved = only(read(article(source="b.html")), gone(only(read(article(source="a.html")))))
    new = only(read(article(source="a.html", title="New"), digest="d2"), moved)
    assert new.id != moved.id


def test_a_copy_belongs_to_the_entry_of_its_original() -> None:
    original = only(read(article(source="b.html")))
    copy = assign(read(article(source="a.html")), known=(original,))["a.html"]
    assert copy == original


def test_a_copy_that_was_edited_is_an_article_of_its_own() -> None:
    original = only(read(article(source="a.html")))
    edited = only(read(article(source="b.html", title="New"), digest="d2"), original)
    assert edited.id != original.id
    assert edited.source == "b.html"


def test_copies_found_in_the_same_pass_are_one_entry() -> None:
    both = assign(read(article(source="b.html")), read(article(source="a.html")))
    assert both["a.html"] == both["b.html"]
    assert both["a.html"].source == "a.html"


def test_a_deleted_file_that_comes_back_has_its_old_id() -> None:
    before = gone(only(read(article())))
    assert only(read(article(title="New"), digest="d2"), before).id == before.id


def test_a_declared_id_that_is_a_uri_is_used_as_it_is() -> None:
    known = only(read(article()))
    assert only(read(article(id="tag:example.org,2024:a")), known).id == "tag:example.org,2024:a"


def test_a_declared_id_that_is_no_uri_becomes_one() -> None:
    first = only(read(article(source="a.html", id="0012")))
    second = only(read(article(source="b.html", id="0012"), digest="d2"))
    assert first.id == second.id
    assert first.id.startswith("urn:uuid:")


def test_a_key_can_stand_in_an_address() -> None:
    assert only(read(article(id="https://x.org/?a=/../b"))).key.isalnum()


def test_every_feed_has_an_id_of_its_own() -> None:
    ids = {identity.feed_id(site, slug) for site in ("a", "b") for slug in ("all", "news", "财经")}
    assert len(ids) == 6
