"""The icon of the site, also at `/favicon.ico`, where browsers and feed readers look for it."""

from pathlib import Path, PurePath

from flask import Blueprint, Response, redirect, send_file

from feedsvc import mediatypes
from feedsvc.config import Site
from feedsvc.web.http import page_headers

OURS = Path(__file__).parent / "static" / "icon.png"

_MAX_AGE = 24 * 3600


def blueprint(site: Site) -> Blueprint:
    """Return the routes of the icon: `/favicon.ico`, and the address in feeds if it is ours."""
    routes = Blueprint("icon", __name__)

    def own() -> Response:
        # The file may have been deleted since the configuration was read.
        file = site.icon if isinstance(site.icon, Path) and site.icon.is_file() else OURS
        type = mediatypes.ICONS[file.suffix.lower()]
        response = send_file(file.absolute(), mimetype=type, conditional=True, max_age=_MAX_AGE)
        response.headers["Access-Control-Allow-Origin"] = "*"
        return page_headers(response)

    def elsewhere() -> Response:
        response = redirect(site.icon_address)
        response.headers["Cache-Control"] = f"public, max-age={_MAX_AGE}"
        assert isinstance(response, Response)
        return response

    if isinstance(site.icon, str):
        routes.get("/favicon.ico")(elsewhere)
    else:
        routes.get("/favicon.ico")(own)
        routes.get(f"/{PurePath(site.icon_address).name}")(own)
    return routes
