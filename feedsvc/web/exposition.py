"""The metrics, and their text for Prometheus. The owner of prometheus-client.

All numbers come from the state, so each web worker gives the same answer. Those of requests are
about a minute old, and begin again at midnight in the site's zone. Prometheus takes that for a
restart of the counter, so `rate` and `increase` stay right.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import (
    CounterMetricFamily as Counter,
    GaugeMetricFamily as Gauge,
    SummaryMetricFamily as Summary,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from feedsvc import __version__, silence
from feedsvc.errors import StateError
from feedsvc.formats import FORMATS
from feedsvc.health import PASSES, Judge, PassRecord
from feedsvc.index import Index
from feedsvc.publish import Overviews
from feedsvc.publish.status import Status
from feedsvc.silence import Silences
from feedsvc.web.pages.status import KINDS, Numbers, seen


class _Metrics(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics that were read."""
        return self._metrics


def exposed(metrics: Iterable[Metric], accept: str) -> tuple[bytes, str]:
    """Return metrics in the text format that an Accept header asks for, and its media type."""
    registry = CollectorRegistry()
    registry.register(_Metrics([metric for metric in metrics if metric.samples]))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class Metrics:
    """Reads the metrics of one index at one moment."""

    def __init__(
        self,
        index: Index,
        judge: Judge,
        numbers: Numbers,
        overviews: Overviews,
        *,
        now: datetime,
        today: date,
    ) -> None:
        self._index = index
        self._judge = judge
        self._numbers = numbers
        self._overviews = overviews
        self._now = now
        self._today = today

    def all(self, *, everything: bool) -> Iterator[Metric]:
        """Yield all metrics, with the names of what is silent only if `everything` may be seen.

        Where the state cannot be read, `feedsvc_ready` is 0 and most others are missing.
        """
        build = Gauge("feedsvc_build_info", "The version of feedsvc.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        ready = False
        metrics: list[Metric] = []
        try:
            ready = self._index.meta.is_ready() and self._judge.health_of(self._index).well
            metrics += self._passes()
            metrics += self._silences(everything=everything)
            status = seen(self._numbers.get(), everything=everything)
            if status is not None:
                metrics += self._articles(status)
                metrics += self._requests(status)
        except StateError:
            ready = False
        yield Gauge("feedsvc_ready", "1 if feeds can be served and passes are made.", ready)
        yield from metrics

    def _passes(self) -> Iterator[Metric]:
        record = PassRecord.parse(self._index.meta.get(PASSES))
        if record is None:
            return
        passes = Counter("feedsvc_passes", "Passes over the articles.", labels=["result"])
        passes.add_metric(["good"], record.passes)
        passes.add_metric(["failed"], record.failed)
        yield passes
        if record.good:
            yield Gauge(
                "feedsvc_last_good_pass_timestamp_seconds",
                "When the last good pass ended, since 1970.",
                record.since,
            )
            yield Gauge(
                "feedsvc_last_good_pass_duration_seconds",
                "How long the last good pass took.",
                record.seconds,
            )
        yield _summary(
            "feedsvc_pass_duration_seconds", "Good passes.", record.passes, record.all_seconds
        )
        yield _summary(
            "feedsvc_article_clean_seconds",
            "Articles that passes have cleaned.",
            record.cleaned,
            record.clean_seconds,
        )
        yield _summary(
            "feedsvc_document_render_seconds",
            "Feed documents that passes have rendered.",
            record.rendered,
            record.render_seconds,
        )

    def _silences(self, *, everything: bool) -> Iterator[Metric]:
        silences = Silences.parse(self._index.meta.get(silence.KEY))
        silent = silences.silent if silences else ()
        yield Gauge(
            "feedsvc_silent_streams",
            "Folders and categories that are quiet for far longer than usual or expected.",
            len(silent),
        )
        if everything:
            seconds = Gauge(
                "feedsvc_silence_seconds",
                "How long a silent folder or category has had no new article.",
                labels=["kind", "name"],
            )
            for one in silent:
                seconds.add_metric([one.kind, one.name], self._now.timestamp() - one.since)
            yield seconds

    def _articles(self, status: Status) -> Iterator[Metric]:
        yield Gauge("feedsvc_articles", "Published articles.", status.articles)
        problems = Gauge("feedsvc_problems", "Open problems of articles.", labels=["published"])
        published = sum(problem.published for problem in status.problems)
        problems.add_metric(["true"], published)
        problems.add_metric(["false"], len(status.problems) - published)
        yield problems
        of_feeds = Gauge("feedsvc_feed_articles", "Articles of a feed.", labels=["feed"])
        for feed in status.feeds:
            of_feeds.add_metric([feed.slug], feed.articles)
        yield of_feeds
        ages = Gauge(
            "feedsvc_newest_article_age_seconds",
            "The age of the newest article of a category by its date; the feed `all` has all.",
            labels=["feed"],
        )
        overview = self._overviews.overview(self._today)
        for summary in (overview.everything, *overview.categories):
            if summary.newest is not None:
                age = (self._now - summary.newest.published).total_seconds()
                ages.add_metric([summary.slug], max(0.0, age))
        yield ages

    def _requests(self, status: Status) -> Iterator[Metric]:
        by_path = self._index.requests.by_path(self._today)
        by_status = self._index.requests.by_day(self._today).get(self._today, {})
        requests = Counter(
            "feedsvc_requests",
            "Requests since midnight in the site's zone; no feed: of other addresses and feeds.",
            labels=["feed", "format", "status"],
        )
        named = dict.fromkeys(KINDS, 0)
        for feed in status.feeds:
            for format in FORMATS:
                numbers = by_path.get(f"/feeds/{feed.slug}.{format}", {})
                for kind, number in sorted(numbers.items()):
                    requests.add_metric([feed.slug, format, kind], number)
                    named[kind] = named.get(kind, 0) + number
        for kind, number in sorted(_others(by_status, named).items()):
            requests.add_metric(["", "", kind], number)
        yield requests
        asked = status.sent + status.unchanged
        yield Gauge(
            "feedsvc_unchanged_ratio",
            "The share of today's requests for feeds that were answered by 304.",
            status.unchanged / asked if asked else 0.0,
        )
        yield Gauge(
            "feedsvc_readers",
            "About how many readers have asked for feeds today, without reading services.",
            status.days[-1].clients,
        )
        subscribers = Gauge(
            "feedsvc_subscribers",
            "Subscribers of a feed, as a reading service says.",
            labels=["feed", "service"],
        )
        for feed in status.feeds:
            for service, number in feed.subscribers.items():
                subscribers.add_metric([feed.slug, service], number)
        yield subscribers


def _summary(name: str, text: str, number: int, seconds: float) -> Metric:
    return Summary(name, f"{text} The sum is in seconds.", number, seconds)


def _others(all_: Mapping[str, int], named: Mapping[str, int]) -> dict[str, int]:
    """Return the numbers of requests that are not in `named`, by class of status."""
    # The two were read one after the other, so a difference may be below zero for a moment.
    return {kind: max(0, number - named.get(kind, 0)) for kind, number in all_.items()}
