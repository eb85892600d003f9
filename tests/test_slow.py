"""Slow requests leave threads for all other requests."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from feedsvc.web.slow import PATHS, SlowRequests


class Pieces:
    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter((b"a", b"b"))

    def close(self) -> None:
        self.closed += 1


class Application:
    """Answers with pieces, and fails where it is asked to."""

    def __init__(self) -> None:
        self.answers: list[Pieces] = []

    def __call__(self, environ: Any, start: Any) -> Iterable[bytes]:
        if environ["QUERY_STRING"] == "fail":
            raise OSError("a disk")
        start("200 OK", [])
        self.answers.append(Pieces())
        return self.answers[-1]


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def client(application: Application) -> Client:
    return Client(SlowRequests(application, 2))


@pytest.mark.parametrize("path", PATHS)
def test_a_slow_request_beyond_the_limit_is_a_503(
    application: Application, client: Client, path: str
) -> None:
    first, second = client.get(f"{path}1"), client.get(f"{path}2")
    refused = client.get(f"{path}3")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert client.head(f"{path}3").text == ""
    assert client.get("/feeds/all.atom").status_code == 200
    first.close(), first.close()
    assert application.answers[0].closed == 1
    again = client.get(f"{path}3")
    assert again.text == "ab"
    assert client.get(f"{path}4").status_code == 503
    second.close(), again.close()
    assert {client.get(f"{path}{n}").status_code for n in range(2)} == {200}


def test_a_request_that_fails_gives_its_place_back(client: Client) -> None:
    for _ in range(5):
        with pytest.raises(OSError, match="a disk"):
            client.get(f"{PATHS[0]}?fail")
    assert client.get(PATHS[0]).status_code == 200
