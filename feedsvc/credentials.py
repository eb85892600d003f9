"""Tokens for private feeds, and the hashes of them that config.yaml has. Pure but for chance.

A token has 256 bits by chance: nobody can guess it, so one round of SHA-256 is enough.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

_BYTES = 32


def new_token() -> str:
    """Return a new token: 43 letters, digits, `-` and `_`, which need no escape in an address."""
    return secrets.token_urlsafe(_BYTES)


def hash_of(token: str) -> str:
    """Return the hash of a token.

    >>> hash_of("secret")
    'sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b'
    """
    return f"sha256:{hashlib.sha256(token.encode('utf-8', 'replace')).hexdigest()}"


def is_known(token: str, hashes: Iterable[str]) -> bool:
    """Tell whether a token has one of these hashes; how long it takes tells nobody anything."""
    given = hash_of(token)
    # All are compared, also after the right one.
    return any([hmac.compare_digest(given, known) for known in hashes])  # noqa: C419
