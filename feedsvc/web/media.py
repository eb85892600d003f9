"""Images, sound and video that lie beside the articles."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from flask import Blueprint, Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from feedsvc import mediatypes, signing
from feedsvc.config import Articles
from feedsvc.errors import NotFoundError
from feedsvc.publish.withheld import WithheldMedia
from feedsvc.scan import Directory
from feedsvc.web.http import page_headers

_MAX_AGE = 24 * 3600


def blueprint(
    articles: Articles,
    clock: Callable[[], datetime],
    withheld: WithheldMedia,
    key: Callable[[], bytes | None] | None = None,
) -> Blueprint:
    """Return the route of the files beside the articles, but those of withdrawn ones.

    With a function that returns a `key`, a file is sent only at its signed address.
    """
    routes = Blueprint("media", __name__)
    directory = Directory(articles.directory, (), articles.links)

    @routes.get("/media/<path:source>")
    def media(source: str) -> Response:
        if key is not None and not _is_signed(key(), source):
            raise NotFoundError("There is no such file.")
        media_type = _media_type(directory, source)
        if withheld.has(directory.root, source):
            raise NotFoundError("The article that showed this file has been withdrawn.")
        file = _open(directory, source)
        status = os.fstat(file.fileno())
        # No download_name: it becomes a header, and a file's name may have any character.
        response = send_file(
            file, mimetype=media_type, conditional=False, etag=False, max_age=_MAX_AGE
        )
        response.content_length = status.st_size
        # ctime, because programs that copy files can set mtime back.
        response.set_etag(f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ctime_ns:x}")
        # RFC 9110 8.8.2.1: never later than our own clock. A time before 1970 is not a real one.
        if 0 <= status.st_mtime <= clock().timestamp():
            response.last_modified = datetime.fromtimestamp(int(status.st_mtime), tz=UTC)
        try:
            response.make_conditional(request, accept_ranges=True, complete_length=status.st_size)
        except RequestedRangeNotSatisfiable:
            response.close()
            raise
        response.headers["Access-Control-Allow-Origin"] = "*"
        if key is not None:
            response.headers["Cache-Control"] = f"private, max-age={_MAX_AGE}"
            response.headers["X-Robots-Tag"] = "noindex"
        return page_headers(response)

    return routes


def _is_signed(key: bytes | None, source: str) -> bool:
    signature = request.args.get("signature", "")
    return key is not None and signing.is_of_file(key, source, signature)


def _media_type(directory: Directory, source: str) -> str:
    """Return the media type of a file; raises NotFoundError for hidden and other files."""
    media_type = None
    if not any(part.startswith(".") or not part for part in source.split("/")):
        with suppress(OSError, ValueError):  # ValueError: a NUL in the name
            file = Path(os.path.realpath(directory.root / source))  # not a link to it
            media_type = mediatypes.TYPES.get(file.suffix.lower())
    if media_type is None:
        raise NotFoundError("There is no such file.")
    return media_type


def _open(directory: Directory, source: str) -> BinaryIO:
    try:
        return os.fdopen(directory.open(source), "rb")
    except (OSError, ValueError) as error:
        raise NotFoundError("There is no such file.") from error
