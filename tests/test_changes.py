"""The differences between two scans."""

from hypothesis import given, strategies as st

from feedsvc.changes import diff, part
from feedsvc.model import Signature

SCANS = st.dictionaries(
    st.text(max_size=3),
    st.builds(Signature, mtime_ns=st.integers(0, 2), size=st.integers(0, 2)),
    max_size=6,
)


@given(SCANS, SCANS)
def test_each_difference_is_listed_once_under_its_kind(
    known: dict[str, Signature], scan: dict[str, Signature]
) -> None:
    changes = diff(known, scan)
    assert set(changes.added) == set(scan) - set(known)
    assert set(changes.removed) == set(known) - set(scan)
    assert set(changes.modified) == {s for s in known if s in scan and known[s] != scan[s]}
    for sources in (changes.added, changes.removed, changes.modified):
        assert list(sources) == sorted(set(sources))


@given(SCANS)
def test_equal_scans_do_not_differ_in_any_order(scan: dict[str, Signature]) -> None:
    reordered = {source: Signature(*fields) for source, fields in reversed(scan.items())}
    assert not diff(scan, reordered)


def test_part_selects_a_place_and_all_below_it() -> None:
    signature = Signature(mtime_ns=1, size=1)
    known = dict.fromkeys(["a", "a/b", "a/b/c", "a-b", "ab", "c/a", "d.md", "d.md.md"], signature)
    assert set(part(known, ("a", "d.md", "gone"))) == {"a", "a/b", "a/b/c", "d.md"}
    assert part(known, ()) == {}
