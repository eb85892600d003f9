"""Anchors: which ids of an article stay, their new names on our page, and the links to them."""

import re
from urllib.parse import quote, unquote

from feedsvc.content import vocabulary
from feedsvc.content.policy import Policy
from feedsvc.html5 import Element

_LONGEST = 80
_OTHER = re.compile(r"[^\w.:-]+")


class Anchors:
    """The ids of one article.

    Each begins with the policy's prefix, so that ids of two articles on a page cannot clash, and
    no id is a name that the page's own scripts use. Only headings and the targets of links in the
    article keep their ids.
    """

    def __init__(self, policy: Policy) -> None:
        self._prefix = policy.anchor
        self._page = f"{policy.page}#" if policy.page else ""
        self._elsewhere = f"{policy.link_base}#"
        self._linked_ids: set[str] = set()
        self._used_ids: set[str] = set()

    def look_for(self, root: Element) -> None:
        """Find the ids in a tree that links in the same tree lead to."""
        wanted: set[str] = set()
        for link in root.select('a[href*="#"]'):
            href = (link.attr("href") or "").strip()
            for start in ("#", self._page, self._elsewhere):
                if start and href.startswith(start):
                    wanted.update(_names(href.removeprefix(start)))
                    break
        if wanted:
            known = {element.attr("id") for element in root.select("[id]")}
            known |= {element.attr("name") for element in root.select("a[name]")}
            self._linked_ids = {id for id in known if id and id in wanted}

    def id(self, node: Element, tag: str) -> str | None:
        """Return the new id of an element, None where it needs none or the id is taken."""
        own = node.attr("id")
        if tag == "a" and own not in self._linked_ids:
            own = node.attr("name")
        if own and (own in self._linked_ids or tag in vocabulary.HEADINGS):
            id = self._renamed(own)
            if id not in self._used_ids:
                self._used_ids.add(id)
                return id
        return None

    def link(self, href: str) -> str | None:
        """Return the address on our page of a link to an id of the article, else None."""
        if not self._page or not href.startswith("#"):
            return None
        for id in _names(href[1:]):
            if id in self._linked_ids:
                return f"{self._page}{quote(self._renamed(id), safe=':')}"
        return None

    def _renamed(self, id: str) -> str:
        name = _OTHER.sub("-", id)
        return (name if name.startswith(self._prefix) else self._prefix + name)[:_LONGEST]


def _names(fragment: str) -> tuple[str, ...]:
    """Return the ids that a fragment may mean.

    A browser looks for the fragment as it is, then decoded (HTML, 7.4.6.4). GitHub's ids have a
    prefix that its script adds to the links.
    """
    decoded = unquote(fragment)
    return (fragment, decoded, f"user-content-{decoded}")
