"""The operator's own rules: elements that their CSS selectors match are removed or unwrapped."""

from collections import Counter

from feedsvc.html5 import Element
from feedsvc.model import Cleaning


def apply(root: Element, cleaning: Cleaning, removed: Counter[str]) -> None:
    """Remove and unwrap the elements of a tree that the rules match, and count them."""
    for selector in cleaning.remove:
        for node in root.select(selector):
            node.decompose()
            removed[f"{selector}: a rule removes it"] += 1
    for selector in cleaning.unwrap:
        for node in root.select(selector):
            node.unwrap()
            removed[f"{selector}: a rule unwraps it; its content stays"] += 1
