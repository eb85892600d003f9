"""The ledger as plain text: a line of JSON for each identity; the last line of an id counts.

It is kept beside the database, so that no id is lost with the database. Lines are written before
each commit: where the commit fails, the next pass decides the same again.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from feedsvc.errors import LedgerError
from feedsvc.index import rows
from feedsvc.model import Identity

_TEXTS = ("id", "key", "source", "file_digest", "seen_digest")


def line(identity: Identity) -> str:
    """Return an identity as one line of JSON, without the line's end."""
    withdrawn = rows.of_withdrawal(identity.withdrawn)
    return json.dumps(
        {
            "id": identity.id,
            "source": identity.source,
            "first_seen": identity.first_seen.isoformat(),
            "updated": identity.updated.isoformat(),
            "link": identity.link,
            "key": identity.key,
            "file_digest": identity.file_digest,
            "seen_digest": identity.seen_digest,
            **({"withdrawn": json.loads(withdrawn)} if withdrawn else {}),
        },
        ensure_ascii=False,
    )


def parse(text: str) -> Identity:
    """Return the identity that a line holds. Raises ValueError for any other text."""
    fields = json.loads(text)
    if not isinstance(fields, dict) or not all(isinstance(fields.get(k), str) for k in _TEXTS):
        raise ValueError("not a line of a ledger")
    first_seen, updated = (
        datetime.fromisoformat(str(fields.get(k))) for k in ("first_seen", "updated")
    )
    if first_seen.tzinfo is None or updated.tzinfo is None:
        raise ValueError("a date without a zone")
    link, withdrawn = fields.get("link"), fields.get("withdrawn")
    return Identity(
        **{name: fields[name] for name in _TEXTS},
        first_seen=first_seen,
        updated=updated,
        link=link if isinstance(link, str) else None,
        withdrawn=rows.withdrawal(json.dumps(withdrawn) if withdrawn else None),
        present=False,
    )


def parse_all(texts: Iterable[str]) -> list[Identity]:
    """Return the identities that lines hold. Raises LedgerError, which names the line."""
    identities = []
    for number, text in enumerate(texts, start=1):
        if text.strip():
            try:
                identities.append(parse(text))
            except ValueError as error:
                raise LedgerError(f"line {number} is not one of a ledger: {error}") from error
    return identities


class Journal:
    """The file that holds a ledger's lines."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def lines(self) -> int:
        """Return how many lines the file has."""
        try:
            with self.file.open("rb") as stream:
                return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))
        except FileNotFoundError:
            return 0

    def read(self) -> dict[str, Identity]:
        """Return the identities by id, without lines that a crash has cut off."""
        identities: dict[str, Identity] = {}
        with (
            suppress(FileNotFoundError),
            self.file.open(encoding="utf-8", errors="replace") as file,
        ):
            for text in file:
                with suppress(ValueError):
                    identity = parse(text)
                    identities[identity.id] = identity
        return identities

    def append(self, identities: Iterable[Identity]) -> None:
        """Add lines, and return when they are on the disk; raises OSError."""
        text = "".join(line(identity) + "\n" for identity in identities)
        if not text:
            return
        with self.file.open("ab+") as stream:
            size = stream.seek(0, os.SEEK_END)
            if size:
                stream.seek(size - 1)
                # Do not add to a line that a crash has cut off.
                text = text if stream.read(1) == b"\n" else "\n" + text
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())

    def rewrite(self, identities: Iterable[Identity]) -> None:
        """Replace all lines by these identities; where there are none, leave the file as it is."""
        new = self.file.with_name(self.file.name + ".new")
        new.unlink(missing_ok=True)
        Journal(new).append(identities)
        if new.exists():
            new.replace(self.file)
