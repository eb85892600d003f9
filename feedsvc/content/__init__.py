"""Content: an article's raw body in, HTML that is safe to show out.

    body ── markdown ──► HTML ── tidy ──► repaired HTML ── sanitize ──► SafeHTML ── text ──► summary

Not inside: I/O, the clock, which article to clean. `sanitize` is the last gate: nothing edits the
HTML after it.
"""

from dataclasses import dataclass

from feedsvc import xmltext
from feedsvc.content import markdown, text, tidy
from feedsvc.content.sanitize import sanitize
from feedsvc.content.tidy import Policy
from feedsvc.model import Markup, SafeHTML

__all__ = ["POLICY", "Cleaned", "Policy", "clean", "resolve"]

resolve = tidy.resolve

POLICY = "3"
"""Changes whenever the same body comes to be cleaned into other HTML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A body made safe, and its beginning as plain text."""

    html: SafeHTML
    summary: str


def clean(body: str, markup: Markup, policy: Policy) -> Cleaned:
    """Make a raw article body safe to show.

    Everything that can run, load or style goes, with its text; what is left is complete, with
    absolute addresses.
    """
    html = markdown.to_html(xmltext.legal(body), markup)
    # Character references may stand for characters that XML forbids: `&#0;`, `&#xFFFE;`.
    safe = sanitize(xmltext.legal(tidy.tidy(html, policy)))
    return Cleaned(html=safe, summary=text.summary(safe))
