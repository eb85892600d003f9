"""`/readyz`, by which monitors learn whether the service works; `boundary` answers /healthz."""

from flask import Blueprint, Response, jsonify

from feedsvc.errors import StateError
from feedsvc.republisher import Republisher


def blueprint(republisher: Republisher) -> Blueprint:
    """Return the routes for monitors."""
    routes = Blueprint("ops", __name__)

    @routes.get("/readyz")
    def readiness() -> Response:
        """Say whether feeds can be served and articles are watched, and how far a pass is."""
        done, total = republisher.progress()
        answer: dict[str, object] = {"ready": False, "articles": 0}
        try:
            health = republisher.health()
            answer.update(
                ready=republisher.ready() and health.well, articles=republisher.articles()
            )
            if health.last_good is not None:
                answer["last_pass"] = health.last_good.isoformat(timespec="seconds")
            if health.error is not None:
                answer["error"] = health.error
        except StateError as error:
            answer["error"] = str(error)
        response = jsonify(**answer, reading={"done": done, "of": total})
        response.status_code = 200 if answer["ready"] else 503
        response.headers["Cache-Control"] = "no-store"
        if not answer["ready"]:
            response.headers["Retry-After"] = "1"
        return response

    return routes
