"""The yardstick of starting: hugo, which builds a feed of every category from the same files.

It writes no page, no other list, and no feed of another term. It reads every file in full (as
strace shows), and 50 entries of each feed have bodies.
"""

import shutil
from pathlib import Path

from benchmarks import corpus
from benchmarks.programs import Cost, MeasuringError, needed, run

# The articles are HTML in .txt files. hugo 0.16x reads HTML only if the configuration allows it.
_CONFIG = """\
baseURL = "http://127.0.0.1/"
title = "Bench"
disableKinds = ["home", "section", "taxonomy", "sitemap", "robotsTXT", "404"]
disableHugoGeneratorInject = true
[security]
allowContent = [".*"]
[taxonomies]
category = "categories"
[outputs]
page = []
term = ["rss"]
[mediaTypes."text/plain"]
suffixes = ["text"]
[mediaTypes."text/html"]
suffixes = ["html", "txt"]
[[module.mounts]]
source = '{articles}'
target = "content"
[[cascade]]
[cascade.build]
render = "never"
[cascade.target]
kind = "term"
path = "/categories/样本通讯**"
"""
_TEMPLATE = """\
{{- printf "<?xml version=\\"1.0\\" encoding=\\"utf-8\\"?>" | safeHTML }}
<rss version="2.0"><channel><title>{{ .Title }}</title><link>{{ .Permalink }}</link>\
<description>{{ .Title }}</description>
{{- range first 50 .Pages }}
<item><title>{{ .Title }}</title><link>{{ .Permalink }}</link><guid>{{ .Permalink }}</guid>\
<pubDate>{{ .Date.Format "Mon, 02 Jan 2006 15:04:05 -0700" | safeHTML }}</pubDate>\
<description>{{ .Content | transform.XMLEscape | safeHTML }}</description></item>
{{- end }}
</channel></rss>
"""


def build(folder: Path, articles: Path) -> Cost:
    """Build once, from nothing, and return the cost. Raises MissingError."""
    command = needed("hugo")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "layouts").mkdir(parents=True)
    config = folder / "hugo.toml"
    config.write_text(_CONFIG.format(articles=articles), "utf-8")
    (folder / "layouts" / "rss.xml").write_text(_TEMPLATE)
    cost = run([command, "--source", str(folder), "--quiet", "--destination", "public"])
    feeds = list((folder / "public").rglob("index.xml"))
    if not 0 < len(feeds) <= corpus.CATEGORIES or b"&lt;p&gt;" not in feeds[0].read_bytes():
        raise MeasuringError(f"hugo made {len(feeds)} feeds, or feeds without bodies")
    return cost
