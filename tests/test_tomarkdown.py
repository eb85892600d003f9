"""Markdown of cleaned HTML: written as people write it, and complete.

The judge is our own reader of Markdown: what it reads has the words of the HTML.
"""

import time

import pytest

from benchmarks import pathologies
from feedsvc import content
from feedsvc.content.tomarkdown import markdown_of
from feedsvc.model import SafeHTML

POLICY = content.Policy(
    link_base="https://articles.example.org/key",
    media_base="https://media.example.org/folder/",
    page="https://feeds.example.org/articles/key",
)
CASES = {
    "headings": ("<h2>Part 1</h2><p>a</p>", "## Part 1\n\na\n"),
    "emphasis": (
        "<p><b>b</b> <em>e</em> <s>s</s> <mark>m</mark></p>",
        "**b** _e_ ~~s~~ ==m==\n",
    ),
    "bold-and-italic": ("<p><b><i>x</i></b></p>", "**_x_**\n"),
    "bold-that-ends-with-punctuation-before-a-letter": (
        "<p><b>标题：</b>正文</p>",
        "**标题**：正文\n",
    ),
    "code-with-its-language": (
        '<pre><code class="language-py">x = 1\n\n# no heading\n</code></pre>',
        "```py\nx = 1\n\n# no heading\n```\n",
    ),
    "code-that-holds-a-fence": ("<pre>```\nx</pre>", "````\n```\nx\n````\n"),
    "code-in-a-line": ("<p><code>a`b</code></p>", "``a`b``\n"),
    "lists": (
        '<ul><li>a<ol start="3"><li>b</li><li>c</li></ol></li><li>d</li></ul>e',
        "- a\n\n  3. b\n  4. c\n- d\n\ne\n",
    ),
    "tables": (
        "<table><tr><th>a</th><th>b</th></tr><tr><td>c|d</td><td>e</td></tr></table>",
        "| a | b |\n| --- | --- |\n| c\\|d | e |\n",
    ),
    "images": (
        '<img src="a(1).png" alt="x [y]">',
        "![x \\[y\\]](<https://media.example.org/folder/a(1).png>)\n",
    ),
    "captions": (
        '<figure><img src="a.png"><figcaption>What it shows</figcaption></figure>',
        "![](https://media.example.org/folder/a.png)\n\nWhat it shows\n",
    ),
    "links": (
        '<a href="https://h.example/" title="t">a</a> <a href="https://h.example">https://h.example</a>',
        '[a](https://h.example/ "t") <https://h.example>\n',
    ),
    "players-as-links": (
        '<iframe src="https://www.youtube.com/embed/x" title="A film"></iframe>',
        "[A film](https://www.youtube.com/embed/x)\n",
    ),
    "footnotes": (
        '<p>a<sup><a href="#n" id="r">1</a></sup></p><ol><li id="n">b <a href="#r">↩</a></li></ol>',
        "a[^1]\n\n[^1]: b\n",
    ),
    "ruby": ("<p><ruby>瑞利<rt>Ruìlì</rt></ruby>准则</p>", "瑞利（Ruìlì）准则\n"),
    "ruby-with-parentheses": (
        "<p><ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby></p>",
        "漢(kan)\n",
    ),
    "quotations": (
        "<blockquote><p>a</p><blockquote>b</blockquote></blockquote>",
        "> a\n>\n> > b\n",
    ),
    "text-that-looks-like-markup": (
        "<p># *a* [b](c) &lt;i&gt; snake_case 1 &lt; 2 &amp;amp; `x`<br>- y<br>1. z</p>",
        "\\# \\*a\\* \\[b\\](c) \\<i> snake_case 1 < 2 \\&amp; \\`x\\`  \n\\- y  \n1\\. z\n",
    ),
    "bold-in-quotation-marks-between-letters": (
        "<p>说<b>“好”</b>的</p>",
        "说<strong>“好”</strong>的\n",
    ),
    "markup-that-elements-part": (
        "<p>&lt;<small>img src=x onerror=y&gt;</small> &amp;<u>lt;</u> a=<small>=b=</small>=c</p>",
        "\\<img src=x onerror=y> \\&lt; a\\==b\\==c\n",
    ),
    "an-exclamation-mark-before-a-link": (
        '<p>Wow!<a href="https://h.example/">a</a> Wow!</p>',
        "Wow\\![a](https://h.example/) Wow!\n",
    ),
    "a-number-that-an-element-parts-from-its-dot": (
        "<p><small>1</small>. a</p><p><b>1</b>. b</p>",
        "1\\. a\n\n**1**. b\n",
    ),
    "punctuation-within-a-line": (
        '<p><b>Note</b>: a<br>: b</p><p><a href="https://h.example/">a</a> - b</p>',
        "**Note**: a  \n\\: b\n\n[a](https://h.example/) - b\n",
    ),
    "an-address-in-angle-brackets": (
        "<p>&lt;+a@h.example&gt; 1 &lt;2</p>",
        "\\<+a@h.example> 1 <2\n",
    ),
    "bold-in-bold": ("<p><strong>a <b>b</b> c</strong></p>", "**a b c**\n"),
    "a-mark-around-markup": (
        "<p><mark><b>a</b></mark> <mark>b</mark></p>",
        "<mark>**a**</mark> ==b==\n",
    ),
    "a-line-that-begins-with-a-raised-break": (
        "<p><sup><br>*a*</sup></p>",
        "<sup>\\*a\\*</sup>\n",
    ),
    "code-beside-code": (
        "<p><u><code>a</code></u><code>b</code></p>",
        "`a`<code>b</code>\n",
    ),
    "a-table-whose-first-row-is-short": (
        "<table><tr><th>a</th></tr><tr><td>b</td><td>c</td></tr></table>",
        "| a |  |\n| --- | --- |\n| b | c |\n",
    ),
    "definitions": ("<dl><dt>a</dt><dd>b</dd></dl>", "a\n\n- b\n"),
    "nothing": ("", "\n"),
}  # fmt: skip


def cleaned(html: str) -> SafeHTML:
    return content.clean(html, "html", POLICY).html


@pytest.mark.parametrize(("html", "markdown"), CASES.values(), ids=CASES)
def test_markdown_is_as_people_write_it(html: str, markdown: str) -> None:
    assert markdown_of(cleaned(html)) == markdown


@pytest.mark.parametrize("name", pathologies.HTML)
def test_no_html_takes_more_than_linear_time(name: str) -> None:
    html = cleaned(pathologies.HTML[name](20_000))
    began = time.process_time()
    markdown_of(html)
    assert time.process_time() - began < 5


def test_very_deep_html_becomes_paragraphs_without_formatting() -> None:
    deep = SafeHTML(f"{'<div><b>' * 2000}*a*{'</b></div>' * 2000}<p>b</p>")
    assert markdown_of(deep) == "\\*a\\*\n\nb\n"
