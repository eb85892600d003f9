"""Sites to measure: a corpus, a configuration over it, a state that can be thrown away.

Corpora lie in the work directory and are made once; so is the state over each, as long as
feedsvc's source stays as it is.
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
_MAKE = 2  # of corpus.make: one more whenever it makes something else
_VISITORS = ("dropped", "more")  # folders that a measurement puts among the articles and takes out


class Site:
    """A configuration over some articles; its state lies beside it."""

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
        """Write the configuration; neither key changes what the state holds."""
        categories = "".join(
            f"  - {{slug: c{n:02d}, terms: [{term}]}}\n" for n, term in enumerate(corpus.TERMS)
        )
        self.config.write_text(
            "site: {title: Bench, timezone: Asia/Shanghai}\n"
            f"articles: {{directory: '{self.articles}', rescan: {rescan}, settle: {settle}}}\n"
            f"feeds: {{limit: {self._limit}}}\n"
            f"categories:\n{categories}",
            "utf-8",
        )

    def forget(self) -> None:
        """Throw the state away."""
        shutil.rmtree(self._state, ignore_errors=True)
        self._made_by.unlink(missing_ok=True)

    def know(self) -> None:
        """Have a state that knows all articles."""
        if not self._made_by.exists() or self._made_by.read_text() != _source():
            self.forget()
            run([*FEEDSVC, "refresh", "--config", str(self.config)])
            self.known()

    def known(self) -> None:
        """Remember that the state knows all articles."""
        self._made_by.write_text(_source())

    def nobody_asked(self) -> None:
        """Have a state that no reader has asked for anything; only without a service."""
        with closing(sqlite3.connect(self._state / "feedsvc.db")) as database, database:
            database.execute("DELETE FROM documents")

    @contextmanager
    def index(self) -> Iterator[Index]:
        """Open the state for reading, beside whoever uses it."""
        with closing(open_index(configuration.load(self.config))) as index:
            yield index

    @contextmanager
    def visited(self, name: str) -> Iterator[Path]:
        """Have room among the articles for more, until the block ends; the state is lost then."""
        assert name in _VISITORS
        try:
            yield self.articles / name
        finally:
            self.forget()
            shutil.rmtree(self.articles / name, ignore_errors=True)


class Work:
    """The work directory: corpora and sites by what they hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)

    def corpus(self, articles: int, *, first: int = 0, tags: int = 0) -> Path:
        """Return the directory of a corpus, made unless it is there."""
        folder = self.folder / f"corpus-{articles}-{first}-{tags}"
        stamp = folder / "made.json"
        said = json.dumps({"make": _MAKE, "articles": articles, "first": first, "tags": tags})
        if not stamp.exists() or stamp.read_text() != said:
            shutil.rmtree(folder, ignore_errors=True)
            corpus.make(folder / "articles", articles, first=first, tags=tags)
            stamp.write_text(said)
        for name in _VISITORS:  # of a measurement that was killed
            shutil.rmtree(folder / "articles" / name, ignore_errors=True)
        return folder / "articles"

    def site(self, articles: int, *, tags: int = 0, limit: int = 50) -> Site:
        """Return a site over a corpus."""
        folder = self.folder / f"site-{articles}-{tags}-{limit}"
        return Site(folder, self.corpus(articles, tags=tags), articles, limit=limit)

    def room(self, name: str) -> Path:
        """Return the path of a folder that is not there."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder


def warm(articles: Path) -> None:
    """Read every file once, so that nobody is the first to wait for the disk."""
    for file in articles.rglob("*.txt"):
        file.read_bytes()


def _source() -> str:
    """Return a digest of feedsvc's source: another one may make another state."""
    digest = hashlib.sha256()
    for file in sorted(Path(feedsvc_file).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
