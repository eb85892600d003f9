"""Images, sound and video that lie beside the articles."""

from pathlib import Path

from flask import Blueprint, Response, send_file

from feedsvc import mediatypes
from feedsvc.errors import NotFoundError
from feedsvc.republisher import Republisher
from feedsvc.web.http import page_headers

_MAX_AGE = 24 * 3600


def blueprint(republisher: Republisher) -> Blueprint:
    """Return the route of the files beside the articles."""
    routes = Blueprint("media", __name__)
    root = republisher.config.articles.directory

    @routes.get("/media/<path:source>")
    def media(source: str) -> Response:
        file = _inside(root, source)
        response = send_file(
            file, mimetype=mediatypes.TYPES[file.suffix.lower()], conditional=True, max_age=_MAX_AGE
        )
        response.headers["Access-Control-Allow-Origin"] = "*"
        return page_headers(response)

    return routes


def _inside(root: Path, source: str) -> Path:
    """Return the file, if it is of these types, not hidden, and really inside `root`."""
    parts = source.split("/")
    try:
        file = root.joinpath(source).resolve(strict=True)
        inside = file.is_file() and file.is_relative_to(root.resolve())
    except (OSError, ValueError):  # ValueError: a NUL in the name
        inside = False
    if not inside or any(p.startswith(".") or not p for p in parts):
        raise NotFoundError("There is no such file.")
    if file.suffix.lower() not in mediatypes.TYPES:
        raise NotFoundError("There is no such file.")
    return file
