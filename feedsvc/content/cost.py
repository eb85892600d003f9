"""What cleaning a body costs, told without cleaning it.

Its length alone does not tell: 64 KB of text take a few milliseconds, 64 KB of Markdown links take
a second. What costs are elements and attributes, so they are counted, in the HTML that Markdown
becomes. The weights are upper bounds over all of `benchmarks/pathologies.py`; `python -m
benchmarks.cleaning` measures them again.
"""

import re

from feedsvc.content import markdown
from feedsvc.model import Markup

# Seconds. A character that is written as a reference is looked at by each step.
_CHARACTER = 0.2e-6
_ESCAPED = 0.8e-6
_TAG = 12e-6
_ATTRIBUTE = 45e-6  # an address in most of them: resolved, checked, routed
# A formatting element may be opened again after each tag. The parser does that, and bounds it.
_REOPENED = 0.1e-6
_MOST_OPEN = 500

_FORMATTING = re.compile(
    r"<(?:big|font|nobr|b|code|em|i|s|small|strike|strong|tt|u)[\s/>]", re.IGNORECASE
)


def seconds(body: str, markup: Markup) -> float:
    """Return how many seconds cleaning takes at the most, roughly. Takes time linear in `body`."""
    html = markdown.to_html(body, markup)
    tags = html.count("<")
    formatting = min(len(_FORMATTING.findall(html)), _MOST_OPEN)
    return (
        (len(body) + len(html)) * _CHARACTER
        + (html.count("&") + html.count(">")) * _ESCAPED
        + tags * _TAG
        + html.count("=") * _ATTRIBUTE
        + tags * formatting * _REOPENED
    )
