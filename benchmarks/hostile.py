"""Files that have stopped, slowed or misled a service of this kind, to lie beside good articles.

If a file can have a date, it is older than any good article, so that good articles come first in
each feed. If it can have a term, it is one that no good article has.
"""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

SECRET = "a line from outside of the articles directory"
TRUNCATED = "truncated.md"
_OLD = "date: 2001-01-01T00:00:00Z\ntags: [hostile]"


def _article(*fields: str, body: str = "A body.") -> bytes:
    return "\n".join(["---", _OLD, *fields, "---", body]).encode()


_LATER = _article("title: Truncated later")
_REPORTED: Mapping[str, bytes] = {
    # Addresses that urlsplit refuses, or that it normalises into others.
    "address-without-bracket.md": _article("title: A", "headimg: 'http://[::1'"),
    "address-with-bracket.md": _article("title: B", "headimg: '//[x/a.png'"),
    "address-of-one-sign.md": _article("title: C", "headimg: 'http://e\u2100.example/a.png'"),
    "address-with-wide-hash.md": _article("title: D", "headimg: '//e\uff03.example/a.png'"),
    # Articles without content.
    "empty.md": b"",
    "nothing-but-front-matter.md": f"---\n{_OLD}\n---\n".encode(),
    # Articles of which some part is left out or replaced.
    "120-terms.md": _article("title: E", f"categories: [{', '.join(map(str, range(120)))}]"),
    "damaged.md": _article("title: F", body="d\u00e9j\u00e0 vu ") + b"\xc3( \xff",
    "line\nend.md": _article("title: G", "headimg: 'http://[::1'"),
}
_OTHERS: Mapping[str, bytes] = {
    "spaces-before-a-key.md": b'{"title": "H", "date": "2001-01-01",\n' + b" " * 60_000 + b'"": 1}',
    "spaces-before-a-toml-key.md": b'+++\ntitle = "I"\ndate = 2001-01-01\n'
    + b" " * 60_000
    + b'"" = 1\n+++\nA body.',
    "formatting-opened-again.html": _article(
        "title: J", body="".join(f"<b a{n}={n}><p>x" for n in range(15_000))
    ),
    "links-in-markdown.md": _article("title: K", body="[a]: /x\n\n" + "[a] " * 15_000),
    "UPPER.MD": _article("title: L"),
    "PAGE.HTM": _article("title: M"),
    "latin-1.md": _article("title: N", body="Une ") + "d\u00e9j\u00e0 vu.".encode("latin-1"),
    "nested.html": _article("title: O", body="<div>" * 20_000),
    # Files that editors and office programs leave beside a document.
    **dict.fromkeys(
        ("~$office.md", ".#lock.md", "#autosave.md#", "copy.md~", ".swap.md.swp"),
        _article("title: An editor's", "tags: [editors]"),
    ),
}  # fmt: skip
_TIMES = {  # seconds since 1970; a file system may clamp them
    "year-2300.md": 10_413_792_000,
    "year-1600.md": -11_676_096_000,
    "year-10000.md": 253_402_300_800,
    "last-time-of-all.md": 2**62,
    "first-time-of-all.md": -(2**62),
}
_EARLIEST, _LATEST = -9_214_560_000, 9_214_646_400  # 1678 and 2262: nanoseconds in 64 bits


def write(folder: Path, *, outside: Path) -> set[str]:
    """Write all of them into `folder`; return the names of those that must be reported.

    One is a link to `outside`, a file made outside of the articles directory. `TRUNCATED` must be
    reported after a call of `truncate`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in {**_REPORTED, **_OTHERS, TRUNCATED: _LATER}.items():
        (folder / name).write_bytes(data)
    reported = set(_REPORTED)
    for name, seconds in _TIMES.items():
        file = folder / name
        file.write_bytes(_article(f"title: {name}"))
        with contextlib.suppress(OSError, OverflowError):
            os.utime(file, (seconds, seconds))
        if not _EARLIEST <= file.stat().st_mtime <= _LATEST:
            reported.add(name)
    os.mkfifo(folder / "fifo.md")
    outside.write_text(SECRET)
    (folder / "link.md").symlink_to(outside)
    return reported


def truncate(folder: Path) -> None:
    """Empty a file that was whole, as a full disk does."""
    (folder / TRUNCATED).write_bytes(b"")
