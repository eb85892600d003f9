"""The sockets that the workers listen at; the parent holds them, so that none is ever closed."""

import ctypes
import logging
import socket
import struct
import sys
import time
from collections.abc import Sequence

from feedsvc.errors import FeedsvcError

BACKLOG = 1024  # connections that wait for a worker

logger = logging.getLogger(__name__)

_HANDSHAKE_SECONDS = 0.1  # for a connection whose making had begun
_ACCEPTED_SECONDS = 2.0  # for those that wait to be accepted
_LOOK_SECONDS = 0.005

# A filter of packets for a socket (Linux, Documentation/networking/filter): none that opens a
# connection (SYN, RFC 9293 3.1) gets in. Four instructions of a code, two jumps and a value each.
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER
_NO_SYN = struct.pack(
    "HBBI" * 4,
    *(0x30, 0, 0, 13),  # load byte 13 of the TCP header
    *(0x45, 0, 1, 0x02),  # if it has the bit SYN
    *(0x06, 0, 0, 0),  # drop the packet
    *(0x06, 0, 0, 0xFFFFFFFF),  # else take all of it
)
_WAITING = struct.Struct("24xI")  # of struct tcp_info: tcpi_unacked, for a socket that listens


class ServeError(FeedsvcError):
    """The service cannot start: its address is taken, or is not this machine's."""


def listen(host: str, port: int, workers: int) -> list[socket.socket]:
    """Return a listening socket for each worker. Raises ServeError.

    A connection waits at its socket while no worker does, as when one is replaced.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sockets: list[socket.socket] = []
    try:
        # Sockets that share a port share it with anybody's: this one asks for it alone.
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
        # Linux gives each of several sockets its share of the connections; elsewhere, one gets all.
        for _ in range(workers if sys.platform == "linux" else 1):
            one = socket.socket(family)
            sockets.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sys.platform == "linux":
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind((host, port))
            one.listen(BACKLOG)
    except OSError as error:
        for one in sockets:
            one.close()
        raise ServeError(
            f"cannot listen at {host}:{port}: {error.strerror}; choose another --host or --port"
        ) from error
    return sockets * (workers // len(sockets))


def turn_away(sockets: Sequence[socket.socket]) -> None:
    """Let no more connections be made, and return when those that were have been accepted.

    To close a listening socket resets the connections that wait at it, and those half made. Where
    the system is not Linux, that is what happens to them.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(_NO_SYN, len(_NO_SYN))
    filter_ = struct.pack("HP", 4, ctypes.addressof(program))
    try:
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, filter_)
        begun = time.monotonic()
        while (elapsed := time.monotonic() - begun) < _ACCEPTED_SECONDS:
            if elapsed >= _HANDSHAKE_SECONDS and not any(map(_waiting, sockets)):
                return
            time.sleep(_LOOK_SECONDS)
        logger.warning("connections wait that no worker accepts; they are reset")
    except OSError as error:  # a system that allows no filters
        logger.info("connections that wait may be reset: %s", error.strerror)


def _waiting(one: socket.socket) -> int:
    """Return how many connections wait to be accepted."""
    said = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _WAITING.size)
    return int(_WAITING.unpack(said)[0])
