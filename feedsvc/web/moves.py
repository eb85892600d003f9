"""Feeds that have another address now (301), and feeds that are gone for good (410)."""

import unicodedata
from urllib.parse import quote

from flask import Flask, Response, redirect, request

from feedsvc.config import Moves
from feedsvc.errors import GoneError


def follow_moves(app: Flask, moves: Moves) -> None:
    """Have requests for feeds that moved led to their addresses, in each format and page.

    Feed readers take the new address over after a 301 (RFC 9110, 15.4.2), and stop asking after a
    410 (15.5.11).
    """
    moved, gone = dict(moves.moved), frozenset(moves.gone)
    if not moved and not gone:
        return

    @app.before_request
    def follow() -> Response | None:
        slug = unicodedata.normalize("NFC", (request.view_args or {}).get("slug", ""))
        if slug in gone:
            raise GoneError(f"The feed {slug} is gone.")
        if slug not in moved or request.method == "OPTIONS":
            return None
        end = unicodedata.normalize("NFC", request.path).removeprefix(f"/feeds/{slug}")
        query = request.query_string.decode("latin-1")
        address = quote(f"/feeds/{moved[slug]}{end}")
        response = redirect(f"{request.script_root}{address}{'?' if query else ''}{query}", 301)
        assert isinstance(response, Response)
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response
