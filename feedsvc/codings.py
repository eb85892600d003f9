"""Content codings (RFC 9110 8.4): the one place that knows the compressing libraries."""

import gzip
import sys
from collections.abc import Callable, Mapping

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def _gzip(body: bytes) -> bytes:
    # mtime=0: the header would hold the clock, and equal feeds must give equal bytes.
    return gzip.compress(body, compresslevel=6, mtime=0)


def _brotli(body: bytes) -> bytes:
    return bytes(brotli.compress(body, quality=5))  # as long to make as gzip's, and smaller


def _zstd(body: bytes) -> bytes:
    return zstd.compress(body, level=3)


CODINGS: Mapping[str, Callable[[bytes], bytes]] = {"br": _brotli, "zstd": _zstd, "gzip": _gzip}
"""By name, the one that saves most first (RFC 7932, RFC 8878, RFC 1952)."""

_SHORTEST = 512  # bytes: below this a coded body is hardly smaller


def encoded(body: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return `body` in every coding, each with its name; none for what is too short to gain."""
    if len(body) < _SHORTEST:
        return ()
    return tuple((name, compress(body)) for name, compress in CODINGS.items())
