"""A feed reader that is a page of another site polls a feed in a real Chromium."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from service import LIMIT, serving

from tests.browser import harness

READER = """<!doctype html><title>Reader</title><body><script>
async function poll(address) {
  const first = await fetch(address);
  const etag = first.headers.get("ETag"), date = first.headers.get("Last-Modified");
  const headers = {"If-None-Match": etag, "If-Modified-Since": date};
  const again = await fetch(address, {headers, cache: "no-store"});
  return {etag, date, statuses: [first.status, again.status], length: (await first.text()).length};
}
poll("ADDRESS").catch(String).then(result => {
  document.body.textContent = JSON.stringify(result);
});
</script>"""


@contextmanager
def page(html: str) -> Iterator[str]:
    """Serve a page at an origin of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join(LIMIT)


def test_a_reader_in_a_browser_polls_with_validators(tmp_path: Path) -> None:
    chromium = harness.executable()
    if chromium is None and not os.environ.get("FEEDSVC_REQUIRE_BROWSER"):
        pytest.skip("no Chromium was found")
    assert chromium is not None
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "1.html").write_text("---\ntitle: One\n---\n<p>1</p>")
    with (
        serving(tmp_path, articles, "--workers", "1") as service,
        page(READER.replace("ADDRESS", f"{service.url}/feeds/all.atom")) as url,
    ):
        shown = subprocess.run(
            [chromium, "--headless", *harness.FLAGS, f"--user-data-dir={tmp_path / 'browser'}",
             "--virtual-time-budget=20000", "--dump-dom", url],
            capture_output=True, text=True, timeout=LIMIT, check=True,
        ).stdout  # fmt: skip
    body = re.search("<body>(.*)</body>", shown, re.DOTALL)
    assert body
    result = json.loads(unescape(body[1]))
    assert result["statuses"] == [200, 304]
    assert re.fullmatch(r'"[0-9a-f]{32}(-\w+)?"', result["etag"])
    assert result["date"].endswith("GMT")
    assert result["length"] > 100
