"""A site in any folder, for fixtures and examples that no fixture of one test can serve."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from conftest import Clock, Tree
from sites import Site

from feedsvc import config as configuration
from feedsvc.index import Index


@contextmanager
def site_in(folder: Path, **sections: Any) -> Iterator[tuple[Site, Tree]]:
    """Open a site over an empty articles directory in this folder; its clock stands still."""
    clock = Clock()
    tree = Tree(folder / "articles", clock)
    mapping: dict[str, Any] = {
        "site": {"title": "Test", "base_url": "https://feeds.example.org"},
        "state": {"url": "sqlite:///state/index.db"},
        **sections,
    }
    mapping["articles"] = {
        "directory": str(tree.root),
        "settle": "0s",
        **sections.get("articles", {}),
    }
    config = configuration.parse(mapping, folder=folder)
    with closing(Site(config, Index.open(config.state.url), clock)) as site:
        yield site, tree
