"""Tokens and passwords for private feeds, and the hashes of them that config.yaml has.

A token has 256 bits by chance: nobody can guess it, so one round of SHA-256 is enough, and a poll
costs a microsecond. A password that a person chose can be guessed, so its hash is slow (scrypt, RFC
7914, by Werkzeug). The owner of werkzeug.security.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

from werkzeug.security import check_password_hash, generate_password_hash

_TOKEN_BYTES = 32
# One of the settings that OWASP's Password Storage Cheat Sheet names.
_SCRYPT = "scrypt:32768:8:3"


def new_token() -> str:
    """Return a new token: 43 letters, digits, `-` and `_`, which need no escape in an address."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_of_token(token: str) -> str:
    """Return the hash of a token.

    >>> hash_of_token("secret")
    'sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b'
    """
    return f"sha256:{hashlib.sha256(token.encode('utf-8', 'replace')).hexdigest()}"


def hash_of_password(password: str) -> str:
    """Return the hash of a password, with a salt by chance. It takes half a second and 32 MB."""
    return generate_password_hash(password, method=_SCRYPT)


def is_token(token: str, hashes: Iterable[str]) -> bool:
    """Tell whether a token has one of these hashes; how long it takes tells nobody anything."""
    given = hash_of_token(token)
    # All are compared, also after the right one.
    return any([hmac.compare_digest(given, known) for known in hashes])  # noqa: C419


def is_password(password: str, known: str) -> bool:
    """Tell whether a password has this hash. It takes as long as `hash_of_password`."""
    return check_password_hash(known, password)
