"""The feeds whose names are most like what somebody asked for."""

from collections.abc import Mapping
from difflib import get_close_matches

MOST = 5
"""How many feeds are named."""

_ALIKE = 0.5  # 财金 is half like 财经


def nearest(text: str, slugs: Mapping[str, str]) -> list[str]:
    """Return the slugs of the feeds that have a name like `text`, or within it.

    `slugs` are by name; a feed may have several names.

    >>> nearest("finanse", {"finance": "finance", "财经": "finance", "Life": "life"})
    ['finance']
    >>> nearest("财金新闻", {"财经": "finance", "新闻": "news"})
    ['news']
    """
    folded = {name.casefold(): slug for name, slug in slugs.items()}
    text = text.casefold()
    close = get_close_matches(text, folded, n=MOST, cutoff=_ALIKE)
    within = [name for name in folded if len(name) > 1 and name in text]
    return list(dict.fromkeys(folded[name] for name in (*close, *within)))[:MOST]
