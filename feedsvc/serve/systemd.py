"""What systemd is told of the service: that it is ready, that it lives, that it stops.

sd_notify(3): a datagram to the socket that $NOTIFY_SOCKET names. Without this variable nobody asks.
"""

import logging
import os
import socket
import ssl
import threading
from contextlib import suppress

from feedsvc.serve.endpoint import Endpoint

logger = logging.getLogger(__name__)

_SEND_SECONDS = 1.0
_ANSWER_SECONDS = 10.0
_START_SECONDS = 0.2  # between two looks whether the service answers for the first time


def notify(state: str) -> None:
    """Send a state such as `READY=1`; do nothing where nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_SEND_SECONDS)  # a receiver that does not read must stop nobody
            sender.connect("\0" + address[1:] if address[0] == "@" else address)
            sender.send(state.encode())


def watchdog_seconds() -> float | None:
    """Return how often systemd wants to hear of this process, None where it does not.

    systemd.service(5), WatchdogSec=: a service that is silent for longer is started again.
    """
    with suppress(ValueError):
        if os.environ.get("WATCHDOG_PID") in {None, str(os.getpid())}:
            microseconds = int(os.environ.get("WATCHDOG_USEC", "0"))
            return microseconds / 1e6 if microseconds > 0 else None
    return None


def start(endpoint: Endpoint) -> None:
    """Tell systemd when the service answers, and then, if it wants that, that it still does.

    While the service does not answer, systemd hears nothing, and may start it again.
    """
    if "NOTIFY_SOCKET" not in os.environ:
        return

    def run() -> None:
        pause, ready, seconds = threading.Event(), False, watchdog_seconds()
        while not ready or seconds is not None:
            pause.wait(seconds / 2 if ready and seconds is not None else _START_SECONDS)
            if answers(endpoint):
                notify("WATCHDOG=1" if ready else "READY=1")
                ready = True
            elif ready:
                logger.warning("the service does not answer at its own address")

    threading.Thread(target=run, name="feedsvc-systemd", daemon=True).start()


def answers(endpoint: Endpoint) -> bool:
    """Tell whether the service answers a request for `/healthz` at its address."""
    try:
        with _connect(endpoint) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return connection.recv(100).split()[1:2] == [b"200"]
    except OSError:  # ssl.SSLError is one
        return False


def _connect(endpoint: Endpoint) -> socket.socket:
    if endpoint.uds is not None:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(str(endpoint.uds))
        except OSError:
            connection.close()
            raise
        return connection
    connection = socket.create_connection(endpoint.own, timeout=_ANSWER_SECONDS)
    if endpoint.certificate is None:
        return connection
    # The name in the certificate is that of the public address.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)
