"""Takes away the headers of a request that the application does not use or cannot read.

So no header can make the application fail. RFC 9110 says to ignore a date or a range that is not
valid (13.1.3, 14.2); the other headers are treated alike.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.http import (
    parse_accept_header,
    parse_cookie,
    parse_date,
    parse_etags,
    parse_if_range_header,
    parse_range_header,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The headers that the application uses, by their names in WSGI, with werkzeug's parser of each.
_PARSERS: dict[str, Callable[[str], object]] = {
    "HTTP_ACCEPT": parse_accept_header,
    "HTTP_ACCEPT_ENCODING": parse_accept_header,
    "HTTP_ACCEPT_LANGUAGE": parse_accept_header,
    "HTTP_AUTHORIZATION": str,
    "HTTP_COOKIE": parse_cookie,
    "HTTP_IF_MATCH": parse_etags,
    "HTTP_IF_MODIFIED_SINCE": parse_date,
    "HTTP_IF_NONE_MATCH": parse_etags,
    "HTTP_IF_RANGE": parse_if_range_header,
    "HTTP_RANGE": parse_range_header,
    "HTTP_SEC_FETCH_DEST": str,
    "HTTP_USER_AGENT": str,  # this and the next one are for `counting`
    "HTTP_X_FORWARDED_FOR": str,
}
_LONGEST_VALUE = 1000  # characters: some of these parsers take the square of the length
_OF_QUERIES = "!#$%&'()*+,-./:;=?@[]_~"  # RFC 3986, 2.2
_UNUSED = frozenset({"CONTENT_LENGTH", "CONTENT_TYPE"})  # no route takes a body


class ReadableHeaders:
    """A WSGI application around `app`, which sees only the headers of `_PARSERS`.

    A query that is not ASCII is percent-encoded.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        for name, value in list(environ.items()):
            if not _is_wanted(name, value):
                del environ[name]
        query = environ.get("QUERY_STRING", "")
        if not query.isascii():  # RFC 3986, 2: an address is ASCII; Werkzeug fails on some others
            environ["QUERY_STRING"] = quote(query.encode("latin-1", "replace"), safe=_OF_QUERIES)
        return self._app(environ, start)


def _is_wanted(name: str, value: object) -> bool:
    """Tell whether a variable of the environment is no header, or a valid one that is used."""
    parse = _PARSERS.get(name)
    if parse is None:
        return not name.startswith("HTTP_") and name not in _UNUSED
    if not isinstance(value, str) or len(value) > _LONGEST_VALUE:
        return False
    try:
        parse(value)
    except (ValueError, OverflowError):  # an impossible date, or more digits than Python converts
        return False
    return True
