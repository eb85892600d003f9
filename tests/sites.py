"""A site for tests: the parts that refresh, publish and serve, put together."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Flask

from feedsvc.cleaning import Cleaner
from feedsvc.config import Config
from feedsvc.diagnosis import Explainer, Explanation
from feedsvc.index import Index
from feedsvc.model import Document, Problem, Refresh
from feedsvc.passes import Passes
from feedsvc.web import build_app


class Site:
    """One configuration and its index: `refresh` makes a pass, `app` serves what it made."""

    def __init__(
        self,
        config: Config,
        index: Index,
        clock: Callable[[], datetime],
        *,
        cleaner: Cleaner | None = None,
    ) -> None:
        self.config = config
        self.index = index
        self.clock = clock
        self.cleaner = cleaner or Cleaner()
        self.passes = Passes(config, index, clock, cleaner=self.cleaner)
        self.contents = self.passes.contents
        self.entries = self.passes.entries
        self.documents = self.passes.documents

    def close(self) -> None:
        self.passes.close()
        self.index.close()

    def refresh(self, *args: Any, **options: Any) -> Refresh:
        return self.passes.make(*args, **options)

    def document(self, path: str) -> Document:
        return self.documents.document(path)

    def problems(self) -> tuple[Problem, ...]:
        return self.index.problems.all()

    def explain(self, file: str) -> Explanation:
        return Explainer(self.config, self.index, self.contents).explain(file, self.clock())

    def app(self, **options: Any) -> Flask:
        return build_app(self.config, self.index, self.clock, cleaner=self.cleaner, **options)


Open = Callable[..., Site]
"""The fixture `open_site`."""
