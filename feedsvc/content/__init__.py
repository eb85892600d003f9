"""Content: an article's raw body in, HTML that is safe to show out.

    body ── markdown ──► tree ── rules, tidy ──► repaired HTML ── sanitize ──► SafeHTML
                                      └────────► summary

Pure: no I/O, no clock. `sanitize` is the last gate: nothing edits the HTML after it.
"""

from collections import Counter
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from feedsvc import chinese, html5, xmltext
from feedsvc.content import markdown, summary as summaries
from feedsvc.content.addresses import image
from feedsvc.content.cost import seconds
from feedsvc.content.media import depends_on_folder, is_relative, playable
from feedsvc.content.phrases import byline, joined, notice
from feedsvc.content.policy import Policy
from feedsvc.content.sanitize import sanitize
from feedsvc.content.text import plain
from feedsvc.content.tidy import Tidier
from feedsvc.model import Markup, SafeHTML

__all__ = [
    "POLICY",
    "Cleaned",
    "Policy",
    "byline",
    "clean",
    "converted",
    "depends_on_folder",
    "image",
    "instead",
    "is_relative",
    "joined",
    "notice",
    "plain",
    "playable",
    "seconds",
]

POLICY = "7"
"""Raise it when the same body is cleaned to different HTML than before."""

_ROUNDS = 5  # unwrapping may leave elements where no parser would put them
# Settings that change the text: they apply in the first round only.
_ONCE: dict[str, Any] = {"replace": (), "convert": None, "first_heading": "keep"}
_LONGEST_SUMMARY = 2000  # characters, where the author marked its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A body made safe, and its beginning as plain text.

    `removed` pairs the kind and reason of a removal with how often it happened. `formatted` is
    False when only the text of the body could be made safe.
    """

    html: SafeHTML
    summary: str
    removed: tuple[tuple[str, int], ...] = ()
    formatted: bool = True


def clean(body: str, markup: Markup, policy: Policy) -> Cleaned:
    """Make a raw article body safe to show.

    Elements that run, load or style anything are removed with their text. Addresses become
    absolute. Takes time and memory linear in the size of `body`.
    """
    removed: Counter[str] = Counter()
    html, summary = _tidied(body, markup, policy, removed)
    safe, formatted = _safe(html, policy)
    return Cleaned(
        html=safe, summary=summary, removed=tuple(sorted(removed.items())), formatted=formatted
    )


def _tidied(body: str, markup: Markup, policy: Policy, removed: Counter[str]) -> tuple[str, str]:
    """Apply the operator's rules and tidy; return the HTML, not yet sanitised, and the summary."""
    tree = markdown.parse(xmltext.legal(body), markup)
    for selector in policy.cleaning.remove:
        for node in tree.select(selector):
            node.decompose()
            removed[f"{selector}: a rule removes it"] += 1
    for selector in policy.cleaning.unwrap:
        for node in tree.select(selector):
            node.unwrap()
            removed[f"{selector}: a rule unwraps it; its content stays"] += 1
    tidier = Tidier(policy, removed)
    tidier.write(tree)
    summary = _summary(tidier, policy)
    tidier.footer()
    return tidier.html(), summary


def instead(link: str, summary: str) -> SafeHTML:
    """Return a summary and a link to the article, for a body that cannot be cleaned."""
    paragraph = f"<p>{escape(summary)}</p>" if summary else ""
    link = escape(link)
    html = f'{paragraph}<p><a href="{link}" rel="noopener noreferrer">{link}</a></p>'
    return sanitize(html5.parse(html))


def converted(plain: str, policy: Policy) -> str:
    """Return a title or summary in the kind of Chinese that the policy asks for."""
    convert = policy.cleaning.convert
    return chinese.convert(plain, convert) if convert else plain


def _safe(html: str, policy: Policy) -> tuple[SafeHTML, bool]:
    """Sanitise tidied HTML; return it, and whether it keeps its formatting.

    HTML that changes when it is parsed and written again allows mutation attacks, and cleaning it
    twice would give another result than cleaning it once. So it is tidied until it is stable; if
    it is not after some rounds, only its text is kept.
    """
    later = replace(policy, cleaning=replace(policy.cleaning, **_ONCE))
    for _ in range(_ROUNDS):
        # Decoded character references may be illegal characters.
        tree = html5.parse(xmltext.legal(html))
        if tree.inner_html == html:
            safe = sanitize(tree)
            if safe.replace("\u00a0", "&nbsp;") == html:
                return safe, True
            tree = html5.parse(safe)
        tidier = Tidier(later, Counter())
        tidier.write(tree)
        html = tidier.html()
    return sanitize(html5.parse(f"<p>{escape(html5.text(html))}</p>")), False


def _summary(tidier: Tidier, policy: Policy) -> str:
    if tidier.more is not None:
        summary = summaries.of(tidier.more, _LONGEST_SUMMARY, policy)
        if summary:
            return summary
    length = policy.cleaning.summary_length
    # Four times as many characters, because references such as `&amp;` are not decoded yet.
    beginning = tidier.out.beginning(4 * length + summaries.LOOKED_AT)
    return summaries.of(beginning, length, policy)
