"""What differs between two scans."""

from hypothesis import given, strategies as st

from feedsvc.changes import diff
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
def test_every_difference_is_told_once_and_of_the_right_kind(
    known: dict[str, Signature], found: dict[str, Signature]
) -> None:
    changes = diff(known, found)
    assert set(changes.added) == set(found) - set(known)
    assert set(changes.removed) == set(known) - set(found)
    assert set(changes.modified) == {s for s in known if s in found and known[s] != found[s]}
    for told in (changes.added, changes.removed, changes.modified):
        assert list(told) == sorted(set(told))
