"""`/metrics`, for Prometheus; `status.access` protects it like `/status`."""

from collections.abc import Callable
from datetime import date, datetime

from flask import Blueprint, Response, request

from feedsvc.config import Config
from feedsvc.health import Judge
from feedsvc.index import Index
from feedsvc.publish import Overviews, Statuses
from feedsvc.web.pages.status import Numbers, access, answer


def blueprint(
    config: Config,
    index: Index,
    judge: Judge,
    statuses: Statuses,
    overviews: Overviews,
    *,
    clock: Callable[[], datetime],
    today: Callable[[], date],
) -> Blueprint:
    """Return the route of the metrics, none if the status is off."""
    routes = Blueprint("metrics", __name__)
    if config.status.access == "off":
        return routes
    numbers = Numbers(statuses, today)

    @routes.get("/metrics")
    def metrics() -> Response:
        # Its library takes 25 ms and a megabyte, which a worker that nobody asks need not spend.
        from feedsvc.web.exposition import Metrics, exposed  # noqa: PLC0415

        everything = access(config.status)
        read = Metrics(index, judge, numbers, overviews, now=clock(), today=today())
        body, media_type = exposed(
            read.all(everything=everything), request.headers.get("Accept", "")
        )
        return answer(Response(body, content_type=media_type))

    return routes
