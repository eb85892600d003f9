"""feedsvc: a directory of article files, republished as Atom, RSS and JSON feeds."""

__version__ = "0.1.0"
