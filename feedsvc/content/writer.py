"""Writes tidied HTML and mends the spacing at the end of the output as it grows.

Text is escaped as the HTML standard says (13.3), so that parsing and writing it again gives the
same text. Text of several nodes with no tag between them is mended as one run, as a reader sees it.
"""

import re
from collections.abc import Callable
from html import escape

# The kinds of items in the output.
TEXT, QUIET, SPACE, BREAK, BLOCK, START, END, MEDIA, READING, READING_END = range(10)
_WITHIN_TEXT = {READING: "（", READING_END: "）"}  # what tags are in plain text
_BETWEEN_TEXT = {BLOCK: "\n\n", BREAK: "\n", SPACE: " "}

# An open element: its end tag ("" if it is unwrapped) and the kind of that item, the item at which
# it began, and its name ("" if it must stay even when empty).
Frame = tuple[str, int, int, str]
UNWRAPPED: Frame = ("", END, 0, "")
UNWRAPPED_BLOCK: Frame = ("", BLOCK, 0, "")

_MOST_BREAKS = 2  # the first ends a line, the second leaves an empty one
_LOOK_BACK = 8  # inline tags that may stand between the start of a block and its text
# Characters of text that are mended again because an empty element after them was dropped.
_MOST_MENDED_AGAIN = 1_000_000
_WIDE = "\u3000\u00a0"  # an ideographic space and a no-break space, with which paragraphs begin
_WHITE = frozenset(" \t\n\f\r")
_NOT_SPACE = re.compile(r"[^ \t\n\f\r]")
_BEGINS_WIDE = re.compile(rf"[ \t\n\f\r]*[{_WIDE}][ \t\n\f\r{_WIDE}]*")


def text(value: str) -> str:
    """Return text escaped for HTML."""
    return escape(value, quote=False).replace("\u00a0", "&nbsp;")


def tag(name: str, attributes: dict[str, str]) -> str:
    """Return a start tag."""
    parts = [name]
    for key, value in attributes.items():
        escaped = text(value).replace('"', "&quot;")
        parts.append(f'{key}="{escaped}"')
    return f"<{' '.join(parts)}>"


class HTMLWriter:
    """Collects items of HTML; with `tidy`, mends the spacing between them.

    `mend` changes each run of text that is not raw.
    """

    def __init__(self, *, tidy: bool, mend: Callable[[str], str]) -> None:
        self._tidy = tidy
        self._mend = mend
        self._items: list[str] = []
        self._kinds: list[int] = []
        self._run: list[str] = []
        self._run_kind = TEXT
        self._run_raw = False
        self._last_text = (-1, "")  # the last item of mended text, and its text before mending
        self._mended_again_left = _MOST_MENDED_AGAIN
        self.begun = False  # whether text that is not `QUIET` has been written

    def mark(self) -> int:
        """Return the index of the next item."""
        self._end_run()
        return len(self._items)

    def html(self) -> str:
        """Return the written HTML."""
        self._end_run()
        if self._tidy:
            self._drop_breaks()
        return "".join(self._items)

    def add(self, item: str, kind: int) -> None:
        """Write an item as it is."""
        self._end_run()
        self._items.append(item)
        self._kinds.append(kind)

    def block(self, tag: str) -> None:
        """Write a tag that begins or ends a block, without empty lines before it."""
        self._end_run()
        if self._tidy:
            self._drop_breaks()
        self.add(tag, BLOCK)

    def line_break(self) -> None:
        """Write a `<br>`, except at the start of a block and after two others."""
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
        """Write text; `raw` text is not mended. `kind` and `raw` change only at tags."""
        self._run_kind, self._run_raw = kind, raw
        self._run.append(value)

    def space(self) -> None:
        """Write a space, unless the output ends with white space, a break or a block."""
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
                value = f"\n{value}"  # a parser drops the first newline (HTML, 13.2.6.4.7)
        else:
            self._last_text = (len(self._items), value)
            value = self._mend(value)
        if not value:
            return
        white = _NOT_SPACE.search(value) is None
        if not self._run_raw:
            if white:
                self._add_space(value)
                return
            wide = _BEGINS_WIDE.match(value) if self._tidy else None
            if wide and self._at_beginning():
                value = value[wide.end() :]
                if not value:
                    return
        if self._run_kind == TEXT and not white:
            self.begun = True
        self._items.append(text(value))
        self._kinds.append(self._run_kind)

    def _add_space(self, value: str) -> None:
        if self._tidy:
            if self._kinds and self._kinds[-1] == SPACE:
                return
            value = "\n" if "\n" in value else " "
        self._items.append(value)
        self._kinds.append(SPACE)

    def drop_if_empty(self, mark: int, *, inline: bool) -> bool:
        """Remove the element that begins at item `mark` if nothing in it would show."""
        self._end_run()
        kinds = self._kinds
        end = mark + 1
        while end < len(kinds) and (kinds[end] == SPACE or (kinds[end] == BREAK and not inline)):
            end += 1
        if end < len(kinds):
            return False
        spaced = len(kinds) > mark + 1
        last_text = self._last_text
        self.cut(mark)
        if not inline:
            self._end_line()
            return True
        reopened = last_text[0] == mark - 1 and kinds and kinds[-1] in {TEXT, QUIET}
        if reopened and self._mended_again_left >= len(last_text[1]):
            # The text before the element and the text after it become one run.
            self._mended_again_left -= len(last_text[1])
            self._run_kind, self._run_raw = kinds[-1], False
            self.cut(mark - 1)
            self._run = [last_text[1]]
        if spaced:
            self.space()
        return True

    def cut(self, mark: int) -> None:
        """Remove everything from item `mark` on."""
        self._run = []
        del self._items[mark:], self._kinds[mark:]
        if self._last_text[0] >= mark:
            self._last_text = (-1, "")

    def blank(self, mark: int, start: str) -> None:
        """Empty item `mark` and the items after it that begin with `start`."""
        for index in range(mark, len(self._items)):
            if index == mark or self._items[index].startswith(start):
                self._items[index] = ""

    def has_after(self, mark: int, start: str) -> bool:
        """Tell whether an item after `mark` begins with `start`."""
        return any(item.startswith(start) for item in self._items[mark + 1 :])

    def words(self, start: int = 0) -> str:
        """Return the escaped text from item `start` on, as `_text_of` does."""
        run = "".join(self._run)
        end = text(run if self._run_raw else self._mend(run))
        return self._text_of({TEXT, QUIET}, start) + end

    def beginning(self, length: int) -> str:
        """Return the escaped text of the beginning, `length` characters or more if it has them.

        Headings, tables, code and captions count only if there is no other text.
        """
        self._end_run()
        return self._text_of({TEXT}, 0, length) or self._text_of({TEXT, QUIET}, 0, length)

    def _text_of(self, kinds: set[int], start: int, length: int | None = None) -> str:
        """Return the escaped text of these kinds: a line for each line, an empty one after a block.

        Readings of ruby stand in parentheses. "" where there is no text.
        """
        parts: list[str] = []
        size = 0
        for item, kind in zip(self._items[start:], self._kinds[start:], strict=True):
            if kind in kinds:
                parts.append(item.replace("\n", " "))
                size += len(item)
                if length is not None and size > length:
                    break
            elif kind == READING_END and parts and parts[-1] == _WITHIN_TEXT[READING]:
                parts.pop()
            elif kind in _WITHIN_TEXT:
                parts.append(_WITHIN_TEXT[kind])
            elif kind in _BETWEEN_TEXT:
                parts.append(_BETWEEN_TEXT[kind])
        return "".join(parts) if size else ""

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
