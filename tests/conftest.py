"""Fixtures: an articles directory, a clock that stands still, a site and its client."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sites import Site

from feedsvc import config as configuration
from feedsvc.cleaning import Cleaner
from feedsvc.index import Index
from feedsvc.serve import open_index, utc_now

ROOT = Path(__file__).parent.parent
# How long shared caches may use a feed: RFC 9111, and RFC 5861 for the rest.
CACHED = "public, max-age=900, stale-while-revalidate=60, stale-if-error=86400"
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class Tree:
    """An articles directory; the files in it have the times of the clock."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self.root = root
        self.clock = clock
        self.event_paths: set[str] = (
            set()
        )  # the paths that file events would name, until a test clears it
        root.mkdir()

    def write(self, source: str, text: str | bytes) -> Path:
        file = self.root / source
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        self.touch(source)
        return file

    def touch(self, source: str) -> None:
        seconds = self.clock.now.timestamp()
        os.utime(self.root / source, (seconds, seconds))
        self.event_paths.add(str(self.root / source))

    def rename(self, old: str, new: str) -> None:
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        (self.root / old).rename(self.root / new)
        self.event_paths |= {str(self.root / old), str(self.root / new)}

    def remove(self, source: str) -> None:
        (self.root / source).unlink()
        self.event_paths.add(str(self.root / source))


def configured(tree: Tree, folder: Path, **sections: Any) -> configuration.Config:
    """Return the configuration of a site of `tree` with its state in `folder`."""
    mapping: dict[str, Any] = {
        "site": {"title": "Test", "base_url": "https://feeds.example.org"},
        "state": {"url": "sqlite:///state/index.db"},
        **sections,
    }
    mapping["articles"] = {
        "directory": str(tree.root),
        "settle": "0s",  # the clock stands still, so no file would ever be old enough
        **sections.get("articles", {}),
    }
    return configuration.parse(mapping, folder=folder)


@contextmanager
def site_in(folder: Path, **sections: Any) -> Iterator[tuple[Site, Tree]]:
    """Open a site over an empty articles directory in a folder; its clock stands still."""
    clock = Clock()
    tree = Tree(folder / "articles", clock)
    config = configured(tree, folder, **sections)
    with closing(Site(config, Index.open(config.state.url), clock)) as site:
        yield site, tree


def items(site: Site, slug: str = "all") -> list[dict[str, Any]]:
    """Return the entries of a feed, as JSON Feed has them."""
    document = json.loads(site.document(f"/feeds/{slug}.json").body)
    return list(document["items"])


def titles(site: Site, slug: str = "all") -> list[str]:
    """Return the titles of a feed's entries, in its order."""
    return [item["title"] for item in items(site, slug)]


@pytest.fixture(scope="session", autouse=True)
def _changes_are_seen_at_once() -> Iterator[None]:
    """Have the response cache check at each request whether documents have changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("feedsvc.web.response_cache._PAUSE", 0.0)
        yield


@pytest.fixture(autouse=True)
def _no_other_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that looks up the name of another machine."""
    resolve, looked_up = socket.getaddrinfo, list[object]()

    def local_only(host: Any, *args: Any, **options: Any) -> Any:
        with suppress(socket.gaierror):  # a numeric address in any notation
            return resolve(host, *args, **{**options, "flags": socket.AI_NUMERICHOST})
        if host != "localhost":
            looked_up.append(host)
            raise socket.gaierror(f"a test looks up {host}")
        return resolve(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", local_only)
    yield
    assert not looked_up


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tree(tmp_path: Path, clock: Clock) -> Tree:
    return Tree(tmp_path / "articles", clock)


@pytest.fixture
def open_site(tmp_path: Path, tree: Tree, clock: Clock) -> Iterator[Callable[..., Site]]:
    """Open the site of `tree`; called again, it is the same site after a restart."""
    opened: list[Site] = []

    def open_(*, cleaner: Cleaner | None = None, **sections: Any) -> Site:
        config = configured(tree, tmp_path, **sections)
        opened.append(Site(config, Index.open(config.state.url), clock, cleaner=cleaner))
        return opened[-1]

    yield open_
    for site in opened:
        site.close()


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Make the site of `seeds/` with the configuration beside the README; no test changes it."""
    folder = tmp_path_factory.mktemp("state")
    config = configuration.load(ROOT / "config.yaml")
    state = configuration.State(url=f"sqlite:///{folder}/index.db")
    config = replace(config, state=state)
    site = Site(config, open_index(config), utc_now)
    site.refresh()
    yield site
    site.close()


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    return open_site()


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.app().test_client()
