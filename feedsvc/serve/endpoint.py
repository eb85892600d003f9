"""Where and how the service is reached."""

from dataclasses import dataclass
from pathlib import Path

from feedsvc.errors import FeedsvcError


class ServeError(FeedsvcError):
    """The service cannot start: its address is taken, or is not this machine's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where and how the service is reached.

    At a Unix socket if there is `uds`, else at a host and port; by HTTPS if there are `certificate`
    and `key` (files, PEM). `pid_file` is written for who manages services.
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
