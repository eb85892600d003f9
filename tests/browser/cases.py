"""The hostile payloads, as data in `tests/cases/xss/FAMILY.txt`.

A file is a family. Its lines before the first block say what the family is about; a block is

    @@ name-of-the-payload
    the payload, of one line
    or of several

`products` puts together handlers and addresses in every spelling. `fires.txt`, beside the
families, lists the payloads that a current Chromium runs uncleaned; the others are for holes that
browsers have closed or that other browsers had.

A payload that runs calls `xss()` or asks for `@CANARY@.EXT`, an address of the harness, which
answers a `js`, `css`, `html`, `svg`, `xml`, `vtt` or `txt` with a document of that kind that calls
`xss()` if it can. The family's name says the markup: `markdown-…`, `text-…`, all others HTML.

Two notations stand for text that an editor would spoil: `{{U+0000}}` is that character, and
`{{600 x <div>}}` is `<div>` 600 times. Empty lines at the ends of a payload do not count.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pyromark

from feedsvc.model import Markup
from tests.browser import products

FOLDER = Path(__file__).parents[1] / "cases" / "xss"
FIRES = FOLDER / "fires.txt"
CANARY = "@CANARY@"
Way = Literal["document", "innerhtml"]
WAYS: tuple[Way, ...] = get_args(Way)
_BLOCK = re.compile(r"^@@ ", re.MULTILINE)
_CHARACTER = re.compile(r"\{\{U\+([0-9A-F]{4,6})\}\}")
_REPEATED = re.compile(r"\{\{(\d+) x (.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A body made to run script in a reader."""

    name: str
    family: str
    body: str

    @property
    def markup(self) -> Markup:
        prefix = self.family.partition("-")[0]
        return prefix if prefix in {"markdown", "text"} else "html"  # type: ignore[return-value]

    def aimed(self, canary: str) -> "Payload":
        """Return the payload with the address that it asks for filled in."""
        return Payload(
            name=self.name,
            family=self.family,
            body=self.body.replace(CANARY, canary),
        )

    def uncleaned(self) -> str:
        """Return the HTML that a publisher without any cleaning would make of it."""
        if self.markup != "markdown":
            return self.body
        return pyromark.html(self.body)


def read(text: str, family: str) -> list[Payload]:
    """Return the payloads of one file.

    >>> [payload] = read("@@ bold\\n<b>{{U+0041}}{{2 x a}}\\n", "tags")
    >>> payload.name, payload.body, payload.markup
    ('bold', '<b>Aaa', 'html')
    """
    payloads = []
    for block in _BLOCK.split(text)[1:]:
        name, _, body = block.partition("\n")
        body = _REPEATED.sub(lambda match: int(match[1]) * match[2], body.strip("\n"))
        body = _CHARACTER.sub(lambda match: chr(int(match[1], 16)), body)
        if not body or not re.fullmatch(r"[a-z0-9-]+", name):
            raise ValueError(f"{family}: not a payload: @@ {name}")
        payloads.append(Payload(name=name, family=family, body=body))
    return payloads


def families() -> dict[str, list[Payload]]:
    """Return every payload, by family."""
    by_family = {
        file.stem: read(file.read_text("utf-8"), file.stem)
        for file in sorted(FOLDER.iterdir())
        if file != FIRES
    }
    for family, name, body in products.payloads():
        by_family.setdefault(family, []).append(Payload(name=name, family=family, body=body))
    return by_family


def firing() -> frozenset[str]:
    """Return the names of the payloads that run uncleaned."""
    return frozenset(FIRES.read_text("utf-8").split())
