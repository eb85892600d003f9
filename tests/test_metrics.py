"""`/metrics`, read by the parser of prometheus-client."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from conftest import NOW, ROOT, Clock, Tree
from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse
from sites import Open, Site

from feedsvc import config as configuration
from feedsvc.errors import ScanError, StateError
from feedsvc.health import PassNotes, PassRecord
from feedsvc.monitoring import message
from feedsvc.silence import KEY, Silence, Silences
from feedsvc.web.pages import status as status_page

TOKEN = "0123456789abcdef"
SILENT = Silence(kind="folder", name="sina", since=NOW.timestamp() - 60, limit=9, learnt=True)


@pytest.fixture(autouse=True)
def _numbers_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_page, "_KEEP_SECONDS", 0.0)


def a_pass(site: Site) -> None:
    with PassNotes(site.config, site.index, site.clock, watched=False).noting() as note:
        note.report = site.refresh()


@pytest.fixture
def site(open_site: Open, tree: Tree, clock: Clock) -> Site:
    tree.write("one.md", "---\ntitle: Hi\ndate: 2026-02-28 12:00:00\ntags: [x]\n---\nHello")
    tree.write("two.md", "---\ntitle: Ho\ndate: 2026-02-27 12:00:00\n---\nHello you")
    tree.write("bad.md", "---\ntitle: Bad\n")
    site = open_site(
        status={"token": TOKEN}, categories=[{"slug": "c", "title": 'C\n"é\\', "terms": ["x"]}]
    )
    a_pass(site)
    return site


def scraped(client: FlaskClient, **headers: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the value of each sample by its name and the values of its labels."""
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200, response.text
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in parse(response.text)
        for sample in family.samples
    }


def test_the_metrics_say_how_the_service_is(site: Site, clock: Clock) -> None:
    app = site.app()
    client = app.test_client()
    etag = client.get("/feeds/c.atom").headers["ETag"]
    for _ in range(3):
        client.get("/feeds/c.atom", headers={"If-None-Match": etag})
    client.get("/feeds/all.rss", headers={"User-Agent": "Feedly/1.0 (462 subscribers)"})
    client.get("/nothing")
    app.extensions["feedsvc.counter"].write()
    clock.advance(minutes=1)
    metrics = scraped(client)
    expected: Mapping[tuple[str, tuple[str, ...]], float] = {
        ("feedsvc_ready", ()): 1,
        ("feedsvc_passes_total", ("good",)): 1,
        ("feedsvc_passes_total", ("failed",)): 0,
        ("feedsvc_last_good_pass_timestamp_seconds", ()): NOW.timestamp(),
        ("feedsvc_pass_duration_seconds_count", ()): 1,
        ("feedsvc_article_clean_seconds_count", ()): 2,
        ("feedsvc_document_render_seconds_count", ()): 6,
        ("feedsvc_articles", ()): 2,
        ("feedsvc_problems", ("false",)): 1,
        ("feedsvc_problems", ("true",)): 0,
        ("feedsvc_feed_articles", ("c",)): 1,
        ("feedsvc_newest_article_age_seconds", ("all",)): 86_460,
        ("feedsvc_newest_article_age_seconds", ("c",)): 86_460,
        ("feedsvc_requests_total", ("c", "atom", "2xx")): 1,
        ("feedsvc_requests_total", ("c", "atom", "304")): 3,
        ("feedsvc_requests_total", ("all", "rss", "2xx")): 1,
        ("feedsvc_requests_total", ("", "", "4xx")): 1,
        ("feedsvc_unchanged_ratio", ()): 0.6,
        ("feedsvc_readers", ()): 1,
        ("feedsvc_subscribers", ("all", "Feedly")): 462,
        ("feedsvc_silent_streams", ()): 0,
    }
    assert {name: metrics.get(name) for name in expected} == expected
    for name in ("pass_duration", "article_clean", "document_render"):
        assert metrics[f"feedsvc_{name}_seconds_sum", ()] >= 0


def test_every_worker_gives_the_same_answer(site: Site, open_site: Open) -> None:
    apps = [site.app(), open_site(categories=[{"slug": "c", "terms": ["x"]}]).app()]
    for app in apps:
        app.test_client().get("/feeds/c.atom")
        app.extensions["feedsvc.counter"].write()
    first, second = (scraped(app.test_client()) for app in apps)
    assert first == second
    assert first["feedsvc_requests_total", ("c", "atom", "2xx")] == 2


def test_requests_are_counted_anew_each_day(site: Site, clock: Clock) -> None:
    app = site.app()
    client = app.test_client()
    for number in (3, 1):
        for _ in range(number):
            client.get("/feeds/c.atom")
        app.extensions["feedsvc.counter"].write()
        assert scraped(client)["feedsvc_requests_total", ("c", "atom", "2xx")] == number
        clock.advance(days=1)


def test_a_monitor_that_asks_for_openmetrics_gets_it(site: Site) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    response = site.app().test_client().get("/metrics", headers={"Accept": accept})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    names = {family.name for family in parse_openmetrics(response.text)}
    assert {"feedsvc_passes", "feedsvc_ready", "feedsvc_pass_duration_seconds"} <= names


def test_names_and_helps_follow_the_rules_of_prometheus(site: Site) -> None:
    # As `promtool check metrics` does: https://prometheus.io/docs/practices/naming/
    for family in parse(site.app().test_client().get("/metrics").text):
        assert family.name.startswith("feedsvc_")
        assert family.documentation.endswith(".")
        units = ("_milliseconds", "_minutes", "_hours", "_days", "_kilobytes", "_percent")
        assert not family.name.endswith(units)
        assert (family.type == "counter") == any(
            sample.name.endswith("_total") for sample in family.samples
        )


def test_every_metric_is_in_the_documentation_and_no_other(site: Site) -> None:
    app = site.app()
    for path in ("/feeds/c.atom", "/nothing"):
        app.test_client().get(path, headers={"User-Agent": "Feedly/1.0 (462 subscribers)"})
    app.extensions["feedsvc.counter"].write()
    site.index.meta.note(KEY, str(Silences(begun=0.0, silent=(SILENT,))))
    client = app.test_client()
    names = {name for name, _ in scraped(client, Authorization=f"Bearer {TOKEN}")}
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    documented = set(re.findall(r"`(feedsvc_\w+)`", text))
    documented |= {name.replace("_sum", "_count") for name in documented if name.endswith("_sum")}
    assert names == documented


def test_the_configurations_in_the_documentation_are_valid() -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    blocks = re.findall(
        r"^```yaml\n((?:categories|monitoring):\n.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    configs = [configuration.parse(yaml.safe_load(block)) for block in blocks]
    assert [bool(config.monitoring.webhook_url) for config in configs] == [False, True]
    assert configs[1].monitoring.folders[1][0] == ""
    (example,) = re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    now = datetime.fromtimestamp(SILENT.since + 60, UTC)
    made = message([SILENT], "Test", "https://feeds.example.org", now)
    assert shape(json.loads(example)) == shape(made)


def shape(value: object) -> object:
    """Return a value of JSON with the names of types in the place of texts and numbers."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def test_who_may_see_the_status_may_see_the_metrics(site: Site, open_site: Open) -> None:
    site.index.meta.note(KEY, str(Silences(begun=0.0, silent=(SILENT,))))
    public = site.app().test_client()
    silence: tuple[str, tuple[str, ...]] = ("feedsvc_silence_seconds", ("folder", "sina"))
    assert silence not in scraped(public)
    assert scraped(public)["feedsvc_silent_streams", ()] == 1
    assert scraped(public, Authorization=f"Bearer {TOKEN}")[silence] == 60
    assert public.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    private: Any = {"access": "token", "token": TOKEN}
    client = open_site(status=private).app().test_client()
    assert client.get("/metrics").status_code == 401
    assert scraped(client, Authorization=f"Bearer {TOKEN}")
    client = open_site(status={"access": "off"}).app().test_client()
    assert client.get("/metrics").status_code == 404


def test_a_new_site_has_metrics(open_site: Open) -> None:
    metrics = scraped(open_site().app().test_client())
    assert metrics["feedsvc_ready", ()] == 0
    assert ("feedsvc_articles", ()) not in metrics


def test_a_state_that_cannot_be_read_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StateError("the disk is gone")

    client = site.app().test_client()
    monkeypatch.setattr(site.index.meta, "get", fail)
    assert scraped(client)["feedsvc_ready", ()] == 0


def test_passes_that_fail_are_counted(site: Site) -> None:
    notes = PassNotes(site.config, site.index, site.clock, watched=False)
    with pytest.raises(ScanError), notes.noting():
        raise ScanError("the disk is gone")
    a_pass(site)
    metrics = scraped(site.app().test_client())
    assert metrics["feedsvc_passes_total", ("good",)] == 2
    assert metrics["feedsvc_passes_total", ("failed",)] == 1
    assert metrics["feedsvc_article_clean_seconds_count", ()] == 2, "nothing was cleaned twice"


def test_a_record_of_an_older_feedsvc_is_read() -> None:
    record = PassRecord.parse('{"since": 5.0, "within": 9.0, "good": true}')
    assert record is not None
    assert (record.passes, record.rendered) == (0, 0)


def test_readiness_says_what_the_last_pass_was(site: Site) -> None:
    client = site.app().test_client()
    answer = client.get("/readyz").json
    assert answer["last_result"] == "good"
    assert answer["problems"] == 1
    notes = PassNotes(site.config, site.index, site.clock, watched=False)
    with pytest.raises(ScanError), notes.noting():
        raise ScanError("the disk is gone")
    answer = client.get("/readyz").json
    assert answer["last_result"] == "failed"
    assert answer["error"] == "the disk is gone"
    assert answer["last_pass"] == "2026-03-01T12:00:00+00:00"
