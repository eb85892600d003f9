"""HTML and Markdown that cost some parsers or cleaners far more than their size, at any size.

Each maker returns text of about as many characters as it is asked for. At some time html5lib,
bleach, lexbor or our own code needed quadratic time, or more, for each of them.
"""

from collections.abc import Callable

from feedsvc.model import Markup


def _over(piece: str) -> Callable[[int], str]:
    """Repeat a piece up to the size."""
    return lambda size: (piece * (size // len(piece) + 1))[:size]


def _counted(piece: str) -> Callable[[int], str]:
    """Repeat a piece; replace its `@` by another number each time."""

    def make(size: int) -> str:
        made, number = 0, 0
        pieces = []
        while made < size:
            pieces.append(piece.replace("@", str(number)))
            made += len(pieces[-1])
            number += 1
        return "".join(pieces)

    return make


def _two(first: str, second: str) -> Callable[[int], str]:
    """Fill the first half with one piece, the second with another."""
    return lambda size: _over(first)(size // 2) + _over(second)(size // 2)


def _within(start: str, piece: str, end: str = "") -> Callable[[int], str]:
    return lambda size: start + _over(piece)(size) + end


def _within_counted(start: str, piece: str, end: str = "") -> Callable[[int], str]:
    return lambda size: start + _counted(piece)(size) + end


HTML: dict[str, Callable[[int], str]] = {
    # Text, and the work of the tokenizer.
    "ampersands and letters": _over("a&b "),
    "ampersands": _over("&"),
    "references": _over("&amp;"),
    "references without end": _over("&" + "a" * 50),
    "references cut short": _over("&notit;"),
    "numbers out of range": _over("&#x110000;"),
    "forbidden characters": _over("&#1;"),
    "less-than signs": _over("<"),
    "greater-than signs": _over(">"),
    "quotation marks": _over('"'),
    "spaces": _over(" "),
    "newlines": _over("\n"),
    "wide spaces": _over("\u3000"),
    "no-break spaces": _over("&nbsp;"),
    "combining marks": _over("\u0301\u0323"),
    "sentences": _over("a. "),
    "full stops": _over("."),
    "addresses in text": _over("http://a.b/?"),
    "marks of Hexo": _over("{% raw %}"),
    "marks of Hexo cut short": _over("{% ra"),
    "marks of Hexo in each other": _two("{% ", "raw %}"),
    "comments": _over("<!-- more -->"),
    "comments without end": _over("<!--"),
    "comments after words": _over("x<!--more-->"),
    "sections of CDATA": _over("<![CDATA["),
    "a tag without end": _over('<a b="'),
    "plain text": _within("<plaintext>", "<"),
    "text areas": _over("<textarea>"),
    "titles": _over("<title>"),
    "templates": _over("<template>"),
    "scripts": _over("<script></script>"),
    # Nesting.
    "divisions": _over("<div>"),
    "lists": _over("<ul><li>"),
    "numbered lists of paragraphs": _over("<ol><li><p>"),
    "quotations": _over("<blockquote>x"),
    "definitions": _over("<dl><dd>"),
    "definitions in a row": _over("<dt><dd><div>"),
    "ruby": _over("<ruby><rt>"),
    "headings": _over("<h1><h2>"),
    "headings of one level": _over("<h1>"),
    "forms": _over("<form><button>"),
    "forms that cross": _over("<form><div></form>"),
    "selections": _over("<select><option>"),
    "objects": _over("<object>"),
    "objects with paragraphs": _over("<object><p>x"),
    "marquees": _over("<marquee><b>"),
    "details": _over("<details><summary>x"),
    "unknown elements": _over("<x-y>z"),
    "elements of ever other names": _counted("<x@>y"),
    "items": _over("<li>"),
    "divisions and paragraphs": _two("<div>", "<p>x</p>"),
    "divisions and items": _two("<div>", "<li>"),
    "divisions and wrong ends": _two("<div>", "</p>"),
    "divisions and unknown ends": _two("<div>", "</x>"),
    "spans and paragraphs": _two("<span>", "<p>x</p>"),
    "spans and wrong ends": _two("<span>", "</b>"),
    "empty nested formatting": _two("<b>", "</b>"),
    # Formatting that is opened again.
    "links that cross paragraphs": _over("<a><p></a>"),
    "bold that crosses paragraphs": _over("<b><p></b>"),
    "bold opened again": _two("<b>", "</p>"),
    "five ways of formatting": _over("<b><i><u><s><em>"),
    "nobr": _over("<nobr>"),
    "fonts": _counted("<font size=@>"),
    "different bold, then paragraphs": lambda size: (
        _counted("<b a=@>")(size // 2) + _over("<p>x")(size // 2)
    ),
    "different bold, then ends": lambda size: (
        _counted("<b a=@>")(size // 2) + "<div>" + _over("</b>")(size // 2)
    ),
    "different bold and divisions": lambda size: (
        _counted("<b a=@><div>")(size // 2) + _over("</b>")(size // 2)
    ),
    "bold opened again in each paragraph": _counted("<b a@=1><p>"),
    "bold opened again around text": _counted("<p>x<b a@=1>y</p>"),
    "bold that seems to end": _counted("<b a@=1><object></b></object><p>"),
    "ends of bold in comments": _counted("<b a@=1><!--</b>--><p>x"),
    "fonts opened again": _counted("<font color=@><p>x"),
    "italics opened again": _counted("<p><i class=@>x"),
    "nobr opened again": _counted("<nobr a@=1><p>x"),
    "links opened again": _counted("<a href=@><p>x<td>"),
    "all formatting opened again": _counted(
        "<b a@=1><i a@=1><font a@=1><a href=@><nobr a@=1><tt a@=1><p>x"
    ),
    "formatting opened again by items": _counted("<ul><li><b a@=1>x"),
    "formatting opened again by cells": _within_counted("<table><tr>", "<td><p><b a@=1>x<p>"),
    "formatting opened again before a table": _within_counted("<table>", "<b a@=1>x<tr>"),
    "formatting opened again by rows": _within_counted("<table>", "<tr><i a@=1>x<td>y"),
    "few formats opened in many paragraphs": lambda size: (
        "<p>" + _counted("<b a@=1>")(900) + _over("<p>x")(size)
    ),
    "divisions, then links": _two("<div>", "<a href=x>x</a>"),
    # Tables.
    "cells": _within("<table><tr>", "<td>"),
    "tables": _over("<table><tr><td>"),
    "tables without rows": _over("<table><td>"),
    "text in a table": _over("<table>x"),
    "text in rows": _over("<table>a<tr>b<td>"),
    "formatting in a table": _within("<table>", "<b>x"),
    "formatting deep before a table": lambda size: (
        _over("<div>")(size // 2) + "<table>" + _over("<i>x</i>")(size // 2)
    ),
    "captions": _over("<table><caption>"),
    "columns": _over("<table><colgroup><col>"),
    "divisions in tables": _over("<table><div>"),
    "tables in selections": _over("<select><table>"),
    # Foreign elements.
    "drawings": _over("<svg><p>"),
    "drawings with HTML": _over("<svg><foreignObject>"),
    "titles of drawings": _over("<svg><title>x</title></svg>"),
    "formulas": _over("<math><mrow>"),
    "tokens of formulas": _over("<math><mi>x"),
    # Attributes.
    "attributes": _within_counted("<p ", "a@ ", ">x"),
    "attributes of data": _within_counted("<img src=/a ", "data-a@=/b ", ">x"),
    "attributes of <html>": _counted("<html a@=1>"),
    "attributes of <body>": _counted("<body a@=1>"),
    "a long address": _within('<img src="', "x", '">'),
    "a long address of a link": _within('<a href="https://h.example/', "é", '">x</a>'),
    "a long inline image": _within('<img src="data:image/png;base64,', "A", '">'),
    "a long query": _within('<a href="http://h.example/?', "a&", '">x</a>'),
    "a long style": _within('<p style="', "text-align:center;", '">x'),
    "a style of spaces": _within('<img src=/a style="display', " ", '">x'),
    "a style of empty declarations": _within('<img src=/a style="', "; ", '">x'),
    "a width of spaces": _within('<img src=/a width="1', " ", 'x">x'),
    "a frame's width of spaces": _within(
        '<iframe src=//www.youtube.com/embed/x width="1', " ", 'x"></iframe>'
    ),
    "a lazy address of full stops": _within('<img data-src="', ".", '{">x'),
    "the name of a spacer": _within('<img src="/blank', "-1x1", '">x'),
    "a long class": _within('<code class="', "lang ", '">x'),
    "a long title": _within('<p title="', "x", '">x'),
    "a long id": _within('<a href="#x">x</a><h1 id="', "y ", '">x'),
    "a long srcset": _within('<img srcset="', "x 1x,", '">'),
    "a srcset of commas": _within('<img srcset="', ",", '">'),
    "a srcset of spaces": _within('<img srcset="', " ", '">'),
    "a srcset of one word": _within('<img srcset="', "x", ' (">'),
    "a srcset of descriptors": _within('<img srcset="a', " 1x", '">'),
    # Many of one kind.
    "line breaks": _over("<br>"),
    "line breaks and spaces": _over("<br> "),
    "rules": _over("<hr>"),
    "images": _over("<img src=x>"),
    "lazy images": _over("<img src=x data-src=/y alt=z>"),
    "images with nothing": _over("<img alt=x>"),
    "images in noscript": _over("<noscript><img src=/a></noscript>"),
    "noscript in noscript": _over("<img src=/b><noscript>"),
    "spaces before noscript": _over("<noscript></noscript> "),
    "pictures": _over("<picture><source srcset=x><img>"),
    "pictures in pictures": _over("<picture><b>x</b>"),
    "sources of one picture": _within("<picture>", "<source srcset=x>", "<img>"),
    "links": _over("<a href=x>y</a>"),
    "links with tracking": _over("<a href=x?utm_a=1&b>y</a>"),
    "anchors": _counted("<a href=#@>x</a><p id=@>"),
    "anchors by name": _counted("<a href=#@>x</a><a name=@>"),
    "frames": _over("<iframe src=//x.y></iframe>"),
    "players": _over("<iframe src=//www.youtube.com/embed/x></iframe>"),
    "videos": _over("<video src=x>"),
    "videos with sources": _over("<video><source>"),
    "videos with good sources": _over("<video><source src=x></video>"),
    "empty paragraphs": _over("<p> </p>"),
    "empty paragraphs of line breaks": _over("<p><br></p>x"),
    "empty formatting between words": _over("x<b></b>"),
    "empty formatting after a long text": lambda size: (
        _over("x ")(size // 2) + _over("<b></b>x")(size // 2)
    ),
    "spans": _over("<span> "),
    "words in spans": _over("<span>x</span>"),
    "code": _over("<code>x</code>"),
    "code blocks": _over("<pre>\n\n"),
    "definite words": _over("<b>x</b> "),
    "zero bytes": _over("\0<b>"),
}  # fmt: skip

MARKDOWN: dict[str, Callable[[int], str]] = {
    "stars": _over("*"),
    "stars and letters": _over("*a **a "),
    "underscores": _over("_a "),
    "brackets": _over("["),
    "images begun": _over("![a]("),
    "links nested": _two("[", "](x)"),
    "quotation signs": _over(">"),
    "quotation signs and spaces": _over("> "),
    "lines of quotation": _over("> x\n"),
    "backticks": _over("`a"),
    "backticks ever longer": _within_counted("", "`@"),
    "lists of Markdown": _over("- a\n  "),
    "lists ever deeper": lambda size: "".join(
        " " * (2 * level) + "- a\n" for level in range(int(size**0.5))
    ),
    "tags begun": _over("<a "),
    "tables of Markdown": _over("|a|b|\n|-|-|\n"),
    "a wide table": lambda size: (
        "|a" * (size // 8) + "|\n" + "|-" * (size // 8) + "|\n" + "|b\n" * (size // 8)
    ),
    "a wide table in parts": lambda size: (
        "|a" * 100 + "|\n" + "|-" * 100 + "|\n" + _over("|b\x0c\x0c\n")(size)
    ),
    "rows of a table": _within("|a|b|\n|-|-|\n", "|c|d|\n"),
    "references of Markdown": _counted("[a@]: /x\n"),
    "uses of a reference": _within("[a]: /x\n\n", "[a] "),
    "uses of a long reference": lambda size: (
        f"[a]: /{'x' * (size // 2)}\n\n" + _over("[a] ")(size // 2)
    ),
    "escapes": _over("\\"),
    "comments of Markdown": _within("<!-- -->", "\n<!--"),
    "headings of Markdown": _over("# a\n"),
    "fences": _over("```\n"),
    "strikes": _over("~~a"),
    "footnotes": _counted("a[^@]\n\n[^@]: b\n\n"),
    "uses of a footnote": _within("[^1]: x\n\n", "[^1] "),
    "footnotes without words": _counted("[^@]: \n"),
    "footnotes in footnotes": _counted("[^@]: [^1]\n"),
    "footnotes of one name": _over("[^a]: [^a]\n"),
    "bare links": _over("http://a.b/ "),
    "bare links with brackets": _over("www.a.b/(((()))) "),
    "bare links cut short": _over("http://"),
    "a bare link without end": _within("http://a.b/", "a.)"),
    "marks": _over("==a== "),
    "marks never closed": _over("==a *"),
    "signs of equality": _over("= == "),
    "wikilinks": _over("[[a]] "),
    "wikilinks begun": _over("[["),
    "wikilinks of images": _over("![[a.png]]"),
    "tasks": _over("- [ ] a\n"),
    "HTML that may be Markdown": _within("<div>", "<p>x</p>\n\n", "</div>"),
}  # fmt: skip

TEXT: dict[str, Callable[[int], str]] = {
    "lines of text": _over("a\n"),
    "paragraphs of text": _over("a\n\n"),
    "lines of spaces": _over("\n  \t"),
}

ALL: dict[str, tuple[Markup, Callable[[int], str]]] = {
    **{name: ("html", make) for name, make in HTML.items()},
    **{name: ("markdown", make) for name, make in MARKDOWN.items()},
    **{name: ("text", make) for name, make in TEXT.items()},
}
