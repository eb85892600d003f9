"""An export: how long it takes, and nginx over its files beside `feedsvc serve`.

nginx uses the configuration that is shipped in `deploy/`, with one worker, as `serve` does.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwuid

from benchmarks import corpus, load, service
from benchmarks.load import Load
from benchmarks.measurement import Measured
from benchmarks.nginx import until_it_listens
from benchmarks.programs import MeasuringError, MissingError, free_port, needed, running, until
from benchmarks.results import Figure, no_more_than
from benchmarks.service import FIRST, Client
from benchmarks.sites import FEEDSVC, Site, Work

_SHIPPED = Path(__file__).parent.parent / "deploy" / "export.nginx.conf"
_WRITTEN = re.compile(r"(\d+) files written")


def export(
    work: Work,
    *,
    articles: int = 10_000,
    tags: int = 100,
    drops: int = 10,
    seconds: float = 5.0,
    rounds: int = 3,
    connections: int = 16,
) -> Measured:
    """Measure a first export, one without changes, a drop until its file is there, and nginx."""
    site = work.site(articles, tags=tags)
    site.ensure_state()
    folder = work.empty_path("export")
    folder.mkdir()
    public = folder / "public"
    first, written = _export(site, public)
    again, more = _export(site, public)
    if more:
        raise MeasuringError(f"the second export wrote {more} files")
    until_there = _drops(site, public, drops)
    ours: list[Load] = []
    theirs: list[Load] = []
    with service.serving(site, workers=1) as running_service:
        running_service.until_served()
        running_service.until_known(site, articles)

        def measure(port: int) -> Load:
            client = Client(port)
            answer = client.get(FIRST, gzip=True)
            client.close()
            if answer.status != 200:
                raise MeasuringError(f"{FIRST} at {port} answers with {answer.status}")
            return load.run(
                f"http://127.0.0.1:{port}{FIRST}",
                load.same_request({"Accept-Encoding": "gzip"}),
                folder=folder,
                seconds=seconds,
                connections=connections,
            )

        try:
            with hosting(folder / "nginx", public) as port:
                for _ in range(rounds):
                    ours.append(measure(running_service.port))
                    theirs.append(measure(port))
        except MissingError:
            ours = [measure(running_service.port) for _ in range(rounds)]
    until_there.sort()
    return Measured(
        figures=(
            Figure(label="first export", unit="s", ours=first),
            Figure(label="export without changes", unit="s", ours=again),
            Figure(
                label="drop until its feed's file is there, median",
                unit="s",
                ours=until_there[len(until_there) // 2],
            ),
            Figure(label="the longest", unit="s", ours=until_there[-1], target=no_more_than(2)),
            load.rates(ours, "nginx over the export", theirs),
            load.p99s(ours, "nginx over the export", theirs),
        ),
        details={"files": f"{written:,}", **load.answers(ours, theirs)},
    )


def _export(site: Site, public: Path) -> tuple[float, int]:
    """Export with the command; return the seconds, and how many files it wrote."""
    started = time.monotonic()
    output = subprocess.run(
        [*FEEDSVC, "export", str(public), "--config", str(site.config)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    match = _WRITTEN.search(output)
    return time.monotonic() - started, int(match[1]) if match else 0


def _drops(site: Site, public: Path, number: int) -> list[float]:
    """Return the seconds of each drop until the feed in the export shows it."""
    feed = public / FIRST.removeprefix("/")
    text = site.config.read_text("utf-8")
    site.config.write_text(f"{text}export: {{to: '{public}'}}\n", "utf-8")
    seconds = []
    with site.extra_folder("dropped") as folder, service.serving(site, workers=1) as serving:
        folder.mkdir()
        serving.until_served()
        serving.until_known(site, site.size)
        for drop in range(number):
            aside = site.folder / "aside.txt"
            aside.write_bytes(corpus.article(site.size + drop, term=corpus.TERMS[0]))
            before = feed.stat().st_ino
            started = time.monotonic()
            aside.rename(folder / f"{drop}.txt")

            def is_there(before: int = before) -> bool:
                return feed.stat().st_ino != before

            until(is_there, "the feed is exported", pause=0.005, limit=120)
            seconds.append(time.monotonic() - started)
            time.sleep(1)  # the export has other files to write
    site.config.write_text(text, "utf-8")
    return seconds


@contextmanager
def hosting(folder: Path, public: Path) -> Iterator[int]:
    """Run nginx with the shipped configuration over an export; yield the port."""
    command = needed("nginx")
    folder.mkdir()
    port = free_port()
    text = re.sub(
        r"listen 443[^;]*;.*|ssl_certificate.*|server_name.*", "", _SHIPPED.read_text("utf-8")
    ).replace("root /srv/feeds", f"listen 127.0.0.1:{port}; root {public}")
    # If root starts nginx, its workers run as nobody, who cannot read this folder.
    user = f"user {getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
    places = "".join(
        f"{each}_temp_path {folder}/{each};"
        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config, log = folder / "nginx.conf", folder / "nginx.log"
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error; {user}\n"
        "events { worker_connections 1024; }\n"
        "http { include /etc/nginx/mime.types; access_log off; sendfile on; tcp_nopush on;\n"
        f"keepalive_requests 1000000000; {places}\n{text}\n}}\n",
        "utf-8",
    )
    with running([command, "-p", str(folder), "-e", "stderr", "-c", str(config)], log) as process:
        until_it_listens(process, port, log)
        yield port
