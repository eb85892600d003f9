"""What machines ask to know whether the service is well."""

from flask import Blueprint, Response


def blueprint() -> Blueprint:
    """Return the routes for monitors."""
    routes = Blueprint("ops", __name__)

    @routes.get("/healthz")
    def health() -> Response:
        return Response("ok\n", mimetype="text/plain", headers={"Cache-Control": "no-store"})

    return routes
