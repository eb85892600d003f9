"""Sites to measure: a corpus, a configuration for it, a state that can be deleted.

The work directory keeps corpora. It also keeps the state of each site until feedsvc's source
changes.
"""

import hashlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks import corpus
from benchmarks.programs import run
from feedsvc import __file__ as feedsvc_file, config as configuration
from feedsvc.index import Index
from feedsvc.serve import open_index

FEEDSVC = [sys.executable, "-m", "feedsvc"]
_MAKE = 2  # the version of corpus.make; raise it when its files change
_EXTRA_FOLDERS = ("dropped", "more")  # a measurement adds them to the articles and removes them


class Site:
    """A configuration for a directory of articles, with the state beside it."""

    def __init__(self, folder: Path, articles: Path, size: int, *, limit: int) -> None:
        self.folder = folder
        self.articles = articles
        self.size = size  # articles
        self.config = folder / "config.yaml"
        self._limit = limit
        self._state = folder / "state"
        self._made_by = folder / "state-made-by"
        folder.mkdir(parents=True, exist_ok=True)
        self.configure()

    def configure(self, *, rescan: str = "1h", settle: str = "1s") -> None:
        """Write the configuration; neither key changes the content of the state."""
        categories = "".join(
            f"  - {{slug: c{n:02d}, terms: [{term}]}}\n" for n, term in enumerate(corpus.TERMS)
        )
        self.config.write_text(
            # One address for all runs, which listen at different ports.
            "site: {title: Bench, timezone: Asia/Shanghai, base_url: 'https://bench.example.org'}\n"
            f"articles: {{directory: '{self.articles}', rescan: {rescan}, settle: {settle}}}\n"
            f"feeds: {{limit: {self._limit}}}\n"
            f"categories:\n{categories}",
            "utf-8",
        )

    def delete_state(self) -> None:
        """Delete the state."""
        shutil.rmtree(self._state, ignore_errors=True)
        self._made_by.unlink(missing_ok=True)

    def ensure_state(self) -> None:
        """Make the state, with all articles, unless this source of feedsvc has made it."""
        if not self._made_by.exists() or self._made_by.read_text() != _source():
            self.delete_state()
            run([*FEEDSVC, "refresh", "--config", str(self.config)])
            self.mark_state()

    def mark_state(self) -> None:
        """Note that the state has all articles, made by this source of feedsvc."""
        self._made_by.write_text(_source())

    def forget_requests(self) -> None:
        """Delete the documents, and with them the times of requests. No service may run."""
        with closing(sqlite3.connect(self._state / "feedsvc.db")) as database, database:
            database.execute("DELETE FROM documents")

    @contextmanager
    def index(self) -> Iterator[Index]:
        """Open the state for reading, while a service may use it."""
        with closing(open_index(configuration.load(self.config))) as index:
            yield index

    @contextmanager
    def extra_folder(self, name: str) -> Iterator[Path]:
        """Return a folder for more articles; when the block ends, delete it and the state."""
        assert name in _EXTRA_FOLDERS
        try:
            yield self.articles / name
        finally:
            self.delete_state()
            shutil.rmtree(self.articles / name, ignore_errors=True)


class Work:
    """The work directory: corpora and sites, named by their sizes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)

    def corpus(self, articles: int, *, first: int = 0, tags: int = 0) -> Path:
        """Return the directory of a corpus; make it if it does not exist."""
        folder = self.folder / f"corpus-{articles}-{first}-{tags}"
        stamp = folder / "made.json"
        stamped = json.dumps({"make": _MAKE, "articles": articles, "first": first, "tags": tags})
        if not stamp.exists() or stamp.read_text() != stamped:
            shutil.rmtree(folder, ignore_errors=True)
            corpus.make(folder / "articles", articles, first=first, tags=tags)
            stamp.write_text(stamped)
        for name in _EXTRA_FOLDERS:  # left by a measurement that was killed
            shutil.rmtree(folder / "articles" / name, ignore_errors=True)
        return folder / "articles"

    def site(self, articles: int, *, tags: int = 0, limit: int = 50) -> Site:
        """Return a site for a corpus."""
        folder = self.folder / f"site-{articles}-{tags}-{limit}"
        return Site(folder, self.corpus(articles, tags=tags), articles, limit=limit)

    def empty_path(self, name: str) -> Path:
        """Return the path for a folder; delete one that exists."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder


def warm(articles: Path) -> None:
    """Read every file once, so that it is in the file cache."""
    for file in articles.rglob("*.txt"):
        file.read_bytes()


def _source() -> str:
    """Return a digest of feedsvc's source: other source may make another state."""
    digest = hashlib.sha256()
    for file in sorted(Path(feedsvc_file).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
