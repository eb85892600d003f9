"""Which base_url a service uses, and when it warns that links lead elsewhere."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from conftest import Tree, items
from service import LIMIT, Service, serving
from sites import Site

from feedsvc import config as configuration
from feedsvc.config import Config
from feedsvc.index import Index, watchlock
from feedsvc.serve import Endpoint, create_app, open_index, with_base_url
from feedsvc.serve.baseurl import warn_of_other_address
from feedsvc.serve.watcherprocess import lock_file_of

Open = Callable[..., Site]
DEFAULT = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"port": 8090}, "http://127.0.0.1:8090"),
        ({"port": 80}, "http://127.0.0.1"),
        ({"host": "localhost", "port": 443, "certificate": Path("c")}, "https://localhost"),
        ({"host": "0.0.0.0", "port": 443}, "http://127.0.0.1:443"),
        ({"host": "::"}, "http://localhost:8080"),
        ({"host": "::1"}, "http://[::1]:8080"),
        ({"host": "192.0.2.7", "certificate": Path("c")}, "https://192.0.2.7:8080"),
        ({"uds": Path("x.sock")}, None),
    ],
)
def test_an_endpoint_has_the_address_that_a_person_opens(
    options: dict[str, object], address: str | None
) -> None:
    assert Endpoint(**options).address == address  # type: ignore[arg-type]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a configuration without base_url."""
    return configuration.parse({"state": {"url": "sqlite:///index.db"}}, folder=tmp_path)


def base_url_of(config: Config, endpoint: Endpoint | None = None) -> str:
    """Return the base_url that a process uses that starts now."""
    with closing(open_index(config)) as index:
        return with_base_url(config, index, endpoint).site.base_url


def test_all_processes_of_a_state_use_the_address_at_which_serve_listened(config: Config) -> None:
    assert base_url_of(config) == DEFAULT
    assert base_url_of(config, Endpoint(port=8090)) == "http://127.0.0.1:8090"
    assert base_url_of(config) == "http://127.0.0.1:8090"
    assert base_url_of(config, Endpoint(uds=Path("x.sock"))) == "http://127.0.0.1:8090"
    assert base_url_of(config, Endpoint(port=8080)) == DEFAULT
    assert base_url_of(config) == DEFAULT


def test_a_second_service_uses_the_address_of_the_first(config: Config) -> None:
    assert base_url_of(config, Endpoint(port=8090)) == "http://127.0.0.1:8090"
    lock = watchlock.take(lock_file_of(config))
    assert lock is not None
    with os.fdopen(lock):  # the first one watches
        assert base_url_of(config, Endpoint(port=8091)) == "http://127.0.0.1:8090"
        assert base_url_of(config) == "http://127.0.0.1:8090"
    assert base_url_of(config, Endpoint(port=8091)) == "http://127.0.0.1:8091"


def test_a_configured_address_counts_and_is_not_noted(tmp_path: Path, config: Config) -> None:
    public = configuration.parse(
        {"site": {"base_url": "https://x.example"}, "state": {"url": "sqlite:///index.db"}},
        folder=tmp_path,
    )
    assert base_url_of(public, Endpoint(port=8090)) == "https://x.example"
    assert base_url_of(config) == DEFAULT


def test_another_server_uses_the_noted_address(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    base_url_of(config, Endpoint(port=8090))
    app = create_app(config, watch=False)
    assert app.jinja_env.globals["site"].base_url == "http://127.0.0.1:8090"  # type: ignore[attr-defined]
    assert "links in feeds begin with http://127.0.0.1:8090;" in caplog.text


def test_another_address_makes_documents_again_and_changes_no_id(
    open_site: Open, tree: Tree, config: Config
) -> None:
    tree.write("a.html", "---\ntags: [news]\n---\n<p>text</p><img src='a.png'>")
    first = open_site(site={"title": "T"})
    first.refresh()
    before, other = items(first), first.document("/feeds/news.atom")
    second = open_site(site={"title": "T", "base_url": "http://127.0.0.1:8090"})
    tree.clock.advance(minutes=1)
    second.refresh()
    after = items(second)
    assert [item["id"] for item in before] == [item["id"] for item in after]
    assert before[0]["url"].startswith(DEFAULT)
    assert after[0]["url"].startswith("http://127.0.0.1:8090/")
    assert "http://127.0.0.1:8090/media/a.png" in after[0]["content_html"]
    changed = second.document("/feeds/news.atom")
    assert DEFAULT.encode() not in changed.body
    assert (changed.etag, changed.version) != (other.etag, other.version)


LEADS = "links in feeds lead to site.base_url"
LEFT_OUT = "site.base_url is left out"


@pytest.mark.parametrize(
    ("base_url", "endpoint", "warning"),
    [
        ("http://127.0.0.1:8080", Endpoint(), None),
        ("http://localhost:8080", Endpoint(), None),
        ("http://localhost:8080", Endpoint(host="0.0.0.0"), None),
        ("http://127.0.0.1:8080", Endpoint(port=8090), LEADS),
        ("http://localhost:8080", Endpoint(port=8090), LEADS),
        ("http://[::1]:8080", Endpoint(port=8090), LEADS),
        ("http://127.0.0.1:8080", Endpoint(certificate=Path("c")), LEADS),
        ("http://127.0.0.1:8080", Endpoint(uds=Path("x.sock")), None),
        ("https://feeds.example.org", Endpoint(port=8090), None),
        ("http://192.0.2.7", Endpoint(host="0.0.0.0"), None),
        (None, Endpoint(port=8090), None),
        (None, Endpoint(host="0.0.0.0"), "readers on other machines may not reach"),
        (None, Endpoint(host="::"), "readers on other machines may not reach"),
        (None, Endpoint(uds=Path("x.sock")), LEFT_OUT),
        (None, None, LEFT_OUT),
    ],
)
def test_a_service_warns_when_links_lead_elsewhere(
    base_url: str | None,
    endpoint: Endpoint | None,
    warning: str | None,
    config: Config,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if base_url:
        config = configuration.parse({"site": {"base_url": base_url}})
        config = with_base_url(config, Index.open("sqlite:///:memory:"), endpoint)
    else:
        with closing(open_index(config)) as index:
            config = with_base_url(config, index, endpoint)
    with caplog.at_level(logging.WARNING):
        warn_of_other_address(config, endpoint)
    if warning is None:
        assert not caplog.records
    else:
        assert warning in caplog.text


# A real service, without base_url.


def test_feeds_of_a_service_have_the_address_at_which_it_listens(tmp_path: Path) -> None:
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "1.html").write_text("---\ntitle: One\n---\n<p>1</p>")
    ids = set()
    for _ in range(2):  # at another port each time
        with serving(tmp_path, articles, "--workers", "1", base_url="") as service:
            (entry,) = service.items()
            assert entry["url"].startswith(f"{service.url}/articles/")
            ids.add(entry["id"])
            feeds = []
            for _ in range(2):  # after the first one no pass of either process is left
                command = [sys.executable, "-m", "feedsvc", "refresh", "--config", service.config]
                subprocess.run(command, capture_output=True, check=True, timeout=LIMIT)
                feeds.append(service.client.get("/feeds/all.atom").text)
            assert feeds[0] == feeds[1], "another process makes the same feeds"
            for host in (f"localhost:{service.port}", "desk.test"):
                page = service.client.get("/", headers={"Host": host}).text
                assert f'"http://{host}/feeds/all.atom"' in page
            assert "WARNING" not in service.log
    assert len(ids) == 1


@contextmanager
def started(folder: Path, *options: str, base_url: str) -> Iterator[Service]:
    articles = folder / "articles"
    articles.mkdir()
    with serving(folder, articles, "--workers", "1", *options, base_url=base_url) as service:
        yield service


@pytest.mark.parametrize(
    ("options", "base_url", "warning"),
    [
        ((), "http://127.0.0.1:1", "site.base_url is http://127.0.0.1:1, but the service listens"),
        (("--host", "0.0.0.0"), "", "which readers on other machines may not reach"),
        ((), "https://feeds.example.org/mine", None),
    ],
)
def test_a_service_warns_in_its_log(
    tmp_path: Path, options: tuple[str, ...], base_url: str, warning: str | None
) -> None:
    with started(tmp_path, *options, base_url=base_url) as service:
        if warning is None:
            assert "site.base_url" not in service.log
        else:
            assert service.log.count("site.base_url") == 1 + (
                "lead to site.base_url" in service.log
            )
            assert warning in service.log
