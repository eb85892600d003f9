"""Real feed readers against the service: do they list the entries, and poll cheaply?

Skipped where they are not installed, unless FEEDSVC_REQUIRE_READERS says that they must be.
"""

import html
import json
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Tree
from sites import Site
from werkzeug.serving import make_server

TITLES = ["Vec<T> & “Two”", "一号"]
SHOWN = ["Vec‹T› & “Two”", "一号"]
HOSTILE = {  # how a title or summary is written, and what a reader gets
    "<img src=x onerror=alert(1)> <!-- -->": "‹img src=x onerror=alert(1)› ‹!-- --›",
    "Vec<T> 与 a < b": "Vec‹T› 与 a < b",
    "AT&amp;T, R&D &copy=1": "AT&T, R&D &\u2060copy=1",
}


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing and os.environ.get("FEEDSVC_REQUIRE_READERS"):
        raise RuntimeError(f"not installed: {', '.join(missing)}")
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


class Recorder:
    """A WSGI application that remembers the path and the status of each request."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self.answers: list[tuple[str, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def record(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            self.answers.append((environ["PATH_INFO"], status[:3]))
            return start_response(status, headers, *more)

        return self._app(environ, record)

    def statuses(self, suffix: str) -> list[str]:
        return [status for path, status in self.answers if path.endswith(suffix)]


@pytest.fixture
def served(site: Site, tree: Tree) -> Iterator[tuple[str, Recorder]]:
    tree.write("1.md", f"---\ntitle: {TITLES[1]}\nauthor: 李\ndate: 2022-01-01\n---\nHello")
    tree.write("2.md", f"---\ntitle: '{TITLES[0]}'\nauthor: Ann\ndate: 2022-01-02\n---\nHello")
    site.refresh()
    recorder = Recorder(site.app())
    server = make_server("127.0.0.1", 0, recorder, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}", recorder
    server.shutdown()
    thread.join()
    server.server_close()


def newsboat(folder: Path, address: str, *, polls: int = 1) -> list[tuple[str, str]]:
    """Let newsboat poll a feed; return title and author of each entry, newest first."""
    (folder / "urls").write_text(f"{address}\n")
    (folder / "config").write_text("")
    command = ["newsboat", "-u", "urls", "-C", "config", "-c", "cache.db", "-x", "reload"]
    for _ in range(polls):
        subprocess.run(
            command, cwd=folder, check=True, timeout=60, env={**os.environ, "HOME": str(folder)}
        )
    cache = sqlite3.connect(folder / "cache.db")
    rows = cache.execute("SELECT title, author FROM rss_item ORDER BY pubDate DESC").fetchall()
    cache.close()
    return rows


@needs("newsboat")
@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_newsboat_lists_the_entries_and_polls_cheaply(
    served: tuple[str, Recorder], tmp_path: Path, suffix: str
) -> None:
    url, recorder = served
    listed = newsboat(tmp_path, f"{url}/feeds/all.{suffix}", polls=4)
    assert listed == [(SHOWN[0], "Ann"), (SHOWN[1], "李")]
    statuses = recorder.statuses(suffix)
    assert statuses[0] == "200"
    assert statuses[-1] == "304", statuses


@needs("newsboat")
@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_newsboat_shows_the_source_and_replaces_what_is_withdrawn(
    served: tuple[str, Recorder], site: Site, tree: Tree, tmp_path: Path, suffix: str
) -> None:
    address = f"{served[0]}/feeds/all.{suffix}"
    secret = "The minister met the banker"
    text = f"---\ntitle: {secret}\nsource: Sina\ndate: 2022-01-03\n---\n{secret} at night"
    tree.write("3.md", text)
    site.refresh()
    assert newsboat(tmp_path, address)[0] == (secret, "Sina")
    tree.write("3.md", text.replace("title", "withdrawn: true\ntitle", 1))
    site.refresh()
    assert newsboat(tmp_path, address)[0] == ("已撤回", "")  # the language of the other titles
    assert secret.encode() not in (tmp_path / "cache.db").read_bytes()


@needs("sfeed", "sfeed_update", "curl")
@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_sfeed_lists_the_entries_and_polls_cheaply(
    served: tuple[str, Recorder], tmp_path: Path, suffix: str
) -> None:
    url, recorder = served
    (tmp_path / "sfeedrc").write_text(
        f"sfeedpath='{tmp_path}/feeds'\n"
        "fetch() {\n"
        f"  curl -s -f --etag-save '{tmp_path}/etag' --etag-compare '{tmp_path}/etag' \"$2\"\n"
        "}\n"
        f"feeds() {{ feed all '{url}/feeds/all.{suffix}'; }}\n"
    )
    for _ in range(2):
        subprocess.run(
            ["sfeed_update", str(tmp_path / "sfeedrc")], check=True, timeout=60, cwd=tmp_path
        )
    rows = [
        line.split("\t") for line in (tmp_path / "feeds" / "all").read_text("utf-8").splitlines()
    ]
    assert [(row[1], row[6]) for row in rows] == [(SHOWN[0], "Ann"), (SHOWN[1], "李")]
    assert recorder.statuses(suffix) == ["200", "304"]


@pytest.fixture
def hostile(site: Site, tree: Tree, tmp_path: Path) -> Path:
    """Make a folder with feeds whose plain text would be markup in a page."""
    for number, text in enumerate(HOSTILE):
        value = json.dumps(text)
        tree.write(
            f"{number}.md",
            f"---\ntitle: {value}\nauthor: {value}\nsummary: {value}\n"
            f"date: 2022-01-0{9 - number}\n---\nHello",
        )
    site.refresh()
    for suffix in ("atom", "rss"):
        body = site.document(f"/feeds/all.{suffix}").body
        (tmp_path / f"all.{suffix}").write_bytes(body)
    return tmp_path


@needs("newsboat")
@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_newsboat_shows_text_that_looks_like_markup(hostile: Path, suffix: str) -> None:
    listed = newsboat(hostile, f"file://{hostile}/all.{suffix}")
    assert listed == [(text, text) for text in HOSTILE.values()]


@needs("sfeed", "sfeed_plain", "sfeed_html")
@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_sfeed_shows_text_that_looks_like_markup(hostile: Path, suffix: str) -> None:
    rows = subprocess.run(
        ["sfeed"],
        input=(hostile / f"all.{suffix}").read_bytes(), capture_output=True, check=True,
    ).stdout  # fmt: skip
    fields = [row.split("\t") for row in rows.decode().splitlines()]
    assert [(row[1], row[6]) for row in fields] == [(text, text) for text in HOSTILE.values()]
    for tool in ("sfeed_plain", "sfeed_html"):
        shown = subprocess.run(
            [tool],
            input=rows, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
        ).stdout.decode()  # fmt: skip
        for text in HOSTILE.values():
            assert text in html.unescape(shown)
