"""An estimate of how long the cleaning of a body takes.

64 KB of text take a few milliseconds, 64 KB of Markdown links take a second. So not only characters
are counted, but elements and attributes, in the HTML that Markdown becomes; nothing is parsed. The
weights are upper bounds over all of `benchmarks/pathologies.py`; `python -m benchmarks.cleaning`
measures them again.
"""

import re

from feedsvc import commonmark
from feedsvc.content import markdown
from feedsvc.model import Markup

# Seconds. Each step of cleaning looks at a character that is written as a reference.
_CHARACTER = 0.2e-6
_ESCAPED = 0.8e-6
_TAG = 12e-6
_ATTRIBUTE = 45e-6  # most hold an address, which is resolved, checked and routed
_EVENT = 2e-6
# The parser may open a formatting element again after each tag, up to a bound.
_REOPENED = 0.1e-6
_MOST_OPEN = 500

_FORMATTING = re.compile(
    r"<(?:big|font|nobr|b|code|em|i|s|small|strike|strong|tt|u)[\s/>]", re.IGNORECASE
)


def seconds(body: str, markup: Markup) -> float:
    """Return roughly the most seconds that cleaning takes. Takes time linear in `body`."""
    cost = _seconds(body, markdown.to_html(body, markup))
    if markup == "markdown":
        cost += commonmark.events(body) * _EVENT
        if markdown.may_be_html(body):
            cost = max(cost, _seconds(body, body))
    return cost


def _seconds(body: str, html: str) -> float:
    tags = html.count("<")
    formatting = min(len(_FORMATTING.findall(html)), _MOST_OPEN)
    return (
        (len(body) + len(html)) * _CHARACTER
        + (html.count("&") + html.count(">")) * _ESCAPED
        + tags * _TAG
        + html.count("=") * _ATTRIBUTE
        + tags * formatting * _REOPENED
    )
