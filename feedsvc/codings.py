"""Content codings (RFC 9110 8.4): the one place that knows the compressing libraries."""

import sys
from collections.abc import Callable, Mapping

import brotli
from zlib_ng import zlib_ng  # the standard library's takes four times as long to save as much

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CodingError = zstd.ZstdError
"""What was coded is damaged."""


def _gzip(body: bytes) -> bytes:
    # Not by way of a gzip file: its header would hold the clock, and equal feeds must give equal
    # bytes. 31 bits mean gzip, with the largest window.
    return zlib_ng.compress(body, level=4, wbits=31)


def _brotli(body: bytes) -> bytes:
    return bytes(brotli.compress(body, quality=4))  # the next takes twice as long


def _zstd(body: bytes) -> bytes:
    return zstd.compress(body, level=5)


CODINGS: Mapping[str, Callable[[bytes], bytes]] = {"br": _brotli, "zstd": _zstd, "gzip": _gzip}
"""By name (RFC 7932, RFC 8878, RFC 1952)."""

_SHORTEST = 512  # bytes: below this a coded body is hardly smaller


def encoded(body: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return `body` in every coding, each with its name, the shortest first.

    None for what is too short to gain.
    """
    if len(body) < _SHORTEST:
        return ()
    coded = [(name, compress(body)) for name, compress in CODINGS.items()]
    return tuple(sorted(coded, key=lambda one: len(one[1])))


def uncoded(coded: Mapping[str, bytes]) -> bytes:
    """Return the body of which these are all codings. Raises CodingError."""
    return zstd.decompress(coded["zstd"])


def pack(text: str) -> bytes:
    """Return `text` in the least room that takes next to no time."""
    return zstd.compress(text.encode(), level=1)


def unpack(packed: bytes) -> str:
    """Return what was packed."""
    return zstd.decompress(packed).decode()
