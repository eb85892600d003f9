"""A real Chromium that shows HTML, and a record of the scripts that ran.

The idea: a board is a page of up to forty frames of one origin, each with one document; `xss` and
its like are defined in every frame before anything in it runs. Then a script in the board does to
each element what a reader could do. The harness notes, under the name of the view, each call of
`xss`, each window that opens, each page that is left, and each request other than for a picture,
sound or film. There is no Content-Security-Policy, and nothing leaves the machine: no name
resolves, no proxy is used.
"""

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

from tests.browser.cases import Way

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page, Request

FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --no-proxy-server""".split()
NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
POKE = Path(__file__).with_name("poke.js").read_text("utf-8")
FRAMES = 40
# Types of requests that show an article and can run nothing; a player is requested as `media`.
PASSIVE = frozenset({"image", "media", "texttrack"})
INSTRUMENTS = """
for (const name of ["xss", "alert", "confirm", "prompt", "print"]) {
  const caught = globalThis.__caught;
  Object.defineProperty(globalThis, name, { value: () => { caught(name); }, writable: false });
}
"""
CANARIES = {
    "js": ("text/javascript", "xss()"),
    "css": ("text/css", "*{animation-name:a}"),
    "html": ("text/html", "<!doctype html><script>xss()</script>"),
    "svg": (
        "image/svg+xml",
        '<svg xmlns="http://www.w3.org/2000/svg"><script>xss()</script></svg>',
    ),
    "xml": (
        "text/xml",
        '<x><s:script xmlns:s="http://www.w3.org/1999/xhtml">xss()</s:script></x>',
    ),
    "vtt": ("text/vtt", "WEBVTT\n\n00:00.000 --> 00:09.000\n<b>a</b>"),
    "txt": ("text/plain", "<script>xss()</script>"),
}


def executable() -> str | None:
    """Return where Chromium is, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """HTML to look at, in one way."""

    name: str
    way: Way
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The events in a view (none, if all is well), and the elements that the browser built."""

    events: tuple[str, ...]
    elements: tuple[dict[str, Any], ...]


def document(view: View) -> bytes:
    """Return the page of a reader that shows the view."""
    if view.way == "document":
        body = f"<article data-harness>{view.html}</article>"
    else:
        # The HTML is assigned, then read and assigned again, as an editor or a cache would.
        html = json.dumps(view.html).replace("<", "\\u003c")
        body = (
            "<article data-harness></article><article data-harness></article><script data-harness>"
            'const [first, second] = document.querySelectorAll("article");'
            f"first.innerHTML = {html}; second.innerHTML = first.innerHTML;</script>"
        )
    page = (
        "<!doctype html><html data-harness><head data-harness>"
        f"<title data-harness>Reader</title></head><body data-harness>{body}</body></html>"
    )
    return page.encode("utf-8", "surrogatepass")


class Pages:
    """A web server on this machine: the board, its views, the canaries."""

    def __init__(self) -> None:
        self.views: Sequence[View] = ()
        self.sandboxed = False
        pages = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = False
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                media_type, body = pages.answer(urlsplit(self.path).path)
                self.send_response(200)
                self.send_header("Content-Type", f"{media_type}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def canary(self, name: str) -> str:
        return f"{self.address}/canary/{name}"

    def answer(self, path: str) -> tuple[str, bytes]:
        if path == "/board":
            return "text/html", self._board().encode()
        if match := re.fullmatch(r"/view/(\d+)", path):
            return "text/html", document(self.views[int(match[1])])
        if path.startswith("/canary/"):
            media_type, body = CANARIES.get(path.rpartition(".")[2], CANARIES["html"])
            return media_type, body.encode()
        return "text/html", b""

    def _board(self) -> str:
        # Forms and windows stay possible, but no script can leave the board.
        sandbox = (
            'sandbox="allow-scripts allow-same-origin allow-forms allow-modals allow-popups"'
            if self.sandboxed
            else ""
        )
        frames = "".join(
            f'<iframe {sandbox} src="/view/{number}"></iframe>' for number in range(len(self.views))
        )
        return (
            "<!doctype html><title>Board</title><style>body { margin: 0; line-height: 0 }"
            f" iframe {{ width: 160px; height: 120px; border: 0 }}</style>{frames}"
        )


class Board:
    """Shows views in the browser, many at a time."""

    def __init__(
        self, browser: "Browser", pages: Pages, *, is_player: Callable[[str], bool]
    ) -> None:
        from playwright.sync_api import Error

        self._error = Error
        self.pages = pages
        self._is_player = is_player
        self._context = browser.new_context(viewport={"width": 1290, "height": 720})
        self._context.set_default_timeout(20_000)
        self._context.expose_binding("__caught", self._ran)
        self._context.add_init_script(INSTRUMENTS)
        self._context.on("request", self._asked)
        self._page: Page = self._context.new_page()
        self._page.on("framenavigated", self._went)
        self._context.on("page", lambda page: self._note(None, f"opened {page.url}"))
        self._begin()

    def close(self) -> None:
        self._context.close()

    def look(self, views: Sequence[View], *, sandboxed: bool = False) -> list[Seen]:
        """Return what happened in each view.

        An event whose view is not known, such as a window that opened, is looked for again among
        fewer views. `sandboxed` is for HTML that is expected to run: it cannot leave the board.
        """
        seen: list[Seen] = []
        for start in range(0, len(views), FRAMES):
            seen += self._look(views[start : start + FRAMES], sandboxed=sandboxed)
        return seen

    def _look(self, views: Sequence[View], *, sandboxed: bool) -> list[Seen]:
        self.pages.views, self.pages.sandboxed = views, sandboxed
        self._begin()
        self._named = {view.name: number for number, view in enumerate(views)}
        self._page.goto(f"{self.pages.address}/board")
        elements: list[Any] = self._evaluate("inventory()") or []
        self._evaluate("poke()")
        lost = self._events.pop(None, [])
        if lost and len(views) > 1 and not sandboxed:
            half = len(views) // 2
            return [
                seen
                for part in (views[:half], views[half:])
                for seen in self._look(part, sandboxed=sandboxed)
            ]
        for page in self._context.pages:
            if page != self._page:
                page.close()
        return [
            Seen(
                events=tuple(self._events.get(number, []) + ([] if sandboxed else lost)),
                elements=tuple((elements[number] if elements else None) or ()),
            )
            for number in range(len(views))
        ]

    def _begin(self) -> None:
        self._frames: dict[Frame, int] = {}
        self._players: set[Frame] = set()
        self._events: dict[int | None, list[str]] = {}
        self._named: dict[str, int] = {}

    def _evaluate(self, call: str) -> Any:
        try:
            return self._page.evaluate(f"() => {{ {POKE}; return {call}; }}")
        except self._error as error:
            self._note(None, f"lost the board: {error.message.splitlines()[0]}")
            return None

    def _note(self, number: int | None, event: str) -> None:
        events = self._events.setdefault(number, [])
        if event not in events:
            events.append(event)

    def _number(self, frame: "Frame | None") -> int | None:
        while frame is not None and frame not in self._frames:
            frame = frame.parent_frame
        return None if frame is None else self._frames[frame]

    def _ran(self, source: Any, what: str) -> None:
        self._note(self._number(source["frame"]), f"ran {what}()")

    def _asked(self, request: "Request") -> None:
        if request.resource_type in PASSIVE:
            return
        url = urlsplit(request.url)
        try:
            frame = request.frame
        except self._error:  # the request of a window that is not open yet
            frame = None
        local = request.url.startswith(f"{self.pages.address}/")
        if local and url.path == "/board" and frame == self._page.main_frame:
            return
        if local and url.path.startswith("/view/") and frame and frame not in self._frames:
            self._frames[frame] = int(url.path.rpartition("/")[2])
            return
        if frame and request.resource_type == "document" and self._is_player(request.url):
            self._players.add(frame)
            return
        number = self._number(frame)
        if local and (match := re.match(r"/canary/([a-z0-9-]+)", url.path)):
            number = self._named.get(match[1], number)
        self._note(number, f"asked for {request.resource_type} {request.url}")

    def _went(self, frame: "Frame") -> None:
        number = self._number(frame)
        url = urldefrag(frame.url).url
        if frame in self._players or url == f"{self.pages.address}/board":
            return
        if frame in self._frames and url == f"{self.pages.address}/view/{number}":
            return
        self._note(number, f"went to {url}")


@contextmanager
def board(path: str, *, is_player: Callable[[str], bool]) -> Iterator[Board]:
    """Run Chromium, and give the board."""
    from playwright.sync_api import sync_playwright

    pages = Pages()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, NOWHERE])
            try:
                yield Board(browser, pages, is_player=is_player)
            finally:
                browser.close()
    finally:
        pages.close()
