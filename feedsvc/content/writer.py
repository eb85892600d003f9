"""Tidied HTML as it is written: what stands at the end is known, so that spacing can be mended.

The text is as the HTML standard serialises it (13.3), so that parsing and writing it again gives
the same text. Text that nothing parts is one run, however many nodes it came in: what looks at
text sees what a reader sees, and what the next parser will see.
"""

import re
from collections.abc import Callable

# What an item of the output is.
TEXT, QUIET, SPACE, BREAK, BLOCK, START, END, MEDIA = range(8)

# What an element in the making needs at its end: its end tag (empty where it is unwrapped), what
# kind of item that is, where it began, its name (empty where it was unwrapped).
Frame = tuple[str, int, int, str]
UNWRAPPED: Frame = ("", END, 0, "")
UNWRAPPED_BLOCK: Frame = ("", BLOCK, 0, "")

_MOST_BREAKS = 2  # one ends a line, a second one leaves it empty
_LOOK_BACK = 8  # inline tags that may stand between a block's beginning and its text
# Characters that are joined because an empty element between them was dropped.
_MOST_MENDED_AGAIN = 1_000_000
_WIDE = "\u3000\u00a0"  # an ideographic space and a no-break space, with which paragraphs begin
_WHITE = frozenset(" \t\n\f\r")
_NOT_SPACE = re.compile(r"[^ \t\n\f\r]")
_BEGINS_WIDE = re.compile(rf"[ \t\n\f\r]*[{_WIDE}][ \t\n\f\r{_WIDE}]*")


def text(value: str) -> str:
    """Return text as it stands in HTML."""
    if "&" in value:
        value = value.replace("&", "&amp;")
    if "<" in value or ">" in value:
        value = value.replace("<", "&lt;").replace(">", "&gt;")
    return value.replace("\u00a0", "&nbsp;")


def attribute(name: str, value: str) -> str:
    """Return an attribute as it stands in a tag."""
    if "&" in value:
        value = value.replace("&", "&amp;")
    value = value.replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
    return f' {name}="{value.replace(chr(0xA0), "&nbsp;")}"'


def tag(name: str, attributes: dict[str, str]) -> str:
    """Return a start tag."""
    if not attributes:
        return f"<{name}>"
    return f"<{name}{''.join(attribute(*one) for one in attributes.items())}>"


class Writer:
    """Collects items of HTML; with `tidy`, mends the spacing between them.

    `mend` is given each run of text that may be mended.
    """

    def __init__(self, *, tidy: bool, mend: Callable[[str], str]) -> None:
        self._tidy = tidy
        self._mend = mend
        self._items: list[str] = []
        self._kinds: list[int] = []
        self._run: list[str] = []
        self._run_kind = TEXT
        self._run_raw = False
        self._ended = (-1, "")  # the last item that is mended text, and what it was
        self._spared = _MOST_MENDED_AGAIN
        self.begun = False  # whether there is text that is not `QUIET`

    def mark(self) -> int:
        """Return where the next item will stand."""
        self._end_run()
        return len(self._items)

    def html(self) -> str:
        """Return what has been written."""
        self._end_run()
        if self._tidy:
            self._drop_breaks()
        return "".join(self._items)

    def add(self, item: str, kind: int) -> None:
        """Write an item as it is."""
        if self._run:
            self._end_run()
        self._items.append(item)
        self._kinds.append(kind)

    def block(self, tag: str) -> None:
        """Write a tag that begins or ends a block; an empty line before it would not show."""
        if self._run:
            self._end_run()
        if self._tidy:
            self._drop_breaks()
        self._items.append(tag)
        self._kinds.append(BLOCK)

    def line_break(self) -> None:
        """Write a `<br>`, unless it would only add to the empty space."""
        if self._run:
            self._end_run()
        if self._tidy:
            breaks = 0
            for kind in reversed(self._kinds):
                if kind == BREAK:
                    breaks += 1
                elif kind != SPACE:
                    break
            else:
                kind = BLOCK
            if breaks >= _MOST_BREAKS or (kind == BLOCK and not breaks):
                return
        self.add("<br>", BREAK)

    def text(self, value: str, kind: int, *, raw: bool = False) -> None:
        """Write text, `raw` where not a byte of it may change.

        Between two tags, `kind` and `raw` stay the same.
        """
        self._run_kind, self._run_raw = kind, raw
        self._run.append(value)

    def space(self) -> None:
        """Part what stands on both sides, unless it stands apart already."""
        if self._run:
            if self._run[-1][-1:] not in _WHITE:
                self._run.append(" ")
        elif self._kinds and self._kinds[-1] not in {SPACE, BREAK, BLOCK}:
            self._add_space(" ")

    def _end_run(self) -> None:
        if not self._run:
            return
        value = self._run[0] if len(self._run) == 1 else "".join(self._run)
        self._run = []
        if self._run_raw:
            if value.startswith("\n") and self._items and self._items[-1].startswith("<pre"):
                value = f"\n{value}"  # a parser drops the first one (HTML, 13.2.6.4.7)
        else:
            self._ended = (len(self._items), value)
            value = self._mend(value)
        if not value:
            return
        if not self._run_raw or self._run_kind == TEXT:
            white = _NOT_SPACE.search(value) is None
            if white and not self._run_raw:
                self._add_space(value)
                return
            if self._tidy and not self._run_raw:
                wide = _BEGINS_WIDE.match(value)
                if wide and self._at_beginning():
                    value = value[wide.end() :]
                    if not value:
                        return
            if self._run_kind == TEXT and not white:
                self.begun = True
        self._items.append(text(value))
        self._kinds.append(self._run_kind)

    def _add_space(self, value: str) -> None:
        if not self._tidy:
            self._items.append(value)
            self._kinds.append(SPACE)
        elif not self._kinds or self._kinds[-1] != SPACE:
            self._items.append("\n" if "\n" in value else " ")
            self._kinds.append(SPACE)

    def drop_if_empty(self, mark: int, *, inline: bool) -> bool:
        """Take back an element begun at item `mark` if nothing of it would show."""
        self._end_run()
        kinds = self._kinds
        end = mark + 1
        while end < len(kinds) and (kinds[end] == SPACE or (kinds[end] == BREAK and not inline)):
            end += 1
        if end < len(kinds):
            return False
        spaced = len(kinds) > mark + 1
        ended = self._ended
        self.cut(mark)
        if not inline:
            self._end_line()
            return True
        reopened = ended[0] == mark - 1 and kinds and kinds[-1] in {TEXT, QUIET}
        if reopened and self._spared >= len(ended[1]):
            # What comes now follows the text that stood before the element.
            self._spared -= len(ended[1])
            self._run_kind, self._run_raw = kinds[-1], False
            self.cut(mark - 1)
            self._run = [ended[1]]
        if spaced:
            self.space()
        return True

    def cut(self, mark: int) -> None:
        """Take back everything from item `mark` on."""
        self._run = []
        del self._items[mark:], self._kinds[mark:]
        if self._ended[0] >= mark:
            self._ended = (-1, "")

    def blank(self, mark: int, start: str) -> None:
        """Take back item `mark`, and those after it that begin with `start`."""
        for index in range(mark, len(self._items)):
            if index == mark or self._items[index].startswith(start):
                self._items[index] = ""

    def has_after(self, mark: int, start: str) -> bool:
        """Tell whether an item after `mark` begins so."""
        return any(
            self._items[index].startswith(start) for index in range(mark + 1, len(self._items))
        )

    def words(self, start: int = 0) -> str:
        """Return the words from item `start` on, escaped, apart where they show so."""
        parts = []
        for item, kind in zip(self._items[start:], self._kinds[start:], strict=True):
            if kind in {TEXT, QUIET}:
                parts.append(item)
            elif kind in {BLOCK, BREAK, SPACE}:
                parts.append(" ")
        run = "".join(self._run)
        return "".join([*parts, text(run if self._run_raw else self._mend(run))])

    def beginning(self, length: int) -> str:
        """Return the first words, escaped: `length` characters or more if there are so many.

        Headings, tables, code and captions count only where there is nothing else.
        """
        self._end_run()
        for kinds in ({TEXT}, {TEXT, QUIET}):
            parts: list[str] = []
            found = 0
            for item, kind in zip(self._items, self._kinds, strict=True):
                if kind in kinds:
                    parts.append(item)
                    found += len(item)
                    if found > length:
                        break
                elif kind in {BLOCK, BREAK, SPACE}:
                    parts.append(" ")
            if found:
                return "".join(parts)
        return ""

    def _end_line(self) -> None:
        for kind in reversed(self._kinds):
            if kind != SPACE:
                if kind not in {BLOCK, BREAK}:
                    self.add("<br>", BREAK)
                return

    def _drop_breaks(self) -> None:
        kinds = self._kinds
        end = len(kinds)
        while end and kinds[end - 1] in {SPACE, BREAK}:
            end -= 1
        if BREAK in kinds[end:]:
            self.cut(end)

    def _at_beginning(self) -> bool:
        for kind in self._kinds[: -_LOOK_BACK - 1 : -1]:
            if kind in {BLOCK, BREAK}:
                return True
            if kind not in {SPACE, START}:
                return False
        return len(self._kinds) < _LOOK_BACK
