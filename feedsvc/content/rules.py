"""The operator's own rules: what their CSS selectors name is removed or unwrapped."""

from collections import Counter

from feedsvc.html5 import Element
from feedsvc.model import Cleaning


def apply(root: Element, cleaning: Cleaning, removed: Counter[str]) -> None:
    """Remove and unwrap in a tree what the rules name, and count it."""
    for selector in cleaning.remove:
        for node in root.select(selector):
            node.decompose()
            removed[f"{selector}: a rule removes it"] += 1
    for selector in cleaning.unwrap:
        for node in root.select(selector):
            node.unwrap()
            removed[f"{selector}: a rule unwraps it; its content stays"] += 1
