"""Sentences that feedsvc itself writes into entries, in the language of the entry. Pure.

The texts of pages are translated elsewhere: a page speaks the visitor's language, an entry its own.
"""

from html import escape

from feedsvc import html5
from feedsvc.content.sanitize import sanitize
from feedsvc.model import License, Notice, Origin, SafeHTML

_SOURCE = {"en": "Source: ", "zh-Hans": "来源：", "zh-Hant": "來源："}
_WITHDRAWN = {
    "en": ("Withdrawn", "This article has been withdrawn.", "Reason: "),
    "zh-Hans": ("已撤回", "本文已撤回。", "原因："),
    "zh-Hant": ("已撤回", "本文已撤回。", "原因："),
}
_TRADITIONAL = {"hant", "tw", "hk", "mo"}


def byline(
    origin: Origin | None,
    rights: str | None,
    license: License | None,
    *,
    link: str | None,
    language: str,
) -> tuple[SafeHTML, str]:
    """Return whose an article is, as a paragraph and as text; both are empty where nobody says it.

    `link` is the address of the original, else the name leads to the site of the origin.
    """
    html: list[str] = []
    plain: list[str] = []
    if origin:
        label, address = _SOURCE[_spoken(language)], link or origin.url
        html.append(label + (_link(address, origin.name) if address else escape(origin.name)))
        plain.append(label + origin.name)
    if rights:
        html.append(escape(rights))
        plain.append(rights)
    if license:
        html.append(_link(license.url, license.name))
        plain.append(license.name)
    paragraph = f"<p>{' · '.join(html)}</p>" if html else ""
    return sanitize(html5.parse(paragraph)), " · ".join(plain)


def notice(notice: Notice, language: str) -> tuple[str, SafeHTML, str]:
    """Return the title, the content and the summary of the notice in place of an article."""
    title, sentence, label = _WITHDRAWN[_spoken(language)]
    reason = f"{label}{notice.reason}" if notice.reason else ""
    html = "".join(f"<p>{escape(text)}</p>" for text in (sentence, reason) if text)
    return title, sanitize(html5.parse(html)), f"{sentence} {reason}".strip()


def joined(first: SafeHTML, second: SafeHTML) -> SafeHTML:
    """Return two fragments as one; each is whole, so that together they mean the same."""
    return SafeHTML(first + second)


def _link(address: str, name: str) -> str:
    return f'<a href="{escape(address)}" rel="noopener noreferrer">{escape(name)}</a>'


def _spoken(language: str) -> str:
    """Return the nearest language that the sentences are in.

    >>> _spoken("zh-CN"), _spoken("zh-Hant-HK"), _spoken("de"), _spoken("")
    ('zh-Hans', 'zh-Hant', 'en', 'en')
    """
    first, *others = language.lower().split("-")
    if first != "zh":
        return "en"
    return "zh-Hans" if _TRADITIONAL.isdisjoint(others) else "zh-Hant"
