"""The address of the service."""

import socket
from dataclasses import dataclass
from pathlib import Path

from feedsvc.errors import FeedsvcError

# The addresses at which a service listens at all addresses of its machine.
_OF_THIS_MACHINE = {"0.0.0.0": "127.0.0.1", "::": "localhost", "": "127.0.0.1"}  # noqa: S104


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, which no other machine can reach by this name."""
    return host in {"localhost", "::1"} or host.startswith("127.")


class ServeError(FeedsvcError):
    """The service cannot start: its address, certificate or pid file cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The address of the service: a Unix socket if `uds` is set, else a host and a port.

    By HTTPS if `certificate` and `key` (files, PEM) are set. The process id is written to
    `pid_file`.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    uds: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    access_log: bool = False
    pid_file: Path | None = None

    def __str__(self) -> str:
        scheme = "https" if self.certificate else "http"
        return f"{scheme}+unix:{self.uds}" if self.uds else f"{scheme}://{self.host}:{self.port}"

    @property
    def address(self) -> str | None:
        """The address by which somebody at this machine opens the service; None for a socket."""
        if self.uds is not None:
            return None
        scheme, port = ("https", 443) if self.certificate else ("http", 80)
        host = self.own[0]
        host = f"[{host}]" if ":" in host else host
        return f"{scheme}://{host}" if self.port == port else f"{scheme}://{host}:{self.port}"

    @property
    def own(self) -> tuple[str, int]:
        """The host and the port by which this machine reaches the service."""
        return _OF_THIS_MACHINE.get(self.host, self.host), self.port

    @property
    def is_for_others(self) -> bool:
        """Tell whether others than this machine may reach the service at `host`."""
        return not is_loopback(self.host)

    def check(self) -> None:
        """Raise ServeError where this address cannot be used.

        granian does not notice another program at the port, because its workers share their ports.
        """
        if (self.certificate is None) != (self.key is None):
            raise ServeError("HTTPS needs both --certificate and --key")
        if self.uds is not None:
            return
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((self.host, self.port))
                probe.listen()
        except OSError as error:
            raise ServeError(
                f"cannot listen at {self.host}:{self.port}: {error.strerror};"
                " choose another --host or --port"
            ) from error
