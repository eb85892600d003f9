"""What differs between two scans."""

from hypothesis import given, strategies as st

from feedsvc.changes import diff, part
from feedsvc.model import Signature

SCANS = st.dictionaries(
    st.text(max_size=3),
    st.builds(Signature, mtime_ns=st.integers(0, 2), size=st.integers(0, 2)),
    max_size=6,
)


@given(SCANS)
def test_a_scan_does_not_differ_from_itself(scan: dict[str, Signature]) -> None:
    assert not diff(scan, scan)


@given(SCANS, SCANS)
def test_each_difference_is_listed_once_under_its_kind(
    known: dict[str, Signature], found: dict[str, Signature]
) -> None:
    changes = diff(known, found)
    assert set(changes.added) == set(found) - set(known)
    assert set(changes.removed) == set(known) - set(found)
    assert set(changes.modified) == {s for s in known if s in found and known[s] != found[s]}
    for told in (changes.added, changes.removed, changes.modified):
        assert list(told) == sorted(set(told))


@given(SCANS)
def test_equal_scans_do_not_differ_in_any_order(scan: dict[str, Signature]) -> None:
    other = {source: Signature(*one) for source, one in reversed(scan.items())}
    assert not diff(scan, other)


@given(SCANS, SCANS)
def test_a_known_scan_with_its_differences_is_the_one_that_was_found(
    known: dict[str, Signature], found: dict[str, Signature]
) -> None:
    changes = diff(known, found)
    kept = {source: one for source, one in known.items() if source not in changes.removed}
    assert kept | {source: found[source] for source in changes.added + changes.modified} == found


def test_part_selects_a_place_and_all_below_it() -> None:
    one = Signature(mtime_ns=1, size=1)
    known = dict.fromkeys(["a", "a/b", "a/b/c", "a-b", "ab", "c/a", "d.md", "d.md.md"], one)
    assert set(part(known, ("a", "d.md", "gone"))) == {"a", "a/b", "a/b/c", "d.md"}
    assert part(known, ()) == {}
