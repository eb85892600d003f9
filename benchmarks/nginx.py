"""The yardstick of serving: nginx, with files compressed beforehand."""

import gzip
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwuid
from subprocess import Popen

from benchmarks.programs import MeasuringError, free_port, needed, running, until

# The fastest settings: no log, sendfile, connections that are never closed.
_CONFIG = """\
daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log stderr error;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/atom+xml;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    {cache}
    gzip_static on;
    gzip_vary on;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/root;
        add_header Cache-Control "public, max-age=900";
    }}
}}
"""

_CACHE = "open_file_cache max=10000 inactive=1h; open_file_cache_valid 1h;"
CACHING = "nginx that keeps files open"


@contextmanager
def serving(
    folder: Path, files: Mapping[str, bytes], *, workers: int, kept_open: bool = False
) -> Iterator[int]:
    """Serve files by name until the block ends; the value is the port. Raises MissingError.

    By default nginx opens the file for each request. With `kept_open` it keeps files open, and
    notices a change after an hour.
    """
    command = needed("nginx")
    root = folder / "root"
    root.mkdir(parents=True)
    for name, body in files.items():
        (root / name).write_bytes(body)
        (root / f"{name}.gz").write_bytes(gzip.compress(body, compresslevel=6, mtime=0))
    port = free_port()
    # If root starts nginx, its workers run as nobody, who cannot read this folder.
    user = f"user {getpwuid(os.geteuid()).pw_name} ;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    cache = _CACHE if kept_open else ""
    config.write_text(
        _CONFIG.format(workers=workers, folder=folder, port=port, user=user, cache=cache)
    )
    log = folder / "nginx.log"
    with running([command, "-p", str(folder), "-e", "stderr", "-c", str(config)], log) as process:
        until_it_listens(process, port, log)
        yield port


def until_it_listens(process: Popen[bytes], port: int, log: Path) -> None:
    """Wait until nginx listens at a port. Raises MeasuringError where it has ended."""

    def listens() -> bool:
        if process.poll() is not None:
            raise MeasuringError(f"nginx ended: {log.read_text()[-2000:]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(listens, "nginx listens", pause=0.02, limit=30)
