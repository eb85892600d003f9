"""The sockets that the workers listen at; the parent holds them, so that none is ever closed."""

import socket
import sys

from feedsvc.errors import FeedsvcError

BACKLOG = 1024  # connections that wait for a worker


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
