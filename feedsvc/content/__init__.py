"""Content: an article's raw body in, HTML that is safe to show out.

    body ── markdown ──► HTML ── rules, tidy ──► repaired HTML ── sanitize ──► SafeHTML
                                      └────────► summary

Not inside: I/O, the clock, which article to clean. `sanitize` is the last gate: nothing edits the
HTML after it.
"""

from collections import Counter
from dataclasses import dataclass, replace
from html import escape, unescape
from typing import Any

from feedsvc import chinese, html5, xmltext
from feedsvc.content import addresses, markdown, rules, text
from feedsvc.content.cost import seconds
from feedsvc.content.media import depends_on_folder, is_relative, playable
from feedsvc.content.policy import Policy
from feedsvc.content.sanitize import sanitize
from feedsvc.content.tidy import Tidier
from feedsvc.model import Markup, SafeHTML

__all__ = [
    "POLICY",
    "Cleaned",
    "Policy",
    "clean",
    "converted",
    "depends_on_folder",
    "image",
    "instead",
    "is_relative",
    "playable",
    "seconds",
]

POLICY = "6"
"""Changes whenever the same body comes to be cleaned into other HTML."""

image = addresses.image

_ROUNDS = 5  # what is unwrapped may leave elements where no parser would put them
# What an operator's rule has done to the text once, it must not do again.
_ONCE: dict[str, Any] = {"replace": (), "convert": None, "first_heading": "keep"}
_LONGEST_SUMMARY = 2000  # characters, where the author says where it ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A body made safe, and its beginning as plain text.

    `removed` pairs what was taken away, and why, with how many there were. `formatted` is False
    where nothing but the text could be made safe.
    """

    html: SafeHTML
    summary: str
    removed: tuple[tuple[str, int], ...] = ()
    formatted: bool = True


def clean(body: str, markup: Markup, policy: Policy) -> Cleaned:
    """Make a raw article body safe to show.

    Everything that can run, load or style goes, with its text; what is left is complete, with
    absolute addresses. Takes time and memory linear in the size of `body`.
    """
    removed: Counter[str] = Counter()
    html, summary = _tidied(body, markup, policy, removed)
    safe, formatted = _safe(html, policy)
    return Cleaned(
        html=safe, summary=summary, removed=tuple(sorted(removed.items())), formatted=formatted
    )


def _tidied(body: str, markup: Markup, policy: Policy, removed: Counter[str]) -> tuple[str, str]:
    """Return the repaired HTML, still to be sanitised, and the summary."""
    tree = markdown.parse(xmltext.legal(body), markup)
    rules.apply(tree, policy.cleaning, removed)
    tidier = Tidier(policy, removed)
    tidier.write(tree)
    summary = _summary(tidier, policy.cleaning.summary_length)
    tidier.footer()
    return tidier.html(), summary


def instead(link: str, summary: str) -> SafeHTML:
    """Return what stands for a body that cannot be cleaned: its summary, and where to read it."""
    shown = f"<p>{escape(summary)}</p>" if summary else ""
    return sanitize(
        html5.parse(
            f'{shown}<p><a href="{escape(link)}" rel="noopener noreferrer">{escape(link)}</a></p>'
        )
    )


def converted(plain: str, policy: Policy) -> str:
    """Return a title or summary in the kind of Chinese that the policy asks for."""
    convert = policy.cleaning.convert
    return chinese.convert(plain, convert) if convert else plain


def _safe(html: str, policy: Policy) -> tuple[SafeHTML, bool]:
    """Sanitise tidied HTML, in a form that every parser reads as it is meant.

    Return whether that form has its formatting: where none is found, the text alone is left.

    HTML that changes its meaning when it is written and read again is what mutation attacks are
    made of, and would make cleaning twice another thing than cleaning once.
    """
    done = replace(policy, cleaning=replace(policy.cleaning, **_ONCE))
    for _ in range(_ROUNDS):
        # Character references may have brought back what is not legal.
        legal = xmltext.legal(html)
        tree = html5.parse(legal)
        if tree.inner_html == html:
            safe = sanitize(tree)
            if safe.replace("\u00a0", "&nbsp;") == html:
                return safe, True
            tree = html5.parse(safe)
        tidier = Tidier(done, Counter())
        tidier.write(tree)
        html = tidier.html()
    return sanitize(html5.parse(f"<p>{escape(html5.text(html))}</p>")), False


def _summary(tidier: Tidier, length: int) -> str:
    if tidier.more is not None:
        own = text.cut(unescape(tidier.more), _LONGEST_SUMMARY)
        if own:
            return own
    # Four times as many, because references such as `&amp;` are still to be decoded.
    return text.cut(unescape(tidier.out.beginning(4 * length)), length)
