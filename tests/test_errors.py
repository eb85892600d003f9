"""The docstring of `errors` draws the tree of exceptions."""

import importlib
import pkgutil
from collections.abc import Iterator

import feedsvc
from feedsvc import errors
from feedsvc.errors import FeedsvcError


def classes(parent: type[FeedsvcError]) -> Iterator[type[FeedsvcError]]:
    for child in parent.__subclasses__():
        yield child
        yield from classes(child)


def test_the_docstring_draws_every_exception_below_its_base() -> None:
    for module in pkgutil.walk_packages(feedsvc.__path__, "feedsvc."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert errors.__doc__ is not None
    bases: dict[str, str] = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        words = line.replace("├──", "   ").replace("└──", "   ").replace("│", " ")
        if words.split() and words.split()[0].endswith("Error"):
            name = words.split()[0]
            depth = (len(words) - len(words.lstrip())) // 4
            path[depth:] = [name]
            bases[name] = path[depth - 1] if depth else ""
    actual = {error.__name__: error.__bases__[0].__name__ for error in set(classes(FeedsvcError))}
    assert {name: base for name, base in bases.items() if base} == actual
