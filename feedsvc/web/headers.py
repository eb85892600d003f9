"""The headers of a request that the application sees: those that it uses, if it can read them.

So no value of any header makes it fail. A date or a range that is not valid is to be ignored
(RFC 9110 13.1.3, 14.2); the other headers are treated alike.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from werkzeug.http import (
    parse_accept_header,
    parse_date,
    parse_etags,
    parse_if_range_header,
    parse_range_header,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The headers that are used, by their names in WSGI, and what reads them.
_PARSERS: dict[str, Callable[[str], object]] = {
    "HTTP_ACCEPT_ENCODING": parse_accept_header,
    "HTTP_IF_MATCH": parse_etags,
    "HTTP_IF_MODIFIED_SINCE": parse_date,
    "HTTP_IF_NONE_MATCH": parse_etags,
    "HTTP_IF_RANGE": parse_if_range_header,
    "HTTP_RANGE": parse_range_header,
}
_LONGEST_VALUE = 1000  # characters: some of these parsers take the square of the length
_UNUSED = frozenset({"CONTENT_LENGTH", "CONTENT_TYPE"})  # nothing here takes a body


class ReadableHeaders:
    """A WSGI application around another one, which sees no headers but those."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        for name in [name for name, value in environ.items() if not _kept(name, value)]:
            del environ[name]
        return self._app(environ, start)


def _kept(name: str, value: object) -> bool:
    """Tell whether a variable of the environment is no header, or one that can be read."""
    parse = _PARSERS.get(name)
    if parse is None:
        return not name.startswith("HTTP_") and name not in _UNUSED
    if not isinstance(value, str) or len(value) > _LONGEST_VALUE:
        return False
    try:
        parse(value)
    except (ValueError, OverflowError):  # of a date, or of more digits than Python converts
        return False
    return True
