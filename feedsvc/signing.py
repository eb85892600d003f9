"""Signed addresses: of the image proxy, and of files of a site with private feeds. Pure.

    {base_url}/image/{signature}/{address in base64url}
    {base_url}/media/{path}?signature={signature}

The image proxy fetches only images of our articles. A site with private feeds sends a file beside
the articles only to whom it has shown the file's signed address, in a feed or a page.

The address is one path segment in base64url (RFC 4648 5) without padding: letters, digits, `-` and
`_` pass everywhere. A percent-encoded address would not arrive: WSGI servers decode a path before
they route it; reverse proxies decode it, merge `//` into `/`, and encode it in their own way.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

# Part of the signed text, so that a signature by this key for another purpose is not valid here.
_PURPOSE = b"feedsvc image proxy\n"
_PURPOSE_OF_FILES = b"feedsvc media\n"
_SIGNATURE_BYTES = 16  # 128 bits, RFC 2104 5: no less than half of what SHA-256 gives


def proxied(base_url: str, key: bytes, address: str) -> str:
    """Return the address at which the image proxy of `base_url` serves the image at `address`.

    `address` is as `weburl.absolute` makes it. An address of the proxy itself stays as it is.

    >>> proxied("https://feeds.example.org", b"secret", "https://img.example.com/a.png?w=1")
    'https://feeds.example.org/image/Z-J_O20oFc73FtkjQeqDmw/aHR0cHM6Ly9pbWcuZXhhbXBsZS5jb20vYS5wbmc_dz0x'
    """
    prefix = f"{base_url}/image/"
    signature, _, encoded = address.removeprefix(prefix).partition("/")
    if address.startswith(prefix) and address_of(key, signature, encoded) is not None:
        return address
    encoded = urlsafe_b64encode(address.encode()).decode("ascii").rstrip("=")
    return f"{prefix}{_sign(key, encoded)}/{encoded}"


def address_of(key: bytes, signature: str, encoded: str) -> str | None:
    """Return the address in a path that `proxied` made with `key`, None for any other path.

    >>> made = proxied("https://feeds.example.org", b"secret", "https://img.example.com/a.png?w=1")
    >>> address_of(b"secret", *made.rsplit("/", 2)[1:])
    'https://img.example.com/a.png?w=1'
    """
    # The signed text is that of the path, because base64 has several texts for one value. Bytes,
    # because compare_digest takes no text outside ASCII.
    if not hmac.compare_digest(_sign(key, encoded).encode(), signature.encode("utf-8", "replace")):
        return None
    return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


def of_file(key: bytes, source: str) -> str:
    """Return the signature of a file's path in the articles directory.

    >>> of_file(b"secret", "2024/a b.png")
    'FezLjbsPKgxnJ2P9OviazQ'
    """
    return _sign(key, source, _PURPOSE_OF_FILES)


def is_of_file(key: bytes, source: str, signature: str) -> bool:
    """Tell whether `of_file` made a signature with this key, for this path."""
    return hmac.compare_digest(of_file(key, source).encode(), signature.encode("utf-8", "replace"))


def _sign(key: bytes, text: str, purpose: bytes = _PURPOSE) -> str:
    message = purpose + text.encode("utf-8", "replace")
    digest = hmac.digest(key, message, hashlib.sha256)
    return urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).decode("ascii").rstrip("=")
