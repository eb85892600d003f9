"""Anchors: which ids of an article stay, what they are called with us, and the links to them."""

import re
from urllib.parse import quote, unquote

from feedsvc.content import vocabulary
from feedsvc.content.policy import Policy
from feedsvc.html5 import Element

_LONGEST = 80
_OTHER = re.compile(r"[^\w.:-]+")


class Anchors:
    """The ids of one article.

    Each begins with what the policy says, so that no two articles on a page clash, and none takes
    a name that a page's own scripts look for. Only headings, and what links in the article lead
    to, keep theirs.
    """

    def __init__(self, policy: Policy) -> None:
        self._prefix = policy.anchor
        self._page = f"{policy.page}#" if policy.page else ""
        self._elsewhere = f"{policy.link_base}#"
        self._wanted: set[str] = set()
        self._given: set[str] = set()

    def look_for(self, root: Element) -> None:
        """Learn which ids in a tree links in it lead to."""
        wanted: set[str] = set()
        for link in root.select('a[href*="#"]'):
            fragment = self._fragment((link.attr("href") or "").strip())
            if fragment:
                wanted.update(_names(fragment))
        if wanted:
            known = {one.attr("id") for one in root.select("[id]")}
            known |= {one.attr("name") for one in root.select("a[name]")}
            self._wanted = wanted & {id for id in known if id}

    def id(self, node: Element, tag: str) -> str | None:
        """Return the id that an element is to have, None where it needs none or it is taken."""
        own = node.attr("id")
        if tag == "a" and own not in self._wanted:
            own = node.attr("name")
        if own and (own in self._wanted or tag in vocabulary.HEADINGS):
            id = self._renamed(own)
            if id not in self._given:
                self._given.add(id)
                return id
        return None

    def link(self, href: str) -> str | None:
        """Return where a link to an id of the article leads with us, None for any other link."""
        if not self._page or not href.startswith("#"):
            return None
        for id in _names(href[1:]):
            if id in self._wanted:
                return f"{self._page}{quote(self._renamed(id), safe=':')}"
        return None

    def _fragment(self, href: str) -> str:
        for start in ("#", self._page, self._elsewhere):
            if start and href.startswith(start):
                return href[len(start) :]
        return ""

    def _renamed(self, id: str) -> str:
        name = _OTHER.sub("-", id)
        return (name if name.startswith(self._prefix) else self._prefix + name)[:_LONGEST]


def _names(fragment: str) -> tuple[str, ...]:
    """Return the ids that a fragment may mean.

    As it is first, and decoded where that finds nothing (HTML, 7.4.6.4). GitHub writes its ids
    with a prefix that its script adds to the links.
    """
    decoded = unquote(fragment)
    return (fragment, decoded, f"user-content-{decoded}")
