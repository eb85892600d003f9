"""The headings of an article, on a page that has the article's title as its heading."""

import re

from feedsvc.model import SafeHTML

_TAG = re.compile(r"<(/?)h([1-6])(?=[\s>])")
_LOWEST = 6


def under_title(html: SafeHTML) -> SafeHTML:
    """Number the headings of an article anew, from 2 on, so that none is left out.

    A screen reader's user goes from heading to heading by these numbers. Only the figures in the
    names of heading elements change, so the HTML stays safe.

    >>> under_title(SafeHTML("<h3>A</h3><h5 id='b'>B</h5><h4>C</h4><h1>D</h1>"))
    "<h2>A</h2><h3 id='b'>B</h3><h3>C</h3><h2>D</h2>"
    """
    above: list[int] = []  # the numbers of the headings that the next one may be below

    def renumbered(tag: re.Match[str]) -> str:
        if not tag[1]:
            level = int(tag[2])
            while above and above[-1] >= level:
                above.pop()
            above.append(level)
        return f"<{tag[1]}h{min(1 + len(above), _LOWEST)}"

    return SafeHTML(_TAG.sub(renumbered, html))
