"""`/readyz`, by which monitors learn whether the service works; `boundary` answers /healthz."""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from feedsvc.errors import StateError
from feedsvc.health import Judge
from feedsvc.index import Index


def blueprint(index: Index, judge: Judge, count: Callable[[], int]) -> Blueprint:
    """Return the routes for monitors; `count` returns the number of public articles."""
    routes = Blueprint("ops", __name__)

    @routes.get("/readyz")
    def readiness() -> Response:
        """Say whether feeds can be served and articles are watched, and how far a pass is."""
        status = index.database.progress.read()
        answer: dict[str, object] = {"ready": False, "articles": 0}
        try:
            health = judge.health_of(index)
            answer.update(
                ready=index.meta.is_ready() and health.well,
                articles=count(),
                problems=index.problems.count(),
            )
            if health.last_good is not None:
                answer["last_pass"] = health.last_good.isoformat(timespec="seconds")
            if health.error is not None:
                answer["error"] = health.error
            if health.result is not None:
                answer["last_result"] = health.result
        except StateError as error:
            answer["error"] = str(error)
        response = jsonify(**answer, reading={"done": status.done, "of": status.total})
        response.status_code = 200 if answer["ready"] else 503
        response.headers["Cache-Control"] = "no-store"
        if not answer["ready"]:
            response.headers["Retry-After"] = "1"
        return response

    return routes
