"""Cleaned HTML to Markdown, as CommonMark, GitHub and Obsidian read it.

markdownify walks over the tree. What is here instead of its own rules: text is escaped only where
Markdown would read it as markup, everything that a browser shows stays, and no rule takes time in
the square of the number of its siblings.
"""

import re
import unicodedata
from typing import Any

from bs4.element import NavigableString, Tag
from markdownify import ATX, MarkdownConverter

from feedsvc import weburl
from feedsvc.content import text, vocabulary
from feedsvc.model import SafeHTML

_LONGEST = 4_000_000  # characters of HTML that keep their formatting
_LAST_NUMBER = 999_999_999  # of an item (CommonMark 0.31, 5.2)
_BLOCKS = vocabulary.BLOCKS | {"details", "summary"}
_MARKS = {
    **dict.fromkeys(["b", "strong"], "*"),
    **dict.fromkeys(["em", "i"], "*_"),
    **dict.fromkeys(["del", "s", "strike"], "~"),
    "mark": "=",
}
_CODE = frozenset({"code", "kbd", "samp", "tt"})
_BACK = re.compile(r"\s*(?:[↩↑^⤴⏎](?:\ufe0e|\ufe0f)?\s*)+")

# Everywhere: `_` within a word is no emphasis, a single `=` no mark, and `&` no reference without
# a name and a semicolon (CommonMark 0.31, 2.5 and 6.2).
_MARKUP = re.compile(
    r"[\\`*\[\]~]|<(?=[A-Za-z/!?]|[^\s<>]*@)|(?<![^\W_])_|_(?![^\W_])|={2,}|&(?=#?[A-Za-z0-9]{1,40};)"
)
# The same, and what becomes markup together with the text of the next element.
_MARKUP_BEFORE_MORE = re.compile(
    rf"{_MARKUP.pattern}|<(?=[^\s<>]*\Z)|[!=]\Z|&(?=#?[A-Za-z0-9]{{0,40}}\Z)"
)
# Where a line begins: headings, lists, quotations, lines under headings and rows of tables.
_LINE_START = re.compile(r"\s*(?::?-[\s|:-]|[#+=]|-$|[>|:])")
_NUMBER = re.compile(r"\s*[0-9]{1,9}(?=[.)](?:\s|$))")
_AFTER_NUMBER = re.compile(r"[.)](?:\s|$)")
_CLOSING_HASHES = re.compile(r"(?:^|(?<=\s))#+\s*$")
_PARAGRAPHS = re.compile(r"\n[ \t]*\n")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_TICKS = re.compile(r"`+")
_LANGUAGE = re.compile(r"(?:language|lang)-([\w+#.-]+)")
_REFERENCE = re.compile(r"&(?=#?[A-Za-z0-9]{1,40};)")
_IN_TITLE = re.compile(r'[\\"&]')
_FOOTNOTE = re.compile(r"\s*\[\^[^\[\]]+\]\s*")
_NO_NAME = re.compile(r"[^\w-]")
_ENDS_WORDS = "：:，,。.；;、！!？?…"
_BARE_LINK = re.compile(r"://|www\.", re.IGNORECASE)
_LINE = re.compile(r"^(?=.)", re.MULTILINE)


def markdown_of(html: SafeHTML) -> str:
    """Return the Markdown of an article: all of its text, ATX headings, tables, footnotes.

    HTML that is extremely long or deep loses its formatting, but no text.

    >>> markdown_of(SafeHTML('<h2>1. *a*</h2><p><ruby>瑞利<rt>Ruìlì</rt></ruby> <b>b</b></p>'))
    '## 1. \\\\*a\\\\*\\n\\n瑞利（Ruìlì） **b**\\n'
    """
    if len(html) <= _LONGEST:
        try:
            # Without an element around it, text that looks like an address makes bs4 warn.
            return f"{_Converter().convert(f'<div>{html}</div>').strip()}\n"
        except RecursionError:
            pass  # cleaned HTML is 100 elements deep at most; how deep the caller is, is not known
    paragraphs = (_SPACES.sub(" ", line).strip() for line in text.plain(html).splitlines())
    return "\n\n".join(_escaped(line) for line in paragraphs if line) + "\n"


def _escaped(words: str, *, starts_line: bool = True, goes_on: bool = False) -> str:
    """Return text as Markdown that shows it as it is.

    `goes_on` says that more may follow in the same line.

    >>> _escaped("# a*b_c_ & d"), _escaped("1. a"), _escaped("a #1 - b")
    ('\\\\# a\\\\*b_c\\\\_ & d', '1\\\\. a', 'a #1 - b')
    """
    escaped = (_MARKUP_BEFORE_MORE if goes_on else _MARKUP).sub(_with_backslashes, words)
    escaped = _CLOSING_HASHES.sub(_with_backslashes, escaped)
    if starts_line:
        if _LINE_START.match(escaped):
            spaces = len(escaped) - len(escaped.lstrip())
            escaped = f"{escaped[:spaces]}\\{escaped[spaces:]}"
        elif number := _NUMBER.match(escaped):
            escaped = f"{escaped[: number.end()]}\\{escaped[number.end() :]}"
    return escaped


def _with_backslashes(markup: re.Match[str]) -> str:
    return "".join(char if char.isspace() else f"\\{char}" for char in markup[0])


def _target(address: str, title: str | None) -> str:
    """Return the part of a link or image that stands in parentheses."""
    address = _REFERENCE.sub("&amp;", address)
    address = f"<{address}>" if "(" in address or ")" in address else address
    return f'{address} "{_title(title)}"' if title else address


def _title(title: str) -> str:
    return _IN_TITLE.sub(r"\\\g<0>", " ".join(title.split()))


def _is_word(char: str) -> bool:
    """Tell whether emphasis that touches this character depends on what is on its other side."""
    return len(char) == 1 and not char.isspace() and unicodedata.category(char)[0] not in "PS"


class _Converter(MarkdownConverter):
    """Converts one document."""

    def __init__(self) -> None:
        super().__init__(heading_style=ATX, bullets="-", wrap=True, wrap_width=None)
        self.numbers: dict[int, int] = {}  # the last number in each list
        self.headed: set[int] = set()  # tables with a first row
        self.footnotes: dict[str, str] = {}  # their names by the id of their definition
        self.ids: dict[str, Tag] = {}
        self.node: Any = None  # the text that is being converted

    def convert_soup(self, soup: Any) -> str:
        """Find the footnotes, then convert."""
        self.ids = {str(node["id"]): node for node in soup.find_all(id=True)}
        for link in soup.find_all("a", href=True):
            self._note_footnote(link)
        return super().convert_soup(soup)

    # --- text ---

    def process_text(self, el: NavigableString, parent_tags: set[str] | None = None) -> str:
        """Convert a text; what it is next to decides what must be escaped in it."""
        self.node = el
        return str(super().process_text(el, parent_tags))  # type: ignore[misc]  # no stub has it

    def escape(self, text: str, parent_tags: set[str]) -> str:
        before = _before(self.node)
        words = before.strip() if isinstance(before, NavigableString) else ""
        starts_line = "_inline" not in parent_tags and not words
        escaped = _escaped(text, starts_line=starts_line, goes_on=_goes_on(self.node))
        if words.isdigit() and before.parent.name not in _MARKS and _AFTER_NUMBER.match(text):
            return f"\\{escaped}"
        return escaped

    def _block(self, text: str, parent_tags: set[str]) -> str:
        text = text.strip()
        if not text:
            return ""
        return f" {_SPACES.sub(' ', text)} " if "_inline" in parent_tags else f"\n\n{text}\n\n"

    def convert_div(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
        return self._block(text, parent_tags)

    convert_address = convert_article = convert_aside = convert_caption = convert_center = (
        convert_details
    ) = convert_dl = convert_figcaption = convert_figure = convert_footer = convert_header = (
        convert_hgroup
    ) = convert_main = convert_nav = convert_p = convert_section = convert_summary = convert_dt = (
        convert_div
    )

    def convert_br(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
        if "pre" in parent_tags:
            return "\n"
        return " " if "_inline" in parent_tags or "_noformat" in parent_tags else "  \n"

    def convert_hr(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
        return " " if "_inline" in parent_tags else "\n\n---\n\n"

    def convert_blockquote(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
        if "_inline" in parent_tags or not text.strip():
            return self._block(text, parent_tags)
        quoted = "\n".join(f"> {line}".rstrip(" ") if not line else f"> {line}"
                           for line in text.strip().split("\n"))  # fmt: skip
        return f"\n\n{quoted}\n\n"

    # --- emphasis ---

    def _marked(self, el: Tag, text: str, parent_tags: set[str], mark: str, tag: str) -> str:
        """Put marks around text where Markdown can read them, else a tag of HTML.

        A mark between a letter and punctuation is none (CommonMark 0.31, 6.2). In the frequent
        `<b>标题：</b>正文` the punctuation moves out.
        """
        inner = text.strip()
        nested = any(_MARKS.get(name) == _MARKS[el.name] for name in parent_tags)
        if "_noformat" in parent_tags or not inner or nested:
            return text
        if _PARAGRAPHS.search(inner):
            return text
        before, after = _char_before(el), _char_after(el)
        if mark == "*" and not _is_word(before) and not _is_word(after):
            mark = "_"
        start = " " if text[0].isspace() else ""
        end = " " if text[-1].isspace() else ""
        bare = inner.rstrip(_ENDS_WORDS)
        if not end and _is_word(after) and bare and _is_word(bare[-1]):
            inner, end = bare, inner[len(bare) :]
        opens = _is_word(inner[0]) or start or not _is_word(before)
        closes = _is_word(inner[-1]) or end or not _is_word(after)
        if mark == "==" and before.isascii() and before.isalnum():
            opens = False  # there it is a comparison
        if mark == "==" and ("a" in parent_tags or not _has_plain_edges(el)):
            opens = False  # our reader of Markdown finds marks beside text only
        touches = mark[0] in f"{before}{after}{inner[0]}{inner[-1]}"
        if opens and closes and not touches:
            return f"{start}{mark}{inner}{mark}{end}"
        return f"{start}<{tag}>{inner}</{tag}>{end}"

    def convert_b(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return self._marked(el, text, parent_tags, "**", "strong")

    def convert_em(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return self._marked(el, text, parent_tags, "*", "em")

    def convert_del(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return self._marked(el, text, parent_tags, "~~", "del")

    def convert_mark(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return self._marked(el, text, parent_tags, "==", "mark")

    convert_strong = convert_b
    convert_i = convert_em
    convert_s = convert_strike = convert_del

    def convert_sub(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        plain = "_noformat" in parent_tags or not text.strip() or _PARAGRAPHS.search(text)
        # The brackets of a footnote are raised by themselves.
        plain = plain or _FOOTNOTE.fullmatch(text)
        if plain:
            return text
        # A tag that is alone in its line begins a block of HTML (CommonMark 0.31, 4.6).
        start = " " if text[0].isspace() else ""
        end = " " if text[-1].isspace() else ""
        return f"{start}<{el.name}>{text.strip()}</{el.name}>{end}"

    convert_sup = convert_sub

    def convert_q(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
        return f"“{text}”"

    def convert_rt(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
        before = el.previous_sibling
        in_parentheses = isinstance(before, Tag) and before.name == "rp"
        return text if in_parentheses or not text.strip() else f"（{text.strip()}）"

    # --- code ---

    def convert_code(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        inner = _SPACES.sub(" ", text)
        if "_noformat" in parent_tags or not inner.strip():
            return text
        before = _before(el)
        if before is not None and any(parent.name in _CODE for parent in before.parents):
            # Ticks must not touch.
            return f"<code>{_escaped(inner, starts_line=False)}</code>"
        ticks = "`" * (max((len(run) for run in _TICKS.findall(inner)), default=0) + 1)
        start = " " if inner[0] == " " else ""
        end = " " if inner[-1] == " " else ""
        inner = inner.strip(" ")
        pad = " " if inner[0] == "`" or inner[-1] == "`" else ""
        return f"{start}{ticks}{pad}{inner}{pad}{ticks}{end}"

    convert_kbd = convert_samp = convert_tt = convert_code

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if not text.strip():
            return ""
        if "_inline" in parent_tags or "pre" in parent_tags:
            return self.convert_code(el, text, parent_tags - {"pre"})
        # A parser drops the first newline (HTML, 13.2.6.4.7).
        text = text.removeprefix("\n").removesuffix("\n")
        ticks = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
        return f"\n\n{ticks}{_language(el)}\n{text}\n{ticks}\n\n"

    # --- links and media ---

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        href = str(el.get("href") or "")
        if not href or "_noformat" in parent_tags:
            return text
        id = _fragment(href)
        if id in self.footnotes:
            return f"[^{self.footnotes[id]}]"
        if self.footnotes and id in self.ids and _BACK.fullmatch(text):
            return ""  # Markdown makes the way back from a footnote by itself
        if _PARAGRAPHS.search(text.strip()):  # no link in Markdown holds blocks
            return f"\n\n{text.strip()}\n\n<{href}>\n\n"
        return self._inline_link(el, text, href)

    def _inline_link(self, el: Tag, text: str, href: str) -> str:
        inner = text.strip()
        if not inner:
            return text
        title = str(el.get("title") or "")
        start = " " if text[0].isspace() else ""
        end = " " if text[-1].isspace() else ""
        if el.get_text().strip() == href.removeprefix("mailto:") and not title:
            return f"{start}<{href.removeprefix('mailto:')}>{end}"
        return f"{start}[{inner}]({_target(href, title)}){end}"

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
        alt = " ".join(str(el.get("alt") or "").split())
        if "_noformat" in parent_tags:
            return alt
        target = _target(str(el.get("src") or ""), str(el.get("title") or ""))
        return f"![{_escaped(alt, starts_line=False)}]({target})"

    def convert_iframe(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return self._media(el, text, parent_tags)

    convert_video = convert_audio = convert_iframe

    def _media(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        source = el.get("src") or next(
            (inner["src"] for inner in el.find_all("source", limit=50) if inner.get("src")), None
        )
        if not source or "_noformat" in parent_tags:
            return text
        address = str(source)
        parts = weburl.split(address)
        place = f"{parts.netloc}{parts.path}" if parts else address
        label = str(el.get("title") or "") or place
        link = f"[{_escaped(' '.join(label.split()), starts_line=False)}]({_target(address, None)})"
        poster = str(el.get("poster") or "")
        picture = f"![]({_target(poster, None)}) " if poster else ""
        return f" {picture}{link} {text}"

    # --- lists ---

    def convert_ul(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        inner = text.strip("\n")
        if not inner.strip() or "_inline" in parent_tags:
            return self._block(text, parent_tags)
        # A list that begins with another number than 1 cannot interrupt a paragraph.
        tight = "li" in parent_tags and not (el.name == "ol" and el.get("start"))
        return f"\n{inner}\n" if tight else f"\n\n{inner}\n\n"

    convert_ol = convert_ul

    def convert_li(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
        text = text.strip()
        name = self.footnotes.get(str(el.get("id") or ""))
        if name is not None:
            return f"\n\n{_indented(f'[^{name}]: ', text, 4)}\n\n"
        bullet = "- "
        parent = el.parent
        if parent is not None and parent.name == "ol":
            number = self.numbers.get(id(parent))
            number = _number(parent.get("start"), 1) if number is None else number + 1
            number = _number(el.get("value"), number)
            self.numbers[id(parent)] = number
            bullet = f"{min(max(number, 0), _LAST_NUMBER)}. "
        item = f"{_indented(bullet, text, len(bullet))}\n" if text else "\n"
        return item if parent is not None and parent.name in {"ol", "ul"} else f"\n\n{item}\n"

    def convert_dd(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
        if "_inline" in parent_tags or not text.strip():
            return self._block(text, parent_tags)
        return f"\n\n{_indented('- ', text.strip(), 2)}\n\n"

    # --- footnotes ---

    def _note_footnote(self, link: Tag) -> None:
        """Name the item that a raised number leads to, unless it is named."""
        parent = link.parent
        raised = parent is not None and parent.name == "sup"
        if not raised and not (len(link.contents) == 1 and link.find("sup", recursive=False)):
            return
        id = _fragment(str(link["href"]))
        item = self.ids.get(id)
        if item is None or item.name != "li" or id in self.footnotes:
            return
        own = _NO_NAME.sub("", link.get_text())[:40] or str(len(self.footnotes) + 1)
        taken = set(self.footnotes.values()) if own in self.footnotes.values() else ()
        self.footnotes[id] = f"{own}-{len(self.footnotes) + 1}" if taken else own

    # --- tables ---

    def convert_table(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: ARG002
        return self._block(text, parent_tags)

    def convert_tr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if "_inline" in parent_tags:
            return f" {text.strip().removesuffix('|').strip()} "
        table = el.find_parent("table")
        row = f"| {text.strip()}\n"
        if table is None or id(table) in self.headed:
            return row
        self.headed.add(id(table))
        cells = _cells(el)
        own = sum(map(_columns, cells))
        # What is in more cells than the first row has is not shown (GFM, 4.10).
        rows = (row for row in table.find_all("tr") if row.find_parent("table") is table)
        columns = max(1, own, *(sum(map(_columns, _cells(row))) for row in rows))
        rule = f"|{' --- |' * columns}\n"
        if all(cell.name == "th" for cell in cells) or el.find_parent("thead") is not None:
            return f"{row.rstrip()}{'  |' * (columns - own)}\n{rule}"
        return f"|{'  |' * columns}\n{rule}{row}"

    def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        inner = _SPACES.sub(" ", text.strip())
        if "_inline" in parent_tags:  # a table in a cell
            return f" {inner} |"
        return f" {inner.replace('|', chr(92) + '|')} |{'  |' * (_columns(el) - 1)}"

    convert_th = convert_td


def _cells(row: Tag) -> list[Tag]:
    return list(row.find_all(["td", "th"], recursive=False))


def _columns(cell: Tag) -> int:
    return min(max(_number(cell.get("colspan"), 1), 1), 100)


def _number(value: object, default: int) -> int:
    try:
        return int(str(value))
    except ValueError:
        return default


def _fragment(href: str) -> str:
    return href.partition("#")[2]


def _language(el: Tag) -> str:
    for node in (el, el.find("code")):
        classes = node.get("class") if isinstance(node, Tag) else None
        names = classes if isinstance(classes, list) else str(classes or "").split()
        for name in names:
            if language := _LANGUAGE.fullmatch(name):
                return language[1]
    return ""


def _indented(first: str, text: str, width: int) -> str:
    """Put `first` before the first line of text and spaces before the others."""
    return first + _LINE.sub(" " * width, text)[width:]


def _has_plain_edges(el: Tag) -> bool:
    """Tell whether an element begins and ends with text."""
    edges = el.contents[:1] + el.contents[-1:]
    return all(isinstance(edge, NavigableString) and edge.strip() for edge in edges)


def _before(node: Any) -> Any:
    """Return the last text or empty element before a node in its line; None if it begins one."""
    while node.previous_sibling is None:
        node = node.parent
        if node is None or node.name in _BLOCKS:
            return None
    node = node.previous_sibling
    while isinstance(node, Tag) and node.contents and node.name not in _BLOCKS:
        node = node.contents[-1]
    return None if node.name in _BLOCKS or node.name == "br" else node


def _goes_on(text: NavigableString) -> bool:
    """Tell whether more may follow a text in its line."""
    after = text.next_element
    is_end = isinstance(after, Tag) and (after.name in _BLOCKS or after.name == "br")
    return after is not None and not is_end


def _char_before(el: Tag) -> str:
    """Return the character before an element in its line; "" where it begins one."""
    node: Any = el
    while node.previous_sibling is None:
        node = node.parent
        if node is None or node.name in _BLOCKS:
            return ""
        if node.name in _MARKS:
            return _MARKS[node.name]
    return _edge(node.previous_sibling, -1)


def _char_after(el: Tag) -> str:
    """Return the character after an element in its line; "" where it ends one."""
    node: Any = el
    while node.next_sibling is None:
        node = node.parent
        if node is None or node.name in _BLOCKS:
            return ""
        if node.name in _MARKS:
            return _MARKS[node.name]
    return _edge(node.next_sibling, 0)


def _edge(node: object, index: int) -> str:
    """Return the first or last character of a node as Markdown, or all that it may be."""
    assert isinstance(node, NavigableString | Tag)
    if isinstance(node, Tag) and (node.name in _BLOCKS or node.name == "br"):
        return ""
    # What stands for a mark must touch no other, nor become part of a bare link before it.
    if isinstance(node, Tag) and node.name in _MARKS:
        return "*_~="
    words = node.get_text()
    if index == -1 and words and not words[-1].isspace() and _BARE_LINK.search(words):
        return "*_~="
    if isinstance(node, Tag):
        return "x"  # the strictest case
    return words[index] if words else ""
