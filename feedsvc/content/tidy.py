"""Repair: a parsed body in, HTML out that holds only allowed elements and reads well.

One walk over the tree writes the output, in linear time and memory. Forbidden elements go with
their text, unknown ones are unwrapped, and elements nested too deeply are flattened.
"""

import re
from collections import Counter
from collections.abc import Iterator
from html import escape, unescape
from itertools import islice

from feedsvc import chinese, html5, patterns, xmltext
from feedsvc.content import addresses, allowed, elements, images, styles, vocabulary, writer
from feedsvc.content.anchors import Anchors
from feedsvc.content.policy import Policy
from feedsvc.content.writer import (
    BLOCK,
    END,
    MEDIA,
    QUIET,
    READING,
    READING_END,
    START,
    TEXT,
    UNWRAPPED,
    UNWRAPPED_BLOCK,
    Frame,
    HTMLWriter,
)
from feedsvc.html5 import Comment, Element, Node, Text, children, parse

_DEEPEST = 100  # readers and browsers cope with more, but not with every depth
_MOST_ELEMENTS = 30_000
_TOO_MANY = f"tags after the first {_MOST_ELEMENTS}; their text stays"
_MOST_REASONS = 100  # entries in `removed` before unknown elements are counted as "other"
_LONGEST_NAME = 40
_MOST_IN_REFERENCE = 8  # nodes
_CODE_LANGUAGE = re.compile(r"(?:^|\s)((?:language|lang)-[\w+#.-]{1,40})(?=\s|$)")
_HEXO_RAW = re.compile(r"\{%-?[ \t]*(?:end)?raw[ \t]*-?%\}")
_PLACEHOLDER = re.compile(r"\{(link|title|site)\}")
_MORE = re.compile(r"\s*more\b", re.IGNORECASE)


class Tidier:
    """Writes the tidied HTML of one article and its footer."""

    def __init__(self, policy: Policy, removed: Counter[str]) -> None:
        self.policy = policy
        self.cleaning = policy.cleaning
        self.removed = removed
        self.anchors = Anchors(policy)
        self.open: list[str] = []  # names of the open elements, outermost first
        self.quiet_open: list[bool] = []  # which of them hold text that is left out of summaries
        self.shown: set[str] = set()  # images, by host and path
        self.last_image: Node | None = None
        self.from_noscript: tuple[Node, str] | None = None
        self.verbatim = self.pre = self.quiet = self.math_token = self.math = 0
        self.has_formula = False  # whether a formula has been written
        self.elements = 0
        self.out = HTMLWriter(tidy=policy.cleaning.tidy_text, mend=self._mended)
        self.more: str | None = None  # the escaped text before the author's "more" comment

    def write(self, root: Element) -> None:
        """Write the children of `root`."""
        if self.cleaning.anchors:
            self.anchors.look_for(root)
        stack: list[tuple[Iterator[Node], Frame]] = []
        nodes = children(root)
        while True:
            for node in nodes:
                if isinstance(node, Text):
                    self.text(node.data)
                elif isinstance(node, Element):
                    frame = self._open(node)
                    if frame is not None:
                        stack.append((nodes, frame))
                        nodes = children(node)
                        break
                elif isinstance(node, Comment):
                    self._comment(node.data)
            else:
                if not stack:
                    return
                nodes, frame = stack.pop()
                self._close(frame)

    def html(self) -> str:
        """Return the written HTML, with the lead image before it if the article lacks it."""
        html = self.out.html().strip(" \t\n\f\r")
        if self.cleaning.lead_image == "prepend" and self.policy.lead_image:
            lead = parse('<img alt="">').select("img")[0]
            lead.attrs["src"] = self.policy.lead_image
            image = images.attributes(lead, self.policy)
            if isinstance(image, dict) and elements.host_and_path(image["src"]) not in self.shown:
                return f"<p>{writer.tag('img', image)}</p>{html}"
        return html

    def footer(self) -> None:
        """Write the operator's footer."""
        policy = self.policy
        if not self.cleaning.footer:
            return
        values = {"link": policy.link, "title": policy.title, "site": policy.site}
        html = _PLACEHOLDER.sub(lambda name: escape(values[name[1]]), self.cleaning.footer)
        self.out.begun = True  # no heading of the footer is the article's first one
        self.out.block("<div>")
        self.write(parse(xmltext.legal(html)))
        self.out.block("</div>")

    def text(self, data: str) -> None:
        """Write text; in code and formulas it stays as it is."""
        self.out.text(
            data,
            QUIET if self.quiet or self.pre else TEXT,
            raw=bool(self.pre or self.verbatim or self.math),
        )

    def words(self, data: str) -> str:
        """Return text in the kind of Chinese that the policy asks for."""
        convert = self.cleaning.convert
        return chinese.convert(data, convert) if convert else data

    def _mended(self, data: str) -> str:
        if self.cleaning.hexo and "{%" in data:
            data = _without_raw(data)
        for pattern, replacement in self.cleaning.replace:
            data = patterns.compiled(pattern).sub(replacement, data)
        return self.words(data)

    def _comment(self, data: str) -> None:
        if self.more is None and _MORE.match(data):
            self.more = self.out.words()
        else:
            self.removed["comment: no reader sees it"] += 1

    def _open(self, node: Element) -> Frame | None:
        """Write an element's start tag; return the frame that closes it, None to skip it."""
        tag = node.tag
        if self.elements >= _MOST_ELEMENTS and self.full():
            return None if tag in vocabulary.SILENT else self.unwrap(node, tag)
        if self.math:
            return elements.open_math(self, node, tag)
        tag = vocabulary.ALIASES.get(tag, tag)
        special = elements.SPECIAL.get(tag)
        if special is not None:
            return special(self, node)
        if tag in allowed.TAGS:
            return self.start(node, tag, self.attributes(node, tag))
        reason = vocabulary.GONE.get(tag)
        if reason is not None:
            self.removed[f"{tag}: {reason}"] += 1
            return None
        name = tag[:_LONGEST_NAME] if len(self.removed) < _MOST_REASONS else "other"
        self.removed[f"{name} tag: not for readers; its text stays"] += 1
        return self.unwrap(node, tag)

    def unwrap(self, node: Element, tag: str) -> Frame:
        """Write the content of an element without its tags."""
        if self.elements < _MOST_ELEMENTS and (id := self._id(node, tag)):
            self.elements += 1
            self.out.add(f"{writer.tag('span', {'id': id})}</span>", MEDIA)
        if tag in vocabulary.UNKNOWN_BLOCKS or tag in vocabulary.BLOCKS:
            self.space()
            return UNWRAPPED_BLOCK
        return UNWRAPPED

    def space(self) -> None:
        """Write a space, except in code."""
        if not self.pre:
            self.out.space()

    def start(self, node: Element, tag: str, attributes: dict[str, str]) -> Frame:
        """Write a start tag."""
        if len(self.open) >= _DEEPEST:
            self.removed["tags nested too deeply; their text stays"] += 1
            return self.unwrap(node, tag)
        if self.full():
            return self.unwrap(node, tag)
        if tag == "span" and not attributes and self.cleaning.tidy_text:
            return UNWRAPPED
        written = writer.tag(tag, attributes)
        if tag in allowed.VOID:
            if tag == "hr":
                self.out.block(written)
            else:
                self.out.add(written, MEDIA)
            return UNWRAPPED
        self.open.append(tag)
        if tag in vocabulary.BLOCKS:
            self.out.block(written)
            kind = BLOCK
            if tag == "pre":
                self.pre += 1
        else:
            # Ruby without `<rp>` would be glued to its reading in plain text.
            reading = tag == "rt" and not html5.has_parentheses(node)
            self.out.add(written, READING if reading else START)
            kind = READING_END if reading else END
            if tag in vocabulary.VERBATIM:
                self.verbatim += 1
        quiet = tag in vocabulary.QUIET or (tag == "sup" and _is_reference(node))
        self.quiet += quiet
        self.quiet_open.append(quiet)
        return f"</{tag}>", kind, self.out.mark() - 1, "" if "id" in attributes else tag

    def _close(self, frame: Frame) -> None:
        end, kind, mark, tag = frame
        if not end:
            if kind == BLOCK:
                self.space()
            return
        name = self.open.pop()
        self.quiet -= self.quiet_open.pop()
        if name in vocabulary.VERBATIM:
            self.verbatim -= 1
        elif name == "pre":
            self.pre -= 1
        elif name in allowed.MATH_TAGS:
            self.math -= 1
            self.math_token -= name in allowed.MATH_TOKENS
        if name in vocabulary.HEADINGS and self._repeats_title(mark):
            self.out.cut(mark)
            self.removed[f"{name}: it repeats the title"] += 1
        elif name == "picture" and not self.out.has_after(mark, "<img"):
            self.out.blank(mark, "<source")
        elif (
            tag in vocabulary.EMPTY_GOES
            and self.cleaning.tidy_text
            and self.out.drop_if_empty(mark, inline=tag not in vocabulary.BLOCKS)
        ):
            self.removed["element with nothing in it"] += 1
        elif kind == BLOCK:
            self.out.block(end)
        else:
            self.out.add(end, kind)

    def _repeats_title(self, mark: int) -> bool:
        if self.cleaning.first_heading != "drop" or self.out.begun:
            return False
        heading = _bare(unescape(self.out.words(mark)))
        if heading == _bare(self.words(self.policy.title)):
            return True
        self.out.begun = heading != ""
        return False

    def attributes(self, node: Element, tag: str) -> dict[str, str]:
        """Return the allowed attributes of an element that has no code of its own."""
        attributes: dict[str, str] = {}
        if not node.attrs:
            return attributes
        for name in allowed.ATTRIBUTES.get(tag, ()):
            value = node.attr(name)
            if value is None:
                continue
            if name == "cite":
                value = addresses.resolve(value, self.policy.link_base) or ""
            elif name == "class":
                language = _CODE_LANGUAGE.search(value)
                value = language[1] if language else ""
            elif name in vocabulary.LOWER:
                value = value.lower()
            if allowed.allows(tag, name, value := value.strip()):
                attributes[name] = value
        self.add_everywhere(node, tag, attributes)
        return attributes

    def add_everywhere(self, node: Element, tag: str, attributes: dict[str, str]) -> None:
        """Add the attributes that every element may have."""
        for name in allowed.EVERYWHERE:
            value = node.attr(name)
            if name == "id":
                value = self._id(node, tag)
            elif name == "style" and value:
                value = styles.reduced(value) if self.cleaning.styles else None
            elif name == "dir" and value:
                value = value.lower()
            elif name == "title" and value:
                value = self.words(value)
            if value and (value := value.strip()) and allowed.allows(tag, name, value):
                attributes[name] = value

    def _id(self, node: Element, tag: str) -> str | None:
        return self.anchors.id(node, tag) if self.cleaning.anchors else None

    def full(self) -> bool:
        """Count an element, and tell whether there are too many."""
        self.elements += 1
        if self.elements <= _MOST_ELEMENTS:
            return False
        self.removed[_TOO_MANY] += 1
        return True


def _is_reference(sup: Element) -> bool:
    """Tell whether raised text is only the number of a footnote."""
    nodes = list(islice(children(sup), _MOST_IN_REFERENCE))
    links = [node for node in nodes if isinstance(node, Element)]
    return (
        0 < len(links) <= len(nodes) < _MOST_IN_REFERENCE
        and all(link.tag == "a" and (link.attr("href") or "")[:1] == "#" for link in links)
        and all(node.data.isspace() for node in nodes if isinstance(node, Text))
    )


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()


def _without_raw(text: str) -> str:
    """Remove the marks around text that Hexo's templates do not touch."""
    text = _HEXO_RAW.sub("", text)
    # Marks written into each other may leave a mark.
    return text.replace("{%", "{ %") if _HEXO_RAW.search(text) else text
