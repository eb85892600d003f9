"""What hosts of files want to be told: `_headers` and `_redirects`. Pure.

Netlify and Cloudflare Pages read both files. Where several rules match an address, they join the
values of a header; so no two rules for the same addresses name the same header.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from feedsvc.config import Config
from feedsvc.formats import FORMATS

HEADERS, REDIRECTS = "/_headers", "/_redirects"
_EVERYWHERE = ("X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy")
_OF_DOCUMENTS = (
    "Content-Type",
    "Cache-Control",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
)


def samples() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Return the patterns of `_headers`, each with an address to ask and the headers it is for."""
    feeds = {f"/feeds/*.{name}": (f"/feeds/all.{name}", _OF_DOCUMENTS) for name in FORMATS}
    lists = {path: (path, _OF_DOCUMENTS) for path in ("/opml.xml", "/feeds/opml.xml")}
    return {"/*": ("/", _EVERYWHERE), **feeds, **lists}


def headers(answers: Iterable[tuple[str, tuple[str, ...], Mapping[str, str]]]) -> bytes:
    """Return `_headers`, by patterns with the names of headers and the headers of an answer."""
    lines = []
    for pattern, names, sent in answers:
        lines.append(pattern)
        lines += [f"  {name}: {sent[name]}" for name in names if name in sent]
    lines += ["/articles/*.md", "  Content-Type: text/markdown; charset=utf-8"]
    return ("\n".join(lines) + "\n").encode()


def redirects(config: Config) -> bytes:
    """Return `_redirects`: the addresses of feeds that moved, and of an icon that is elsewhere."""
    endings = ("", *(f".{name}" for name in FORMATS))
    lines = [
        f"/feeds/{quote(old)}{ending} /feeds/{quote(new)}{ending} 301"
        for old, new in config.moves.moved
        for ending in endings
    ]
    if isinstance(config.site.icon, str):
        lines.append(f"/favicon.ico {config.site.icon} 302")
    return "".join(f"{line}\n" for line in lines).encode()
