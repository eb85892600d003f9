"""What machines ask to know whether the service is well; `boundary` answers /healthz."""

from flask import Blueprint, Response, jsonify

from feedsvc.errors import StateError
from feedsvc.republisher import Republisher


def blueprint(republisher: Republisher) -> Blueprint:
    """Return the routes for monitors."""
    routes = Blueprint("ops", __name__)

    @routes.get("/readyz")
    def readiness() -> Response:
        """Say whether feeds can be served, and how far the articles have been read."""
        done, total = republisher.progress()
        try:
            ready = republisher.ready()
            articles = republisher.articles()
        except StateError:
            ready, articles = False, 0
        response = jsonify(ready=ready, articles=articles, reading={"done": done, "of": total})
        response.status_code = 200 if ready else 503
        response.headers["Cache-Control"] = "no-store"
        if not ready:
            response.headers["Retry-After"] = "1"
        return response

    return routes
