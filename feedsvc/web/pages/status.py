"""The status of the service, for people at /status and for programs at /status.json.

Problems name files, so only who has the token sees them, and why a pass failed. An answer is made
for each request, from numbers that are read again after ten seconds: it is in no cache.
"""

import hmac
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, request
from flask_babel import format_decimal, format_percent, format_timedelta

from feedsvc.config import Status as StatusConfig
from feedsvc.errors import NotReadyError
from feedsvc.health import CONFIG_REFUSED, PASSES, PassRecord
from feedsvc.index import Index
from feedsvc.model import Problem
from feedsvc.monitoring import as_json
from feedsvc.publish.status import DAYS, LATELY, DayStatus, FeedStatus, Status, Statuses
from feedsvc.silence import KEY, Silence, Silences
from feedsvc.web.http import page_headers
from feedsvc.web.pages.chart import HEIGHT, WIDTH, bars

MOST_PROBLEMS = 200
KINDS = ("304", "2xx", "3xx", "4xx", "5xx")
"""The classes of status, as they stand on each other in the chart."""
_KEEP_SECONDS = 10.0  # for which the numbers are not read again


class Numbers:
    """The numbers of the status; read at most every few seconds, by one thread at a time."""

    def __init__(self, statuses: Statuses, today: Callable[[], date]) -> None:
        self._statuses = statuses
        self._today = today
        self._lock = threading.Lock()
        self._read = -_KEEP_SECONDS  # by the monotonic clock
        self._last: Status | None = None

    def get(self) -> Status | None:
        """Return the numbers; None before the first articles are known. Raises StateError."""
        with self._lock:
            if self._last is None or time.monotonic() - self._read >= _KEEP_SECONDS:
                try:
                    self._last = self._statuses.read(self._today())
                except NotReadyError:
                    self._last = None
                self._read = time.monotonic()
            return self._last


def add_to(
    routes: Blueprint,
    index: Index,
    statuses: Statuses,
    config: StatusConfig,
    *,
    clock: Callable[[], datetime],
    today: Callable[[], date],
) -> None:
    """Add the routes of the status, unless it is off."""
    routes.app_template_filter("number")(format_decimal)
    routes.app_template_filter("percent")(format_percent)
    if config.access == "off":
        return
    numbers = Numbers(statuses, today)

    @routes.get("/status")
    def status() -> Response:
        everything = access(config)
        current = seen(numbers.get(), everything=everything)
        record = PassRecord.parse(index.meta.get(PASSES))
        now = clock()
        page = render_template(
            "status.html",
            status=current,
            record=record,
            config_refused=index.meta.get(CONFIG_REFUSED),
            reading=index.database.progress.read(),
            everything=everything,
            silent=_silent(index),
            problem_files=len({problem.source for problem in current.problems}) if current else 0,
            most_problems=MOST_PROBLEMS,
            services=_services(current.feeds) if current else {},
            charts=_charts(current.days) if current else {},
            lately=LATELY,
            age=lambda moment: _age(now, moment),
            # Links to other languages would need the token.
            **({"languages": {}} if _given() else {}),
        )
        return answer(Response(page, mimetype="text/html"))

    @routes.get("/status.json")
    def status_for_programs() -> Response:
        everything = access(config)
        return answer(jsonify(report(index, numbers.get(), clock(), everything=everything)))


def report(
    index: Index, status: Status | None, now: datetime, *, everything: bool
) -> dict[str, Any]:
    """Return the status for programs. Raises StateError."""
    record = PassRecord.parse(index.meta.get(PASSES))
    reading = index.database.progress.read()
    silent = _silent(index)
    silence: dict[str, Any] = {"number": len(silent)}
    if everything:
        silence["list"] = [as_json(one, now) for one in silent]
    return {
        "reading": {"done": reading.done, "of": reading.total},
        "last_pass": _pass(record, everything=everything),
        "configuration": _configuration(index.meta.get(CONFIG_REFUSED), everything=everything),
        "silence": silence,
        **_as_json(seen(status, everything=everything), everything=everything),
    }


def seen(status: Status | None, *, everything: bool) -> Status | None:
    """Return the status as a request may see it: without private feeds unless `everything`."""
    return status if status is None or everything else status.public


def _silent(index: Index) -> tuple[Silence, ...]:
    """Return the folders and categories that are silent."""
    silences = Silences.parse(index.meta.get(KEY))
    return silences.silent if silences else ()


def access(config: StatusConfig) -> bool:
    """Tell whether a request may see everything; else it may see the numbers.

    Where it may not see even these, it is answered with 401.
    """
    token = _given()
    if token is None and config.access == "public":
        return False
    # In constant time, so that nobody can guess the token letter by letter.
    if not config.token or not hmac.compare_digest(
        (token or "").encode("utf-8", "replace"), config.token.encode()
    ):
        refusal = Response(
            "This needs the right status.token, as `Authorization: Bearer TOKEN` or"
            " `?token=TOKEN`.\n",
            401,
            {"WWW-Authenticate": 'Bearer realm="status"'},  # RFC 6750, 3
            mimetype="text/plain",
        )
        abort(answer(refusal))
    return True


def _given() -> str | None:
    """Return the token of the request, None where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.args.get("token")


def answer(response: Response) -> Response:
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Vary"] = "Authorization, Accept-Language, Cookie"
    page_headers(response)
    response.headers["Referrer-Policy"] = "no-referrer"  # the address may have the token
    return response


def _age(now: datetime, moment: datetime | float) -> str:
    """Return how long ago a moment was, in words: `3 minutes`."""
    then = datetime.fromtimestamp(moment, UTC) if isinstance(moment, int | float) else moment
    return str(format_timedelta(max(now - then, timedelta(0)), granularity="second", threshold=1.5))


def _charts(days: tuple[DayStatus, ...]) -> dict[str, Any]:
    articles = [day.articles for day in days]
    requests = {kind: [day.requests.get(kind, 0) for day in days] for kind in KINDS}
    return {
        "box": f"0 0 {WIDTH * DAYS} {HEIGHT}",
        "articles": bars([articles])[0],
        "most_articles": max(articles),
        "requests": dict(zip(KINDS, bars(list(requests.values())), strict=True)),
        "most_requests": max(map(sum, zip(*requests.values(), strict=True))),
    }


def _services(feeds: tuple[FeedStatus, ...]) -> dict[str, int]:
    """Return the subscribers of all feeds by service, the largest number first."""
    sums: dict[str, int] = {}
    for feed in feeds:
        for service, number in feed.subscribers.items():
            sums[service] = sums.get(service, 0) + number
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def _configuration(refusal: str | None, *, everything: bool) -> dict[str, Any]:
    refused: dict[str, Any] = {"refused": bool(refusal)}
    if everything and refusal:
        refused["error"] = refusal
    return refused


def _pass(record: PassRecord | None, *, everything: bool) -> dict[str, Any] | None:
    if record is None or not record.good:
        return None
    last: dict[str, Any] = {
        "ended": _iso(datetime.fromtimestamp(record.since, UTC)),
        "seconds": record.seconds,
        "failed_since": record.error is not None,
        "changes": None,
    }
    if everything and record.error is not None:
        last["error"] = record.error
    if record.changed:
        last["changes"] = {
            "ended": _iso(datetime.fromtimestamp(record.changed, UTC)),
            "added": record.added,
            "modified": record.modified,
            "removed": record.removed,
        }
    return last


def _as_json(status: Status | None, *, everything: bool) -> dict[str, Any]:
    if status is None:
        return {"ready": False}
    problems: dict[str, Any] = {"number": len(status.problems)}
    if everything:
        problems["list"] = [_problem(problem) for problem in status.problems]
    today = status.days[-1]
    return {
        "ready": True,
        "articles": {
            "number": status.articles,
            "newest": _iso(status.newest) if status.newest else None,
        },
        "problems": problems,
        "today": {
            "feeds_sent": status.sent,
            "feeds_unchanged": status.unchanged,
            "clients": today.clients,
        },
        "subscribers": _services(status.feeds),
        "feeds": [_feed(feed) for feed in status.feeds],
        "days": [
            {
                "day": day.day.isoformat(),
                "articles": day.articles,
                "requests": dict(day.requests),
                "clients": day.clients,
            }
            for day in status.days
        ],
    }


def _problem(problem: Problem) -> Mapping[str, Any]:
    return {
        "file": problem.source,
        "line": problem.line,
        "field": problem.field,
        "reason": problem.reason,
        "cure": problem.cure,
        "published": problem.published,
    }


def _feed(feed: FeedStatus) -> Mapping[str, Any]:
    return {
        "name": feed.slug,
        "title": feed.title,
        "articles": feed.articles,
        "entries": feed.entries,
        "changed": _iso(feed.changed) if feed.changed else None,
        "bytes": dict(feed.bytes),
        "requests": feed.requests,
        "unchanged": feed.unchanged,
        "subscribers": dict(feed.subscribers),
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
