"""A progress bar on a terminal, for passes over many articles."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import click

from feedsvc.model import Progress


def show_progress(least: int) -> Callable[[], AbstractContextManager[Progress]]:
    """Return a context for the stages of a pass, which share one bar.

    The bar appears when at least so many articles are to be read, and stays until all are read.
    """
    bars: list[Any] = []

    @contextmanager
    def showing() -> Iterator[Progress]:
        def progress(done: int, total: int) -> None:
            if not bars and done < total >= least:
                bars.append(click.progressbar(length=total, label="articles", file=sys.stderr))
                bars[0].__enter__()
            if bars:
                bars[0].update(done - bars[0].pos)
                if done >= total:
                    bars.pop().__exit__(None, None, None)

        yield progress

    return showing


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Show a bar during the block; yield None where standard error is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with show_progress(1)() as progress:
        yield progress
