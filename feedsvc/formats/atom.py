"""Atom 1.0 (RFC 4287)."""

from collections.abc import Sequence

from feedsvc.formats import _feedgen
from feedsvc.model import Entry, Feed


def fragment(entry: Entry) -> bytes:
    """Return `entry` as an `entry` element in UTF-8, whose prefixes the document declares."""
    written = _feedgen.within(_feedgen.feed_entry(entry).atom_entry())
    return _feedgen.with_html(written, b'<content type="html"/>', entry.content)


def assemble(feed: Feed, fragments: Sequence[bytes]) -> bytes:
    """Return the Atom document of `feed` around the fragments of its entries."""
    around = _feedgen.generator(feed, "atom", "application/atom+xml").atom_str()
    return _feedgen.joined(around, fragments, b"</feed>")
