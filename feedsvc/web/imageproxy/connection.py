"""One request over one connection to IP addresses that were checked. The owner of urllib3.

The total time is limited however slowly bytes come in: before each read from the socket, its
timeout becomes the time that is left. urllib3's own limits do not cover the reading of a header.
"""

import http.client
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import urllib3
from urllib3.connection import HTTPConnection

from feedsvc.web.imageproxy import failure
from feedsvc.web.imageproxy.targets import IPAddress, Target

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings show whole addresses

_MOST_IPS = 4  # of one host that are tried
_CONNECT_SECONDS = 5.0  # for each of them
_SILENT_SECONDS = 10.0  # between two pieces of an answer


class Answer:
    """The answer of a host: its `status`, the `location` of a redirect, the `length` if known.

    `left` returns the seconds that are left, and raises TimeoutError when there are none. Making an
    Answer and reading it raises ImageError. No proxy, cookie or credential of this machine is used.
    """

    def __init__(
        self,
        target: Target,
        ips: list[IPAddress],
        headers: dict[str, str],
        *,
        left: Callable[[], float],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._connection = _Connection(target, ips, left, tls)
        try:
            with _as_image_errors():
                self._connection.request(
                    "GET", target.path, headers=headers, preload_content=False, decode_content=False
                )
                self._response = self._connection.getresponse()
        except BaseException:
            self._connection.end()
            raise
        self.status = self._response.status
        self.location = self._response.headers.get("Location")
        self.length = self._response.length_remaining

    def read(self, most: int) -> bytes:
        """Return the next bytes as soon as there are some, none at the end."""
        with _as_image_errors():
            # read() would wait until it has all that it was asked for.
            return self._response.read1(most, decode_content=False)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self._connection.end()


@contextmanager
def _as_image_errors() -> Iterator[None]:
    """Turn the errors of sockets and of urllib3 into ImageError."""
    try:
        yield
    except (TimeoutError, urllib3.exceptions.TimeoutError) as error:
        raise failure.too_slow("takes too long") from error
    except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
        raise failure.unreachable(_reason(error)) from error


# The text in the log for an error or one of its causes; the first line that fits. The messages of
# the libraries are not used, because some of them contain bytes from the host.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ssl.SSLCertVerificationError, "has a certificate that is not accepted"),
    (ssl.SSLError, "fails at TLS"),
    (ConnectionRefusedError, "refuses the connection"),
    (http.client.RemoteDisconnected, "closes the connection without an answer"),
    (ConnectionError, "breaks the connection"),
    (http.client.IncompleteRead, "does not send all of the image"),  # or a broken chunk
    (http.client.HTTPException, "sends what is not HTTP"),
    (urllib3.exceptions.HTTPError, "sends what is not HTTP"),
    (OSError, "cannot be reached"),
)


def _reason(error: BaseException) -> str:
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    for kind, text in _REASONS:
        if any(isinstance(cause, kind) for cause in chain):
            return text
    return type(error).__name__


class _Socket(socket.socket):
    """A socket whose reads wait no longer than `left`, nor than `_SILENT_SECONDS`."""

    left: Callable[[], float]

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        self.settimeout(min(self.left(), _SILENT_SECONDS))
        return super().recv_into(buffer, nbytes, flags)


class _SecureSocket(ssl.SSLSocket):
    """The same with TLS."""

    left: Callable[[], float]

    def recv_into(
        self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0
    ) -> int:
        self.settimeout(min(self.left(), _SILENT_SECONDS))
        return super().recv_into(buffer, nbytes, flags)


class _Connection(HTTPConnection):
    """A connection to one of `ips`; the target's name is not resolved again.

    With `tls`, the certificate must be that of the target's name (RFC 9110 4.3.4).
    """

    def __init__(
        self,
        target: Target,
        ips: list[IPAddress],
        left: Callable[[], float],
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(target.host, target.port, timeout=_SILENT_SECONDS)
        self._ips = ips[:_MOST_IPS]
        self._left = left
        self._tls = tls
        self._open: socket.socket | None = None

    def connect(self) -> None:
        self._open = self._dial()
        if self._tls is not None:
            self._open.settimeout(min(self._left(), _SILENT_SECONDS))
            self._tls.sslsocket_class = _SecureSocket
            self._open = self._tls.wrap_socket(self._open, server_hostname=self.host)
            assert isinstance(self._open, _SecureSocket)
            self._open.left = self._left
        self.sock = self._open

    def _dial(self) -> socket.socket:
        error = OSError("nowhere to connect to")
        for ip in self._ips:
            sock = _Socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6)
            sock.left = self._left
            try:
                sock.settimeout(min(self._left(), _CONNECT_SECONDS))
                sock.connect((str(ip), self.port))
            except OSError as failed:
                sock.close()
                error = failed
            else:
                return sock
        raise error

    def end(self) -> None:
        """Close the socket, even where a response still uses it."""
        self.close()
        # urllib3 leaves a response open that it refuses; `close` waits for the response.
        if self._open is not None and (descriptor := self._open.detach()) >= 0:
            socket.close(descriptor)
