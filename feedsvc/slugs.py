"""What a slug may be: the name of a feed in its address."""

import re

_SEPARATORS = r"\s/\\?#%&:;<>\"'`|*{}^\[\]"
SLUG = re.compile(rf"[^{_SEPARATORS}.-][^{_SEPARATORS}]{{0,79}}")
"""A slug that an operator may choose, but for one that ends like a format."""

FORMAT_SUFFIX = re.compile(r"\.(?=(?:atom|rss|json|xml|html?)$)", re.IGNORECASE)
"""The dot of an ending by which an address would name a format."""
