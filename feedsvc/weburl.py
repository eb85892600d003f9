"""Addresses on the web: absolute, http or https, in characters that every client accepts."""

import re
from urllib.parse import quote, urlsplit, urlunsplit

# RFC 3986 2.2 and 2.3, with "%" so that what is escaped already stays as it is.
_KEPT = "!#$%&'()*+,/:;=?@[]~-._"
LONGEST = 4096
"""Characters of an address; many a client takes no more."""
# What comes out as it went in, which nearly every address does. A letter in the authority is in
# lower case here, or it is not this quick a matter.
_PLAIN = re.compile(
    r"https?://[a-z0-9]+(?:[.-][a-z0-9]+)*(?::[1-9][0-9]{0,3})?"
    r"(?:/[A-Za-z0-9!$%&'()*+,./:;=@~_-]*(?:\?[A-Za-z0-9!$%&'()*+,./:;=@~_?-]+)?"
    r"(?:#[A-Za-z0-9!$%&'()*+,./:;=@~_?-]+)?)?"
)


def absolute(address: str) -> str | None:
    """Return `address` as an absolute http(s) URI in ASCII, or None where it is none.

    Spaces and characters outside ASCII are percent-encoded (RFC 3987 3.1), a host outside
    ASCII becomes its IDNA form, and an address of more than 4096 characters is refused.

    >>> absolute(" https://例え.jp/图 片.png ")
    'https://xn--r8jz45g.jp/%E5%9B%BE%20%E7%89%87.png'
    >>> absolute("javascript:alert(1)") is None
    True
    """
    if len(address) <= LONGEST and _PLAIN.fullmatch(address):
        return address
    # WHATWG URL: tabs and newlines in an address are dropped, controls and spaces at its ends.
    address = address.strip("".join(map(chr, range(33)))).translate({9: None, 10: None, 13: None})
    try:
        parts = urlsplit(address)
        host = parts.hostname
        port = parts.port
        if parts.scheme not in {"http", "https"} or not host or len(address) > LONGEST:
            return None
        if ":" in host:
            host = f"[{host}]"
        elif not host.isascii():
            host = host.encode("idna").decode("ascii")
    except ValueError:  # includes UnicodeError
        return None
    if not all(char.isalnum() or char in "-._[]:" for char in host):
        return None
    # A user name or password in an address has no place in a feed.
    netloc = host if port is None else f"{host}:{port}"
    path, query, fragment = (
        quote(part, safe=_KEPT, errors="replace")
        for part in (parts.path, parts.query, parts.fragment)
    )
    return urlunsplit((parts.scheme, netloc, path, query, fragment))
