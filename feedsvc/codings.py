"""Content codings (RFC 9110 8.4). The owner of the compression libraries."""

import sys
from collections.abc import Callable, Mapping

import brotli
from zlib_ng import zlib_ng  # the standard library's takes four times as long to save as much

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CodingError = zstd.ZstdError
"""The coded bytes are damaged."""


def _gzip(body: bytes) -> bytes:
    # Not with the gzip module: it writes the time into the header, and equal feeds must give equal
    # bytes. 31 bits mean gzip, with the largest window.
    return zlib_ng.compress(body, level=4, wbits=31)


def _brotli(body: bytes) -> bytes:
    return bytes(brotli.compress(body, quality=4))  # 5 takes twice as long


def _zstd(body: bytes) -> bytes:
    return zstd.compress(body, level=5)


CODINGS: Mapping[str, Callable[[bytes], bytes]] = {"br": _brotli, "zstd": _zstd, "gzip": _gzip}
"""By name (RFC 7932, RFC 8878, RFC 1952)."""

_SHORTEST = 512  # bytes: below this a coded body is hardly smaller


def encoded(body: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return `body` in every coding, each with its name, the shortest first; () if it is short."""
    if len(body) < _SHORTEST:
        return ()
    coded = [(name, compress(body)) for name, compress in CODINGS.items()]
    return tuple(sorted(coded, key=lambda pair: len(pair[1])))


def uncoded(coded: Mapping[str, bytes]) -> bytes:
    """Return the body from its codings. Raises CodingError."""
    return zstd.decompress(coded["zstd"])


def pack(text: str) -> bytes:
    """Return `text` compressed, for storage: quickly rather than small."""
    return zstd.compress(text.encode(), level=1)


def unpack(packed: bytes) -> str:
    """Return the text that `pack` compressed."""
    return zstd.decompress(packed).decode()
