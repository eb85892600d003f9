"""The form of a slug, the name of a feed in its address."""

import re

_SEPARATORS = r"\s/\\?#%&:;<>\"'`|*{}^\[\]"
SLUG = re.compile(rf"[^{_SEPARATORS}.-][^{_SEPARATORS}]{{0,79}}")
"""A slug that an operator may choose, unless it ends like a format."""

FORMAT_SUFFIX = re.compile(r"\.(?=(?:atom|rss|json|xml|html?)$)", re.IGNORECASE)
"""The dot of an ending that would name a format in an address."""


def is_slug(text: str) -> bool:
    """Tell whether an operator may choose a text as a slug."""
    return SLUG.fullmatch(text) is not None and not FORMAT_SUFFIX.search(text)
