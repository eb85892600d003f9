"""The name of the file or object that has what an address answers. Pure.

A host of files adds `.html` to an address by itself, as `deploy/` tells nginx and Caddy to do. An
object store has names, not folders: there each name is exactly the address.
"""

from feedsvc import codings
from feedsvc.formats import FORMATS

SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""What is added to the name of a file for each of its codings, as nginx and Caddy expect it."""
assert SUFFIXES.keys() == codings.CODINGS.keys()

_HOME = "/index.html"
_MOST_BYTES = 255 - len(".html") - len(".zst")  # of a name in most file systems
_SUFFIXES = tuple(SUFFIXES.values())
_DOCUMENTS = (*(f".{name}" for name in FORMATS), ".xml", ".md", ".txt")


def file_name(path: str) -> str | None:
    """Return the name of a file.

    >>> file_name("/feeds/财经"), file_name("/feeds/财经.atom"), file_name("/feeds/a/2")
    ('feeds/财经.html', 'feeds/财经.atom', 'feeds/a/2.html')
    >>> file_name("/media/../x.png") is None
    True
    """
    return _checked(f"{path}.html" if _is_page(path) else path)


def object_name(path: str) -> str | None:
    """Return the name of an object.

    >>> object_name("/"), object_name("/feeds/财经"), object_name("/feeds/a.atom.gz") is None
    ('index.html', 'feeds/财经', True)
    """
    # The page of a feed that is called `a.atom.gz` would take the name of another feed's coding.
    if _is_page(path) and path.endswith(_SUFFIXES):
        return None
    return _checked(path)


def _is_page(path: str) -> bool:
    """Tell whether a page is at a path: then it has no suffix that names a type.

    A feed's name may have a point in it, as `node.js` has.
    """
    if path.startswith("/feeds/"):
        return not path.endswith(_DOCUMENTS)
    if path.startswith("/articles/"):
        return not path.endswith(".md")
    return path == "/topics"


def _checked(path: str) -> str | None:
    parts = (_HOME if path == "/" else path).removeprefix("/").split("/")
    for part in parts:
        if not part or part.startswith(".") or len(part.encode("utf-8", "replace")) > _MOST_BYTES:
            return None
    name = "/".join(parts)
    # Neither file systems nor stores agree on these; a backslash parts folders on some.
    return None if any(ord(char) < 32 or char in "\\\x7f" for char in name) else name
