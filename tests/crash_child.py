"""A process that forks children, which refresh without end until they are killed.

A fork costs less than a new interpreter. Lines on standard input control it: a line of JSON,
`{"config": path, "point": [name, when, n]}`, starts a child; then "kill" kills it, and "wait" waits
until it has been killed at its point. It prints lines of JSON: the child's id, what a reader sees
after each refresh, and `["ended", status]`.
"""

import itertools
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

from sites import Site
from sqlalchemy import event
from sqlalchemy.engine import Engine

from feedsvc import config as configuration
from feedsvc.index import Index, Writer, journal
from feedsvc.index.articles import ArticleTable
from feedsvc.index.contents import ContentTable
from feedsvc.index.documents import DocumentTable
from feedsvc.index.feeds import FeedWriter

OWNERS = {
    owner.__name__: owner
    for owner in (ArticleTable, ContentTable, DocumentTable, FeedWriter, journal.Journal, Writer)
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(name: str, when: str, n: int) -> None:
    """Kill this process at the n-th call of `name`: "before", "half" way through or "after" it."""
    calls = itertools.count(1)
    if name in {"statement", "step"}:

        def called(*_: object) -> int:
            if next(calls) == n:
                die()
            return 0

        @event.listens_for(Engine, "connect")
        def connected(connection: Any, _record: object) -> None:
            if name == "statement":
                connection.set_trace_callback(called)

        @event.listens_for(Engine, "begin")
        def begun(connection: Any) -> None:
            if (
                name == "step"
            ):  # within statements, every 40 instructions of SQLite's virtual machine
                connection.connection.driver_connection.set_progress_handler(called, 40)

        return
    owner, attribute = OWNERS[name.partition(".")[0]], name.partition(".")[2]
    real: Callable[..., Any] = getattr(owner, attribute)

    @wraps(real)
    def method(self: Any, *args: Any, **named: Any) -> Any:
        now = next(calls) == n
        if now and when == "half":
            args = (tuple(args[0]),)
            text = "".join(journal.line(identity) + "\n" for identity in args[0]).encode()
            with self.file.open("ab") as stream:
                stream.write(text[: len(text) // 2])
            die()
        if now and when == "before":
            die()
        result = real(self, *args, **named)
        if now:
            die()
        return result

    setattr(owner, attribute, method)


def refresh_for_ever(config: str, point: tuple[str, str, int] | None) -> None:
    print(os.getpid(), flush=True)
    if point:
        arm(*point)
    loaded = configuration.load(Path(config))
    index = Index.open(loaded.state.url, owner=True)
    site = Site(loaded, index, lambda: datetime.now(UTC))
    while True:
        changed = bool(site.refresh().changes)
        items = json.loads(site.document("/feeds/all.json").body)["items"]
        seen = {item["title"]: [item["id"], item["date_published"]] for item in items}
        print(json.dumps({"changed": changed, "seen": seen}), flush=True)


def main() -> None:
    for line in sys.stdin:
        command = json.loads(line)
        child = os.fork()
        if not child:
            try:
                refresh_for_ever(command["config"], command["point"])
            except BaseException:  # noqa: BLE001 - it is printed, and the test sees the status
                traceback.print_exc()
            os._exit(1)
        # The child is reaped only below, so until then no other process can have its id. The end of
        # standard input kills it too.
        if sys.stdin.readline() != "wait\n":
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print("\n" + json.dumps(["ended", status]), flush=True)


if __name__ == "__main__":
    main()
