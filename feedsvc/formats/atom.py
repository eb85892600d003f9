"""Atom 1.0 (RFC 4287)."""

from feedsvc.formats import _feedgen
from feedsvc.model import Feed


def render(feed: Feed) -> bytes:
    """Return `feed` as an Atom document in UTF-8."""
    written: bytes = _feedgen.generator(feed, "atom", "application/atom+xml").atom_str()
    return written
