"""The address of the service."""

import socket
from dataclasses import dataclass
from pathlib import Path

from feedsvc.errors import FeedsvcError


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
