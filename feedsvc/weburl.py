"""Addresses on the web: absolute, http or https, in characters that every client accepts."""

import re
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

# RFC 3986 2.2 and 2.3, with "%" so that what is escaped already stays as it is.
_KEPT = "!#$%&'()*+,/:;=?@[]~-._"
LONGEST = 4096
"""Characters of an address; many a client takes no more."""
# Most addresses, which `absolute` would not change; for speed. The host is in lower case.
_PLAIN = re.compile(
    r"https?://[a-z0-9]+(?:[.-][a-z0-9]+)*(?::[1-9][0-9]{0,3})?"
    r"(?:/[A-Za-z0-9!$%&'()*+,./:;=@~_-]*(?:\?[A-Za-z0-9!$%&'()*+,./:;=@~_?-]+)?"
    r"(?:#[A-Za-z0-9!$%&'()*+,./:;=@~_?-]+)?)?"
)


def split(address: str) -> SplitResult | None:
    """Return the parts of an address, or None where it cannot be split.

    `urlsplit` raises ValueError for brackets that do not match and for a host that NFKC would
    change; its result raises it for a bad port. The parts returned here never raise.

    >>> split("http://[::1") is None, split("//e＃.example/a.png") is None, split("//a:x/") is None
    (True, True, True)
    """
    try:
        parts = urlsplit(address)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def join(base: str, address: str) -> str | None:
    """Resolve `address` against `base`; return None where one of them cannot be split.

    >>> join("https://example.org/a/", "b.png"), join("https://example.org/a/", "//[x/b.png")
    ('https://example.org/a/b.png', None)
    """
    try:
        return urljoin(base, address)
    except ValueError:
        return None


def absolute(address: str) -> str | None:
    """Return `address` as an absolute http(s) URI in ASCII, None where that is not possible.

    Spaces and characters outside ASCII are percent-encoded (RFC 3987 3.1), a host outside ASCII
    becomes its IDNA form. An address of more than 4096 characters gives None.

    >>> absolute(" https://例え.jp/图 片.png ")
    'https://xn--r8jz45g.jp/%E5%9B%BE%20%E7%89%87.png'
    >>> absolute("javascript:alert(1)") is None
    True
    """
    if len(address) <= LONGEST and _PLAIN.fullmatch(address):
        return address
    # WHATWG URL: tabs and newlines in an address are dropped, controls and spaces at its ends.
    address = address.strip("".join(map(chr, range(33)))).translate({9: None, 10: None, 13: None})
    parts = split(address)
    if parts is None or parts.scheme not in {"http", "https"} or len(address) > LONGEST:
        return None
    host, port = _ascii_host(parts.hostname or ""), parts.port
    if not host or not all(char.isalnum() or char in "-._[]:" for char in host):
        return None
    # Without the user name and password.
    netloc = host if port is None else f"{host}:{port}"
    path, query, fragment = (
        quote(part, safe=_KEPT, errors="replace")
        for part in (parts.path, parts.query, parts.fragment)
    )
    return urlunsplit((parts.scheme, netloc, path, query, fragment))


def resolve(base: str, address: str) -> str | None:
    """Resolve `address` against `base`, and return the result of `absolute`.

    An address that begins with two slashes is taken for https.

    >>> resolve("https://example.org/a/", "b c.png")
    'https://example.org/a/b%20c.png'
    """
    if address.startswith("//"):
        address = f"https:{address}"
    elif not address[:8].lower().startswith(("http://", "https://")):
        joined = join(base, address)
        return None if joined is None else absolute(joined)
    return absolute(address)


def _ascii_host(host: str) -> str | None:
    """Return a host as addresses have it: IPv6 in brackets, names in IDNA's form."""
    if ":" in host:
        return f"[{host}]"
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
